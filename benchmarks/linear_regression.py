"""Linear regression beside what one would use instead, in one process, with ratios.

    python -m benchmarks.linear_regression [--device cpu|gpu] [--dtype float64] [--largest 1000000x128]
                                           [--plot docs/convergence.svg]

Prints, for designs of growing size, the medians of the gradient (beside jitted `jax.grad` and beside the
time of summing X) and of the closed form (beside `numpy.linalg.lstsq`, scikit-learn, and NumPy's plain
normal equations); the accuracy on NIST's reference sets; and the memory that a growing file takes.
"""

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.timing import Times, median, ratio, times
from identities.linear_regression import (
    closed_form,
    gradient_descent,
    mean_squared_error,
    mean_squared_error_jacobian_theta,
)
from identities.oracle.run.programs import find_device
from identities.oracle.run.store import Device
from tests.linear_regression.nist import SETS, log_relative_error

SIZES = [(100, 5), (1_000, 20), (10_000, 32), (200_000, 64), (1_000_000, 128)]
console = Console(width=150)


def data(n: int, p: int, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p), np.float32).astype(dtype)
    X[:, 0] = 1
    theta = rng.standard_normal(p).astype(dtype)
    return X, X @ theta + rng.standard_normal(n).astype(dtype), theta


def measure(n: int, p: int, dtype: str, device: Device) -> Times:
    X, Y, theta = data(n, p, dtype)
    on_device = jax.device_put((theta, X, Y), device)
    autodiff = jax.jit(jax.grad(lambda theta, X, Y: jnp.mean((Y - X @ theta) ** 2)))
    subjects = {
        "sum of X": partial(jax.jit(jnp.sum), on_device[1]),
        "jax.grad": partial(autodiff, *on_device),
        "gradient": partial(jax.jit(mean_squared_error_jacobian_theta), *on_device),
        "closed form": partial(closed_form, *on_device[1:]),
        "normal equations": lambda: np.linalg.solve(X.T @ X, X.T @ Y),
        "lstsq": lambda: np.linalg.lstsq(X, Y),
    }
    try:
        from sklearn.linear_model import LinearRegression  # pyright: ignore[reportMissingImports]

        subjects["scikit-learn"] = lambda: LinearRegression(fit_intercept=False).fit(X, Y)
    except ImportError:
        pass
    return times(subjects, seconds=10, rounds=9)


def speed(sizes: list[tuple[int, int]], dtype: str, device: Device) -> None:
    device_name = f"{device.device_kind}, jax {jax.__version__}"
    table = Table(title=f"{dtype} on {device_name}; milliseconds, and how many times longer than ours")
    gradient, fit = ("sum of X", "jax.grad"), ("normal equations", "lstsq", "scikit-learn")
    for title in ("X", "gradient", *gradient, "closed form", *fit, "X^T X rate"):
        table.add_column(title, justify="right")
    for n, p in sizes:
        taken = measure(n, p, dtype, device)

        def beside(name: str, ours: str, taken: Times = taken) -> str:
            return f"{1e3 * median(taken, name):.3g} ({ratio(taken, name, ours):.2f})" if name in taken else "-"

        table.add_row(
            f"{n:,} x {p}",
            f"{1e3 * median(taken, 'gradient'):.3g}",
            *(beside(name, "gradient") for name in gradient),
            f"{1e3 * median(taken, 'closed form'):.3g}",
            *(beside(name, "closed form") for name in fit),
            f"{2 * n * p * p / median(taken, 'closed form') / 1e9:.0f} GF/s",
        )
    console.print(table)
    square = jax.device_put(np.ones((2048, 2048), dtype), device)
    rate = 2 * 2048**3 / median(times({"product": partial(jax.jit(jnp.matmul), square, square)}), "product") / 1e9
    console.print(f"The machine's rate for a product of 2048 x 2048 matrices: {rate:.0f} GF/s\n")


def accuracy() -> None:
    table = Table(title="log relative error on NIST's reference sets, float64: digits of the worst parameter")
    for title in ("set", "closed form", "lstsq", "normal equations"):
        table.add_column(title, justify="right")
    for name, (X, Y, certified) in SETS.items():
        by_closed_form = np.asarray(closed_form(jnp.asarray(X), jnp.asarray(Y)))
        results = by_closed_form, np.linalg.lstsq(X, Y)[0], np.linalg.solve(X.T @ X, X.T @ Y)
        table.add_row(name, *(f"{log_relative_error(result, certified):.1f}" for result in results))
    console.print(table)


_STREAM = """
import sys
import numpy as np
from identities.linear_regression import Gram, row_blocks
X = np.memmap(sys.argv[1], np.float64, "r").reshape(-1, 32)
Gram.from_blocks(row_blocks(X, X[:, 0]))
status = dict(line.split(":") for line in open("/proc/self/status"))
print(status["VmHWM"].split()[0])
"""


def memory() -> None:
    table = Table(title="Gram.from_blocks on a memory-mapped file, X of 32 float64 columns")
    for title in ("rows", "file, MiB", "peak resident memory, MiB"):
        table.add_column(title, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        for rows in (1 << 18, 1 << 19, 1 << 20, 1 << 21):
            file = Path(folder) / "X.dat"
            np.memmap(file, np.float64, "w+", shape=(rows, 32))[:] = 1
            run = subprocess.run([sys.executable, "-c", _STREAM, file], check=True, capture_output=True, text=True)
            table.add_row(f"{rows:,}", f"{rows * 32 * 8 / 2**20:.0f}", f"{int(run.stdout) / 1024:.0f}")
    console.print(table)


def plot(file: Path) -> None:
    """Draw the loss by step, plain and with momentum, beside the bounds of the theory."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(0)
    X = jnp.asarray(rng.standard_normal((400, 20)) * np.geomspace(1, 0.05, 20))
    Y = X @ rng.standard_normal(20) + 0.1 * rng.standard_normal(400)
    least = mean_squared_error(closed_form(X, Y), X, Y)
    figure, axes = plt.subplots(figsize=(7, 4))
    curves: list[tuple[float | Literal["nesterov"], str]] = [(0.0, "tab:blue"), ("nesterov", "tab:orange")]
    for momentum, colour in curves:
        label = momentum or "plain"
        descent = gradient_descent(X, Y, momentum=momentum, max_steps=20_000, losses=True)
        assert descent.losses is not None
        excess = np.asarray(descent.losses[: int(descent.steps)] - least)
        steps = np.arange(len(excess))
        rate = 1 - 1 / float(descent.condition) if momentum == 0 else 1 - float(descent.condition) ** -0.5
        bound = excess[0] * rate ** (2 * steps) if momentum == 0 else 2 * excess[0] * rate**steps
        axes.semilogy(steps, np.where(excess > 1e-15, excess, np.nan), color=colour, label=f"{label}, measured")
        axes.semilogy(steps, bound, "--", color=colour, label=f"{label}, bound: {rate:.4f} a step")
    axes.set(xlabel="step", ylabel="loss above the least", ylim=(1e-15, None), xlim=(0, 6000))
    axes.legend()
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    console.print(f"drawn: {file}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device")
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--largest", default="1000000x128", metavar="NxP", help="leave out larger designs")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw convergence instead (needs matplotlib)")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    if options.plot:
        return plot(options.plot)
    n, p = map(int, options.largest.split("x"))
    speed([size for size in SIZES if size[0] * size[1] <= n * p], options.dtype, find_device(options.device))
    accuracy()
    memory()
    return None


if __name__ == "__main__":
    main()
