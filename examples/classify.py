#!/usr/bin/env python3
"""The job of classify.c from Python, through ctypes: nothing is compiled, the shared library is all that it needs.

COTANGENT_LIBRARY in the environment names the library, where the system would not find it.
"""
import argparse
import ctypes
import math
import os
import random
from contextlib import contextmanager
from ctypes import POINTER, Structure, c_bool, c_char_p, c_double, c_float, c_int, c_int64, c_size_t, c_uint64, c_void_p

F32, MEAN = 0, 1
Tensor = Module = Optim = c_void_p
Dims = POINTER(c_int64)


class Params(Structure):
    _fields_ = [("items", c_void_p), ("names", c_void_p), ("count", c_int)]


class Scope(Structure):
    _fields_ = [("mark", c_size_t)]


# What is used here of cotangent.h: result, name, arguments.
PROTOTYPES = [
    (None, "ct_set_error_handler", c_void_p, c_void_p),
    (None, "ct_manual_seed", c_uint64),
    (Scope, "ct_scope_begin"),
    (None, "ct_scope_end", Scope),
    (Tensor, "ct_load_csv", c_char_p, c_void_p),
    (Tensor, "ct_from_data", c_int, c_void_p, Dims, c_int),
    (Tensor, "ct_randperm", c_int64),
    (c_int64, "ct_size", Tensor, c_int),
    (c_double, "ct_item", Tensor),
    (Tensor, "ct_slice", Tensor, c_int, c_int64, c_int64, c_int64),
    (Tensor, "ct_index_select", Tensor, c_int, Tensor),
    (Tensor, "ct_mean_dim", Tensor, Dims, c_int, c_bool),
    (Tensor, "ct_std_dim", Tensor, Dims, c_int, c_int, c_bool),
    (Tensor, "ct_sub", Tensor, Tensor),
    (Tensor, "ct_div", Tensor, Tensor),
    (Tensor, "ct_gt_scalar", Tensor, c_double),
    (Tensor, "ct_eq", Tensor, Tensor),
    (Tensor, "ct_sum", Tensor),
    (Module, "ct_nn_linear", c_int64, c_int64, c_bool),
    (Module, "ct_nn_relu"),
    (Module, "ct_nn_sigmoid"),
    (Module, "ct_nn_sequential_n", POINTER(Module), c_int),
    (Params, "ct_module_parameters", Module),
    (None, "ct_module_free", Module),
    (Tensor, "ct_forward", Module, Tensor),
    (Tensor, "ct_bce_loss", Tensor, Tensor, Tensor, c_int),
    (c_int, "ct_backward", Tensor),
    (Optim, "ct_optim_adam", Params, c_double, c_void_p),
    (None, "ct_optim_zero_grad", Optim),
    (c_int, "ct_optim_step", Optim),
    (None, "ct_optim_free", Optim),
]


def load_library():
    """The library, each function with its types, and an error of the library raised as Python's."""
    library = ctypes.CDLL(os.environ.get("COTANGENT_LIBRARY", "libcotangent.so"))
    library.ct_error_message.restype = c_char_p

    def raise_error(result, function, arguments):
        if library.ct_error():
            message = library.ct_error_message().decode()
            library.ct_error_clear()
            raise RuntimeError(message)
        return result

    for result, name, *arguments in PROTOTYPES:
        function = getattr(library, name)
        function.restype, function.argtypes, function.errcheck = result, arguments, raise_error
    library.ct_set_error_handler(None, None)
    return library


ct = load_library()


@contextmanager
def scope():
    """Lets go of all tensors made inside: every loop needs one."""
    token = ct.ct_scope_begin()
    try:
        yield
    finally:
        ct.ct_scope_end(token)


def dims(*sizes):
    return (c_int64 * len(sizes))(*sizes), len(sizes)


def two_moons(rows):
    """[rows, 3]: across, up, class."""
    numbers = []
    for i in range(rows):
        angle, lower = random.uniform(0, math.pi), i % 2
        side = 1 - 2 * lower
        numbers += [side * math.cos(angle) + lower + random.gauss(0, 0.1),
                    side * math.sin(angle) + lower / 2 + random.gauss(0, 0.1), lower]
    return ct.ct_from_data(F32, (c_float * len(numbers))(*numbers), *dims(rows, 3))


def columns(table, start, stop):
    return ct.ct_slice(table, 1, start, stop, 1)


def new_model(features):
    layers = [ct.ct_nn_linear(features, 16, True), ct.ct_nn_relu(),
              ct.ct_nn_linear(16, 16, True), ct.ct_nn_relu(),
              ct.ct_nn_linear(16, 1, True), ct.ct_nn_sigmoid()]
    return ct.ct_nn_sequential_n((Module * len(layers))(*layers), len(layers))


def train(model, x, y, epochs, batch_size=32, lr=0.01):
    rows = ct.ct_size(x, 0)
    adam = ct.ct_optim_adam(ct.ct_module_parameters(model), lr, None)
    for epoch in range(1, epochs + 1):
        with scope():
            order, total = ct.ct_randperm(rows), 0.0
            for start in range(0, rows, batch_size):
                with scope():
                    batch = ct.ct_slice(order, 0, start, min(start + batch_size, rows), 1)
                    probability = ct.ct_forward(model, ct.ct_index_select(x, 0, batch))
                    loss = ct.ct_bce_loss(probability, ct.ct_index_select(y, 0, batch), None, MEAN)
                    ct.ct_optim_zero_grad(adam)
                    ct.ct_backward(loss)
                    ct.ct_optim_step(adam)
                    total += ct.ct_item(loss) * ct.ct_size(batch, 0)
            if epoch % max(epochs // 10, 1) == 0:
                print(f"epoch {epoch:4d}/{epochs}  loss {total / rows:.4f}")
    ct.ct_optim_free(adam)


def count_right(model, x, y):
    with scope():
        guess = ct.ct_gt_scalar(ct.ct_forward(model, x), 0.5)
        return round(ct.ct_item(ct.ct_sum(ct.ct_eq(guess, y))))


def main():
    parser = argparse.ArgumentParser(description="Learns to tell two classes apart, from Python.")
    parser.add_argument("data", nargs="?", help="a CSV table whose last column is 0 or 1; else two moons")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    ct.ct_manual_seed(options.seed)

    table = ct.ct_load_csv(os.fsencode(options.data), None) if options.data else two_moons(1000)
    rows, features = ct.ct_size(table, 0), ct.ct_size(table, 1) - 1
    table, cut = ct.ct_index_select(table, 0, ct.ct_randperm(rows)), rows // 5
    x, y = columns(table, 0, features), columns(table, features, features + 1)
    known_x = ct.ct_slice(x, 0, cut, rows, 1)
    x = ct.ct_div(ct.ct_sub(x, ct.ct_mean_dim(known_x, *dims(0), True)), ct.ct_std_dim(known_x, *dims(0), 0, True))

    model = new_model(features)
    train(model, ct.ct_slice(x, 0, cut, rows, 1), ct.ct_slice(y, 0, cut, rows, 1), options.epochs)
    held_out_y = ct.ct_slice(y, 0, 0, cut, 1)
    right = count_right(model, ct.ct_slice(x, 0, 0, cut, 1), held_out_y)
    ones = round(ct.ct_item(ct.ct_sum(held_out_y)))
    ct.ct_module_free(model)
    print(f"held-out accuracy: {right / cut:.4f} ({right} of {cut})")
    return 0 if right > max(ones, cut - ones) else 1


if __name__ == "__main__":
    raise SystemExit(main())
