"""A product with several tangents, of which one is ignored, or goes in with another sign or twice."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from identities.oracle.diagnosis.case import Case, Diagnosis, Guess, Sample, Truth
from identities.oracle.diagnosis.relatives import witnessed

_NEAR = {"float64": 1e-6, "float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}
"""How near a multiple that fits is to one that somebody means."""

_LEAST = 1e-3
"""How large a result is, at least, that tells."""

_MEANT = tuple(map(Fraction, (0, 1, -1, 2, -2, "1/2", "-1/2")))


def find_tangents(case: Case) -> Diagnosis | None:
    """The multiples of what comes of each tangent that make up every instance, if they are not all once."""
    names = [a.name for a in case.claim.vectors]
    if case.claim.kind.name != "jvp" or len(names) < 2:
        return None
    parts = [functools.lru_cache(functools.partial(_part, name=name)) for name in names]
    times = _times(case, parts)
    if times is None or set(times) == {1}:
        return None
    if not case.nearly_explained(functools.partial(_sum, parts=parts, times=times)):
        return None
    said = [_said(name, number) for name, number in zip(names, times, strict=True) if number != 1]
    kind = "missing-term" if 0 in times else "sign" if min(times) < 0 else "factor"
    return Diagnosis(kind, " and ".join(said))


def _said(name: str, times: Fraction) -> str:
    if times == 0:
        return f"ignores the tangent {name}"
    wrong = "has the wrong sign in" if times == -1 else f"multiplies by {times}"
    return f"{wrong} what comes of the tangent {name}"


def _part(sample: Sample, name: str) -> Truth:
    """What comes of one tangent, which is all of the product if the others are zero."""
    others = [a.name for a in sample.claim.vectors if a.name != name]
    batch = {**sample.batch, **{other: np.zeros_like(sample.batch[other]) for other in others}}
    return witnessed(sample.claim, 0, replace(sample, batch=batch))


def _sum(sample: Sample, parts: Sequence[Guess], times: Sequence[Fraction]) -> Truth:
    of_each = [part(sample).times(float(number)) for part, number in zip(parts, times, strict=True)]
    return Truth(np.sum([part.values for part in of_each], axis=0), np.sum([part.movement for part in of_each], axis=0))


def _times(case: Case, parts: Sequence[Guess]) -> tuple[Fraction, ...] | None:
    """How often each part is in the results, as far as the samples tell, all instances by the same weight."""
    rows, wanted = [], []
    for sample in case.samples:
        given = np.stack([part(sample).values for part in parts])
        if given.shape[1:] != sample.got.shape:
            return None
        both = np.concatenate([given, sample.got[None]])[:, sample.kept]
        flat = both.reshape(len(both), both.shape[1], -1)
        sizes = np.abs(flat).max(axis=(0, 2), initial=0)
        # What is next to nothing may be nothing in a narrow dtype.
        telling = np.isfinite(sizes) & (sizes > _LEAST)
        scaled = (flat[:, telling] / sizes[telling, None]).reshape(len(both), -1)
        rows.append(scaled[:-1].T)
        wanted.append(scaled[-1])
    found, _, rank, _ = np.linalg.lstsq(np.concatenate(rows), np.concatenate(wanted), rcond=None)
    if rank < len(parts):
        return None
    meant = [min(_MEANT, key=lambda number: abs(number - one)) for one in found]
    near = all(abs(number - one) <= _NEAR[case.dtype] for number, one in zip(meant, found, strict=True))
    return tuple(meant) if near else None
