"""Where a result is right and where it is wrong, as a condition on the arguments."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from identities.oracle.diagnosis.case import Case, Sample
from identities.oracle.reference.unit import TOLERANCE

_MOSTLY = 0.85
"""What part of a region must be wrong, where zeros among other arguments may hide a mistake."""


@dataclass(frozen=True)
class Condition:
    """Words, and where they hold, for each sample.

    **Fields:**

    - `enough`: what part of the results must be right and lie outside, for the words to say anything.
    """

    words: str
    holds: Sequence[np.ndarray]
    enough: float = 0.01


@dataclass(frozen=True)
class Region:
    """Words, and for each sample where they hold: for entries, or for whole instances; nothing where all is right."""

    words: str
    holds: Sequence[np.ndarray]


def find_wrong_region(case: Case) -> Region | None:
    """The condition on the arguments that holds wherever a result is wrong, and almost nowhere else.

    What is zero and comes out as zero does not count: with a cotangent of zero, any mistake would leave it right.
    """
    telling = [(s.truth.values != 0) | (s.got != 0) for s in case.samples]
    return find_region(case, [~sample.right for sample in case.samples], telling)


def find_region(case: Case, wrong: Sequence[np.ndarray], telling: Sequence[np.ndarray] | None = None) -> Region | None:
    """The condition on the arguments that holds wherever a result is as told, and almost nowhere else.

    **Arguments:**

    - `wrong`: for each sample, which entries are.
    - `telling`: which entries count; all, if left out.
    """
    counted = [
        np.ones(w.shape, bool) if t is None else t for w, t in zip(wrong, telling or [None] * len(wrong), strict=True)
    ]
    whole = [_any_entry(t) for t in counted]
    by_instance = [_any_entry(w) for w in wrong]
    # Where a shape has nothing wrong, as n = 1 often has, only the shape is to thank.
    failing = [i for i, w in enumerate(by_instance) if w.any()]
    if not failing:  # those that are wrong are not among the samples
        return None
    part = Case(case.claim, case.dtype, tuple(case.samples[i] for i in failing))
    entries, instances = [wrong[i] for i in failing], [by_instance[i] for i in failing]
    of_entries, of_instances = [counted[i] for i in failing], [whole[i] for i in failing]
    # One multiple of a tile may have right values by chance, and hardly finite ones.
    several = 1 if telling is None else 2
    # Where every instance beyond some size is wrong, that is it. Else, what holds of single entries says more than what
    # holds of whole instances, and that more than a size.
    for where, within, conditions, w, told, least in (
        ("where", case, _size_conditions(case, several, wrong), by_instance, whole, 1.0),
        ("in the entries where", part, _entry_conditions(part, entries), entries, of_entries, _MOSTLY),
        ("where", part, _instance_conditions(part, instances), instances, of_instances, _MOSTLY),
        ("where", case, _size_conditions(case, several, wrong), by_instance, whole, _MOSTLY),
    ):
        rated = [(_tightness(within, w, told, condition), condition) for condition in conditions]
        best = max((tightness for tightness, _ in rated), default=0.0)
        if best >= least:
            # Several conditions may hold in the same places, since the sizes do not tell all names apart.
            tight = [condition for tightness, condition in rated if tightness == best]
            # Where something begins needs no other words.
            words = [c.words for c in tight if c.words.startswith("from ")][:1]
            tight = [c for c in tight if not any(c.words.startswith(f"{other.words} and ") for other in tight)]
            plain = [c for c in tight if not any(map(str.isdigit, c.words))] or tight  # a sign says more than a bound
            words = words or [f"{where} {' or '.join(c.words for c in plain[:3])}"]
            known = dict(zip(map(id, within.samples), tight[0].holds, strict=True))
            return Region(words[0], [known.get(id(s), np.zeros(len(s.got), bool)) for s in case.samples])
    return None


def makes_an_assumption(case: Case) -> bool:
    """Whether a result is right wherever an argument has a property that people take for granted, and only there."""
    wrong = [_any_entry(~sample.right) for sample in case.samples]
    telling = [_any_entry((s.truth.values != 0) | (s.got != 0)) for s in case.samples]
    assumed = (c for c in _instance_conditions(case, wrong) if c.words.endswith(_ASSUMED))
    return any(_tightness(case, wrong, telling, condition) >= _MOSTLY for condition in assumed)


_ASSUMED = ("is not symmetric", "do not sum to one")


def _any_entry(which: np.ndarray) -> np.ndarray:
    """Of which instances any entry is."""
    return np.asarray(which.reshape(len(which), -1).any(axis=1))


def _tightness(case: Case, wrong: Sequence[np.ndarray], telling: Sequence[np.ndarray], condition: Condition) -> float:
    """How large a part of what meets the condition is wrong; zero if anything outside it is."""
    inside = outside = bad = 0
    for sample, w, told, h in zip(case.samples, wrong, telling, condition.holds, strict=True):
        kept = _column(sample.kept, w) & told
        if (w & ~h & kept).any():
            return 0.0
        inside += int((h & kept).sum())
        outside += int((~h & kept).sum())
        bad += int((w & kept).sum())
    return bad / inside if outside > condition.enough * (inside + outside) and bad else 0.0


def _instance_conditions(case: Case, wrong: Sequence[np.ndarray]) -> Iterator[Condition]:
    for a in case.claim.arguments:
        if a.values == "complex":
            continue
        flat = [s.batch[a.name].astype(float).reshape(len(s.got), -1) for s in case.samples]
        several = any(v.shape[1] > 1 for v in flat)
        an_entry = f"an entry of {a.name}" if several else a.name
        least, most = [v.min(axis=1) for v in flat], [v.max(axis=1) for v in flat]
        yield from _of_numbers(case, wrong, an_entry, least, most)
        yield Condition(f"{an_entry} is zero", [(v == 0).any(axis=1) for v in flat])
        if several:
            ties = [(np.diff(np.sort(v), axis=1) == 0).any(axis=1) for v in flat]
            yield Condition(f"{a.name} is zero", [(v == 0).all(axis=1) for v in flat])
            yield Condition(f"two entries of {a.name} are equal", ties)
            uneven = [~np.isclose(v.sum(axis=1), 1) for v in flat]
            yield Condition(f"the entries of {a.name} do not sum to one", uneven, enough=0.1)
        if len(a.dims(0)) == 2 and len(set(a.dims(0))) == 1:
            squares = [s.batch[a.name] for s in case.samples]
            if all(v.ndim == 3 for v in squares):
                skewed = [(v != v.swapaxes(1, 2)).any(axis=(1, 2)) for v in squares]
                yield Condition(f"{a.name} is not symmetric", skewed)


def _size_conditions(case: Case, multiples: int, wrong: Sequence[np.ndarray]) -> Iterator[Condition]:
    """Conditions on sizes; that they are no multiples of a tile, if there are so many that are."""

    def everywhere(words: str, holds: Callable[[Sample], bool]) -> Condition:
        return Condition(words, [np.full(len(s.got), holds(s)) for s in case.samples])

    names = [*case.samples[0].sizes]
    for n in names:
        # That something is right for n = 1 alone says little: most terms vanish there.
        for size in sorted({s.sizes[n] for s in case.samples}):
            yield everywhere(f"{n} = {size}", lambda s, n=n, size=size: s.sizes[n] == size)
            if size > 1:
                known = size + 1 in {s.sizes[n] for s in case.samples}  # so that it is seen from both sides
                beyond = f": beyond the first {size}" if _are_beyond(case, wrong, n, size) else ""
                words = f"from {n} = {size + 1} on{beyond}" if known else f"{n} > {size}"
                yield everywhere(words, lambda s, n=n, size=size: s.sizes[n] > size)
        for tile in (2, 4, 8, 16, 32, 64, 128):
            if len({s.sizes[n] for s in case.samples if s.sizes[n] % tile == 0}) >= multiples:
                yield everywhere(f"{n} is no multiple of {tile}", lambda s, n=n, tile=tile: s.sizes[n] % tile != 0)
    for n, m in itertools.permutations(names, 2):
        yield everywhere(f"{n} = 1 and {m} > 1", lambda s, n=n, m=m: s.sizes[n] == 1 < s.sizes[m])
        yield everywhere(f"{n} > {m}", lambda s, n=n, m=m: s.sizes[n] > s.sizes[m])
        if n < m and any(s.sizes[n] == s.sizes[m] > 1 for s in case.samples):
            yield everywhere(f"{n} differs from {m}", lambda s, n=n, m=m: s.sizes[n] != s.sizes[m])
    for a in case.claim.arguments:
        axes = [len(s.shape.of(a)) for s in case.samples]
        for count in sorted(set(axes)) if len(set(axes)) > 1 else ():
            words = f"{a.name} has {count} {'axis' if count == 1 else 'axes'}"
            yield everywhere(words, lambda s, a=a, count=count: len(s.shape.of(a)) == count)


def _are_beyond(case: Case, wrong: Sequence[np.ndarray], name: str, size: int) -> bool:
    """Whether none of the first entries is wrong along an axis of that dimension, if the result has one."""
    (leaf,) = case.claim.leaves
    for sample, w in zip(case.samples, wrong, strict=True):
        axes = [1 + axis for axis, dim in enumerate(leaf.dims(sample.shape.form)) if dim == name]
        if w.ndim > 1 and axes and all(w.take(range(min(size, w.shape[axis])), axis).any() for axis in axes):
            return False
    return True


def _entry_conditions(case: Case, wrong: Sequence[np.ndarray]) -> Iterator[Condition]:
    """Conditions on the entries of arguments that have the axes of the result."""
    for a in case.claim.arguments:
        if a.values == "complex":
            continue
        values = [_aligned(s, a.name, w) for s, w in zip(case.samples, wrong, strict=True)]
        aligned = [v for v in values if v is not None]
        if len(aligned) == len(values):
            yield from _of_numbers(case, wrong, a.name, aligned, aligned)
            yield Condition(f"{a.name} is zero", [v == 0 for v in aligned])


def _of_numbers(
    case: Case, wrong: Sequence[np.ndarray], name: str, least: list[np.ndarray], most: list[np.ndarray]
) -> Iterator[Condition]:
    """Conditions on one number each, or on the least and the most of several."""
    yield Condition(f"{name} is negative", [v < 0 for v in least], enough=0.1)
    yield Condition(f"{name} is positive", [v > 0 for v in most], enough=0.1)
    largest = [np.maximum(np.abs(low), np.abs(high)) for low, high in zip(least, most, strict=True)]
    for what, size, sign in (
        ("is larger in magnitude than", largest, 1),
        ("is above", most, 1),
        ("is below", [-v for v in least], -1),
    ):
        if (threshold := _between(case, wrong, size)) is None:
            continue
        # A round number at which results are already wrong belongs to the region.
        if float(f"{threshold:.3g}") == threshold and any(
            (v[w] == threshold).any() for v, w in zip(size, wrong, strict=True)
        ):
            at = {"is above": "is at least", "is below": "is at most"}.get(what, "is in magnitude at least")
            yield Condition(f"{name} {at} {sign * threshold:g}", [v >= threshold for v in size], enough=0.1)
        else:
            yield Condition(f"{name} {what} {sign * threshold:.7g}", [v > threshold for v in size], enough=0.1)


def _between(case: Case, wrong: Sequence[np.ndarray], size: list[np.ndarray]) -> float | None:
    """A number of few digits, as near as can be below everything wrong, if there is much below it."""
    kept = [np.broadcast_to(_column(s.kept, w), w.shape) for s, w in zip(case.samples, wrong, strict=True)]
    bad = np.concatenate([x[w & k] for w, x, k in zip(wrong, size, kept, strict=True)])
    good = np.concatenate([x[~w & k] for w, x, k in zip(wrong, size, kept, strict=True)])
    bad, good = bad[~np.isnan(bad)], good[~np.isnan(good)]
    below = good[good < bad.min(initial=np.inf)]
    if not bad.size or not below.any():  # where only zeros are right, as of anything linear, there is no threshold
        return None
    low, high = float(below.max()), float(bad.min())
    if any(_is_barely_wrong(s, w & (x == high)) for s, w, x in zip(case.samples, wrong, size, strict=True)):
        return None  # an error that grows from nothing begins nowhere
    return high if float(f"{high:.3g}") == high else simplest_between(low, high)


def simplest_between(low: float, high: float) -> float | None:
    """The number of the fewest digits from the one on to below the other; nothing if they are next to each other."""
    for digits in range(1, 8):
        step = 10.0 ** (np.floor(np.log10(max(abs(low), abs(high)))) - digits + 1)
        number = np.floor(high / step) * step
        if low <= number < high:
            return float(number)
    return None


_BARELY = 1000
"""By how many times what is allowed a result is off that is hardly wrong."""


def _is_barely_wrong(sample: Sample, which: np.ndarray) -> bool:
    """Whether one of these entries, or instances, is."""
    off = sample.off if which.shape == sample.got.shape else sample.off.reshape(len(which), -1).max(axis=1, initial=0)
    return bool((off[which & (off > TOLERANCE)] < _BARELY * TOLERANCE).any())


def _column(kept: np.ndarray, like: np.ndarray) -> np.ndarray:
    return kept.reshape(-1, *[1] * (like.ndim - 1))


def _aligned(sample: Sample, name: str, wrong: np.ndarray) -> np.ndarray | None:
    values = sample.batch[name].astype(float)
    if values.ndim == 1 or wrong.ndim == 1:
        return None
    if values.shape == wrong.shape:
        return values
    if values.ndim == 2 and wrong.shape == (*values.shape, values.shape[1]):
        return np.where(np.eye(values.shape[1], dtype=bool), values[:, :, None], np.nan)  # of a diagonal matrix
    return None
