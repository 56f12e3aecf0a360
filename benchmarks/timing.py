"""Timing several things side by side, so that a drift of the machine touches all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

Times = dict[str, list[float]]


def times(subjects: Mapping[str, Callable[[], Any]], seconds: float = 2.0, rounds: int = 31) -> Times:
    """The time of one call of each in seconds, one figure a round.

    Each is called once beforehand. Then come the rounds, in each of which every subject has its turn,
    repeated so that the whole takes about the given time.
    """
    repeats = {}
    for name, subject in subjects.items():
        jax.block_until_ready(subject())
        share = seconds / rounds / len(subjects)
        repeats[name] = max(1, min(1000, int(share / max(_time(subject, 1), 1e-9))))
    taken: Times = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            taken[name].append(_time(subject, repeats[name]))
    return taken


def median(taken: Times, name: str) -> float:
    """The median time of a subject, in seconds."""
    return statistics.median(taken[name])


def ratio(taken: Times, slow: str, fast: str) -> float:
    """How many times longer one subject takes than another: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(taken[slow], taken[fast], strict=True))


def _time(subject: Callable[[], Any], repeats: int) -> float:
    result = None
    started = time.perf_counter()
    for _ in range(repeats):
        result = subject()
    jax.block_until_ready(result)
    return (time.perf_counter() - started) / repeats
