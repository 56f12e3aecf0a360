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
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]  # an extra, which the type checker may not see
from jax.test_util import check_grads
from rich.console import Console
from rich.table import Table

from benchmarks.shapes import of_sizes
from identities.catalog import find
from identities.claim import Claim
from identities.oracle.draw.values import draw_values
from identities.trees import leaves_of
from tests.corpus import RIGHT, WRONG, Entry

Judge = Callable[[Entry, str], None]


class _Backward:
    """A candidate as the backward pass of its function, in the arguments that it is about, at one point."""

    def __init__(self, entry: Entry, dtype: str):
        claim = entry.against if isinstance(entry.against, Claim) else find(entry.against)
        # One size for each dimension, all different, as a test by hand would have it.
        sizes = dict(zip(claim.dimensions, (3, 4, 2, 5), strict=False))
        if getattr(claim.function, "__name__", "") == "normal_equations":
            sizes = {"n": 5, "p": 3}
        shape = of_sizes(claim, sizes)
        batch = draw_values(claim, shape, dtype, 4, 0)
        point = {name: values[6] for name, values in batch.items()}  # an ordinary one
        self.claim, self.candidate = claim, partial(entry.candidate, **shape.static(claim))
        self.function = claim.flat(shape.static(claim))
        self.primals = {a.name: point[a.name] for a in claim.primals}
        self.at = [self.primals[name] for name in claim.moving]

    def _given(self, moving: Sequence[Any]) -> tuple[Any, ...]:
        return tuple((self.primals | dict(zip(self.claim.moving, moving, strict=True))).values())

    def value(self, *moving: Any) -> Any:
        def of_first(*given):
            return self.function(*given)[0]

        f = of_first
        if self.claim.kind.name == "hessian":
            (by,) = self.claim.moving
            f = jax.grad(f, list(self.primals).index(by))
        return f(*self._given(moving))

    def pull_back(self, delta: np.ndarray, *moving: np.ndarray) -> tuple[np.ndarray, ...]:
        delta, moving = np.asarray(delta), tuple(map(np.asarray, moving))
        given, tree = self._given(moving), self.claim.gives.tree
        if self.claim.kind.name == "vjp":
            found = leaves_of(tree, self.candidate(delta, *given))
        elif self.claim.kind.name == "jvp":
            found = [self._by_tangents(delta, given, moving, i) for i in range(len(moving))]
        else:
            derivatives = leaves_of(tree, self.candidate(*given))
            found = [np.tensordot(delta, np.asarray(J), axes=np.ndim(delta)) for J in derivatives]
        got = tuple(np.asarray(g, np.float64).astype(x.dtype) for g, x in zip(found, moving, strict=True))
        if [g.shape for g in got] != [x.shape for x in moving]:
            raise AssertionError(f"shapes {[g.shape for g in got]} for {[x.shape for x in moving]}")
        return got

    def _by_tangents(self, delta: np.ndarray, given: Sequence[Any], moving: Sequence[np.ndarray], i: int) -> np.ndarray:
        """The gradient by one argument, from one tangent after the other."""
        tangents = [np.zeros_like(x) for x in moving]
        found = []
        for e in np.eye(moving[i].size, dtype=moving[i].dtype):
            tangents[i] = e.reshape(moving[i].shape)
            found.append(np.sum(delta * np.asarray(self.candidate(*given, *tangents))))
        return np.reshape(found, moving[i].shape)


def by_check_grads(entry: Entry, dtype: str) -> None:
    backward = _Backward(entry, dtype)

    @jax.custom_vjp
    def f(*moving):
        return backward.value(*moving)

    def pull_back(moving, delta):
        shapes = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in moving)
        return jax.pure_callback(backward.pull_back, shapes, delta, *moving)

    f.defvjp(lambda *moving: (f(*moving), moving), pull_back)
    check_grads(f, tuple(map(jnp.asarray, backward.at)), order=1, modes=["rev"])


def by_gradcheck(entry: Entry, dtype: str) -> None:
    backward = _Backward(entry, dtype)

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *moving):
            ctx.save_for_backward(*moving)
            return torch.from_numpy(np.array(backward.value(*[x.detach().numpy() for x in moving])))

        @staticmethod
        def backward(ctx, *deltas):
            moving = [x.detach().numpy() for x in ctx.saved_tensors]
            return tuple(torch.from_numpy(np.array(g)) for g in backward.pull_back(deltas[0].numpy(), *moving))

    at = tuple(torch.from_numpy(np.array(x)).requires_grad_() for x in backward.at)
    # Its defaults in float64; in float32 they reject everything, and these are what people set.
    eps, atol = (1e-6, 1e-5) if dtype == "float64" else (1e-3, 1e-2)
    torch.autograd.gradcheck(Function.apply, at, eps=eps, atol=atol)


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
