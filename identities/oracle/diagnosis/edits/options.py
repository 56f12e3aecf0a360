"""An option of the function that is taken to have another value."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jax

from identities.claim import Claim
from identities.options import Option
from identities.oracle.diagnosis.case import Case, Diagnosis, Sample
from identities.oracle.diagnosis.edits.bench import KINDS, bench_of, dtype_of
from identities.oracle.diagnosis.edits.evaluate import NOTHING
from identities.oracle.diagnosis.edits.program import TooLargeError
from identities.oracle.diagnosis.edits.proposals import Hints
from identities.oracle.draw.shapes import Shape
from identities.oracle.run.programs import full_precision


def find_option(case: Case, hints: Hints) -> Diagnosis | None:
    """The option of which another value would have given the results."""
    if case.claim.kind.name not in KINDS:
        return None
    for option in case.claim.options:
        for words, change in _changes(option):
            other = replace(option, values=tuple(map(change, option.values)))
            if other.values != option.values and all(_is_given_by(other, sample) for sample in case.samples):
                return Diagnosis("constant", f"takes {words} for the option {option.name}")
    return None


def _changes(option: Option) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    known = [*option.values, *option.others]
    if all(isinstance(value, bool) for value in known):
        yield "the opposite", lambda value: not value
        known += [False, True]
    elif all(isinstance(value, int) for value in known):
        yield "one more", lambda value: value + 1
        yield "one less", lambda value: value - 1
        known += [0, 1]
    for value in dict.fromkeys(known):
        yield repr(value), lambda _, value=value: value


def _is_given_by(option: Option, sample: Sample) -> bool:
    """Whether the results are those of the function with another option."""
    signature = sample.claim.signature
    options = tuple(option if own.name == option.name else own for own in signature.options)
    claim = replace(sample.claim, signature=replace(signature, options=options))
    if _gives(claim, sample.shape) != _gives(sample.claim, sample.shape):
        return False
    try:
        return sample.nearly(bench_of(replace(sample, claim=claim)).truth(NOTHING))
    except (TooLargeError, ValueError):  # JAX describes a convolution with a stride of zero, and nobody can do one
        return False


def _gives(claim: Claim, shape: Shape) -> Any:
    """The shapes of what a function gives; None if it refuses its options."""
    function = claim.flat(shape.static(claim))
    given = [jax.ShapeDtypeStruct(shape.of(a), dtype_of(a.values)) for a in claim.primals]
    with full_precision():
        try:
            return jax.eval_shape(function, *given)
        except Exception:  # only somebody's function runs here: a value that it refuses is not the one that was taken
            return None
