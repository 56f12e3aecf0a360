"""What to try: the options of an inquiry, declared once."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, TypedDict

import jax
import jax.numpy as jnp

from identities.oracle.draw.shapes import Sizes
from identities.oracle.draw.values import EXACT, REGIMES, THOROUGH
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
    """What to try; numbers, sizes and dtypes may be given as people have them.

    **Raises:** `ValueError` for what makes no sense.

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

    dtypes: Sequence[str]
    shapes: int
    instances: int
    seed: int
    device: Device
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    strict: bool = False
    thorough: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.strict, bool):
            raise ValueError(f"strict must be True or False, got {self.strict!r}")
        plain = {
            "dtypes": _dtype_names(self.dtypes),
            "shapes": _whole("shapes", self.shapes),
            "instances": _whole("instances", self.instances),
            "seed": _whole("seed", self.seed, 0),
            "sizes": _sizes(self.sizes),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)

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
        return THOROUGH if self.thorough and small else REGIMES


def _plan(head: tuple[Any, Any, Any, Any], platform: str, number: int, rest: tuple[Any, Any, Any]) -> Plan:
    (device,) = (d for d in jax.devices(platform) if d.id == number)
    return Plan(*head, device, *rest)


def check_options(dtypes: Sequence[Any], shapes: int, instances: int) -> None:
    """Raise `ValueError` for options that make no sense."""
    _dtype_names(dtypes)
    _whole("shapes", shapes)
    _whole("instances", instances)


def _dtype_names(dtypes: Any) -> tuple[str, ...]:
    listed = isinstance(dtypes, Sequence) and not isinstance(dtypes, str)  # a name is a sequence too, of letters
    names = tuple(map(_dtype_name, dtypes)) if listed else ()
    if not names or not set(names) <= set(DTYPES):
        raise ValueError(f"dtypes must be a list of some of {DTYPES}, got {dtypes!r}")
    return names


def _dtype_name(dtype: Any) -> str:
    """What a dtype is called, that of JAX or NumPy as well; of what is none, what it looks like."""
    try:
        return dtype if isinstance(dtype, str) else jnp.dtype(dtype).name
    except TypeError:
        return repr(dtype)


def _whole(name: str, value: Any, least: int = 1) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return int(value)


def _sizes(sizes: Any) -> dict[str, tuple[int, ...]]:
    if sizes is not None and not isinstance(sizes, Mapping):
        raise ValueError(f'sizes is a dict by the names of dimensions, as in {{"n": [1, 64]}}; got {sizes!r}')
    return {name: _sizes_of(name, values) for name, values in (sizes or {}).items()}


def _sizes_of(name: str, values: Any) -> tuple[int, ...]:
    """Those of one dimension: a number, or several."""
    several = (values,) if isinstance(values, Integral) else values
    if isinstance(several, str) or not isinstance(several, Iterable):
        raise ValueError(f"sizes: {name} has sizes that are whole numbers from one on; got {values!r}")
    return tuple(several)
