"""Whether given arguments obey a signature; what is wrong with them, in words."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from identities.dimensions import BATCH_AXES, Dims, describe, names_in, numbers_in, shape_of, solved
from identities.options import defaults, statics
from identities.signature import Argument, Parameter, signature_of
from identities.trees import MisfitError

F = TypeVar("F", bound=Callable[..., Any])


def checked(function: F, parameters: Sequence[Parameter] | None = None, of: Callable[..., Any] | None = None) -> F:
    """The same function, which first checks its arguments and says in words what is wrong.

    Shapes and dtypes are checked whenever they are known, which is always: under `jit` that happens
    once, while tracing. Conditions on values are checked where values exist, outside `jit`. A closed form's parameters,
    and the function that it is a derivative `of`, whose options it has, are given beside it.

    **Raises:** `TypeError` for what is not of the kind of numbers that the argument has, `ValueError` for a shape that
    does not fit or a value outside the domain.
    """
    specified = tuple(parameters or signature_of(function).parameters)
    leaves = tuple(leaf for parameter in specified for leaf in parameter.leaves)
    plain = all(parameter.tree is None for parameter in specified)
    wanted = [parameter.name for parameter in specified]
    ranges, left_out, forms = statics(of or function), defaults(of or function), signature_of(of or function).forms
    order = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def call(*args, **kwargs):
        given = dict(zip(order, args, strict=False)) | kwargs
        if all(name in given for name in wanted) and len(args) + len(kwargs) == len(given):
            options = {name: given[name] for name in ranges if name in given}
            for name, value in options.items():
                if complaint := ranges[name].complaint(value):
                    raise ValueError(f"{function.__name__}: argument {name} {complaint}; got {value!r}")
            arrays = given if plain else _taken_apart(function.__name__, specified, given)
            check(function.__name__, leaves, arrays, {**left_out, **options}, forms)
        return function(*args, **kwargs)  # which names missing and superfluous arguments itself

    # It is called as the function is; what `wraps` returns has a type of its own.
    return call  # pyright: ignore[reportReturnType]


def _taken_apart(owner: str, specified: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    arrays = {}
    for parameter in specified:
        try:
            values = parameter.tree.read(given[parameter.name]) if parameter.tree else [given[parameter.name]]
        except MisfitError as error:
            raise TypeError(f"{owner}: argument {parameter.name} is {error}") from None
        arrays |= {leaf.name: value for leaf, value in zip(parameter.leaves, values, strict=True)}
    return arrays


def check(
    owner: str,
    specification: Sequence[Argument],
    given: Mapping[str, Any],
    options: Mapping[str, Any] = MappingProxyType({}),
    forms_of: Callable[[Mapping[str, Any]], Sequence[int]] | None = None,
) -> None:
    """Raise the error that `checked` promises, or return.

    Dimensions may speak of `options`, and `forms_of` says which forms of arrays they allow; all, if it is left out.
    """
    for a in specification:
        _check_dtype(owner, a, given[a.name])
    shapes = {a.name: getattr(given[a.name], "shape", ()) for a in specification}
    specification = _with_all_leading_axes(specification, shapes)
    forms = forms_of(options) if forms_of else range(max((len(a.forms) for a in specification), default=1))
    numbers = numbers_in(options)
    if not _fits(specification, shapes, forms[0]):
        _check_shapes(owner, specification, shapes, numbers, forms)
    for a in specification:
        value = given[a.name]
        concrete = a.domain.requires and not isinstance(value, Tracer)
        if concrete and not a.domain.at(numbers | _sizes(specification, shapes)).contains(jnp.asarray(value)):
            raise ValueError(f"{owner}: argument {a.name} needs {a.domain.requires}; got {_short(value)}")


def _with_all_leading_axes(
    specification: Sequence[Argument], shapes: Mapping[str, tuple[int, ...]]
) -> Sequence[Argument]:
    """With more leading axes in place of two, if there are more where `...` stands for any number."""

    def missing(a: Argument) -> int:
        longest = max(a.forms, key=len)
        return len(shapes[a.name]) - len(longest) if longest[: len(BATCH_AXES)] == BATCH_AXES else 0

    more = tuple(f"batch{3 + i}" for i in range(max(map(missing, specification), default=0)))
    if not more:
        return specification

    def lengthened(form: Dims) -> Dims:
        return (*BATCH_AXES, *more, *form[2:]) if form[:2] == BATCH_AXES else form

    return [replace(a, forms=tuple(map(lengthened, a.forms))) for a in specification]


def _sizes(specification: Sequence[Argument], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The sizes of plain dimensions, of arguments whose shapes fit."""
    sizes: dict[str, int] = {}
    for a in specification:
        dims = next((dims for dims in a.forms if len(dims) == len(shapes[a.name])), ())
        sizes |= {dim: size for dim, size in zip(dims, shapes[a.name], strict=True) if dim.isidentifier()}
    return sizes


def _fits(specification: Sequence[Argument], shapes: Mapping[str, tuple[int, ...]], form: int) -> bool:
    """Whether the shapes fit, at the price of a few comparisons; for plain names, False for all else."""
    sizes: dict[str, int] = {}
    for a in specification:
        dims, shape = a.dims(form), shapes[a.name]
        if len(dims) != len(shape):
            return False
        for dim, size in zip(dims, shape, strict=True):
            if size == 0 or not dim.isidentifier() or sizes.setdefault(dim, size) != size:
                return False
    return True


def _check_shapes(
    owner: str,
    specification: Sequence[Argument],
    shapes: Mapping[str, tuple[int, ...]],
    options: Mapping[str, int],
    forms: Sequence[int],
) -> None:
    complaints = {form: _shape_complaint(specification, shapes, options, form) for form in forms}
    if all(complaints.values()):
        # Among several forms, the ranks tell which one was meant.
        meant = min(forms, key=lambda form: sum(len(a.dims(form)) != len(shapes[a.name]) for a in specification))
        raise ValueError(f"{owner}: {complaints[meant]}")


_KINDS = {
    "floating": (jnp.floating, "a real floating-point array", "float"),
    "complex": (jnp.complexfloating, "an array of complex numbers", "complex"),
    "integer": (jnp.integer, "an array of integers", "int"),
    "boolean": (jnp.bool_, "an array of booleans", "bool"),
}


def _check_dtype(owner: str, a: Argument, value: Any) -> None:
    if isinstance(value, float) and a.values == "floating":
        return
    dtype = getattr(value, "dtype", None)
    _, wanted, converter = _KINDS[a.values]
    if dtype is None or not hasattr(value, "shape"):
        raise TypeError(
            f"{owner}: argument {a.name} must be an array of shape {describe(a.forms[0])}, "
            f"got {type(value).__name__}; convert it, as in jnp.asarray({a.name}, {converter})"
        )
    if not _is_a(dtype, a.values):
        raise TypeError(
            f"{owner}: argument {a.name} must be {wanted}, got {dtype}; "
            f"convert it if that is meant, as in {a.name}.astype({converter})"
        )


@functools.cache
def _is_a(dtype: Any, values: str) -> bool:
    return jnp.issubdtype(dtype, _KINDS[values][0])


def _short(value: Any) -> str:
    return np.array2string(np.asarray(value), threshold=20, edgeitems=3).replace("\n", "")


def _shape_complaint(
    specification: Sequence[Argument], shapes: Mapping[str, tuple[int, ...]], options: Mapping[str, int], form: int
) -> str | None:
    """What is wrong with the shapes, if the arguments are taken to come in this form."""
    sizes, fixed_by = dict(options), dict[str, str]()
    for a in specification:
        dims, shape = a.dims(form), shapes[a.name]
        if len(dims) != len(shape):
            axes = f"{len(dims)} {'axis' if len(dims) == 1 else 'axes'}, " if dims else "a scalar: "
            return f"argument {a.name} has shape {shape}, expected {axes}{describe(dims)}"
        if 0 in shape:
            return f"argument {a.name} is empty: shape {shape} for {describe(dims)}; every dimension must be at least 1"
        for dim, size in zip(dims, shape, strict=True):
            if dim.isidentifier() and dim not in sizes:
                sizes[dim], fixed_by[dim] = size, a.name
    for a in specification:  # expressions, such as those of a cotangent, may speak of what a later argument has fixed
        dims, shape = a.dims(form), shapes[a.name]
        for dim, size in zip(dims, shape, strict=True):
            sizes |= solved(dim, size, sizes)
            if unknown := [name for name in names_in(dim) if name not in sizes]:
                fixed = ", ".join(f"{name} = {sizes[name]}" for name in names_in(dim) if name in sizes)
                return (
                    f"argument {a.name} has shape {shape}, expected {describe(dims)}, "
                    f"where {' and '.join(unknown)} cannot be told" + f" from {fixed}" * bool(fixed)
                )
        expected = shape_of(dims, sizes)
        if expected != shape:
            because = "; ".join(
                f"{name} = {sizes[name]} was fixed by {fixed_by[name]} of shape {shapes[fixed_by[name]]}"
                for name in dict.fromkeys(name for dim in dims for name in names_in(dim))
                if fixed_by.get(name, a.name) != a.name
            )
            return (
                f"argument {a.name} has shape {shape}, expected {describe(dims)} = {expected}"
                + f" ({because})" * bool(because)
            )
    return None
