"""Tests of the tests: whatever breaks a closed form, the oracle must see."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from identities import Identity
from identities.oracle.draw.shapes import Shape, draw_shapes
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.reference.witnesses import reference
from identities.oracle.trial import Leaf, Trial
from identities.oracle.verdict.inquiry import Inquiry
from identities.oracle.verdict.plan import Plan
from identities.oracle.verify import inquiry_of
from identities.signature import Parameter
from tests import mutants
from tests.altered import of_two_gradients


def differs(mutant: np.ndarray, right: np.ndarray) -> bool:
    """Whether a mutant is one: changing a term that vanishes, or a shift that cancels, is no mistake."""
    if mutant.shape != right.shape:
        return True
    with np.errstate(invalid="ignore"):
        return not np.abs(mutant - right).max() <= 1e-13 * np.abs(right).max()


def rejects(leaf: Leaf, mutant: np.ndarray) -> bool:
    """Whether either mode of automatic differentiation alone would reject other values of an array of the results.

    Differences do not have the digits for all mutants of second derivatives.
    """
    errors = leaf.judge(mutant)
    return all(errors[witness].max(initial=0) > TOLERANCE for witness, word in leaf.words.items() if word.error is None)


def judged(identity: Identity, inquiry: Inquiry) -> dict[str, bool]:
    """Whether each mutant is rejected, at one of the shapes at least."""
    plan = inquiry.plan
    dtypes = tuple(dict.fromkeys(("float64", *plan.dtypes)))  # all of them, since they are one program
    # The square one first: there, a transpose has the right shape and the wrong entries. Single entries come last: much
    # vanishes there.
    shapes = sorted(draw_shapes(identity, plan.shapes, plan.seed), key=lambda s: (not is_square(s), sizes_of(s) == {1}))
    rejected: dict[str, bool] = {}
    for n, shape in enumerate(shapes):
        trial = inquiry.trials(shape, dtypes)[0]
        for mistake, place, mutant, right in made(identity, trial, everything=n == 0):
            leaf = trial.leaves[place]
            if differs(mutant, right):
                name = f"{mistake}, in {leaf.claim.name}"
                rejected[name] = rejected.get(name, False) or rejects(leaf, mutant)
        if rejected and all(rejected.values()):
            break
    return rejected


def test_every_mutant_is_rejected(identity: Identity, inquiry: Inquiry) -> None:
    rejected = judged(identity, inquiry)
    assert not [mistake for mistake, wrong in rejected.items() if not wrong]
    assert rejected


def test_every_mutant_of_every_gradient_is_rejected(plan: Plan) -> None:
    identity = of_two_gradients()
    rejected = judged(identity, inquiry_of(identity, plan))
    assert not [mistake for mistake, wrong in rejected.items() if not wrong]
    name = "sum_times_vector_vjp_x_A"
    assert {f"negated, in {name}, x", f"negated, in {name}, A"} <= set(rejected)
    # The one sum is in the first; and the derivative by B is that by A, and no mistake there.
    of_first = ("a term dropped, number 0", "a term dropped, number 1", "derivative by A", "derivative by B")
    assert {f"{mistake}, in {name}, x" for mistake in of_first} | {f"derivative by x, in {name}, A"} <= set(rejected)


def is_square(shape: Shape) -> bool:
    sizes = sizes_of(shape)
    return len(sizes) == 1 and sizes != {1}


def sizes_of(shape: Shape) -> set[int]:
    return set(dict(shape.sizes).values())


Made = Iterator[tuple[str, int, np.ndarray, np.ndarray]]
"""Mutants: what is wrong, the place of the array among the results, its values, and those without the mistake."""


def made(identity: Identity, trial: Trial, everything: bool) -> Made:
    """The mutants of each array of the results; those that need a compilation only with `everything`."""
    for place, leaf in enumerate(trial.leaves):
        for mistake, mutant in mutants.of_results(leaf.got, trial.shape):
            yield mistake, place, mutant, leaf.got
    if everything:
        terms = mutants.dropping_terms(identity, trial)
        for number, results in enumerate(terms[1:]):
            for place, mutant in enumerate(results):
                yield f"a term dropped, number {number}", place, mutant, terms[0][place]
        yield from other_derivatives(identity, trial)


def other_derivatives(identity: Identity, trial: Trial) -> Made:
    """In place of each array of the results, what the witness says of the function's other arguments."""
    if identity.kind.name == "jvp":  # whose tangents have the shape of one argument, and not of another
        return
    for parameter in identity.signature.parameters:
        found = derivative_by(identity, trial, parameter) if any(leaf.moves for leaf in parameter.leaves) else []
        for place, leaf in enumerate(trial.leaves):
            own = identity.moving[place % len(identity.moving)]
            if own not in {leaf.name for leaf in parameter.leaves}:
                yield from ((f"derivative by {parameter.name}", place, mutant, leaf.got) for mutant in found)


def derivative_by(identity: Identity, trial: Trial, parameter: Parameter) -> list[np.ndarray]:
    """The same kind of derivative by another argument, without axes of fixed size 1, as the catalog has it."""
    other = replace(identity, wrt=(parameter.name,), gives=identity.kind.gives(identity.signature, [parameter]))
    words = reference(other, trial.shape, trial.batch, 0.0, 0).words["jacfwd"]
    dims = [leaf.dims(trial.shape.form) for leaf in other.leaves]
    ones = [tuple(i for i, dim in enumerate(d, start=1) if dim == "1") for d in dims]
    return [word.values.squeeze(axes) for word, axes in zip(words, ones, strict=True)]
