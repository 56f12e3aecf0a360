"""Witnesses: independent ways to the derivative that a claim is about.

There are two, JAX's forward and its reverse mode. Each gives the dense derivative, in float64, on the
CPU; a vjp or jvp is that tensor contracted, so that one compilation serves all kinds of identity that a
function has, in all dtypes.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from identities.catalog import Identity
from identities.oracle.arguments import Batch, Shape, perturbed
from identities.oracle.programs import compiled, cpu
from identities.signature import arguments, result

WITNESSES = ("jacfwd", "jacrev")

_VANISHING = 1e-10
"""A derivative that is nowhere larger than that is taken for nothing but rounding."""

Mode = Callable[[Callable[..., Any], int], Callable[..., Any]]


@dataclass(frozen=True)
class Reference:
    """What is held to be true for a batch of instances.

    **Fields:**

    - `values`: by the name of the witness, the derivative in the layout of the identity.
    - `movement`: how far each entry moves, in root mean square, when every input moves up or down by
      the spacing of the dtype under test; measured.
    """

    values: dict[str, np.ndarray]
    movement: np.ndarray


def reference(
    identity: Identity, shape: Shape, batch: Batch, eps: float, seed: int, then: str | None = None
) -> Reference:
    """The witnesses' word on a batch of arguments, which are taken as exact float64 numbers.

    **Arguments:**

    - `eps`: how far, relatively, to move the inputs for measuring the movement: the spacing of the
      dtype under test. At that of float64, the movement includes the witnesses' own rounding. At 0, there is none.
    - `then`: an argument to differentiate by once more, for the derivative of the identity itself.
    """
    given = {name: values.astype(np.float64) for name, values in batch.items()}
    here = _witnessed(identity, shape, given, then)
    if not eps:
        return Reference(here, np.zeros_like(here[WITNESSES[0]]))
    moved = perturbed(identity.arguments, given, eps, seed)
    copies = [here, *(_witnessed(identity, shape, copy, then) for copy in moved)]
    found = reference_of({witness: np.stack([copy[witness] for copy in copies]) for witness in WITNESSES})
    largest = max(np.abs(values[np.isfinite(values)]).max(initial=0) for values in found.values.values())
    if then is None and largest < _VANISHING:
        left = _rounding_of_terms(identity, shape, batch, eps).reshape(-1, *[1] * (found.movement.ndim - 1))
        found = Reference(found.values, found.movement + left)
    return found


def _rounding_of_terms(identity: Identity, shape: Shape, batch: Batch, eps: float) -> np.ndarray:
    """How much rounding the terms of a derivative leave that cancel to nothing, as of x/|x| in one dimension.

    They are about as large as f(x)/x, times the cotangent if there is one.
    """

    def largest(values: np.ndarray) -> np.ndarray:
        return np.abs(values.astype(float)).reshape(len(values), -1).max(axis=1, initial=0)

    by = next(a for a in identity.arguments if a.name == identity.along[0])
    x = np.abs(batch[by.name].astype(float)).reshape(len(batch[by.name]), -1)
    terms = largest(function_values(identity, shape, batch)) / np.where(x > 0, x, 1).min(axis=1, initial=1)
    if identity.kind == "vjp":
        terms *= largest(batch[identity.arguments[0].name])
    return eps * terms


def smooth(identity: Identity, shape: Shape, batch: Batch, seed: int) -> np.ndarray:
    """At which instances of a batch the derivative is finite and continuous, as far as a tiny step tells.

    At a kink, a tie or a pole there is nothing that a result could be held against.
    """
    rng = np.random.default_rng(seed)
    given = {name: values.astype(np.float64) for name, values in batch.items()}
    steps = {
        name: 1e-13 * rng.uniform(-1, 1, values.shape) * np.where(values == 0, 1, values)
        for name, values in given.items()
    }
    found = np.ones(len(next(iter(batch.values()))), bool)
    here = _witnessed(identity, shape, given, None)
    for sign in (1, -1):
        there = _witnessed(identity, shape, {name: v + sign * steps[name] for name, v in given.items()}, None)
        for witness in WITNESSES:
            before, after = (values[witness].reshape(len(found), -1) for values in (here, there))
            finite = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
            with np.errstate(invalid="ignore"):
                jump = np.abs(after - before).max(axis=1, initial=0)
            found &= finite & ~(jump > max(1e-6 * np.abs(before[finite]).max(initial=0), _VANISHING))
    return found


def reference_of(copies: Mapping[str, np.ndarray]) -> Reference:
    """The reference that results for a batch and its four moved copies make, by witness."""
    with np.errstate(invalid="ignore", over="ignore"):  # at a pole, everything may be infinite
        moved = [values[1:] - values[0] for values in copies.values()]
        movement = 0.5 * np.sqrt(np.mean(np.square(moved), axis=(0, 1)))
    return Reference({witness: values[0] for witness, values in copies.items()}, movement)


def _witnessed(identity: Identity, shape: Shape, batch: Batch, then: str | None) -> dict[str, np.ndarray]:
    primals = {a.name: batch[a.name] for a in arguments(identity.function)}
    orders = [(name, name) if identity.kind == "hessian" else (name,) for name in identity.along]
    function = shape.bind(identity.function, identity.static)
    dense = [_dense(function, (*o, then) if then else o, primals) for o in orders]
    return {
        witness: in_layout(identity, shape, batch, [tensors[witness] for tensors in dense]) for witness in WITNESSES
    }


def in_layout(identity: Identity, shape: Shape, batch: Batch, dense: list[np.ndarray]) -> np.ndarray:
    """Dense derivatives, one for each argument in `wrt`, as the kind of identity has them."""
    if identity.kind == "vjp":
        cotangent = batch[identity.arguments[0].name]
        return _contract(cotangent, dense[0], 1)
    if identity.kind == "jvp":
        outputs = len(result(identity.function).dims(shape.form))
        tangents = [batch[a.name] for a in identity.arguments[-len(dense) :]]
        return sum((_contract(t, d, 1 + outputs) for t, d in zip(tangents, dense, strict=True)), np.array(0.0))
    # The axes of fixed size 1 are those of row vectors, and a row vector counts as a vector.
    (argument,) = [a for a in arguments(identity.function) if a.name == identity.wrt]
    dims = result(identity.function).dims(shape.form)
    dims += argument.dims(shape.form) * (2 if identity.kind == "hessian" else 1)
    return dense[0].squeeze(tuple(i for i, dim in enumerate(dims, start=1) if dim == "1"))


def _contract(vectors: np.ndarray, dense: np.ndarray, axis: int) -> np.ndarray:
    """Sum a batch of tensors against a batch of arrays, over the tensors' axes from `axis` on."""
    batch, before = dense.shape[0], dense.shape[1:axis]
    after = dense.shape[axis + vectors.ndim - 1 :]
    flat = dense.reshape(batch, math.prod(before), vectors[0].size, math.prod(after))
    return np.einsum("bv,bpva->bpa", vectors.reshape(batch, -1), flat).reshape(batch, *before, *after)


def function_values(identity: Identity, shape: Shape, batch: Batch) -> np.ndarray:
    """What the function itself gives, in float64."""
    primals = [batch[a.name].astype(np.float64) for a in arguments(identity.function)]
    function = shape.bind(identity.function, identity.static)
    return _function_program(function, tuple(values.shape for values in primals))(*primals)


@functools.cache
def _function_program(function: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> Callable[..., np.ndarray]:
    structures = [jax.ShapeDtypeStruct(shape, np.float64) for shape in shapes]
    return compiled(function, structures, cpu(), ("function", function))


def _dense(function: Callable[..., Any], wrt: tuple[str, ...], primals: Batch) -> dict[str, np.ndarray]:
    """The derivative by one argument after the other, of shape (batch, output, input, ...)."""
    names = tuple(primals)
    shapes = tuple(values.shape for values in primals.values())
    program = _program(function, tuple(names.index(name) for name in wrt), shapes)
    return program(*primals.values())


@functools.cache
def _program(
    function: Callable[..., Any], argnums: tuple[int, ...], shapes: tuple[tuple[int, ...], ...]
) -> Callable[..., dict[str, np.ndarray]]:
    def derivative(outer: Mode, inner: Mode) -> Callable[..., Any]:
        # A higher derivative takes its last step in its own mode and the others in the other one.
        modes = [inner] * (len(argnums) - 1) + [outer]
        return functools.reduce(lambda f, step: step[0](f, step[1]), zip(modes, argnums, strict=True), function)

    forward = derivative(jax.jacfwd, jax.jacrev)
    backward = derivative(jax.jacrev, jax.jacfwd)

    def both(*primals):
        return dict(zip(WITNESSES, (forward(*primals), backward(*primals)), strict=True))

    structures = [jax.ShapeDtypeStruct(shape, np.float64) for shape in shapes]
    return compiled(both, structures, cpu(), ("witnesses", argnums, function))


@functools.cache
def axes(identity: Identity) -> tuple[str, ...]:
    """The names of the axes of a derivative, in its first form; those of fixed size 1 are dropped."""
    outputs = result(identity.function).dims(0)
    if identity.kind in ("jvp", "value"):
        return outputs
    inputs = next(a for a in identity.arguments if a.name == identity.along[0]).dims(0)
    if identity.kind == "vjp":
        return inputs
    return tuple(dim for dim in (*outputs, *inputs * (2 if identity.kind == "hessian" else 1)) if dim != "1")
