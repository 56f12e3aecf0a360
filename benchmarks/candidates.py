"""Wrong and right gradients of the tests' corpus, before three judges.

    python -m benchmarks.candidates

Caught: wrong ones rejected. Cried wolf: right ones rejected. `gradcheck` and `check_grads` see each candidate as
the backward pass of its function, at one random point, with their own default tolerances in float64; in
float32 with what their users set (`gradcheck`: eps 1e-3, atol 1e-2) or they choose (`check_grads`). Mistakes of
precision are left out in float32. Ours has its own drawn points, and names the mistake besides.
"""

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]  # an extra, which the type checker may not see
from jax.test_util import check_grads
from rich.console import Console
from rich.table import Table

from identities.catalog import find
from identities.oracle.arguments import Shape, draw_values
from identities.signature import arguments, names
from tests.corpus import RIGHT, WRONG, Entry

Judge = Callable[[Entry, str], None]


class _Backward:
    """A candidate as the backward pass of its function, in the one argument, at one point."""

    def __init__(self, entry: Entry, dtype: str):
        identity = replace(find(entry.against), exact=False)
        # One size for each dimension, all different, as a test by hand would have it.
        sizes = tuple((name, size) for name, size in zip(names(identity.arguments), (3, 4, 2, 5), strict=False))
        if identity.function.__name__ == "normal_equations":
            sizes = (("n", 5), ("p", 3))
        batch = draw_values(identity, Shape(sizes), dtype, 4, 0)
        point = {name: values[6] for name, values in batch.items()}  # an ordinary one
        static = dict.fromkeys(identity.static, 3)
        self.identity = identity
        self.function, self.candidate = partial(identity.function, **static), partial(entry.candidate, **static)
        self.primals = {a.name: point[a.name] for a in arguments(identity.function)}
        self.wrt = identity.along[0]
        self.at = self.primals[self.wrt]

    def value(self, x: Any) -> Any:
        f = self.function
        if self.identity.kind == "hessian":
            position = list(self.primals).index(self.wrt)
            f = jax.grad(f, position)
        return f(*(self.primals | {self.wrt: x}).values())

    def pull_back(self, delta: np.ndarray, x: np.ndarray) -> np.ndarray:
        given = tuple((self.primals | {self.wrt: np.asarray(x)}).values())
        candidate, kind = self.candidate, self.identity.kind
        if kind == "vjp":
            got = candidate(np.asarray(delta), *given)
        elif kind == "jvp":
            got = np.asarray(delta) @ np.stack([candidate(*given, e) for e in np.eye(x.size, dtype=x.dtype)], axis=-1)
        else:
            J = np.asarray(candidate(*given))
            got = np.tensordot(np.asarray(delta), J, axes=np.ndim(delta))
        got = np.asarray(got, np.float64).astype(x.dtype)
        if got.shape != x.shape:
            raise AssertionError(f"shape {got.shape} for {x.shape}")
        return got


def by_check_grads(entry: Entry, dtype: str) -> None:
    backward = _Backward(entry, dtype)

    @jax.custom_vjp
    def f(x):
        return backward.value(x)

    def pull_back(x, delta):
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return (jax.pure_callback(backward.pull_back, shape, delta, x),)

    f.defvjp(lambda x: (f(x), x), pull_back)
    check_grads(f, (jnp.asarray(backward.at),), order=1, modes=["rev"])


def by_gradcheck(entry: Entry, dtype: str) -> None:
    backward = _Backward(entry, dtype)

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.from_numpy(np.array(backward.value(x.detach().numpy())))

        @staticmethod
        def backward(ctx, *deltas):
            (x,) = ctx.saved_tensors
            return torch.from_numpy(np.array(backward.pull_back(deltas[0].numpy(), x.detach().numpy())))

    x = torch.from_numpy(np.array(backward.at)).requires_grad_()
    # Its defaults in float64; in float32 they reject everything, and these are what people set.
    eps, atol = (1e-6, 1e-5) if dtype == "float64" else (1e-3, 1e-2)
    torch.autograd.gradcheck(Function.apply, (x,), eps=eps, atol=atol)


def by_us(entry: Entry, dtype: str) -> None:
    entry.judge(dtypes=(dtype,))


def rejected(judge: Judge, entry: Entry, dtype: str) -> bool:
    try:
        judge(entry, dtype)
    except (Exception, SystemExit):
        return True
    return False


def bench(judge: Judge, wrong: Sequence[Entry], right: Sequence[Entry], dtype: str) -> list[str]:
    jax.clear_caches()
    seconds = []
    verdicts = []
    for entry in (*wrong, *right):
        started = time.perf_counter()
        verdicts.append(rejected(judge, entry, dtype))
        seconds.append(time.perf_counter() - started)
    caught, cried = sum(verdicts[: len(wrong)]), sum(verdicts[len(wrong) :])
    return [
        f"{caught} of {len(wrong)}",
        f"{cried} of {len(right)}",
        f"{1000 * float(np.median(seconds)):.0f} ms",
        f"{sum(seconds):.1f} s",
    ]


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable()  # of what candidates raise in a callback
    jax.config.update("jax_enable_x64", True)
    table = Table(header_style="bold")
    for title in ("judge", "dtype", "caught", "cried wolf", "median time", "in all"):
        table.add_column(title, justify="left" if title in ("judge", "dtype") else "right")
    judges = {
        "identities.check": by_us,
        "torch.autograd.gradcheck": by_gradcheck,
        "jax.test_util.check_grads": by_check_grads,
    }
    for dtype in ("float64", "float32"):
        wrong = [e for e in WRONG if e.dtype == dtype or (dtype == "float32" and "precision" not in e.kinds)]
        right = [e for e in RIGHT if dtype == "float32" or e.dtype == "float64"]
        for name, judge in judges.items():
            table.add_row(name, dtype, *bench(judge, wrong, right, dtype))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
