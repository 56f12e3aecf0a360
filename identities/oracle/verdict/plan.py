"""What to try: the options of an inquiry, declared once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import jax

from identities.oracle.draw.shapes import Sizes
from identities.oracle.draw.values import EXACT, HARD, REGIMES
from identities.oracle.run.store import Device

DTYPES = ("float64", "float32", "bfloat16", "float16")

SHAPES, INSTANCES = 5, 128
"""How much of a candidate is tried by default: enough to tell n from 4, and cheap enough for a slow one."""


class Options(TypedDict, total=False):
    """How much to try, and of what: what every `check_...` takes beside function and candidate.

    - `sizes`: by the name of a dimension, the sizes that it takes; every one of them is tried.
    - `dtypes`: of the arguments, among "float64", "float32", "bfloat16" and "float16"; the tolerance, in units
      of rounding, follows from it.
    - `arrays`: what to call the candidate with: "numpy", "jax" or "torch"; "torch:cuda" and "jax:gpu" name a device.
    - `shapes`, `instances`: how many shapes, and how many calls for each of them and each dtype; fewer calls at shapes
      where the derivative has many entries.
    - `seed`: the same seed gives the same verdict.
    - `strict`: whether a candidate that writes to its arguments is wrong for that alone.
    """

    sizes: Sizes
    dtypes: Sequence[str]
    arrays: str
    shapes: int
    instances: int
    seed: int
    strict: bool


@dataclass(frozen=True)
class Plan:
    """What to try.

    **Fields:**

    - `dtypes`: by name.
    - `shapes`: how many.
    - `instances`: how many for each shape and dtype, rounded up to whole batches.
    - `seed`: of all random values.
    - `device`: where a closed form runs.
    - `sizes`: of dimensions that are to take certain ones.
    - `strict`: whether a candidate that writes to its arguments is wrong for that alone.
    - `thorough`: whether what has passed is tried at larger shapes and with arrays that are not contiguous.
    """

    dtypes: tuple[str, ...]
    shapes: int
    instances: int
    seed: int
    device: Device
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    strict: bool = False
    thorough: bool = False

    def __post_init__(self) -> None:
        check_options(self.dtypes, self.shapes, self.instances)

    def __reduce__(self) -> tuple[Any, ...]:
        """Devices do not travel between processes, their names do."""
        rest = (self.sizes, self.strict, self.thorough)
        head = (self.dtypes, self.shapes, self.instances, self.seed)
        return _plan, (head, self.device.platform, self.device.id, rest)

    def each(self, exact: bool) -> int:
        """How many instances there are of each regime."""
        return math.ceil(self.instances / len(self.regimes(exact)))

    def regimes(self, exact: bool, small: bool = True) -> tuple[str, ...]:
        """The characters that values come in; hard ones are tried where many instances are cheap."""
        if exact:
            return EXACT
        return (*REGIMES, *HARD) if self.thorough and small else REGIMES


def _plan(head: tuple[Any, Any, Any, Any], platform: str, number: int, rest: tuple[Any, Any, Any]) -> Plan:
    (device,) = (d for d in jax.devices(platform) if d.id == number)
    return Plan(*head, device, *rest)


def check_options(dtypes: Sequence[str], shapes: int, instances: int) -> None:
    """Raise `ValueError` for options that make no sense."""
    if isinstance(dtypes, str) or not dtypes or not set(dtypes) <= set(DTYPES):
        raise ValueError(f"dtypes must be a list of some of {DTYPES}, got {dtypes!r}")
    for name, value in (("shapes", shapes), ("instances", instances)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
