"""Derivatives too large to be written down: products with them, from both sides."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.caching import cached
from identities.claim import Claim
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch, real_parts
from identities.oracle.reference.rules import forwards
from identities.oracle.reference.words import LAST
from identities.oracle.run.programs import evaluated, recently_made
from identities.oracle.run.traced import differentiating, traced_once


@dataclass(frozen=True)
class Probes:
    """Random vectors for a batch: one for each argument to differentiate by, and one for each result.

    A wrong result of error e has a product <e, v> with a standard normal v that is below a bound b with a probability
    of at most 0.8 b/|e|.
    """

    claim: Claim
    inputs: tuple[np.ndarray, ...]
    outputs: tuple[np.ndarray, ...]

    def beside(self, witness: str, leaf: int) -> tuple[np.ndarray, int] | None:
        """With what a leaf is contracted, from which axis on, to be held against a witness; None for itself."""
        kind, leaf = self.claim.kind.name, self.claim.place or leaf
        forward = witness == "jacfwd"
        if kind == "vjp":
            return (_real(self.inputs[leaf]), 1) if forward else None
        if kind == "jvp":
            return None if forward else (_real(self.outputs[leaf]), 1)
        by = len(self.inputs) ** self.claim.kind.order
        result, last = leaf // by, leaf % len(self.inputs)
        if not forward:
            return self.outputs[result], 1
        return self.inputs[last], LAST


def _real(probe: np.ndarray) -> np.ndarray:
    """For Re(sum of g v), with g as pairs of real numbers."""
    return real_parts(np.conj(probe))


def random_vectors(claim: Claim, shape: Shape, batch: Batch, seed: int, signs: bool = False) -> Probes:
    """Standard normal vectors for every instance; the same for the same claim, shape and seed.

    Or nothing but `signs`, whose products with integers round nothing either.
    """
    rng = np.random.default_rng([seed, zlib.crc32(f"{claim.name} {shape} probes".encode())])
    count = len(next(iter(batch.values()), ()))

    def vector(a) -> np.ndarray:
        size = (count, *shape.of(a))
        drawn = rng.choice((-1.0, 1.0), size) if signs else rng.standard_normal(size)
        return drawn + 1j * rng.standard_normal(drawn.shape) if a.values == "complex" else drawn

    primals = {a.name: a for a in claim.primals}
    return Probes(claim, tuple(vector(primals[name]) for name in claim.moving), tuple(map(vector, claim.results)))


def products(
    claim: Claim, shape: Shape, batch: Batch, probes: Probes, witnesses: Sequence[str]
) -> dict[str, list[np.ndarray]]:
    """What those witnesses say, of the result itself or of its product with a probe, for each array of the result."""
    return {witness: _said(claim, shape, batch, probes, witness) for witness in witnesses}


def in_full(claim: Claim) -> tuple[str, ...]:
    """The witnesses that give the result itself; all of them if none does."""
    return {"vjp": ("jacrev",), "jvp": ("jacfwd",)}.get(claim.kind.name, ("jacfwd", "jacrev"))


def _said(claim: Claim, shape: Shape, batch: Batch, probes: Probes, witness: str) -> list[np.ndarray]:
    given = operands(claim, batch, probes)
    of = tuple(tuple((v.shape, v.dtype.name) for v in part) for part in given)
    program = _program(claim.flat(shape.static(claim)), claim.kind.name, witness, _moving(claim), of)
    return list(program(*given))


def operands(claim: Claim, batch: Batch, probes: Probes) -> tuple[list[np.ndarray], ...]:
    """What `product` takes."""
    primals = [batch[a.name] for a in claim.primals]
    vectors = [batch[a.name] for a in claim.vectors]
    return primals, vectors, list(probes.inputs), list(probes.outputs)


def product(claim: Claim, shape: Shape, witness: str) -> Callable[..., Any]:
    """What a witness says of one instance, as a function of `operands`."""
    return _product(claim.flat(shape.static(claim)), claim.kind.name, witness, _moving(claim))


def _moving(claim: Claim) -> tuple[int, ...]:
    names = [a.name for a in claim.primals]
    return tuple(names.index(name) for name in claim.moving)


@recently_made
def _program(function: Any, kind: str, witness: str, moving: tuple[int, ...], of: Any) -> Callable[..., Any]:
    structures = [[jax.ShapeDtypeStruct(shape, np.dtype(dtype)) for shape, dtype in part] for part in of]
    made_of = ("products", kind, witness, moving, *function.made_of)
    return evaluated(_product(function, kind, witness, moving), structures, made_of)


@cached
def _product(function: Any, kind: str, witness: str, moving: tuple[int, ...]) -> Callable[..., Any]:
    traced = traced_once(function)

    def program(primals, vectors, inputs, outputs):
        def at(*moved):
            everything = list(primals)
            for i, value in zip(moving, moved, strict=True):
                everything[i] = value
            return traced(*everything)

        here = tuple(primals[i] for i in moving)
        with differentiating(function):
            return _SAYS[kind, witness](at, here, vectors, inputs, outputs)

    return program


def _pair(a: Any, b: Any) -> Any:
    return jnp.real(jnp.sum(a * b))


def _pushed(f, here, inputs):
    """What each argument's probe does to all results, by itself."""
    still = tuple(map(jnp.zeros_like, here))

    def pushed(function):
        _, push = jax.linearize(function, *here)
        return [push(*still[:i], v, *still[i + 1 :]) for i, v in enumerate(inputs)]

    return forwards(pushed, f)


def _pulled(f, here, outputs):
    """What each result's probe gives for all arguments, by itself."""
    _, pull = jax.vjp(f, *here)
    nothing = tuple(map(jnp.zeros_like, outputs))
    return [pull((*nothing[:r], u, *nothing[r + 1 :])) for r, u in enumerate(outputs)]


def _vjp(f, here, cotangents, inputs, outputs):
    return jax.vjp(f, *here)[1](tuple(cotangents))


def _vjp_by_pushing(f, here, cotangents, inputs, outputs):
    return [sum(map(_pair, cotangents, results)) for results in _pushed(f, here, inputs)]


def _jvp(f, here, tangents, inputs, outputs):
    return forwards(lambda function: jax.jvp(function, tuple(here), tuple(tangents))[1], f)


def _jvp_by_pulling(f, here, tangents, inputs, outputs):
    return [sum(map(_pair, gradients, tangents)) for gradients in _pulled(f, here, outputs)]


def _jacobian_by_pushing(f, here, vectors, inputs, outputs):
    pushed = _pushed(f, here, inputs)
    return [pushed[w][r] for r in range(len(outputs)) for w in range(len(here))]


def _jacobian_by_pulling(f, here, vectors, inputs, outputs):
    return [gradient for gradients in _pulled(f, here, outputs) for gradient in gradients]


def _hessian_by_pushing(f, here, vectors, inputs, outputs):
    every = tuple(range(len(here)))

    def gradients(*x):
        return tuple(jax.tree.leaves(jax.jacrev(f, every)(*x)))

    along = _pushed(gradients, here, inputs)
    return [along[w][g] for g in range(len(along[0])) for w in every]


def _hessian_by_pulling(f, here, vectors, inputs, outputs):
    every = tuple(range(len(here)))

    def weighted(r):
        return lambda *x: jnp.sum(f(*x)[r] * outputs[r])

    second = [jax.jacrev(jax.grad(weighted(r), every), every)(*here) for r in range(len(outputs))]
    return jax.tree.leaves(second)


_SAYS: dict[tuple[str, str], Callable[..., Any]] = {
    ("vjp", "jacrev"): _vjp,
    ("vjp", "jacfwd"): _vjp_by_pushing,
    ("jvp", "jacfwd"): _jvp,
    ("jvp", "jacrev"): _jvp_by_pulling,
    ("jacobian", "jacfwd"): _jacobian_by_pushing,
    ("jacobian", "jacrev"): _jacobian_by_pulling,
    ("hessian", "jacfwd"): _hessian_by_pushing,
    ("hessian", "jacrev"): _hessian_by_pulling,
}
"""What a witness says of a kind of derivative, of a function of several arguments with a tuple of results."""
