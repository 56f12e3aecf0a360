"""Wrong closed forms, made from the right ones by machine."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from identities.catalog import Identity
from identities.oracle.candidates.closed_form import closed_form_of
from identities.oracle.draw.shapes import Shape
from identities.oracle.run.programs import full_precision
from identities.oracle.run.tape import Step, Tape, run_step, tape_of
from identities.oracle.trial import Trial


def of_results(got: np.ndarray, shape: Shape) -> Iterator[tuple[str, np.ndarray]]:
    """Wrong results made from right ones, of shape (batch, ...), with a name for each mistake."""
    yield "negated", -got
    yield "one added", got + 1
    yield "doubled", 2 * got
    yield "scaled by 1 + 1e-9", got * (1 + 1e-9)
    largest = got.copy().reshape(len(got), -1)
    rows = np.arange(len(got))
    entries = np.abs(largest).argmax(axis=1)
    yield "largest entry changed by 1e-9 of it", _changed(got, entries, 1e-9 * largest[rows, entries])
    smallest = np.abs(largest).argmin(axis=1)
    yield "smallest entry changed by 1e-9 of the largest", _changed(got, smallest, 1e-9 * largest[rows, entries])
    if got.ndim > 2:
        yield "transposed", got.swapaxes(-1, -2)
    for name, n in shape.sizes:
        yield f"{name} replaced by {name} + 1 in a factor", got * (n / (n + 1))


def _changed(got: np.ndarray, entries: np.ndarray, by: np.ndarray) -> np.ndarray:
    flat = got.copy().reshape(len(got), -1)
    flat[np.arange(len(got)), entries] += by
    return flat.reshape(got.shape)


def dropping_terms(identity: Identity, trial: Trial) -> list[tuple[np.ndarray, ...]]:
    """The results of the closed form, and those that come of leaving out one term of one sum, for each in turn.

    Nothing if there is no sum.
    """
    arguments = tuple(trial.batch.values())
    with full_precision(), np.errstate(all="ignore"):
        traced = jax.jit(jax.vmap(closed_form_of(identity, trial.shape)), keep_unused=True).trace(*arguments)
        tape = tape_of(traced.jaxpr, complete=True)
        executions = [partial(_keeping, place, step) for step in _sums(tape) for place in (0, 1)]
        return [tuple(tape.run(arguments, each)) for each in (run_step, *executions)] if executions else []


def _sums(tape: Tape) -> Iterator[Step]:
    """The steps that add or subtract, those in loops and branches among them."""
    for step in tape.steps:
        if step.name in ("add", "sub", "add_any"):
            yield step
        for inner in jax.tree.leaves(step.parameters, is_leaf=lambda part: isinstance(part, Tape)):
            yield from _sums(inner) if isinstance(inner, Tape) else ()


def _keeping(place: int, mutated: Step, step: Step, operands: Sequence[Any]) -> Sequence[Any]:
    """The results of one operation; of the one that is mutated, one of its operands."""
    made = run_step(step, operands)
    return [np.broadcast_to(operands[place], np.shape(made[0]))] if step is mutated else made
