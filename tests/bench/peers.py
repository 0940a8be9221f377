"""The work of our benchmarks in PyTorch or NumPy: run by compare.py as `peers.py torch NAME...`.

Each name that it knows is measured and printed as `name value unit`, as bench.h does.
"""
import os
import re
import statistics
import sys
import time

ALLOWED = float(os.environ.get("BENCH_SECONDS", "0.2"))
ROUNDS = 64


def seconds_of(work, calls):
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return time.perf_counter() - start


def seconds_per_call(work):
    """The median of rounds; finding out how many calls fill one is the warm-up."""
    calls = 1
    while seconds_of(work, calls) < ALLOWED / ROUNDS:
        calls *= 2
    end = time.perf_counter() + ALLOWED
    rounds = [seconds_of(work, calls)]
    while len(rounds) < ROUNDS and time.perf_counter() < end:
        rounds.append(seconds_of(work, calls))
    return statistics.median(rounds) / calls


def report(name, value, unit):
    print(name, value, unit, flush=True)


def peak_memory():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s*(\d+)", status.read()).group(1)) * 1024e-6


# ---- NumPy ----

def numpy_work(name):
    """What to call, and how many elements share its time; None for a name that NumPy has no function for."""
    import numpy as np
    function, _, where = name.partition("/")
    matrix = np.random.rand(4096, 1024).astype(np.float32) * 4.99 + 0.01
    if function == "transpose":
        x = matrix.reshape(2048, 2048)
        return lambda: np.ascontiguousarray(x.T), x.size
    if where in ("row", "column"):
        other = matrix[0] if where == "row" else matrix[:, :1].copy()
        return lambda: matrix + other, matrix.size
    if where in ("all", "dim0", "dim1"):
        axis = {"all": None, "dim0": 0, "dim1": 1}[where]
        reduce = {"sum": np.sum, "amax": np.max, "argmax": np.argmax}.get(function)
        return reduce and (lambda: reduce(matrix, axis=axis), matrix.size)
    x, y = (np.random.rand(int(float(where))).astype(np.float32) * 4.99 + 0.01 for _ in range(2))
    if function in ("relu", "sigmoid"):
        return (lambda: np.maximum(x, 0)) if function == "relu" else (lambda: 1 / (1 + np.exp(-x))), x.size
    names = {"mul": "multiply", "pow": "power", "atan": "arctan", "asinh": "arcsinh", "atan2": "arctan2"}
    numpy_function = getattr(np, names.get(function, function), None)
    operands = (x, y) if getattr(numpy_function, "nin", 0) == 2 else (x,)
    return numpy_function and (lambda: numpy_function(*operands), x.size)


def numpy_line(name):
    if re.match(r"(op4|xor|mlp|cnn|conv|max_pool|(s|d|bf16)gemm|attention|causal|batch_norm|group_norm|cdist)", name) or name.endswith("backward"):
        return
    work = numpy_work(name)
    if work:
        report(name, seconds_per_call(work[0]) / work[1] * 1e9, "ns")


# ---- PyTorch ----

def torch_pointwise(torch, name):
    function, where = name.split("/")
    if where == "2048":
        x = torch.rand(2048, 2048)
        return lambda: x.t().contiguous(), x.numel()
    if where in ("row", "column"):
        x, y = torch.rand(4096, 1024), torch.rand(1024) if where == "row" else torch.rand(4096, 1)
        return lambda: x + y, x.numel()
    x, y = (torch.rand(int(float(where))) * 4.99 + 0.01 for _ in range(2))
    if function in ("add", "mul", "pow", "atan2", "hypot", "fmod"):
        binary = getattr(torch, function)
        return lambda: binary(x, y), x.numel()
    gelu = torch.nn.functional.gelu
    unary = {"gelu": gelu, "gelu_tanh": lambda x: gelu(x, approximate="tanh")}.get(function)
    unary = unary or getattr(torch, function, None) or getattr(torch.nn.functional, function)
    return lambda: unary(x), x.numel()


def torch_reduction(torch, name):
    function, where, *backward = name.split("/")
    x = torch.randn(4096, 1024, requires_grad=bool(backward))
    if function == "layer_norm":
        weight, bias = (torch.ones(1024, requires_grad=bool(backward)) for _ in range(2))
        reduce = lambda x, dim: torch.nn.functional.layer_norm(x, (1024,), weight, bias)
    else:
        reduce = getattr(torch, function)
    dims = () if where == "all" else (int(where[3:]),)
    if backward:
        y, dy = reduce(x, *dims), torch.randn_like(x)
        inputs = (x, weight, bias) if function == "layer_norm" else x
        return lambda: torch.autograd.grad(y, inputs, dy, retain_graph=True), x.numel()
    return lambda: reduce(x, *dims), x.numel()


def torch_indexing(torch, name):
    """The work of indexing.c; lines that end in backward are measured from the recorded result."""
    function, where, *rest = name.split("/")
    x, index, dim = torch.randn(4096, 1024), None, int(where[3:]) if where.startswith("dim") else -1
    if function == "embedding":
        x = torch.randn(*map(int, where.split("x")))
        index = torch.randint(x.shape[0], (64, 128) if x.shape[0] > 1000 else (16, 64))
    elif where == "1e6":
        x = torch.randint(1000, (10**6,)) if function == "unique" or rest == ["i64"] else torch.randn(10**6)
        x = x.double() if rest == ["f64"] else x
    elif "x" in where:
        x, dim = torch.randn(*map(int, where.split("x"))), 0 if rest == ["dim0"] else 1
    elif function == "index_select":
        index = torch.randint(x.shape[dim], (x.shape[dim],))
    elif function in ("gather", "scatter_add"):
        index = torch.randint(x.shape[dim], x.shape)
    mask, row = x > 0, x.sort()[0] if function == "searchsorted" else x
    work = {"gather": lambda x: torch.gather(x, dim, index), "index_select": lambda x: x.index_select(dim, index),
            "embedding": lambda x: torch.nn.functional.embedding(index, x),
            "scatter_add": lambda x: x.scatter_add(dim, index, x), "masked_select": lambda x: x.masked_select(mask),
            "nonzero": lambda x: mask.nonzero(), "sort": lambda x: torch.sort(x, dim),
            "topk": lambda x: torch.topk(x, 100 if where == "1e6" else 10, dim), "median": torch.median,
            "unique": torch.unique, "searchsorted": lambda x: torch.searchsorted(row, x),
            "cumsum": lambda x: x.cumsum(dim), "cumprod": lambda x: x.cumprod(dim),
            "logcumsumexp": lambda x: x.logcumsumexp(dim), "cummax": lambda x: x.cummax(dim)}[function]
    if rest != ["backward"]:
        return lambda: work(x), (index if function == "embedding" else x).numel() * (
            x.shape[1] if function == "embedding" else 1)
    y = work(x.requires_grad_())
    y = y if torch.is_tensor(y) else y[0]
    dy = torch.randn_like(y)
    return lambda: torch.autograd.grad(y, x, dy, retain_graph=True), y.numel()


INDEXING = ("gather|index_select|embedding|scatter_add|masked_select|nonzero|sort|topk|median|unique|searchsorted|"
            "cumsum|cumprod|logcumsumexp|cummax")


def torch_product(torch, name):
    kind, shape, layout = name.split("/")
    m, k, n = map(int, shape.split("x"))
    dtype = {"sgemm": torch.float32, "dgemm": torch.float64, "bf16gemm": torch.bfloat16}[kind]
    a = torch.randn(k, m, dtype=dtype).t() if layout[0] == "T" else torch.randn(m, k, dtype=dtype)
    b = torch.randn(n, k, dtype=dtype).t() if layout[1] == "T" else torch.randn(k, n, dtype=dtype)
    c = torch.empty(m, n, dtype=dtype)
    return lambda: torch.mm(a, b, out=c), 2 * m * k * n


def torch_attention(torch, name):
    """Attention, a norm of images, or distances."""
    functional, (kind, *_, where) = torch.nn.functional, name.split("/")

    def weighed(q, k, v, is_causal):
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if is_causal:
            scores = scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), -float("inf"))
        return scores.softmax(-1) @ v

    if kind in ("attention", "causal"):
        attention = getattr(functional, "scaled_dot_product_attention", weighed)
        x = [torch.randn(16, 4, int(name.split("/")[1]), 32) for _ in range(3)]
        call = lambda q, k, v: attention(q, k, v, is_causal=kind == "causal")
    elif kind == "cdist":
        x = [torch.randn(*map(int, name.split("/")[1].split("x"))) for _ in range(2)]
        call = torch.cdist
    else:
        x = [torch.randn(64, 32, 28, 28), torch.randn(32), torch.randn(32)]
        call = {"batch_norm": lambda x, w, b: functional.batch_norm(x, None, None, w, b, True),
                "group_norm": lambda x, w, b: functional.group_norm(x, 8, w, b)}[kind]
    if where == "forward":
        return lambda: call(*x)
    x = [y.requires_grad_() for y in x]
    dy = torch.randn_like(call(*x))
    return lambda: torch.autograd.grad(call(*x), x, dy)


def torch_convolution(torch, name):
    kind, *sizes, part = name.split("/")
    n, functional = 64, torch.nn.functional
    if kind == "max_pool":
        x = torch.randn(n, 16, 26, 26, requires_grad=True)
        inputs, layer = [x], lambda: functional.max_pool2d(x, 2)
    elif kind == "conv_depthwise":
        size, stride = map(int, sizes)
        n, channels = (16, 64) if size == 28 else (4, 32)
        shapes = (n, channels, size, size), (channels, 1, 3, 3), (channels,)
        inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
        layer = lambda: functional.conv2d(*inputs, stride=stride, padding=1, groups=channels)
    else:
        channels, filters, size = (1, 16, 28) if kind == "conv1x16" else (16, 32, 13)
        shapes = (n, channels, size, size), (filters, channels, 3, 3), (filters,)
        inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
        layer = lambda: functional.conv2d(*inputs)
    if part == "forward":
        return layer
    return lambda: (lambda y: torch.autograd.grad(y, inputs, torch.ones_like(y)))(layer())


def torch_model(torch, name):
    """A model's parameters, and the function that computes its loss."""
    nn, functional = torch.nn, torch.nn.functional
    if name.startswith("xor"):
        model = nn.Sequential(nn.Linear(2, 8), nn.Sigmoid(), nn.Linear(8, 1), nn.Sigmoid())
        x = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
        y = torch.tensor([[0.0], [1], [1], [0]])
        loss = functional.binary_cross_entropy
    elif name.startswith("cnn"):
        model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(),
                              nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 10))
        x, y, loss = torch.rand(64, 1, 28, 28), torch.randint(0, 10, (64,)), functional.cross_entropy
    else:
        sizes, batch = ((784, 128, 64, 10), 64) if name.startswith("mlp784") else ((1024, 4096, 4096, 1024), 128)
        model = nn.Sequential(nn.Linear(sizes[0], sizes[1]), nn.ReLU(), nn.Linear(sizes[1], sizes[2]), nn.ReLU(),
                              nn.Linear(sizes[2], sizes[3]))
        x = torch.rand(batch, sizes[0])
        y = torch.randint(0, 10, (batch,)) if batch == 64 else torch.randn(batch, sizes[3])
        loss = functional.cross_entropy if batch == 64 else functional.mse_loss
    return list(model.parameters()), lambda: loss(model(x), y)


def torch_training(torch, name):
    """Seconds of a step, with the fastest of the optimiser's implementations."""
    parameters, loss = torch_model(torch, name)
    if name.endswith("forward"):
        with torch.inference_mode():
            return seconds_per_call(loss)
    kind = torch.optim.Adam if name.endswith("adam") else torch.optim.SGD
    times = []
    for choice in ({"foreach": False}, {"foreach": True}, {"fused": True}):
        try:
            optim = kind(parameters, lr=0.001, **choice)
        except (TypeError, RuntimeError):
            continue  # this version lacks it

        def step():
            optim.zero_grad(set_to_none=True)
            loss().backward()
            optim.step()

        times.append(seconds_per_call(step))
    return min(times)


def torch_line(name):
    import torch
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if name.endswith("memory"):
        report(name, peak_memory(), "MB")
    elif re.match("(conv|max_pool/)", name):
        with torch.inference_mode(mode=name.endswith("forward")):
            report(name, seconds_per_call(torch_convolution(torch, name)) * 1e6, "us")
    elif re.match("(xor|mlp|cnn)", name):
        report(name, torch_training(torch, name) * 1e6, "us")
    elif re.match("(s|d|bf16)gemm", name):
        work, flops = torch_product(torch, name)
        report(name, flops / seconds_per_call(work) * 1e-9, "GFLOP/s")
    elif re.match("(attention|causal|batch_norm|group_norm|cdist)", name):
        with torch.inference_mode(mode=name.endswith("forward")):
            report(name, seconds_per_call(torch_attention(torch, name)) * 1e6, "us")
    elif not name.startswith("op4"):
        make = torch_reduction if re.search("/(all|dim)", name) else torch_pointwise
        make = torch_indexing if re.match(f"({INDEXING})/", name) else make
        work, n = make(torch, name)
        with torch.inference_mode(mode=not name.endswith("backward")):
            report(name, seconds_per_call(work) / n * 1e9, "ns")


if __name__ == "__main__":
    for line in sys.argv[2:]:
        {"torch": torch_line, "numpy": numpy_line}[sys.argv[1]](line)
