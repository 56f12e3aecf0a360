"""What a plot consists of, in the coordinates of its picture; `templates/plot.html` draws it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Tick(NamedTuple):
    """A place on an axis, and what stands there."""

    at: str
    label: str


class Curve(NamedTuple):
    """Points that are joined; `kind` says how they look, `name` what they are, which is not said of all."""

    kind: str
    points: str
    name: str = ""


@dataclass(frozen=True)
class Axis:
    """A range of values, or of their logarithms to base ten, along `length` from `start` on."""

    title: str
    low: float
    high: float
    start: float
    length: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        if self.logarithmic:
            value = math.log10(value)
        return self.start + self.length * (value - self.low) / (self.high - self.low)

    def ticks(self, step: float) -> list[Tick]:
        """A tick at each multiple of a step."""
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        values = [round(i * step, 6) for i in range(first, last + 1)]
        return [
            Tick(f"{self.start + self.length * (v - self.low) / (self.high - self.low):.1f}", self._label(v))
            for v in values
        ]

    def _label(self, value: float) -> str:
        if not self.logarithmic:
            return f"{value:g}".replace("-", "\N{MINUS SIGN}")
        exponent = f"{value:g}".translate(_RAISED)
        return "1" if value == 0 else f"10{exponent}"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Plot:
    """Two axes, the ticks on each, and curves."""

    title: str
    says: str
    x: Axis
    y: Axis
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    curves: list[Curve]


def curve(kind: str, x: Axis, y: Axis, points: Sequence[tuple[float, float]] | np.ndarray, name: str = "") -> Curve:
    """Points, to a tenth of a pixel."""
    return Curve(kind, " ".join(f"{x.place(a):.1f},{y.place(b):.1f}" for a, b in points), name)
