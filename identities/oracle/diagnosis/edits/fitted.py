"""The number in place of a constant with which a function fits a wrong result best."""

from collections.abc import Callable, Iterator

import numpy as np

from identities.oracle.diagnosis.regions import simplest_between

Given = Callable[[float], np.ndarray | None]
"""What comes out with a number in place of a constant; nothing if that is no number for it."""

_STEPS = 8
_AT_ONCE = 12  # thresholds that are tried first, of all that there are


def by_slope(old: float, given: Given, got: np.ndarray) -> float | None:
    """By Gauss and Newton, to six digits."""
    value = old
    for _ in range(_STEPS):
        step = 1e-4 * (abs(value) or 1)
        here, there = given(value), given(value + step)
        if here is None or there is None:
            return None
        slope, off = (there - here) / step, got - here
        if not (size := float(np.sum(slope * slope))):
            return None
        by = float(np.sum(slope * off)) / size
        value += by
        if abs(by) <= 1e-9 * abs(value):
            break
    return float(f"{value:.6g}")


def intervals(old: float, given: Given, got: np.ndarray, beside: np.ndarray) -> Iterator[tuple[float, float]]:
    """Where the best threshold above lies and where the best one below, beside values that tell thresholds apart."""
    for side in (1, -1):
        edges = np.concatenate([[old], side * np.unique(side * beside[side * beside > side * old])])
        yield _between(np.append(edges, edges[-1] + side * (1 + abs(edges[-1]))), given, got)


def threshold(low: float, high: float, given: Given, got: np.ndarray, beside: np.ndarray) -> float | None:
    """The simplest of the best ones in an interval."""
    edges = np.unique(np.concatenate([[low, high], beside[(beside > low) & (beside < high)]]))
    return simplest_between(*_between(edges, given, got))


def _between(edges: np.ndarray, given: Given, got: np.ndarray) -> tuple[float, float]:
    """Two edges, with the best number between them: looked for at some places, then next to the best of those."""

    def off(place: int) -> float:
        result = given(float(edges[place : place + 2].mean()))
        return np.inf if result is None else float(np.abs(result - got).sum())

    first, last = 0, len(edges) - 2
    while True:
        places = np.unique(np.linspace(first, last, _AT_ONCE).astype(int))
        best = min(range(len(places)), key=lambda k: off(places[k]))
        if len(places) == last - first + 1:
            low, high = sorted(edges[places[best] : places[best] + 2].tolist())
            return low, high
        first, last = int(places[max(best - 1, 0)]), int(places[min(best + 1, len(places) - 1)])
