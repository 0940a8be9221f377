#include "error.h"
#include "internal/function.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>

static pthread_mutex_t handler_lock = PTHREAD_MUTEX_INITIALIZER;
static ct_error_handler *handler = ct_error_print;
static void *handler_user;

ct_status ct_error(void) {
    return tensor_thread()->error;
}

const char *ct_error_message(void) {
    return tensor_thread()->error ? tensor_thread()->message : "";
}

ct_status ct_error_clear(void) {
    Thread *thread = tensor_thread();
    ct_status pending = thread->error;
    thread->error = CT_OK;
    return pending;
}

void ct_set_error_handler(ct_error_handler *new_handler, void *user) {
    pthread_mutex_lock(&handler_lock);
    handler = new_handler;
    handler_user = user;
    pthread_mutex_unlock(&handler_lock);
}

void ct_error_print(ct_status status, const char *message, void *user) {
    (void)status, (void)user;
    fprintf(stderr, "cotangent: %s\n", message);
}

void ct_error_abort(ct_status status, const char *message, void *user) {
    ct_error_print(status, message, user);
    abort();
}

static ct_status raise_error(ct_status status, const char *function, const char *format, va_list arguments) {
    Thread *thread = tensor_thread();
    if (status <= CT_OK || status > CT_ERR_UNSUPPORTED) status = CT_ERR_VALUE;
    if (thread->error) return status;
    thread->error = status;
    size_t used = 0;
    if (function) {
        bool prefixed = strncmp(function, "ct_", 3) == 0; /* an operation's own name is not */
        used = (size_t)snprintf(thread->message, sizeof thread->message, "%s%s: ", prefixed ? "" : "ct_", function);
    }
    vsnprintf(thread->message + used, sizeof thread->message - used, format, arguments);
    pthread_mutex_lock(&handler_lock);
    ct_error_handler *call = handler;
    void *user = handler_user;
    pthread_mutex_unlock(&handler_lock);
    if (call) call(status, thread->message, user);
    return status;
}

ct_status ct_error_raise(ct_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    status = raise_error(status, NULL, format ? format : "ct_error_raise: format is NULL", arguments);
    va_end(arguments);
    return status;
}

ct_status tensor_error(ct_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    status = raise_error(status, tensor_thread()->function, format, arguments);
    va_end(arguments);
    return status;
}

bool tensor_given(const void *argument, const char *name) {
    if (LIKELY(argument != NULL)) return true;
    if (!ct_error()) tensor_error(CT_ERR_NULL, "%s is NULL", name);
    return false;
}
