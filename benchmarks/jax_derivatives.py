"""JAX's derivatives against differences and mpmath: at one point, or at many of an elementwise function."""

import importlib
import itertools
import json
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
WRONG = 0.1
"""The relative error from which on a derivative is plainly wrong."""
CERTAIN = 8.0
"""How many times the estimated error of the differences a disagreement is beyond."""
AGAIN = 3
"""In how many more directions a disagreement is to be seen."""
_EXACT = 150
"""At how many points mpmath is asked, at most."""
_LARGE = 1e6
_DIFFER = -1.0
_HALF = len(POINTS) // 2
EPS, NOTHING = float(np.finfo(float).eps), 1e-290

_SHAPED = {"sym": lambda v: v + np.swapaxes(v, -1, -2), "upper": np.triu}
_SHAPED["spd"] = _SHAPED["sym"]


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
        return _SHAPED.get(self.kind, lambda v: v)(v)


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
        except Exception as refusal:
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


@dataclass
class Finding:
    """A disagreement in its simplest case."""

    function: str
    argument: str
    kind: str
    modes: str
    case: str
    gives: str
    right: str
    count: str
    note: str = ""


def kind_of(off: float, what: str, small: bool = False) -> str:
    """What a disagreement is called."""
    kind = "NaN or infinite" if np.isinf(off) else "wrong" if off > WRONG else "digits lost"
    if small:
        kind = "lost in the tail"
    return kind + {"kink": " at a kink", "end": " at an end"}.get(what, "")


def of_elementwise(trial: Trial, rng: np.random.Generator) -> Iterator[Finding]:
    """What is found at the points of an elementwise function."""
    got, refused = derivatives(trial, np.ones_like(trial.x))
    yield from _refusals(trial, refused)
    if not got:
        return
    truth = slopes(trial, rng)
    exact, slack, inexact = against_mpmath(trial, truth, got)
    known = np.isfinite(exact)
    again = [slopes(trial, rng) for _ in range(AGAIN)] if any(truth.off(g).any() for g in got.values()) else []
    best = Reference(
        np.where(known, exact, truth.low),
        np.where(known, exact, truth.high),
        np.where(known, slack / CERTAIN, truth.error),
        np.where(known, "smooth", truth.what),
    )
    value = np.asarray(trial.flat(jnp.asarray(trial.x)))
    tail = 64 * EPS * np.abs(value)
    cases: dict[str, dict[int, set[str]]] = {}
    for mode, g in got.items():
        off = best.off(g)
        for other in again:
            off = np.where(known | (other.off(g) > 0), off, 0)
        for i in np.flatnonzero(off):
            small = bool(np.abs(best.low[i] - g[i]) < tail[i])
            cases.setdefault(kind_of(off[i], best.what[i], small), {}).setdefault(int(i), set()).add(mode)
    for kind, at in cases.items():
        i = min(at, key=lambda i: _plainness(trial, i))
        modes = sorted(set().union(*at.values()))
        right = number(best.low[i]) if best.what[i] != "kink" else f"{number(best.low[i])} to {number(best.high[i])}"
        gives = number(got[min(at[i])][i])
        count = f"{len(at)} of {len(value)}"
        note = "its value is off as well" if inexact[i] else "" if known[i] else "by differences"
        case = one_liner(trial, i, min(at[i]))
        argument = trial.letters[trial.moved]
        yield Finding(trial.function, argument, kind, " ".join(modes), case, gives, right, count, note)
    if inexact.any():
        i = min(map(int, np.flatnonzero(inexact)), key=lambda i: _plainness(trial, i))
        at = ", ".join(repr(float(a[i])) for a in trial.at)
        count = f"{int(inexact.sum())} of {int(known.sum())}"
        right = number(_precisely(trial, i)[0])
        yield Finding(trial.function, "", "value", "", f"{trial.function}({at})", number(value[i]), right, count)


def _plainness(trial: Trial, i: int) -> tuple[float, ...]:
    at = [float(a[i % a.size]) for a in trial.at]
    digits = [len(short if float(short := f"{a:g}") == a else repr(a)) for a in at]
    return sum(digits) + 2 * sum(a < 0 for a in at), sum(map(abs, at))


def number(x: float) -> str:
    """A number as it is printed, rounded where that says the same."""
    return f"{float(x) + 0.0:.7g}"  # with no minus before a zero


def literal(x: np.ndarray) -> str:
    if x.ndim == 0:
        return repr(x.item())
    for text, same in (("zeros", 0.0), ("ones", 1.0)):
        if (x == same).all():
            return f"jnp.{text}({x.shape})"
    if x.ndim == 2 and x.shape[0] == x.shape[1] and (x == np.eye(len(x))).all():
        return f"jnp.eye({len(x)})"
    if x.ndim == 2 and x.shape[0] == x.shape[1] and (x == np.diag(np.diag(x))).all():
        return f"jnp.diag({literal(np.diag(x))})"
    text = re.sub(r"\binf\b", "jnp.inf", re.sub(r"\bnan\b", "jnp.nan", repr(x.tolist())))
    return f"jnp.array({text})"


def one_liner(trial: Trial, i: int, mode: str) -> str:
    """A line that shows what JAX gives for one number of an elementwise function."""
    at = [a[i % a.size].item() for a in trial.at]
    which = i // trial.x.size
    by = {"jvp": "jax.jacfwd", "vjp": "jax.grad"}[mode]
    way = trial.leaves(jnp.asarray(trial.x))[which][0]
    expression = way.format(trial.expression)
    plain = expression == f"{trial.function}({', '.join(trial.letters)})"
    f = trial.function if plain else f"lambda {', '.join(trial.letters)}: {expression}"
    return f"{by}({f}{f', {trial.moved}' if trial.moved else ''})({', '.join(map(repr, at))})"


def _refusals(trial: Trial, refused: Refusals) -> Iterator[Finding]:
    for mode, text in refused.items():
        plain = min(range(trial.x.size), key=lambda i: _plainness(trial, i)) if trial.elementwise else 0
        case = (one_liner if trial.elementwise else _line)(trial, plain, mode)
        # A type error is no refusal, but a mistake in a rule.
        kind = "fails" if text.startswith("TypeError") else "no rule"
        yield Finding(trial.function, trial.letters[trial.moved], kind, mode, case, text, "", "")


def against_mpmath(
    trial: Trial, truth: Reference, got: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The derivatives by mpmath, NaN where there are none; their error by rounding; where JAX's values are off."""
    size = trial.x.size
    exact, slack = np.full(len(truth.low), np.nan), np.zeros(len(truth.low))
    inexact = np.zeros(len(truth.low), bool)
    if not trial.formula or len(exact) != size or mpmath() is None:
        return exact, slack, inexact
    value = np.asarray(trial.flat(jnp.asarray(trial.x)))
    # Those first about which there are doubts.
    doubts = (truth.what != "smooth") | np.any([truth.off(g) > 0 for g in got.values()], axis=0)
    order = [i for i in np.argsort(~doubts, kind="stable") if truth.what[i] not in ("kink", "end")]
    truth.what[order[_EXACT:]] = ""
    for i in map(int, order[:_EXACT]):
        v, d, bend = _precisely(trial, i)
        if not np.isfinite([v, d]).all() or not np.isfinite(value[i]):
            inexact[i] = np.isfinite(v) and abs(v) < 1e300 and np.isnan(value[i])
            continue
        moved = 8 * EPS * max(abs(d * trial.x[i]), abs(v))
        inexact[i] = abs(value[i] - v) > LOST * abs(v) + moved + NOTHING
        # Nobody is to blame for what the rounding of the argument does.
        exact[i], slack[i] = d, 8 * EPS * abs(bend * trial.x[i]) if np.isfinite(bend) else 0
        slack[i] += 64 * EPS if d == 0 else 0
    return exact, slack, inexact


@cache
def mpmath() -> Any:
    """mpmath, if it is installed."""
    try:
        return importlib.import_module("mpmath")
    except ImportError:
        return None


def _precisely(trial: Trial, i: int) -> tuple[float, float, float]:
    """The value and the first two derivatives, which two precisions agree on; NaN where there is none."""
    mp = mpmath()
    f = eval(f"lambda a=0, b=0, c=0, d=0: {trial.formula}", vars(mp) | {"max": max, "min": min, "abs": abs})
    at = [mp.mpf(float(a[i])) for a in trial.at]

    def moved(x: Any) -> Any:
        y = f(*[x if k == trial.moved else a for k, a in enumerate(at)])
        return y if mp.im(y) == 0 else mp.nan

    found = []
    for digits in (40, 70):
        try:
            with mp.workdps(digits):
                x = at[trial.moved]
                found.append(
                    [float(mp.re(moved(x)))] + [float(mp.re(mp.diff(moved, x, n, relative=bool(x)))) for n in (1, 2)]
                )
        except Exception:  # a pole, or no convergence
            return np.nan, np.nan, np.nan
    agree = np.isclose(*found, rtol=1e-9, atol=0)
    v, d, bend = np.where(agree, found[1], np.nan)
    return float(v), float(d), float(bend)


def of_array(trial: Trial, rng: np.random.Generator) -> Iterator[Finding]:
    """What is found at one point of a function of arrays."""
    disputes: dict[str, float] = {}
    for k in range(1 + AGAIN):
        v = trial.direction(rng, unit=False)
        truth = reference(trial, v)
        u = rng.standard_normal(len(truth.low))
        got, refused = derivatives(trial, v, u)
        if k == 0:
            yield from _refusals(trial, refused)
        new = _disputes(truth, got, u)
        disputes = new if k == 0 else {m: off for m, off in disputes.items() if m in new}
        if not disputes:
            return
    yield from explained(trial, disputes)


def _disputes(truth: Reference, got: dict[str, np.ndarray], u: np.ndarray) -> dict[str, float]:
    """By mode, how far off it is, if it is."""
    found = {}
    scale = np.abs(np.where(np.isfinite(truth.low), truth.low, 0)).max(initial=0)
    # Some compute in single precision whatever they are given.
    scale = max(scale, 0.1 * float(np.where(np.isfinite(truth.size), truth.size, 0).max(initial=0)))
    if "jvp" in got:
        found["jvp"] = truth.off(got["jvp"], np.broadcast_to(scale, u.shape)).max(initial=0)
    if "vjp" in got:
        if (truth.what == "smooth").all():
            total, error = np.array([u @ truth.low]), np.array([np.abs(u) @ truth.error])
            whole = Reference(total, total, error, np.array(["smooth"]))
            found["vjp"] = whole.off(got["vjp"][None], np.array([scale * np.abs(u).sum()])).max()
        elif "jvp" in got and np.isfinite(got["jvp"]).all():
            total = u @ got["jvp"]
            size = np.abs(u) @ np.abs(got["jvp"])
            far = abs(got["vjp"] - total) > 1e-3 * size + 1e3 * EPS * (1 + float(np.sum(truth.size))) + NOTHING
            found["vjp"] = _DIFFER if far else np.inf if np.isnan(got["vjp"]) else 0.0
        elif found.get("jvp") and not np.isfinite(got["vjp"]):
            found["vjp"] = np.inf
    return {mode: off for mode, off in found.items() if off}


def explained(trial: Trial, disputes: dict[str, float]) -> Iterator[Finding]:
    """The entry of the Jacobian that is worst, by mode; nothing if there is no Jacobian at this point."""
    basis = _basis(trial)
    truths = [reference(trial, v) for v in basis]
    rng = np.random.default_rng(0)
    c = rng.standard_normal(len(basis))
    # Straight along every line is not yet linear: the middle one of three equal numbers.
    together = reference(trial, np.tensordot(c, basis, 1))
    parts = np.array([t.low for t in truths])
    size = np.abs(c) @ np.abs(parts)
    linear = (np.abs(together.low - c @ parts) <= 1e-5 * size + CERTAIN * together.error) | ~np.isfinite(size)
    # A jump in one result, as of a sign that is chosen, makes others nothing to go by.
    rough = not linear.all() or any(
        bool(((t.what != "smooth") & np.isfinite(t.size)).any()) for t in [*truths, together]
    )
    for mode in disputes:
        got = np.array([derivatives(trial, v)[0].get("jvp", np.nan) for v in basis]) if mode == "jvp" else None
        if got is None:
            y, pull = jax.vjp(trial.flat, jnp.asarray(trial.x))
            pulled = np.stack([np.asarray(pull(one)[0]) for one in jnp.eye(y.size)])
            got = np.stack([np.where(v == 0, 0, pulled * v).reshape(y.size, -1).sum(1) for v in basis])
        off = np.stack(
            [
                t.off(g, np.full(len(g), max(np.nanmax(np.abs(t.low)), 0.1 * np.nanmax(t.size))))
                for t, g in zip(truths, got, strict=True)
            ]
        )
        if rough:
            off = np.where(np.isinf(off) & np.array([t.what == "kink" for t in truths]), off, 0)
        if off.any():
            yield _entry(trial, mode, basis, truths, got, off, rough)
        elif disputes[mode] == _DIFFER:
            argument, case = trial.letters[trial.moved], _line(trial, 0, mode)
            yield Finding(trial.function, argument, "modes differ", mode, case, "", "", "")


def _basis(trial: Trial) -> np.ndarray:
    x = trial.x
    units = [np.eye(x.size)[i].reshape(x.shape) for i in np.flatnonzero(np.isfinite(x))]
    shaped = [_SHAPED.get(trial.kind, lambda v: v)(v) for v in units]
    return np.array([v for i, v in enumerate(shaped) if v.any() and not any((v == w).all() for w in shaped[:i])])


def _entry(
    trial: Trial, mode: str, basis: np.ndarray, truths: list[Reference], got: np.ndarray, off: np.ndarray, rough: bool
) -> Finding:
    i, k = np.unravel_index(np.argmax(off), off.shape)
    at, leaves = int(k), trial(jnp.asarray(trial.x))
    which = 0
    while at >= leaves[which].size:
        at, which = at - leaves[which].size, which + 1
    index = [int(n) for n in np.unravel_index(at, leaves[which].shape)]
    shaped = trial.kind in _SHAPED
    index += [] if shaped else [int(n) for n in np.argwhere(basis[i])[0]]
    truth = truths[i]
    what = "kink" if rough else str(truth.what[k])
    low, high = number(truth.low[k]), number(truth.high[k])
    right = f"{low} to {high}" if truth.what[k] == "kink" else low
    gives = f"{index}: {number(got[i, k])}" if index else number(got[i, k])
    case = _line(trial, which, mode, basis[i] if shaped else None)
    kind, argument = kind_of(off[i, k], what), trial.letters[trial.moved]
    return Finding(trial.function, argument, kind, mode, case, gives, right, "", "by differences")


def _line(trial: Trial, leaf: int, mode: str, along: np.ndarray | None = None) -> str:
    """A line that shows the Jacobian of a function of arrays, or its product with a direction."""
    letter = trial.letters[trial.moved]
    expression = trial.expression
    for i, (name, a) in enumerate(zip(trial.letters, trial.at, strict=True)):
        if i != trial.moved:
            expression = re.sub(rf"(?<![\w.]){name}\b(?!=)", literal(a), expression)
    expression = trial.leaves(jnp.asarray(trial.x))[leaf][0].format(expression)
    f, x = f"lambda {letter}: {expression}", literal(trial.x)
    if along is not None:
        return f"jax.jvp({f}, ({x},), ({literal(along)},))[1]"
    return f"{ {'jvp': 'jax.jacfwd', 'vjp': 'jax.jacrev'}[mode] }({f})({x})"


def shows(finding: Finding) -> bool:
    """Whether the line of a finding shows it."""
    if not finding.gives or finding.kind in ("no rule", "fails", "value"):
        return True
    index = re.match(r"\[[\d, ]*\]", finding.gives)
    y = np.asarray(eval(finding.case, {"jax": jax, "jnp": jnp}))[tuple(json.loads(index[0])) if index else ()]
    said = float(finding.gives.split(": ")[-1])
    return bool(np.isclose(float(y), said, rtol=0.01, atol=0, equal_nan=True))


def answers(trial: Trial) -> bool:
    """Whether JAX comes to an end."""
    derivatives(trial, np.ones_like(trial.x), np.ones_like(np.asarray(trial.flat(jnp.asarray(trial.x)))))
    return True


def judge(trial: Trial) -> list[Finding] | str:
    """What is found in one trial, or why nothing could be."""
    try:
        trial(jnp.asarray(trial.x))
        rng = np.random.default_rng(zlib.crc32(trial.function.encode()))
        return [f for f in (of_elementwise if trial.elementwise else of_array)(trial, rng) if shows(f)]
    except Exception as e:
        return f"{type(e).__name__}: {str(e)[:200]}"


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
