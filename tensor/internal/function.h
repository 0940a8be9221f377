/* Error messages begin with the public function that the user called. Not installed. */
#ifndef COTANGENT_TENSOR_INTERNAL_FUNCTION_H
#define COTANGENT_TENSOR_INTERNAL_FUNCTION_H

#include "thread.h"

static inline const char *tensor_function_enter(const char *name) {
    Thread *thread = tensor_thread();
    const char *outer = thread->function;
    if (!outer) thread->function = name;
    return outer;
}

static inline void tensor_function_leave(const char *const *outer) {
    tensor_thread()->function = *outer;
}

/* `FUNCTION("ct_eye");` opens a public function: the outermost one names itself in errors until it returns. */
#define FUNCTION(name)                                         \
    __attribute__((cleanup(tensor_function_leave), unused))    \
    const char *function_outer_ = tensor_function_enter(name)

/* ct_error_raise() with the outermost function's name before the message. Returns the code. */
ct_status tensor_error(ct_status status, const char *format, ...) CT_PRINTF(2, 3);

/* Whether a required argument is there; if not, raises CT_ERR_NULL unless an error is pending. */
bool tensor_given(const void *argument, const char *name);

#endif
