"""What a domain is, and which of its members are drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Array, Bool

Values = Literal["floating", "integer", "boolean", "complex"]
"""The kinds of numbers that an argument may consist of. Only the first and the last have derivatives."""


@dataclass(frozen=True)
class Drawn:
    """Which of the allowed values and shapes are drawn: not a condition, and stated nowhere.

    As `Annotated` metadata it stands beside a domain, or alone where any values are allowed.

    **Fields:**

    - `project`: sends a real NumPy array of shape (batch, ...) to one to be drawn, before the domain's own projection.
    - `admits`: whether arrays of a shape are drawn.
    - `largest`: the most rows or columns that are drawn, unless somebody asks for sizes.
    - `entries`: the most entries that are drawn, likewise, for arrays of many axes.
    """

    project: Callable[[np.ndarray], np.ndarray] = lambda z: z
    admits: Callable[[tuple[int, ...]], bool] = lambda shape: True
    largest: int = 1 << 30
    entries: int = 1 << 30


powers_of_two = Drawn(lambda z: np.exp2(np.clip(z, -10, 10)))
"""Of what may have any sign, and is positive where people use it."""

row_by_row = Drawn(admits=lambda shape: len(shape) == 1)
"""Of what is mapped over leading axes: one row is drawn, so that who is right about that is right."""


@dataclass(frozen=True)
class Domain:
    """A set of admissible argument values.

    **Fields:**

    - `requires`: the condition in words, as in "every entry positive"; empty where any values are allowed.
    - `project`: sends a real NumPy array of shape (batch, ...) to members, one an entry of the batch.
    - `contains`: whether one array is a member, as a boolean JAX scalar; rounding is forgiven.
    - `admits`: whether there are members of a shape.
    - `normwise`: whether a member is one matrix to be factorised, rather than a table of numbers: its rounding is
      then relative to its norm, as the backward error of a stable factorisation is, and not to each entry.
    - `values`: the kind of numbers; None leaves that to the argument's annotation, and to floating-point without one.
    - `interior`: whether a member that moves by its rounding stays one, so that nobody needs to look. Elsewhere what
      has left the domain is put back.
    - `sized`: where the members depend on the sizes of dimensions, the domain for given ones; the rest of the fields is
      what holds for all.
    - `drawn`: which of the members are drawn, all kinds of them if left out.
    """

    requires: str
    project: Callable[[np.ndarray], np.ndarray]
    contains: Callable[[Array], Bool[Array, ""]]
    admits: Callable[[tuple[int, ...]], bool] = lambda shape: True
    normwise: bool = False
    values: Values | None = None
    interior: bool = False
    sized: "Callable[[Mapping[str, int]], Domain] | None" = None
    drawn: Drawn = Drawn()

    def at(self, sizes: Mapping[str, int]) -> "Domain":
        """The domain once dimensions have sizes."""
        return replace(self.sized(sizes), drawn=self.drawn) if self.sized else self

    def drawn_so(self, drawn: Drawn) -> "Domain":
        """The same set, of which only those members are drawn that are drawn now and obey `drawn` too."""
        now = self.drawn
        return replace(
            self,
            drawn=Drawn(
                lambda z: drawn.project(now.project(z)),
                lambda shape: now.admits(shape) and drawn.admits(shape),
                min(now.largest, drawn.largest),
                min(now.entries, drawn.entries),
            ),
        )
