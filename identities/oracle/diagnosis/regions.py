"""Where a result is right and where it is wrong, as a condition on the arguments."""

from collections.abc import Iterator

import numpy as np

from identities.oracle.diagnosis.case import Case, Sample

_ENOUGH = 3  # instances on either side of a condition, for it to say anything


def find_region(case: Case, wrong: list[np.ndarray]) -> str | None:
    """The condition on the arguments that holds wherever a result is wrong, and hardly elsewhere.

    **Arguments:**

    - `wrong`: for each sample, which entries are.
    """
    by_instance = [w.reshape(len(w), -1).any(axis=1) for w in wrong]
    # What holds of single entries says more than what holds of whole instances.
    for what, conditions, w in (
        ("in the entries where", _entry_conditions(case, wrong), wrong),
        ("where", _instance_conditions(case, by_instance), by_instance),
    ):
        tightness = {name: _tightness(case, w, holds) for name, holds in conditions}
        best = max(tightness, key=lambda name: tightness[name], default="")
        if best and tightness[best] > 0.5:
            return f"{what} {best}"
    return None


def _tightness(case: Case, wrong: list[np.ndarray], holds: list[np.ndarray]) -> float:
    """How large a part of what meets the condition is wrong; zero if anything outside it is."""
    inside = outside = bad = 0
    for sample, w, h in zip(case.samples, wrong, holds, strict=True):
        kept = np.broadcast_to(sample.kept.reshape(-1, *[1] * (w.ndim - 1)), w.shape)
        if (w & ~h & kept).any():
            return 0.0
        inside += int((h & kept).sum())
        outside += int((~h & kept).sum())
        bad += int((w & kept).sum())
    return bad / inside if min(inside, outside, bad) >= _ENOUGH else 0.0


def _instance_conditions(case: Case, wrong: list[np.ndarray]) -> Iterator[tuple[str, list[np.ndarray]]]:
    for n in case.samples[0].sizes:
        for size in sorted({s.sizes[n] for s in case.samples}):
            yield f"{n} = {size}", [np.full(len(s.got), s.sizes[n] == size) for s in case.samples]
            yield f"{n} > {size}", [np.full(len(s.got), s.sizes[n] > size) for s in case.samples]
        for m in case.samples[0].sizes:
            if n != m:
                yield f"{n} > {m}", [np.full(len(s.got), s.sizes[n] > s.sizes[m]) for s in case.samples]
                if n < m:
                    yield f"{n} differs from {m}", [np.full(len(s.got), s.sizes[n] != s.sizes[m]) for s in case.samples]
    if len({s.shape.form for s in case.samples}) > 1:
        for form, what in enumerate(("vectors are 1-D", "vectors are rows, of shape (1, n)")):
            yield what, [np.full(len(s.got), s.shape.form == form) for s in case.samples]
    for a in case.identity.arguments:
        values = [s.batch[a.name].astype(float).reshape(len(s.got), -1) for s in case.samples]
        an_entry = f"an entry of {a.name}" if any(v.shape[1] > 1 for v in values) else a.name
        yield f"{an_entry} is negative", [(v < 0).any(1) for v in values]
        yield f"{an_entry} is positive", [(v > 0).any(1) for v in values]
        yield f"{an_entry} is zero", [(v == 0).any(1) for v in values]
        yield f"{a.name} is zero", [(v == 0).all(1) for v in values]
        yield f"two entries of {a.name} are equal", [(np.diff(np.sort(v), axis=1) == 0).any(1) for v in values]
        yield f"the entries of {a.name} do not sum to one", [~np.isclose(v.sum(1), 1, atol=1e-6) for v in values]
        for sign, what in ((1, f"{an_entry} is above"), (-1, f"{an_entry} is below -")):
            largest = [np.max(sign * v, axis=1) for v in values]
            if (threshold := _between(case, wrong, largest)) is not None:
                yield f"{what}{' ' * (sign > 0)}{threshold:.3g}", [x > threshold for x in largest]
        largest = [np.abs(v).max(1) for v in values]
        if (threshold := _between(case, wrong, largest)) is not None:
            yield f"{an_entry} is larger than {threshold:.3g} in magnitude", [x > threshold for x in largest]


def _between(case: Case, wrong: list[np.ndarray], size: list[np.ndarray]) -> float | None:
    """A threshold, of few digits, with everything wrong above it and everything right below, if there is one."""
    kept = [np.broadcast_to(s.kept.reshape(-1, *[1] * (w.ndim - 1)), w.shape) for s, w in zip(case.samples, wrong, strict=True)]
    bad = [x[w & k] for w, x, k in zip(wrong, size, kept, strict=True)]
    good = [x[~w & k] for w, x, k in zip(wrong, size, kept, strict=True)]
    low = max((float(x.max()) for x in good if x.size), default=np.inf)
    high = min((float(x.min()) for x in bad if x.size), default=-np.inf)
    if not 0 <= low < high:
        return None
    for digits in range(1, 8):
        rounded = float(f"{high:.{digits}g}")
        for threshold in (rounded, rounded - 10 ** (np.floor(np.log10(high)) - digits + 1)):
            if low <= threshold < high:
                return threshold
    return None


def _entry_conditions(case: Case, wrong: list[np.ndarray]) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Conditions on the entries of arguments that have the axes of the result."""
    for a in case.identity.arguments:
        values = [_aligned(s, a.name, w) for s, w in zip(case.samples, wrong, strict=True)]
        if any(v is None for v in values):
            continue
        aligned = [v for v in values if v is not None]
        yield f"{a.name} is negative", [v < 0 for v in aligned]
        yield f"{a.name} is positive", [v > 0 for v in aligned]
        yield f"{a.name} is zero", [v == 0 for v in aligned]
        for sign, what in ((1, "is above "), (-1, "is below -")):
            signed = [sign * v for v in aligned]
            if (threshold := _between(case, wrong, signed)) is not None:
                yield f"{a.name} {what}{threshold:.3g}", [v > threshold for v in signed]
        sizes = [np.abs(v) for v in aligned]
        if (threshold := _between(case, wrong, sizes)) is not None:
            yield f"{a.name} is larger than {threshold:.3g} in magnitude", [v > threshold for v in sizes]


def _aligned(sample: Sample, name: str, wrong: np.ndarray) -> np.ndarray | None:
    values = sample.batch[name].astype(float)
    if values.ndim == 1 or wrong.ndim == 1:
        return None
    if values.shape == wrong.shape:
        return values
    if values.ndim == 2 and wrong.shape == (*values.shape, values.shape[1]):
        return np.where(np.eye(values.shape[1], dtype=bool), values[:, :, None], np.nan)  # of a diagonal matrix
    return None
