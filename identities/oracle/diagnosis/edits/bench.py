"""One sample on the bench: what a changed program would have given for its instances."""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.claim import Claim
from identities.oracle.diagnosis.case import Sample, Truth
from identities.oracle.diagnosis.edits.evaluate import NOTHING, Arrays, Edit, Known, pulled_back, values_of
from identities.oracle.diagnosis.edits.kernels import Aval
from identities.oracle.diagnosis.edits.program import Program, program_of
from identities.oracle.diagnosis.edits.recognised import recognised
from identities.oracle.diagnosis.effort import spend
from identities.oracle.draw.moved import moved, perturbed, tiny_steps
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch, real_parts, wide
from identities.oracle.run.programs import full_precision

_ROWS = 4096
"""How many cotangents are pulled back at once, of a dense derivative."""

_PER_RESULT = 6
"""What it costs besides to find out what an edit leaves as it is, in operations."""


def _program_of(claim: Claim, shape: Shape) -> Program:
    names = tuple(a.name for a in claim.primals)
    moving = tuple(names.index(name) for name in claim.moving) if claim.kind.order else tuple(range(len(names)))
    of = tuple((shape.of(a), dtype_of(a.values)) for a in claim.primals)
    function = claim.flat(shape.static(claim))
    for _ in range(claim.kind.order - 1):  # a second derivative is one of the gradient, which is a program too
        function = _gradient(function, moving)
    return _program(function, of, moving, names, shape.sizes, tuple(shape.numbers(claim).items()))


@functools.lru_cache(maxsize=64)
def _gradient(function: Any, moving: tuple[int, ...]) -> Any:
    """The derivatives of all results by all arguments."""

    def gradient(*arguments: Any) -> list[Any]:
        scalar = [result.shape for result in jax.eval_shape(function, *arguments)] == [()]
        if scalar:  # as people write it, without a matrix of cotangents
            return list(jax.grad(lambda *given: function(*given)[0], moving)(*arguments))
        return jax.tree.leaves(jax.jacrev(function, moving)(*arguments))

    return gradient


@functools.lru_cache(maxsize=64)
def _program(
    function: Any,
    of: tuple[Aval, ...],
    moving: tuple[int, ...],
    names: tuple[str, ...],
    sizes: tuple[tuple[str, int], ...],
    options: tuple[tuple[str, float], ...],
) -> Program:
    return program_of(function, [jax.ShapeDtypeStruct(*aval) for aval in of], moving, names, dict(sizes), dict(options))


def dtype_of(values: str) -> np.dtype:
    """What kinds of values are computed in."""
    return np.dtype({"integer": np.int64, "boolean": bool, "complex": np.complex128}.get(values, np.float64))


@dataclass(frozen=True, eq=False)
class Bench:
    """A sample, and the program of its function."""

    sample: Sample
    program: Program
    batch: Batch

    def result(self, edit: Edit = NOTHING, batch: Batch | None = None) -> np.ndarray:
        """The array of the result that the sample is about, as the edit has it."""
        spend(_PER_RESULT)
        claim = self.sample.claim
        batch = batch or self.batch
        given = [batch[a.name] for a in claim.primals]
        vectors = [batch[a.name] for a in claim.vectors]
        place = claim.place or 0
        with full_precision(), np.errstate(all="ignore"):
            known = self.values if batch is self.batch else None
            values = self.values if known and edit.is_of_pull else values_of(self.program, given, edit, known)
            given = _GIVES[claim.kind.name](self, values, vectors, place, edit)
        return real_parts(given).reshape(self.sample.got.shape)

    @functools.cached_property
    def values(self) -> dict[int, np.ndarray]:
        """Every value of the function on its way, by its number."""
        with full_precision(), np.errstate(all="ignore"):
            return values_of(self.program, [self.batch[a.name] for a in self.sample.claim.primals])

    def jacobian(self) -> np.ndarray:
        """The derivative of a vjp's only result by the argument that the sample is about, one row after the other."""
        (result,), target = self.program.results, self.moving()[self.sample.claim.place or 0]
        shape, count = self.program.avals[result][0], len(self.values[result])
        rows = []
        with full_precision(), np.errstate(all="ignore"):
            for one in np.eye(math.prod(shape)):
                cotangent = np.broadcast_to(one.reshape(shape), (count, *shape))
                rows.append(pulled_back(self.program, self.values, [cotangent]).arguments[target])
        whole = np.stack(rows, axis=1)
        return whole.reshape(count, *shape, *whole.shape[2:])

    @functools.cached_property
    def known(self) -> Known:
        """What comes of the program as it is, for the cotangents of the batch."""
        vectors = [self.batch[a.name] for a in self.sample.claim.vectors]
        return Known(self.values, pulled_back(self.program, self.values, vectors).steps)

    def truth(self, edit: Edit, jumps: bool = True) -> Truth:
        """The same, and how far it moves when the arguments move by their rounding.

        Where the changed program jumps, anything that comes back is as good; but nothing may be added to that.
        """
        claim, shape = self.sample.claim, self.sample.shape
        here = self.result(edit)
        eps = float(jnp.finfo(self.sample.dtype).eps)
        copies = [self.result(edit, copy) for copy in perturbed(claim, shape, self.batch, eps, 0)]
        with np.errstate(all="ignore"):
            movement = 0.5 * np.sqrt(np.mean([np.square(copy - here) for copy in copies], axis=0))
            if jumps:
                here = np.where(self._jumps(edit, here), self.sample.got, here)
        return Truth(here, np.where(np.isfinite(movement), movement, 0.0))

    def _jumps(self, edit: Edit, here: np.ndarray) -> np.ndarray:
        """At which instances the result is another one after a tiny step, as it is at a kink."""
        claim, shape, rng = self.sample.claim, self.sample.shape, np.random.default_rng(0)
        moving = [a for a in claim.primals if a.moves]
        steps = {a.name: tiny_steps(a, self.batch[a.name], rng) for a in moving}
        size = np.abs(here).reshape(len(here), -1).max(axis=1, initial=0)
        found = np.zeros(len(here), bool)
        for sign in (1, -1):
            there = {a.name: moved(a, shape, self.batch[a.name], sign * steps[a.name]) for a in moving}
            off = np.abs(self.result(edit, self.batch | there) - here).reshape(len(here), -1).max(axis=1, initial=0)
            found |= off > 1e-6 * size
        return found.reshape(-1, *[1] * (here.ndim - 1))

    def between(self) -> frozenset[int]:
        """The values on the way from the arguments that are differentiated by to the results."""
        claim, moving = self.sample.claim, self.moving()
        if not claim.kind.order:
            return frozenset()
        by = moving if claim.kind.name == "jvp" else [moving[(claim.place or 0) % len(moving)]]
        ways = [self.program.way_from(self.program.arguments[i]) for i in by]
        return self.program.leading.intersection(itertools.chain(*ways))

    def moving(self) -> list[int]:
        """The numbers of the arguments that are differentiated by, as they are asked for."""
        names = [a.name for a in self.sample.claim.primals]
        return [names.index(name) for name in self.sample.claim.moving]


def bench_of(sample: Sample, which: np.ndarray | None = None, known: bool = False) -> Bench:
    """The bench of a sample, or of some of its instances.

    **Arguments:**

    - `known`: whether known functions that are written out are taken for one operation.

    **Raises:** `TooLargeError`.
    """
    batch = wide(sample.batch)
    if which is not None:
        batch = {name: values[which] for name, values in batch.items()}
        sample = Sample(
            sample.claim, sample.shape, sample.dtype, batch, sample.got[which],
            Truth(sample.truth.values[which], sample.truth.movement[which]), sample.kept[which], 1,
        )  # fmt: skip
    program = _program_of(sample.claim, sample.shape)
    return Bench(sample, (recognised(program) if known else None) or program, batch)


def _value(bench: Bench, values: dict[int, np.ndarray], vectors: Arrays, place: int, edit: Edit) -> np.ndarray:
    made = values[bench.program.results[place]]
    return made if np.iscomplexobj(made) else made.astype(float)


def _vjp(bench: Bench, values: dict[int, np.ndarray], vectors: Arrays, place: int, edit: Edit) -> np.ndarray:
    target = bench.moving()[place]
    # Another operand may lead to the argument on another way.
    way = None if edit.standing else bench.program.way_from(bench.program.arguments[target])
    same = all(vector is bench.batch[a.name] for vector, a in zip(vectors, bench.sample.claim.vectors, strict=True))
    known = bench.known if same else None
    return pulled_back(bench.program, values, vectors, edit, known, way).arguments[target]


def _jacobian(bench: Bench, values: dict[int, np.ndarray], vectors: Arrays, place: int, edit: Edit) -> np.ndarray:
    moving = bench.moving()
    return _dense(bench, values, place // len(moving), edit)[moving[place % len(moving)]]


def _jvp(bench: Bench, values: dict[int, np.ndarray], vectors: Arrays, place: int, edit: Edit) -> np.ndarray:
    blocks = _dense(bench, values, place, edit)
    count = len(vectors[0])
    found = 0.0
    for number, tangent in zip(bench.moving(), vectors, strict=True):
        flat = tangent.reshape(count, -1)
        found = found + np.einsum("boi,bi->bo", blocks[number].reshape(count, -1, flat.shape[1]), flat)
    return np.asarray(found)


_GIVES = {"value": _value, "vjp": _vjp, "jacobian": _jacobian, "jvp": _jvp, "hessian": _jacobian}

KINDS = tuple(_GIVES)
"""The kinds of derivatives that edits are tried on."""


def _dense(bench: Bench, values: dict[int, np.ndarray], result: int, edit: Edit) -> list[np.ndarray]:
    """The derivative of a result by every argument: all cotangents of one entry each, side by side."""
    numbers = bench.program.results
    shape = bench.program.avals[numbers[result]][0]
    entries, count = int(np.prod(shape)), len(values[numbers[result]])
    at_once = max(1, _ROWS // count)
    columns = [
        _rows(bench, values, result, range(start, min(start + at_once, entries)), edit)
        for start in range(0, entries, at_once)
    ]
    blocks = []
    for of_argument in zip(*columns, strict=True):
        whole = np.concatenate(of_argument, axis=1)
        blocks.append(whole.reshape(count, *shape, *whole.shape[2:]))
    return blocks


def _rows(
    bench: Bench, values: dict[int, np.ndarray], result: int, entries: Sequence[int], edit: Edit
) -> list[np.ndarray]:
    program = bench.program
    many = len(entries)
    repeated = {n: np.repeat(v, many, axis=0) for n, v in values.items()}
    given = [np.zeros(repeated[n].shape) for n in program.results]
    count = len(values[program.results[result]])
    flat = given[result].reshape(count, many, -1)
    for i, entry in enumerate(entries):
        flat[:, i, entry] = 1
    pulled = pulled_back(program, repeated, given, edit).arguments
    return [v.reshape(count, many, *v.shape[1:]) for v in pulled]
