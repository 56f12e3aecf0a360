"""Witnesses: independent ways to the derivative that a claim is about.

There are two, JAX's forward and its reverse mode, in float64 and on the CPU. While a derivative is small, each gives
all of it, by `jax.jacfwd` and `jax.jacrev`; a vjp or jvp is that tensor contracted, so that one compilation serves all
kinds of claims about a function, in all dtypes. Beyond that, a vjp is what `jax.vjp` says and a jvp what `jax.jvp`
says, and the other mode is asked for a product with random vectors, as <delta, J v>, which a right result gives too.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from identities.claim import Claim
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch, perturbed, real_parts, tiny_steps, wide
from identities.oracle.draw.values import moved as moved_within
from identities.oracle.reference.linear_map import Tensors
from identities.oracle.reference.products import LAST, in_full, products, random_vectors
from identities.oracle.run.programs import evaluated

WITNESSES = ("jacfwd", "jacrev")

_VANISHING = 1e-10
"""A derivative that is nowhere larger than that is taken for nothing but rounding."""

_DENSE, _DENSE_BATCH = 1 << 16, 1 << 25
"""The most entries of what is computed in full, for one instance and for a whole batch."""

Mode = Callable[[Callable[..., Any], tuple[int, ...]], Callable[..., Any]]


@dataclass(frozen=True)
class Word:
    """What a witness says of one array of a result, for a batch of instances.

    **Fields:**

    - `values`: the array itself; or, with a probe, its product with that.
    - `movement`: how far each entry moves, in root mean square, when every input moves up or down by
      the spacing of the dtype under test; measured.
    - `probe`: random vectors, one an instance, with which an array is contracted over its axes from `axis` on, or over
      its last ones.
    """

    values: np.ndarray
    movement: np.ndarray
    probe: np.ndarray | None = None
    axis: int = 1

    def of(self, got: np.ndarray) -> np.ndarray:
        """What a result has to say where the witness gives its values."""
        if self.probe is None:
            return got
        start = got.ndim - self.probe.ndim + 1 if self.axis == LAST else self.axis
        batch, before = len(got), got.shape[1:start]
        after = got.shape[start + self.probe.ndim - 1 :]
        parts = got.reshape(batch, math.prod(before), self.probe[0].size, math.prod(after))
        with np.errstate(invalid="ignore", over="ignore"):
            shown = np.einsum("bpva,bv->bpa", parts, self.probe.reshape(batch, -1))
        return shown.reshape(batch, *before, *after)


@dataclass(frozen=True)
class Reference:
    """What is held to be true for a batch of instances: by the name of the witness, a word on each array."""

    words: Mapping[str, tuple[Word, ...]]

    def of(self, leaf: int) -> dict[str, Word]:
        """What all witnesses say of one array."""
        return {witness: words[leaf] for witness, words in self.words.items()}


Said = dict[str, list[np.ndarray]]
"""By the name of the witness, values for each array of a result."""


def reference(claim: Claim, shape: Shape, batch: Batch, eps: float, seed: int, then: str | None = None) -> Reference:
    """The witnesses' word on a batch of arguments, which are taken as exact float64 numbers.

    **Arguments:**

    - `eps`: how far, relatively, to move the inputs for measuring the movement: the spacing of the
      dtype under test. At that of float64, the movement includes the witnesses' own rounding. At 0, there is none.
    - `then`: an argument to differentiate by once more, for the derivative of an identity itself.
    """
    given = wide(batch)
    probes = random_vectors(claim, shape, given, seed) if not is_dense(claim, shape, given) else None
    here = _said(claim, shape, given, then, probes)
    copies = perturbed(claim, shape, given, eps, seed) if eps else []
    # The unit is known by those that give the result itself.
    asked = tuple(here) if probes is None else in_full(claim)
    there = [_said(claim, shape, copy, then, probes, asked) for copy in copies]
    said = {witness: [here[witness], *(copy[witness] for copy in there if witness in copy)] for witness in here}
    words = reference_of(said, probes)
    if eps and then is None and claim.kind.order and probes is None:
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


def _with_rounding_of_terms(claim: Claim, shape: Shape, batch: Batch, eps: float, leaf: int, word: Word) -> Word:
    """How much rounding the terms of a derivative leave that cancel to nothing, as of x/|x| in one dimension.

    They are about as large as f(x)/x, times the cotangent if there is one.
    """
    finite = word.values[np.isfinite(word.values)]
    if np.abs(finite).max(initial=0) >= _VANISHING:
        return word

    def largest(values: np.ndarray) -> np.ndarray:
        return np.abs(values).astype(float).reshape(len(values), -1).max(axis=1, initial=0)

    name = claim.leaves[leaf].name
    by = batch[name if name in claim.moving else claim.moving[0]]
    x = np.abs(by).astype(float).reshape(len(by), -1)
    values = np.max([largest(part) for part in function_values(claim, shape, batch)], axis=0)
    terms = values / np.where(x > 0, x, 1).min(axis=1, initial=1)
    if claim.kind.name == "vjp":
        terms *= np.max([largest(batch[a.name]) for a in claim.vectors], axis=0)
    left = (eps * terms).reshape(-1, *[1] * (word.movement.ndim - 1))
    return replace(word, movement=word.movement + left)


def smooth(claim: Claim, shape: Shape, batch: Batch, seed: int) -> np.ndarray:
    """At which instances of a batch the derivative is finite and continuous, as far as a tiny step tells.

    At a kink, a tie or a pole there is nothing that a result could be held against.
    """
    rng = np.random.default_rng(seed)
    given = wide(batch)
    probes = random_vectors(claim, shape, given, seed) if not is_dense(claim, shape, given) else None
    steps = {a.name: tiny_steps(a, given[a.name], rng) for a in claim.arguments if a.moves}
    found = np.ones(len(next(iter(batch.values()), np.zeros(1))), bool)
    asked = WITNESSES if probes is None else in_full(claim)
    here = _said(claim, shape, given, None, probes, asked)
    for sign in (1, -1):
        there = given | {
            a.name: moved_within(a, shape, given[a.name], sign * steps[a.name]) for a in claim.arguments if a.moves
        }
        said = _said(claim, shape, there, None, probes, asked)
        for witness, leaf in ((w, i) for w in here for i in range(len(here[w]))):
            before, after = (real_parts(s[witness][leaf]).reshape(len(found), -1) for s in (here, said))
            finite = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
            with np.errstate(invalid="ignore"):
                jump = np.abs(after - before).max(axis=1, initial=0)
            found &= finite & ~(jump > max(1e-6 * np.abs(before[finite]).max(initial=0), _VANISHING))
    return found


def defined(right: Reference) -> np.ndarray:
    """At which instances a function has a value; a jump or a kink in it is no reason not to judge that."""
    found = [np.isnan(word.values) for words in right.words.values() for word in words]
    return ~np.any([undefined.reshape(len(undefined), -1).any(axis=1) for undefined in found], axis=0)


def is_dense(claim: Claim, shape: Shape, batch: Batch) -> bool:
    """Whether the whole derivative is computed, rather than products with it."""
    if not claim.kind.order:
        return True
    arrays = [*claim.primals, *claim.results]
    if any(a.values == "complex" for a in arrays):
        return False
    inputs = sum(math.prod(shape.of(a)) for a in claim.primals if a.name in claim.moving)
    outputs = sum(math.prod(shape.of(a)) for a in claim.results)
    # On their way there, the modes carry a copy of everything for each entry of the arguments, or of the results.
    everything = outputs + sum(math.prod(shape.of(a)) for a in claim.primals)
    entries = max(inputs, outputs) * inputs ** (claim.kind.order - 1) * everything
    count = len(next(iter(batch.values()), ()))
    return entries <= _DENSE and entries * count <= _DENSE_BATCH


def _said(
    claim: Claim, shape: Shape, batch: Batch, then: str | None, probes: Any, witnesses: Sequence[str] = WITNESSES
) -> Said:
    if not claim.kind.order:
        values = [v.astype(float) if v.dtype == bool else v for v in function_values(claim, shape, batch)]
        return {"function": _of_part(claim, values)}
    if probes is not None:
        said = products(claim, shape, batch, probes, witnesses)
        return {witness: _of_part(claim, arrays) for witness, arrays in said.items()}
    steps = [tuple(i for i, a in enumerate(claim.primals) if a.name in claim.moving)] * claim.kind.order
    order = [[a.name for a in claim.primals].index(name) for name in claim.moving]
    steps += [tuple(i for i, a in enumerate(claim.primals) if a.name == then)] if then else []
    tensors = _dense(claim, shape, batch, tuple(steps))
    by = sorted(order)
    place = [by.index(i) for i in order]  # of the arguments as they are asked for, among them as they are declared
    presentations = {}
    for witness, blocks in tensors.items():
        rows = [blocks[i : i + len(by)] for i in range(0, len(blocks), len(by))]
        if claim.kind.order == 2:
            rows = [rows[r + i] for r in range(0, len(rows), len(by)) for i in place]
        ordered = [[row[i] for i in place] for row in rows]
        presentations[witness] = presented(claim, shape, batch, ordered, then)
    return presentations


def _of_part(claim: Claim, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    return list(arrays) if claim.place is None else [arrays[claim.place]]


def presented(
    claim: Claim, shape: Shape, batch: Batch, blocks: Sequence[Sequence[np.ndarray]], then: str | None = None
) -> list[np.ndarray]:
    """Dense derivatives of every result by every argument, with the axes that the claim's conventions leave.

    Of `claim.part(i)` that is one array.
    """
    derivative = Tensors(blocks, [len(shape.of(a)) for a in claim.results])
    found = claim.kind.present(derivative, [batch[a.name] for a in claim.vectors])
    more = next((shape.of(a) for a in claim.primals if a.name == then), ())
    found = _of_part(claim, found)
    return [np.reshape(v, (len(v), *shape.of(a), *more)) for v, a in zip(found, claim.leaves, strict=True)]


def function_values(claim: Claim, shape: Shape, batch: Batch) -> tuple[np.ndarray, ...]:
    """What the function itself gives, in float64: every array that has derivatives, or all for a value."""
    given = wide(batch)
    primals = [given[a.name] for a in claim.primals]
    count = len(next(iter(batch.values()), ()))
    program = _function_program(claim.flat(shape.static(claim)), tuple(map(_structure, primals)), count)
    return program(*primals)


def _structure(values: np.ndarray) -> tuple[tuple[int, ...], str]:
    return values.shape, values.dtype.name


def _structures(of: Sequence[tuple[tuple[int, ...], str]]) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(shape, np.dtype(dtype)) for shape, dtype in of]


@functools.cache
def _function_program(function: Any, of: tuple[Any, ...], count: int) -> Callable[..., tuple[np.ndarray, ...]]:
    return evaluated(function, _structures(of), ("function", *function.made_of), count)


def _dense(claim: Claim, shape: Shape, batch: Batch, steps: tuple[tuple[int, ...], ...]) -> dict[str, list[np.ndarray]]:
    """All derivatives by one set of arguments after the other, of shape (batch, output, input, ...)."""
    primals = [batch[a.name] for a in claim.primals]
    program = _program(claim.flat(shape.static(claim)), steps, tuple(map(_structure, primals)))
    return {witness: jax.tree.leaves(found) for witness, found in program(*primals).items()}


@functools.cache
def _program(function: Any, steps: tuple[tuple[int, ...], ...], of: tuple[Any, ...]) -> Callable[..., dict[str, Any]]:
    def derivative(outer: Mode, inner: Mode) -> Callable[..., Any]:
        # A higher derivative takes its last step in its own mode and the others in the other one.
        modes = [inner] * (len(steps) - 1) + [outer]
        return functools.reduce(lambda f, step: step[0](f, step[1]), zip(modes, steps, strict=True), function)

    forward = derivative(jax.jacfwd, jax.jacrev)
    backward = derivative(jax.jacrev, jax.jacfwd)

    def both(*primals):
        return dict(zip(WITNESSES, (forward(*primals), backward(*primals)), strict=True))

    return evaluated(both, _structures(of), ("witnesses", steps, *function.made_of))
