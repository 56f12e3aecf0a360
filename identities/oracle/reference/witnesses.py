"""Witnesses: independent ways to the derivative that a claim is about.

Two of them are here, JAX's forward and its reverse mode, in float64 and on the CPU; the third, `differences`, knows no
rule of theirs. While a derivative is small, each gives all of it, by `jax.jacfwd` and `jax.jacrev`; a vjp or jvp is
that tensor contracted, so that one compilation serves all kinds of claims about a function, in all dtypes. Beyond that,
a vjp is what `jax.vjp` says and a jvp what `jax.jvp` says, and the other mode is asked for a product with random
vectors, as <delta, J v>, which a right result gives too.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from identities.claim import Claim
from identities.oracle.draw.moved import moved as moved_within
from identities.oracle.draw.moved import perturbed, tiny_steps
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch, real_parts, wide
from identities.oracle.reference.dense import WITNESSES, Said, arranged, both_modes, of_part, steps_of
from identities.oracle.reference.function import function_values, structure, structures
from identities.oracle.reference.instances import largest_of
from identities.oracle.reference.products import in_full, products, random_vectors
from identities.oracle.reference.words import Reference, Word
from identities.oracle.run.programs import evaluated, recently_made

_VANISHING = 1e-10
"""A derivative that is nowhere larger than that is taken for nothing but rounding."""

_NEXT_TO_NOTHING = 1e-20
"""Beside a tiny step: so little that its square is nothing, too."""

_ROUNDED = 2.0**-53
"""What is less of a derivative does not show in it."""

_DENSE, _DENSE_BATCH = 1 << 16, 1 << 25
"""The most entries of what is computed in full, for one instance and for a whole batch."""


def reference(claim: Claim, shape: Shape, batch: Batch, eps: float, seed: int, terms: bool = True) -> Reference:
    """The witnesses' word on a batch of arguments, which are taken as exact float64 numbers.

    **Arguments:**

    - `eps`: how far, relatively, to move the inputs for measuring the movement: the spacing of the
      dtype under test. At that of float64, the movement includes the witnesses' own rounding. At 0, there is none.
    - `terms`: whether it includes the rounding of terms that cancel to nothing, which is infinite right beside zero.
    """
    given = wide(batch)
    probes = random_vectors(claim, shape, given, seed, not eps) if not is_dense(claim, shape, given) else None
    here = _said(claim, shape, given, probes)
    copies = perturbed(claim, shape, given, eps, seed) if eps else []
    # The unit is known by those that give the result itself.
    asked = tuple(here) if probes is None else in_full(claim)
    there = [_said(claim, shape, copy, probes, asked) for copy in copies]
    said = {witness: [here[witness], *(copy[witness] for copy in there if witness in copy)] for witness in here}
    words = reference_of(said, probes)
    if eps and terms and claim.kind.order and probes is None:
        words = {
            witness: tuple(_with_rounding_of_terms(claim, shape, batch, eps, i, word) for i, word in enumerate(found))
            for witness, found in words.items()
        }
    return Reference(words)


def reference_of(
    copies: Mapping[str, Sequence[Sequence[np.ndarray]]], probes: Any = None
) -> dict[str, tuple[Word, ...]]:
    """The words that results for a batch and its four moved copies make; by witness, then copy, then array."""
    first = next(iter(copies.values()))
    words: dict[str, list[Word]] = {witness: [] for witness in copies}
    for leaf in range(len(first[0])):
        parts = {witness: [real_parts(copy[leaf]) for copy in said] for witness, said in copies.items()}
        movement = {witness: _root_mean_square(of_it[1:], of_it[0]) for witness, of_it in parts.items()}
        if probes is None:  # all witnesses say the same
            together = _root_mean_square(list(movement.values()), np.zeros(1))
            movement = dict.fromkeys(movement, together)
        for witness, of_it in parts.items():
            probe = probes.beside(witness, leaf) if probes else None
            words[witness].append(Word(of_it[0], 0.5 * movement[witness], *(probe or ())))
    return {witness: tuple(found) for witness, found in words.items()}


def _root_mean_square(copies: Sequence[np.ndarray], here: np.ndarray) -> np.ndarray:
    """How far moved copies are from where they started; without any, not at all."""
    if not copies:
        return np.zeros_like(here, float)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # at a pole, everything may be infinite
        steps = np.abs(np.stack(copies) - here)
        largest = steps.max(axis=0)
        # Squares of what is tiny would be nothing.
        mean = np.sqrt(np.mean(np.square(steps / np.where(largest > 0, largest, 1)), axis=0))
        return np.where(largest > 0, largest * mean, largest)


@np.errstate(over="ignore", invalid="ignore")
def _with_rounding_of_terms(claim: Claim, shape: Shape, batch: Batch, eps: float, leaf: int, word: Word) -> Word:
    """How much rounding the terms of a derivative leave that cancel to nothing, as of x/|x| in one dimension.

    They are about as large as f(x)/x, times the cotangent if there is one.
    """
    finite = word.values[np.isfinite(word.values)]
    if np.abs(finite).max(initial=0) >= _VANISHING:
        return word

    name = claim.leaves[leaf].name
    by = batch[name if name in claim.moving else claim.moving[0]]
    x = np.abs(by).astype(float).reshape(len(by), -1)
    values = np.max([largest_of(np.abs(part).astype(float)) for part in function_values(claim, shape, batch)], axis=0)
    terms = values / np.where(x > 0, x, 1).min(axis=1, initial=1)  # infinite for a subnormal x, as it should be
    if claim.kind.name == "vjp":
        terms *= np.max([largest_of(np.abs(batch[a.name]).astype(float)) for a in claim.vectors], axis=0)
    left = (eps * terms).reshape(-1, *[1] * (word.movement.ndim - 1))
    return replace(word, movement=word.movement + left)


def smooth(claim: Claim, shape: Shape, batch: Batch, seed: int) -> np.ndarray:
    """At which instances of a batch the derivative is finite and continuous, as far as a tiny step tells.

    At a kink, a tie or a pole there is nothing that a result could be held against.
    """
    rng = np.random.default_rng(seed)
    given = wide(batch)
    probes = random_vectors(claim, shape, given, seed) if not is_dense(claim, shape, given) else None
    tiny = {a.name: tiny_steps(a, given[a.name], rng) for a in claim.arguments if a.moves}
    # Where nothing but zeros moves, and by next to nothing, a kink is all that can show, however little comes of it.
    least = {name: np.where(given[name] == 0, _NEXT_TO_NOTHING * steps, 0) for name, steps in tiny.items()}
    found = np.ones(len(next(iter(batch.values()), np.zeros(1))), bool)
    asked = WITNESSES if probes is None else in_full(claim)
    here = _said(claim, shape, given, probes, asked)

    def jumps(steps: Batch) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of every array: where it is finite before and after, how far it moves, and how large it is."""
        for sign in (1, -1) if any(step.any() for step in steps.values()) else ():
            there = given | {
                a.name: moved_within(a, shape, given[a.name], sign * steps[a.name]) for a in claim.arguments if a.moves
            }
            said = _said(claim, shape, there, probes, asked)
            for witness, leaf in ((w, i) for w in here for i in range(len(here[w]))):
                before, after = (real_parts(s[witness][leaf]).reshape(len(found), -1) for s in (here, said))
                finite = np.asarray(np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1))
                with np.errstate(invalid="ignore"):
                    yield finite, largest_of(np.abs(after - before)), largest_of(np.abs(before))

    for finite, jump, size in jumps(tiny):
        # A few huge derivatives say nothing of the others, nor does one that is zero of how it changes.
        usual = np.median(size[finite]) if finite.any() else 0.0
        found &= finite & ~(jump > np.maximum(1e-6 * np.maximum(size, usual), _VANISHING))
    for finite, jump, size in jumps(least):
        found &= ~(finite & (jump > _ROUNDED * size))
    return np.asarray(found)


def is_dense(claim: Claim, shape: Shape, batch: Batch) -> bool:
    """Whether the whole derivative is computed, rather than products with it."""
    if not claim.kind.order:
        return True
    if any(a.values == "complex" for a in (*claim.primals, *claim.results)):
        return False
    entries = entries_on_the_way(claim, shape)
    return entries <= _DENSE and entries * len(next(iter(batch.values()), ())) <= _DENSE_BATCH


def entries_on_the_way(claim: Claim, shape: Shape) -> int:
    """How many numbers the modes compute of one instance where they compute the whole derivative.

    On their way there, they carry a copy of everything for each entry of the arguments, or of the results.
    """
    inputs = sum(math.prod(shape.of(a)) for a in claim.primals if a.name in claim.moving)
    outputs = sum(math.prod(shape.of(a)) for a in claim.results)
    everything = outputs + sum(math.prod(shape.of(a)) for a in claim.primals)
    return max(inputs, outputs) * inputs ** max(claim.kind.order - 1, 0) * everything


def _said(claim: Claim, shape: Shape, batch: Batch, probes: Any, witnesses: Sequence[str] = WITNESSES) -> Said:
    if not claim.kind.order:
        values = [v.astype(float) if v.dtype == bool else v for v in function_values(claim, shape, batch)]
        return {"function": of_part(claim, values)}
    if probes is not None:
        said = products(claim, shape, batch, probes, witnesses)
        return {witness: of_part(claim, arrays) for witness, arrays in said.items()}
    primals = [batch[a.name] for a in claim.primals]
    program = _program(claim.flat(shape.static(claim)), steps_of(claim), tuple(map(structure, primals)))
    return arranged(claim, shape, batch, program(*primals))


@recently_made
def _program(function: Any, steps: tuple[tuple[int, ...], ...], of: tuple[Any, ...]) -> Callable[..., dict[str, Any]]:
    return evaluated(both_modes(function, steps), structures(of), ("witnesses", steps, *function.made_of))
