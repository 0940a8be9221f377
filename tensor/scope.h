/** \file
 * Scopes own temporaries. Every tensor that a function returns belongs to the calling thread's
 * innermost open scope and lives until that scope ends; a thread always has a root scope. So
 * expressions nest freely, and a loop needs one scope per round, or it grows.
 */
#ifndef COTANGENT_TENSOR_SCOPE_H
#define COTANGENT_TENSOR_SCOPE_H

#include "api.h"

CT_BEGIN_DECLS

/** A token for an open scope. Ending it twice, out of order or on another thread is harmless. */
typedef struct {
    size_t mark;
} ct_scope;

/** Opens a scope. When memory is short the error is pending and ending the token does nothing. */
CT_API ct_scope ct_scope_begin(void);
/** Releases what the scope holds; inner scopes left open end with it. */
CT_API void ct_scope_end(ct_scope scope);
/** Ends the scope in any case, handing \p x (or NULL) to the enclosing one. Returns \p x. */
CT_API ct_tensor *ct_scope_end_keep(ct_scope scope, ct_tensor *x);
/** Hands \p x from the innermost scope to the enclosing one and returns it:
 * `return ct_scope_keep(y);` from a function that opened its own scope. */
CT_API ct_tensor *ct_scope_keep(ct_tensor *x);
/** Keeps a tensor past every scope, until the matching ct_release(). Returns \p x. */
CT_API ct_tensor *ct_retain(ct_tensor *x);
/** Gives back one ct_retain(). NULL is fine. */
CT_API void ct_release(ct_tensor *x);

/** For CT_SCOPED. */
CT_API void ct_scope_leave(ct_scope *scope);

#define CT_JOIN_(a, b) a##b
#define CT_JOIN(a, b) CT_JOIN_(a, b)

/** `CT_SCOPED;` opens a scope for the rest of the enclosing block, however that is left (gcc, clang). */
#ifdef __cplusplus
struct ct_scoped {
    ct_scope scope;
    ct_scoped() : scope(ct_scope_begin()) {}
    ~ct_scoped() { ct_scope_end(scope); }
    ct_scoped(const ct_scoped &) = delete;
    ct_scoped &operator=(const ct_scoped &) = delete;
};
#define CT_SCOPED ct_scoped CT_JOIN(ct_scoped_, __LINE__)
#else
#define CT_SCOPED \
    __attribute__((cleanup(ct_scope_leave), unused)) ct_scope CT_JOIN(ct_scoped_, __LINE__) = ct_scope_begin()
#endif

CT_END_DECLS

#endif
