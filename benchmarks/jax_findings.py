"""Where JAX's derivatives disagree with differences and mpmath: each disagreement in its simplest case."""

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.jax_derivatives import (
    CERTAIN,
    EPS,
    NOTHING,
    SHAPED,
    Reference,
    Refusals,
    Trial,
    derivatives,
    reference,
    slopes,
)
from benchmarks.jax_values import against_mpmath, precisely

WRONG = 0.1
"""The relative error from which on a derivative is plainly wrong."""
AGAIN = 3
"""In how many more directions a disagreement is to be seen."""
_DIFFER = -1.0


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
    shown: bool = True
    """Whether the line, all by itself, gives that."""


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
        right = number(precisely(trial, i)[0])
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
    shaped = [SHAPED.get(trial.kind, lambda v: v)(v) for v in units]
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
    shaped = trial.kind in SHAPED
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
    """Whether the line of a finding gives the digits that are told, where it is no more than an error."""
    if not finding.gives or finding.kind in ("no rule", "fails", "value"):
        return True
    index = re.match(r"\[[\d, ]*\]", finding.gives)
    y = np.asarray(eval(finding.case, {"jax": jax, "jnp": jnp}))[tuple(json.loads(index[0])) if index else ()]
    return number(y.item()) == finding.gives.split(": ")[-1]


def answers(trial: Trial) -> bool:
    """Whether JAX comes to an end."""
    derivatives(trial, np.ones_like(trial.x), np.ones_like(np.asarray(trial.flat(jnp.asarray(trial.x)))))
    return True


def judge(trial: Trial) -> list[Finding] | str:
    """What is found in one trial, or why nothing could be."""
    try:
        trial(jnp.asarray(trial.x))
        rng = np.random.default_rng(zlib.crc32(trial.function.encode()))
        found = (of_elementwise if trial.elementwise else of_array)(trial, rng)
        return [replace(f, shown=shows(f)) for f in found]
    except Exception as e:  # one function of hundreds does not end the audit: it is listed as broken, with this reason
        return f"{type(e).__name__}: {str(e)[:200]}"
