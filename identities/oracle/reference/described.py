"""What a function says of itself when it is traced: that it is in JAX, and what its results consist of."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.claim import Claim, make
from identities.dimensions import describe
from identities.domains import Values
from identities.kinds import KINDS
from identities.oracle.draw.shapes import Shape, draw_shapes
from identities.oracle.run.programs import full_precision
from identities.signature import Argument, Signature
from identities.spelling import name_of
from identities.trees import MisfitError

_DTYPES = {"floating": np.float32, "complex": np.complex64, "integer": np.int32, "boolean": np.bool_}


def completed(function: Callable[..., Any], signature: Signature) -> Signature:
    """The signature, with the kind of numbers that each result consists of.

    **Raises:** `TypeError` for a function that is not in JAX, that does not take the shapes of its signature or does
    not return what it says; `ValueError` for a result of another shape.
    """
    claim = make(name_of(function), KINDS["value"], function, signature, None)
    (shape, *_) = draw_shapes(claim, 1, 0)
    got = _results(claim, shape)
    wanted = signature.returns.leaves
    for leaf, array in zip(wanted, got, strict=True):
        if array.shape != shape.of(leaf):
            which = f" for {leaf.name}" * (len(wanted) > 1)
            says = f"its signature says {describe(leaf.dims(shape.form))} = {shape.of(leaf)}"
            raise ValueError(f"{claim.name} returns shape {array.shape}{which} for {shape.described(claim)}, {says}")
    kinds = [replace(leaf, values=_values(array.dtype)) for leaf, array in zip(wanted, got, strict=True)]
    return replace(signature, returns=replace(signature.returns, leaves=tuple(kinds)))


def structures(arguments: Sequence[Argument], shape: Shape) -> list[jax.ShapeDtypeStruct]:
    """Arrays of a shape, to trace a function with."""
    return [jax.ShapeDtypeStruct(shape.of(a), _DTYPES[a.values]) for a in arguments]


def _results(claim: Claim, shape: Shape) -> list[Any]:
    flat = claim.flat(shape.static(claim))
    try:
        with full_precision():
            got = jax.eval_shape(flat, *structures(claim.primals, shape))
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError) as error:
        raise TypeError(f"{claim.name} must be written in JAX, to be differentiated: {error}") from error
    except MisfitError as error:
        raise TypeError(f"{claim.name} must return what its signature says, it returns {error}") from error
    except Exception as error:  # a stranger's function may raise anything, which is then said
        given = ", ".join(str(shape.of(a)) for a in claim.primals)
        several = next((o for o in claim.options if any(isinstance(v, (tuple, range)) for v in o.values)), None)
        hint = f"; a tuple is one value of {several.name}, a list several" if several else ""
        complaint = f"{type(error).__name__}: {error}{hint}"
        raise TypeError(f"{claim.name} does not take the shapes {given}, as its signature says: {complaint}") from error
    for array in got:
        if not hasattr(array, "shape"):
            raise TypeError(f"{claim.name} must return one array, it returns a {type(array).__name__}")
    return list(got)


def _values(dtype: Any) -> Values:
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return "complex"
    if jnp.issubdtype(dtype, jnp.floating):
        return "floating"
    return "boolean" if dtype == np.bool_ else "integer"
