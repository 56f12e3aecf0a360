"""When two results agree: one constant, in units of rounding, for every claim, dtype, size and device.

The unit is not guessed but measured: the largest, over the entries of an instance, of an entry's own rounding plus how
far that entry moves when the inputs move by theirs. It is no less than is usual for arguments of its size, since terms
that cancel in one instance leave their rounding behind; nor than is usual for smaller ones, since a function that
saturates does.
"""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from identities.oracle.reference.instances import largest_of
from identities.oracle.reference.words import Word

TOLERANCE = 8
"""The most units of rounding by which a right result may differ from a witness.

Of five million instances of all identities, in float64, float32, bfloat16 and float16, none was further off.
"""

_OUTLIER = 64
"""Times what nine in ten of a group are below: what is larger is an outlier."""


def rounding_unit(dtype: str) -> float:
    """The largest relative error of rounding a real number to the dtype."""
    return float(jnp.finfo(dtype).eps) / 2


def rounding_errors(
    got: np.ndarray,
    words: dict[str, Word],
    dtype: str,
    groups: int,
    growth: np.ndarray | float = 1.0,
    rounding: np.ndarray | float = 0.0,
) -> dict[str, np.ndarray]:
    """How far each entry of a result is from each witness, in units of rounding.

    **Arguments:**

    - `got`: the results for a batch of instances.
    - `dtype`: the dtype of the computation, which sets the unit.
    - `groups`: how many groups of equal size the batch consists of, each of one character, in the order of their
      arguments' size.
    - `growth`: what long sums make of the unit, of all instances or each.
    - `rounding`: of each instance, what the rounding on its way makes of an entry, where that has been measured.

    **Returns:**

    By the name of the witness, an array of the shape of its word; infinite where `got` is not finite and the
    witness is within the range of the dtype.
    """
    whole = next((word for word in words.values() if word.in_full), None)
    moved = largest_of(next(word.movement for word in words.values() if word.error is None))
    errors = {}
    for witness, word in words.items():
        probe = None if word.probe is None else np.abs(word.probe)
        if whole is None:  # every entry of a result has its own rounding, and all of them may add up
            size = replace(word, probe=probe).of(np.abs(got))
            movement = word.movement if word.error is None else _beside(moved, word.values)
            unit = np.maximum(units_of(size, movement, dtype, groups), rounding)
        else:
            unit = np.maximum(units_of(whole.values, whole.movement, dtype, groups), rounding)
            if probe is not None:  # what is off by a unit in every entry is off by that in the product, at most
                unit = unit * probe.reshape(len(unit), -1).sum(axis=1)
        error = _in_units(word, word.of(got), _beside(growth * unit, word.values))
        if whole is not None and word.probe is not None:  # a product with infinity, where that is right, says nothing
            error[_overflows(got, whole.values)] = 0
        errors[witness] = error
    return errors


def _overflows(got: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Instances with an entry that is infinite since the right one is beyond the range of the dtype."""
    with np.errstate(over="ignore"):
        infinite = np.isinf(got.astype(float)) & (got == right.astype(got.dtype))
    return np.asarray(infinite.reshape(len(got), -1).any(axis=1))


def exact_errors(got: np.ndarray, words: dict[str, Word]) -> dict[str, np.ndarray]:
    """Zero for each entry that equals the witness to the last bit, infinite for the others.

    Differences know nothing to the last bit, and are asked whether it is right as far as they can tell.
    """
    errors = {}
    for witness, word in words.items():
        said = word.of(got)
        equal = said == word.values if word.error is None else _in_units(word, said, np.zeros(1)) <= TOLERANCE
        errors[witness] = np.where(equal, 0.0, np.inf)
    return errors


def errors_beside(
    got: np.ndarray,
    expected: np.ndarray,
    movement: np.ndarray,
    dtype: str,
    groups: int,
    growth: np.ndarray | float = 1.0,
    rounding: np.ndarray | float = 0.0,
    generous: bool = False,
) -> np.ndarray:
    """The same, beside any one array of expected results that moves as told.

    **Arguments:**

    - `generous`: whether the unit of every instance is nearly the largest of its group. What might have been computed
      in place of what is right may lose digits where nobody has measured that.
    """
    unit = growth * np.maximum(units_of(expected, movement, dtype, groups, generous), rounding)
    return _in_units(Word(expected, movement), got, _beside(unit, expected))


def units_of(expected: np.ndarray, movement: np.ndarray, dtype: str, groups: int, generous: bool = False) -> np.ndarray:
    """The unit of each instance, of results of that size that move as told."""
    rounding = rounding_unit(dtype) * np.abs(expected) + movement
    own = largest_of(rounding)
    own = np.where(np.isfinite(own), own, 0.0)
    by_group = own.reshape(groups, -1)
    of_group = np.maximum.accumulate(_nearly_largest(by_group) if generous else np.median(by_group, axis=1))
    return np.maximum(own, np.repeat(of_group, len(own) // groups))


def _nearly_largest(by_group: np.ndarray) -> np.ndarray:
    """Of each group, without what is so large, as near a pole, that it is no unit but its own."""
    most, usual = by_group.max(axis=1), np.quantile(by_group, 0.9, axis=1)
    return np.where(usual > 0, np.minimum(most, _OUTLIER * usual), most)


def _beside(unit: np.ndarray, values: np.ndarray) -> np.ndarray:
    return unit.reshape(-1, *[1] * (values.ndim - 1))


def _in_units(word: Word, said: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """How far what a result says is from a witness, in units, to which comes how far off that may be itself."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        off = np.abs(said.astype(np.float64) - word.values)
        if word.within is not None:
            off = np.maximum(off - word.within, 0)
        units = off / (unit if word.error is None else unit + word.error)
        # Equal zeros have no scale, and equal infinities, beyond the dtype's range, no difference.
        units[said == word.values.astype(said.dtype)] = 0
        if word.error is not None:  # who says nothing contradicts nobody, not even infinity
            units[np.isinf(word.error)] = 0
    return np.where(np.isnan(units), np.inf, units)
