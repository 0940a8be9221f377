#!/usr/bin/env python3
"""Our benchmarks beside PyTorch, NumPy, OpenBLAS, BLIS, oneDNN and libxsmm, as far as they are installed.

Each round runs ours and each peer in turn, in processes of their own, with the same number of threads; the
tables show medians over the rounds. The ratios say how many times faster we are than the best peer, and than
PyTorch, with as many threads or fewer. A peer's column is the better of its front ends and instruction sets.
"""
import argparse
import fnmatch
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SUBJECTS = ["ops", "pointwise", "reductions", "indexing", "matmul", "attention", "convolution", "training"]

# name: ratio wanted (to PyTorch; of the functions from exp on, and of products, to the best of all), value wanted
# with 1 thread, with 2 (None: none)
WANTED = {
    "op4/forward": (None, 25, None),
    "op4/recorded": (25, 40, None),
    "op4/backward": (30, 55, None),
    "xor/adam": (50, 2, None),
    "add/1e3": (3, 0.12, None), "mul/1e3": (3, 0.12, None), "relu/1e3": (3, 0.12, None),
    "add/1e5": (1, 0.083, None), "mul/1e5": (1, 0.083, None), "relu/1e5": (1, 0.075, None),
    "add/1e7": (2, 0.5, None), "mul/1e7": (2, 0.5, None), "relu/1e7": (2, 0.5, None),
    "exp/1e5": (1.3, 0.25, None), "log/1e5": (1.3, 0.30, None), "sigmoid/1e5": (1.3, 0.32, None),
    "tanh/1e5": (1.3, 0.32, None), "gelu/1e5": (1.3, 0.40, None), "gelu_tanh/1e5": (1.3, 0.40, None),
    "transpose/2048": (2.5, 0.4, None),
    "sum/all": (None, 0.05, None), "sum/dim0": (2, 0.06, None), "sum/dim1": (None, 0.05, None),
    "amax/dim1": (None, 0.06, None), "max/dim1": (5, 0.12, None), "argmax/dim1": (5, 0.12, None),
    "softmax/dim1": (1.6, 0.35, None), "log_softmax/dim1": (1.6, 0.35, None), "softmax/dim0": (4, 0.6, None),
    "softmax/dim1/backward": (None, 0.25, None),
    "layer_norm/dim1": (None, 0.30, None), "layer_norm/dim1/backward": (None, 0.45, None),
    "gather/*": (1, None, None), "index_select/*": (1, None, None), "embedding/*": (1, None, None),
    "sort/*": (1, None, None),
    "attention/*/both": (1.5, None, None),
    "sgemm/*": (0.95, None, None), "dgemm/*": (0.95, None, None),
    "mlp784/forward": (None, 140, None),
    "mlp784/sgd": (1.5, 300, 165), "mlp784/adam": (1.5, 330, 180),
    "mlp4096/sgd": (1.35, 190e3, 105e3), "mlp4096/adam": (1.6, 215e3, 125e3),
    "conv1x16/forward": (1, 250, None), "conv1x16/step": (1, None, None),
    "conv16x32/forward": (1, 700, None), "conv16x32/step": (1, 2200, None),
    "conv_depthwise/*": (0.67, None, None),
    "max_pool/forward": (3, 300, None), "max_pool/step": (3, None, None), "cnn/sgd": (2.5, 3700, 2200),
    "mlp784/*/memory": (None, 10, 10), "mlp4096/sgd/memory": (None, 230, 230),
    "mlp4096/adam/memory": (None, 430, 430),
}


class Peer:
    def __init__(self, column, subjects, command, **environment):
        self.column, self.subjects, self.command, self.environment = column, subjects, command, environment


# ---- what is there ----

def output_of(command, **environment):
    """What it printed; None if it failed."""
    done = subprocess.run(command, env={**os.environ, **environment}, text=True, capture_output=True)
    return done.stdout if done.returncode == 0 else None


def compiled(source, program, *arguments):
    """The program's path, or None where the compiler finds no such library."""
    if program.exists() and program.stat().st_mtime > (HERE / source).stat().st_mtime:
        return str(program)
    compiler = ["c++", "-w"] if source.endswith(".cc") else ["cc", "-std=c11", "-D_POSIX_C_SOURCE=200809L"]
    command = [*compiler, "-O2", f"-I{ROOT}", HERE / source, "-o", program, *arguments]
    return None if output_of(command) is None else str(program)


def blas_peers(directory, left_out):
    libraries = {"OpenBLAS": ("-DPEER_BLAS", "-l:libopenblas.so.0"), "BLIS": ("-DPEER_BLAS", "-l:libblis.so.4"),
                 "oneDNN": ("-DPEER_ONEDNN", "-l:libdnnl.so.2"),
                 "libxsmm": ("-DPEER_LIBXSMM", "-lxsmm", "-lxsmmnoblas", "-lpthread", "-ldl", "-lm")}
    for column, arguments in libraries.items():
        program = compiled("peers.c", directory / column, *arguments)
        if program:
            yield Peer(column, ["matmul"], [program])
        else:
            left_out.append(f"{column}: cannot build with {arguments[1]}")


ABOUT_TORCH = """
import json, torch, torch.utils.cpp_extension as extension
print(json.dumps({"version": torch.__version__, "avx512": "capability usage: AVX512" in torch.__config__.show(),
                  "include": extension.include_paths(), "libraries": extension.library_paths()}))
"""


def torch_peers(python, directory, left_out):
    about = output_of([python, "-c", ABOUT_TORCH])
    if about is None:
        left_out.append(f"PyTorch: {python} cannot import it")
        return
    about = json.loads(about)
    column = "torch " + about["version"].split("+")[0]
    include = [*about["include"], "/usr/include/torch/csrc/api/include"]
    program = compiled("peers.cc", directory / column.replace(" ", "-"), *("-I" + path for path in include),
                       *(f"-L{path}" for path in about["libraries"]),
                       *(f"-Wl,-rpath,{path}" for path in about["libraries"]), "-std=c++" +
                       ("17" if about["version"].startswith("1.") else "20"), "-ltorch", "-ltorch_cpu", "-lc10")
    if not program:
        left_out.append(f"{column}'s C++ front end: no headers or library")
    capabilities = [{}]
    if not about["avx512"] and "avx512f" in pathlib.Path("/proc/cpuinfo").read_text():
        capabilities.append({"ATEN_CPU_CAPABILITY": "avx512"})
    for capability in capabilities:
        yield Peer(column, SUBJECTS, [python, str(HERE / "peers.py"), "torch"], **capability)
        if program:
            yield Peer(column, ["ops", "pointwise", "training"], [program], **capability)


def numpy_peer(python, left_out):
    version = output_of([python, "-c", "import numpy; print(numpy.__version__)"])
    if version is None:
        left_out.append(f"NumPy: {python} cannot import it")
        return
    yield Peer("NumPy " + version.strip(), ["pointwise", "reductions"], [python, str(HERE / "peers.py"), "numpy"])


def find_peers(pythons, directory):
    left_out = ["KANN, autograd.c, magnetron: not packaged"]
    directory.mkdir(exist_ok=True)
    peers = list(blas_peers(directory, left_out))
    for python in pythons:
        peers += [*torch_peers(python, directory, left_out), *numpy_peer(python, left_out)]
    return peers, left_out


def build_ours(directory):
    if not (directory / "build.ninja").exists():
        subprocess.run(["meson", "setup", directory, ROOT, "--buildtype=release", "-Dtests=enabled",
                        "-Dexamples=disabled"], check=True, stdout=subprocess.DEVNULL)
    targets = [f"tests/bench/bench-{subject}" for subject in SUBJECTS]
    subprocess.run(["ninja", "-C", directory, *targets], check=True, stdout=subprocess.DEVNULL)


# ---- measuring ----

def measure(command, threads, environment):
    """{name: (value, unit)} of what the command prints."""
    names = ["CT_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "MKL_NUM_THREADS"]
    done = subprocess.run(command, env={**os.environ, **dict.fromkeys(names, str(threads)), **environment}, text=True,
                          stdout=subprocess.PIPE, check=True)
    lines = [line.split() for line in done.stdout.splitlines() if not line.startswith("#")]
    return {name: (float(value), unit) for name, value, unit in lines}


class Results:
    """Medians of what was measured, by column, threads and name."""

    def __init__(self):
        self.values, self.units, self.columns = {}, {}, []

    def add(self, column, variant, threads, lines):
        for name, (value, unit) in lines.items():
            self.values.setdefault((column, threads, name), {}).setdefault(variant, []).append(value)
            self.units[name] = unit
        if lines and column not in self.columns:
            self.columns.append(column)

    def best(self, name, values):
        return (max if self.units[name] == "GFLOP/s" else min)(values, default=None)

    def get(self, column, threads, name):
        """The better of the column's variants."""
        variants = self.values.get((column, threads, name), {})
        return self.best(name, [statistics.median(values) for values in variants.values()])

    def ratio(self, threads, name, columns):
        """To the best of these columns, with so many threads or fewer."""
        ours = self.get("ours", threads, name)
        peer = self.best(name, [self.get(*key) for key in self.values
                                if key[0] in columns and key[1] <= threads and key[2] == name])
        if not peer:
            return None
        return ours / peer if self.units[name] == "GFLOP/s" else peer / ours


def measure_all(options, peers):
    results = Results()
    for turn in range(options.rounds):
        for threads in options.threads:
            for subject in options.subjects:
                print(f"round {turn + 1}, threads {threads}: {subject}", file=sys.stderr, flush=True)
                ours = measure([options.build / f"tests/bench/bench-{subject}"], threads, {})
                results.add("ours", 0, threads, ours)
                for variant, peer in enumerate(peers):
                    if subject in peer.subjects:
                        lines = measure([*peer.command, *ours], threads, peer.environment)
                        results.add(peer.column, variant, threads, lines)
    return results


# ---- tables ----

def wanted(name):
    return next((WANTED[pattern] for pattern in WANTED if fnmatch.fnmatch(name, pattern)), (None, None, None))


def cell(value):
    return "" if value is None else f"{value:.4g}" if value < 1e4 else f"{value:.0f}"


def print_row(cells):
    print("|", " | ".join(cells), "|")


def print_table(results, threads):
    names = [name for column, count, name in results.values if column == "ours" and count == threads]
    peers = [column for column in results.columns if column != "ours"]
    torches = [column for column in peers if column.startswith("torch")]
    heads = ["name", "unit", *results.columns, "to best", "to torch", "ratio wanted", "value wanted"]
    print(f"\n{threads} thread{'s' * (threads > 1)}\n")
    print_row(heads)
    print_row(["---"] * len(heads))
    for name in names:
        ratio, *value = wanted(name)
        print_row([name, results.units[name],
                   *(cell(results.get(column, threads, name)) for column in results.columns),
                   *(cell(results.ratio(threads, name, columns)) for columns in (peers, torches)),
                   cell(ratio), cell(value[threads - 1] if threads <= 2 else None)])
    for kind in ("sgemm/", "dgemm/"):
        ratios = [results.ratio(threads, name, peers) for name in names if name.startswith(kind)]
        ratios = [ratio for ratio in ratios if ratio]
        if ratios:
            print(f"\ngeometric mean of {len(ratios)} ratios of {kind[:-1]}: "
                  f"{math.exp(statistics.fmean(map(math.log, ratios))):.3f} (wanted: 1.05)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"of {', '.join(SUBJECTS)} (all)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (1 2)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs (3)")
    parser.add_argument("--python", action="append", help="interpreters with PyTorch, NumPy (python3); repeatable")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bench", help="where to build")
    options = parser.parse_args()
    options.subjects = options.subjects or SUBJECTS
    if not set(options.subjects) <= set(SUBJECTS):
        parser.error(f"subjects are {', '.join(SUBJECTS)}")
    options.build = options.build.resolve()

    build_ours(options.build)
    peers, left_out = find_peers(options.python or ["python3"], options.build / "peers")
    results = measure_all(options, peers)
    for threads in options.threads:
        print_table(results, threads)
    print("\nLeft out:", "; ".join(left_out))


if __name__ == "__main__":
    main()
