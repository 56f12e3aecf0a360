"""JAX's derivatives beside differences of the function: at one point, or at many of an elementwise function."""

import itertools
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.jax_functions import ARRAYS, ELEMENTWISE, SETUP, points, values
from identities.oracle.reference.extrapolation import POINTS, directions, first, one_sided, second

LOST = 1e-6
"""The relative error from which on digits are lost."""
CERTAIN = 8.0
"""How many times the estimated error of the differences a disagreement is beyond."""
_LARGE = 1e6
_HALF = len(POINTS) // 2
EPS, NOTHING = float(np.finfo(float).eps), 1e-290

SHAPED = {"sym": lambda v: v + np.swapaxes(v, -1, -2), "upper": np.triu}
"""By the kind of a matrix that is moved, how a direction is made that keeps it one."""
SHAPED["spd"] = SHAPED["sym"]


@dataclass(frozen=True)
class Trial:
    """An expression at one point, or at many of an elementwise function, and which of its arguments is moved."""

    function: str
    expression: str
    letters: tuple[str, ...]
    at: tuple[np.ndarray, ...]
    moved: int
    kind: str = "any"
    elementwise: bool = False
    formula: str = ""

    @property
    def x(self) -> np.ndarray:
        return self.at[self.moved]

    def leaves(self, x: Any) -> list[tuple[str, Any]]:
        """The floating results of one value of the moved argument, and how each is got from the expression.

        Real and imaginary parts are results by themselves.
        """
        others = [np.broadcast_to(a, np.shape(x)) if self.elementwise else a for a in self.at]
        given = [x if i == self.moved else jnp.asarray(a) for i, a in enumerate(others)]
        leaves = jax.tree.leaves(found := compiled(self.letters, self.expression)(*given))
        bare = len(leaves) == 1 and leaves[0] is found
        parts = []
        for i, y in enumerate(leaves):
            way = "{}" if bare else f"jax.tree.leaves({{}})[{i}]"
            if jnp.iscomplexobj(y):
                parts += [(f"{way}.real", y.real), (f"{way}.imag", y.imag)]
            elif jnp.issubdtype(y.dtype, jnp.floating):
                parts.append((way, y))
        return parts

    def __call__(self, x: Any) -> list[Any]:
        return [y for _, y in self.leaves(x)]

    def flat(self, x: Any) -> Any:
        return jnp.concatenate([jnp.ravel(y) for y in self(x)])

    def line(self, v: np.ndarray) -> np.ndarray:
        """The results at all `POINTS` of a line, one row each."""
        steps = self.x + POINTS.reshape(-1, *[1] * v.ndim) * v
        if self.elementwise:
            return np.stack([np.asarray(y) for y in self(jnp.asarray(steps))], axis=1).reshape(len(POINTS), -1)
        return np.stack([np.asarray(self.flat(jnp.asarray(x))) for x in steps])

    def direction(self, rng: np.random.Generator, unit: bool) -> np.ndarray:
        """A random direction, in proportion to the entries or of size one; entries that are not finite stay."""
        x, finite = self.x, np.isfinite(self.x)
        x = np.where(finite, x, 0.0)
        power = np.frexp(x)[1]
        # A larger entry has no exact sum with a step of size one.
        scaled = (np.abs(x) > 1) & (not unit) | (np.abs(x) > _LARGE)
        v = directions(np.ldexp(x, np.where(scaled, -power, 0)), rng)
        if unit:
            v = np.where((x != 0) & (np.abs(x) < 1), rng.standard_normal(x.shape), v)
        v = np.where(finite, np.ldexp(v, np.where(scaled, power, 0)), 0.0)
        return SHAPED.get(self.kind, lambda v: v)(v)


@cache
def compiled(letters: tuple[str, ...], expression: str) -> Callable[..., Any]:
    """An expression of the table as a function."""
    names: dict[str, Any] = {"jax": jax, "jnp": jnp}
    exec(SETUP, names)
    return eval(f"lambda {', '.join(letters)}: {expression}", names)


@dataclass
class Reference:
    """Derivatives of all results along a line: between what they are, how far off that may be, and what is known.

    Of each: "smooth", "kink", "end" of the domain, or "" where differences tell nothing.
    """

    low: np.ndarray
    high: np.ndarray
    error: np.ndarray
    what: np.ndarray
    size: np.ndarray | float = 0.0  # of the function's values

    def off(self, got: np.ndarray, scale: np.ndarray | None = None) -> np.ndarray:
        """The relative errors of derivatives, zero where they may be right, infinite where they are not finite."""
        scale = np.maximum(np.abs(self.low), np.abs(self.high)) if scale is None else scale
        known = (self.what != "") & np.isfinite(self.error)
        finite = np.isfinite(got)
        scale = np.maximum(scale, np.where(finite, np.abs(got), 0.0))
        off = np.maximum(got - self.high, self.low - got)
        relative = np.where(off > CERTAIN * self.error + LOST * scale + NOTHING, off / np.maximum(scale, NOTHING), 0.0)
        told = self.error <= 1e-3 * np.maximum(scale, 1e-6)
        return np.where(known, np.where(finite, relative, np.where(told, np.inf, 0.0)), 0.0)


def reference(trial: Trial, v: np.ndarray) -> Reference:
    """The derivatives along a line by differences."""
    with np.errstate(all="ignore"):
        at = trial.line(v)
        sides = at[1 : 1 + _HALF], at[1 + _HALF :]
        (d, error), (left, right), (bend, _) = first(at), one_sided(at), second(at)
        after, before = (np.isfinite(side[-5:]).all(axis=0) & np.isfinite(at[0]) for side in sides)
        gap, far = np.abs(left[0] - right[0]), np.maximum(np.abs(left[0]), np.abs(right[0]))
        kink = after & before & (gap > CERTAIN * (left[1] + right[1])) & (gap > LOST * far)
        # A value all by itself is no limit of its neighbours.
        jump, slope = np.abs(at[0] - (sides[0][-1] + sides[1][-1]) / 2), np.abs(sides[0][-1] - sides[1][-1])
        most = np.nan_to_num(np.abs(at), nan=0, posinf=0).max(axis=0)
        smooth = after & before & ~kink & (jump <= 1e-3 * slope + 1e-12 * most)
        end, side = after ^ before, np.where(after, right, left)
        low = np.select([kink, end], [np.minimum(left[0], right[0]), side[0]], d)
        high = np.select([kink, end], [np.maximum(left[0], right[0]), side[0]], d)
        # The rounding of the arguments moves the derivative as well.
        x, size = np.abs(np.where(v == 0, 0, trial.x)), np.maximum(np.abs(v), NOTHING)
        moves = np.tile(x / size, len(d) // v.size) if trial.elementwise else x.max() / size.max()
        error = np.select([kink, end], [left[1] + right[1], side[1]], error)
        error = error + EPS * np.nan_to_num(np.abs(bend), posinf=0) * moves
    what = np.select([kink, end, smooth], ["kink", "end", "smooth"], "")
    return Reference(low, high, error, what, np.abs(at[0]))


def slopes(trial: Trial, rng: np.random.Generator) -> Reference:
    """The derivatives of an elementwise function at all of its points, by the better of two directions."""
    found = []
    for unit in (True, False):
        v = trial.direction(rng, unit)
        r = reference(trial, v)
        v = np.tile(v, len(r.low) // v.size)
        with np.errstate(all="ignore"):
            low, high = np.minimum(r.low / v, r.high / v), np.maximum(r.low / v, r.high / v)
            found.append(Reference(low, high, r.error / np.abs(v), r.what))
    a, b = found
    rank_a, rank_b = (np.select([r.what == "smooth", r.what == ""], [0, 2], 1) for r in found)
    with np.errstate(all="ignore"):
        better = (rank_b < rank_a) | (rank_b == rank_a) & (b.error < a.error)
        # Steps that are too large for a function may not look it; two sizes of them hardly agree by chance.
        odd = (a.what == b.what) & (np.abs(a.low - b.low) > CERTAIN * (a.error + b.error))
        odd |= np.tile(np.abs(trial.x) > _LARGE, len(odd) // trial.x.size)
    low, high, error, what = (np.where(better, q, p) for p, q in zip(_fields(a), _fields(b), strict=True))
    odd |= ((what == "kink") | (what == "end")) & (a.what != b.what)
    return Reference(low, high, error, np.where(odd, "", what))


def _fields(r: Reference) -> tuple[np.ndarray, ...]:
    return r.low, r.high, r.error, r.what


Refusals = dict[str, str]
"""What JAX says instead of a derivative, by mode."""


def derivatives(trial: Trial, v: np.ndarray, u: np.ndarray | None = None) -> tuple[dict[str, np.ndarray], Refusals]:
    """What each mode gives along a line: of every result, but for the vjp with cotangents u, which give one number."""
    found, refused = {}, {}
    for mode, by in (("jvp", _pushed), ("vjp", _pulled)):
        try:
            found[mode] = np.asarray(by(trial, v, u))
        except Exception as refusal:  # of any kind: that a rule of JAX's raises is a finding of the audit, and is told
            refused[mode] = f"{type(refusal).__name__}: {(str(refusal).splitlines() or [''])[0]}"
    return found, refused


def _pushed(trial: Trial, v: np.ndarray, _: Any) -> Any:
    return jax.jvp(trial.flat, (jnp.asarray(trial.x),), (jnp.asarray(v),))[1]


def _pulled(trial: Trial, v: np.ndarray, u: np.ndarray | None) -> Any:
    y, pull = jax.vjp(trial.flat, jnp.asarray(trial.x))
    if u is None:  # elementwise: one result at a time
        leaves = jnp.eye(y.size // v.size)
        return jnp.concatenate([pull(jnp.repeat(one, v.size))[0] for one in leaves])
    (pulled,) = pull(jnp.asarray(u))
    return jnp.sum(jnp.where(v == 0, 0, pulled * v))


_ARGUMENT = re.compile(r"(\w+)=(\w+)\(([\d,]*)\)")


def trials() -> Iterator[Trial]:
    """All that is put to the test."""
    for module, text in ELEMENTWISE.items():
        for line in text.strip().splitlines():
            call, _, formula = line.strip().partition(" | ")
            name, *rest = call.split()
            domains = [word for word in rest if word[0] != "="]
            grid = [points(d, len(domains)) for d in domains]
            every = np.array(list(itertools.product(*grid)))
            at = tuple(c.astype(int if d == "N" else float) for c, d in zip(every.T, domains, strict=True))
            letters = tuple("xyzw"[: len(at)])
            function = f"{module}.{name}"
            trial = Trial(function, f"{function}({', '.join(letters)})", letters, at, 0, "any", True, formula)
            yield from (replace(trial, moved=i) for i, d in enumerate(domains) if d not in "NM")
    for module, text in ARRAYS.items():
        for line in text.strip().splitlines():
            call, _, given = line.strip().partition(" | ")
            (name,) = re.findall(r"^\w+", call)
            call = re.sub(r"^(\w+) =\w+", r"\1", call)
            letters, kinds, shapes = zip(*_ARGUMENT.findall(given), strict=True)
            shapes = [tuple(int(n) for n in shape.split(",") if n) for shape in shapes]
            rng = np.random.default_rng(zlib.crc32(line.encode()))
            drawn = [values(kind, shape, rng) for kind, shape in zip(kinds, shapes, strict=True)]
            expression = f"{module}.{call}"
            if "axis" in kinds:
                expression = f"jax.vmap(lambda x: {expression}, axis_name='i')(x)"
            for k in range(max(map(len, drawn))):
                at = tuple(a[min(k, len(a) - 1)] for a in drawn)
                for i, kind in enumerate(kinds):
                    yield Trial(f"{module}.{name}", expression, letters, at, i, kind)
