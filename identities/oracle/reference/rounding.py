"""What the rounding of every operation makes of a derivative: measured, and only where something looks wrong.

The unit of rounding follows from how far a result moves when its inputs do. That knows nothing of terms that cancel on
the way. Before a result is rejected, the derivative's own program is evaluated in float64 a few times, with every
number on its way moved at random by the rounding of the dtype under test; how far that moves the result is nobody's
mistake.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from identities.claim import Claim
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch, real_parts, wide
from identities.oracle.reference.dense import arranged, both_modes, of_part, steps_of
from identities.oracle.reference.instances import largest_of
from identities.oracle.reference.products import in_full, operands, product, random_vectors
from identities.oracle.reference.witnesses import is_dense
from identities.oracle.run.rounded import recorded

_COPIES = 8

Arrays = list[np.ndarray]


def rounding(claim: Claim, shape: Shape, batch: Batch, dtype: str, seed: int, zeros: bool = False) -> list[np.ndarray]:
    """For each array of a result and each instance, how far rounding moves its entries, at most, in root mean square.

    Infinite where a number on the way is beyond the range of the dtype.

    **Arguments:**

    - `zeros`: whether what comes to nothing on the way moves too. Where several kinks meet, this tells how far apart
      derivatives are that choose a side at each of them.
    """
    found = [np.zeros(len(next(iter(batch.values())))) for _ in claim.leaves]
    for leaf, movement in _movements(claim, shape, batch, dtype, seed, zeros):
        found[leaf] = np.maximum(found[leaf], largest_of(movement))
    return found


def leaps_of_entries(claim: Claim, shape: Shape, batch: Batch, dtype: str, seed: int) -> list[np.ndarray]:
    """The same with zeros, for each entry of results that are computed in full."""
    found: list[np.ndarray | float] = [0.0] * len(claim.leaves)
    for leaf, movement in _movements(claim, shape, batch, dtype, seed, zeros=True):
        found[leaf] = np.maximum(found[leaf], movement)
    return [np.asarray(movement) for movement in found]


def _movements(
    claim: Claim, shape: Shape, batch: Batch, dtype: str, seed: int, zeros: bool
) -> Iterator[tuple[int, np.ndarray]]:
    """How far the entries move of every array that is computed, products among them, and whose result it tells of."""
    for exact, copies in _evaluated(claim, shape, batch, dtype, seed, zeros):
        for leaf, here in enumerate(exact):
            there = np.stack([copy[leaf] for copy in copies])
            with np.errstate(all="ignore"):
                off = np.abs(there.astype(float) - here)
                off = np.where(np.isfinite(here), np.where(np.isnan(off), np.inf, off), 0.0)
                movement = np.sqrt(np.mean(np.square(off), axis=0))
            yield leaf, movement


def rounding_of_values(claim: Claim, shape: Shape, batch: Batch, seed: int) -> list[np.ndarray]:
    """The same of the function's own results in float64, whatever it is asked for, by result and instance."""
    given = wide(batch)
    primals = [given[a.name] for a in claim.primals]
    recording = recorded(claim.flat(shape.static(claim)), primals)
    exact = _parts(recording.exactly(primals))
    copies = [_parts(copy) for copy in recording.moved(primals, "float64", _COPIES, np.random.default_rng(seed))]
    with np.errstate(all="ignore"):
        moved = [np.abs(np.stack(of_it) - here).max(axis=0) for here, *of_it in zip(exact, *copies, strict=True)]
    return [largest_of(np.where(np.isfinite(m), m, 0.0)) for m in moved]


def beyond_range(claim: Claim, shape: Shape, batch: Batch, which: np.ndarray, seed: int) -> np.ndarray:
    """Of those instances, which lead beyond the range of float64 on the way, as exp(x)/(1 + exp(x)) does at 800."""
    found = np.zeros(len(which), bool)
    if not which.size:
        return found
    one_by_one = [{name: values[i : i + 1] for name, values in wide(batch).items()} for i in which]
    programs = [_programs(claim, shape, instance, seed) for instance in one_by_one]
    recordings = [recorded(program, arguments) for arguments, program, _ in programs[0]]
    for number, of_instance in enumerate(programs):
        pairs = zip(recordings, of_instance, strict=True)
        found[number] = any(recording.leaves_range(arguments) for recording, (arguments, _, _) in pairs)
    return found


def moved(claim: Claim, shape: Shape, batch: Batch, dtype: str, seed: int) -> tuple[Arrays, list[Arrays]]:
    """The right results, an array for each leaf, and copies of them with every operation rounded."""
    return next(_evaluated(claim, shape, batch, dtype, seed))


def _evaluated(
    claim: Claim, shape: Shape, batch: Batch, dtype: str, seed: int, zeros: bool = False
) -> Iterator[tuple[Arrays, list[Arrays]]]:
    """The same of every program that a result comes about by."""
    rng = np.random.default_rng(seed)
    for arguments, program, arrange in _programs(claim, shape, wide(batch), seed):
        recording = recorded(program, arguments)
        exact = arrange(recording.exactly(arguments))
        copies = [arrange(copy) for copy in recording.moved(arguments, dtype, _COPIES, rng, zeros)]
        for witness, leaves in exact.items():
            yield _parts(leaves), [_parts(copy[witness]) for copy in copies]


def _parts(leaves: Arrays) -> Arrays:
    return [real_parts(np.asarray(leaf)).astype(float) for leaf in leaves]


Arrange = Callable[[Any], dict[str, Arrays]]


def _programs(claim: Claim, shape: Shape, batch: Batch, seed: int) -> list[tuple[Any, Callable[..., Any], Arrange]]:
    """The programs by which a claim's result comes about: what they take, themselves, and what their results mean."""
    primals = [batch[a.name] for a in claim.primals]
    flat = claim.flat(shape.static(claim))
    if not claim.kind.order:
        return [(primals, flat, lambda found: {"function": of_part(claim, found)})]
    if claim.kind.name in ("jacobian", "hessian") and is_dense(claim, shape, batch):
        return [(primals, both_modes(flat, steps_of(claim)), lambda found: arranged(claim, shape, batch, found))]
    given = operands(claim, batch, random_vectors(claim, shape, batch, seed))
    return [
        (given, product(claim, shape, witness), lambda found, witness=witness: {witness: of_part(claim, found)})
        for witness in in_full(claim)
    ]
