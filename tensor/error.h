/** \file
 * Errors that stick: a function that cannot do its work changes nothing, returns its failing value
 * (NULL, a status, -1, NaN, false) and leaves a pending error on the calling thread. The first error
 * stays until ct_error_clear(); while it is pending, NULL operands pass through quietly, so that a
 * whole expression is checked once, at its end.
 */
#ifndef COTANGENT_TENSOR_ERROR_H
#define COTANGENT_TENSOR_ERROR_H

#include "api.h"

CT_BEGIN_DECLS

typedef enum {
    CT_OK = 0,
    CT_ERR_NULL,        /**< a required argument is NULL */
    CT_ERR_SHAPE,       /**< rank, broadcasting, more than CT_MAX_DIMS dims, size overflow */
    CT_ERR_DTYPE,       /**< a dtype the function does not take */
    CT_ERR_INDEX,       /**< a dim, index or class out of range */
    CT_ERR_VALUE,       /**< a value out of its range, integer division by zero */
    CT_ERR_AUTOGRAD,    /**< a fault of the graph, or a gradient check that failed */
    CT_ERR_MEMORY,      /**< out of memory */
    CT_ERR_IO,          /**< the system refused a file */
    CT_ERR_FORMAT,      /**< the contents of a file are wrong */
    CT_ERR_UNSUPPORTED  /**< not available on this system */
} ct_status;

/** The pending error's code on this thread, CT_OK if there is none. */
CT_API ct_status ct_error(void);
/** The pending error's message, "" if there is none; valid until the next error or clearing. */
CT_API const char *ct_error_message(void);
/** Clears the pending error and returns its code. */
CT_API ct_status ct_error_clear(void);
/** Makes an error pending, unless one is already, and calls the handler; for users' own ops and modules.
 * Returns \p status. A status of CT_OK (or no known one) counts as CT_ERR_VALUE. */
CT_API ct_status ct_error_raise(ct_status status, const char *format, ...) CT_PRINTF(2, 3);

/** Called once, on the failing thread, as an error becomes pending. */
typedef void ct_error_handler(ct_status status, const char *message, void *user);
/** Sets the process's handler; NULL is silent. The default is ct_error_print. */
CT_API void ct_set_error_handler(ct_error_handler *handler, void *user);
/** The default handler: one line on stderr. */
CT_API void ct_error_print(ct_status status, const char *message, void *user);
/** A handler that prints the line and aborts: for scripts and lessons. */
CT_API void ct_error_abort(ct_status status, const char *message, void *user);

CT_END_DECLS

#endif
