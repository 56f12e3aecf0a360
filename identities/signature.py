"""What a function's annotations say of its arguments, and whether given arguments obey them.

The shapes of an argument are written once, as a jaxtyping annotation; its domain rides along as
`Annotated` metadata. Everything that needs either reads them here.
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from identities.domains import Domain, real

Dims = tuple[str, ...]
"""The dimensions of an array as its annotation spells them: names, sizes, or expressions of both."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Argument:
    """One array argument: its name, its dimensions, and the values that it may take.

    `forms` holds more than one `Dims` where the argument may come in several shapes, as a vector and
    as a row vector do; arguments with several forms take the same one together.
    """

    name: str
    forms: tuple[Dims, ...]
    domain: Domain = real

    def dims(self, form: int) -> Dims:
        return self.forms[form if len(self.forms) > 1 else 0]

    def __str__(self) -> str:
        shapes = " or ".join(describe(dims) for dims in self.forms)
        return f"{self.name} {shapes}" + (f", {self.domain.requires}" * bool(self.domain.requires))


@dataclass(frozen=True)
class Static:
    """Metadata of an integer that is known while tracing, such as a power: `Annotated[int, Static(0, 4)]`.

    `least` is the smallest that is allowed, `most` the largest that is drawn.
    """

    least: int
    most: int


def describe(dims: Sequence[object]) -> str:
    """`("n", "m")` as it is printed everywhere: `(n, m)`; one dimension as `(n,)`."""
    return f"({', '.join(map(str, dims))}{',' * (len(dims) == 1)})"


def shape_of(dims: Dims, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape that dimensions have once their names have sizes; `("n*p", "1")` may be asked too."""
    return tuple(int(eval(dim, {"__builtins__": {}}, dict(sizes))) for dim in dims)


def _names_in(dim: str) -> list[str]:
    return re.findall(r"[A-Za-z_]\w*", dim)


def argument(name: str, annotation: Any) -> Argument:
    """The argument that a jaxtyping annotation describes."""
    domain = real
    if get_origin(annotation) is Annotated:
        annotation, domain = get_args(annotation)
    union = get_origin(annotation) in (Union, UnionType)
    alternatives = get_args(annotation) if union else (annotation,)
    if not all(hasattr(alternative, "dim_str") for alternative in alternatives):
        raise TypeError(f"argument {name}: annotate it with its shape, as in Float[Array, 'n m']; got {annotation!r}")
    return Argument(name, tuple(tuple(a.dim_str.split()) for a in alternatives), domain)


@functools.cache
def arguments(function: Callable[..., Any]) -> tuple[Argument, ...]:
    """The arguments of an annotated function, in order."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    static = statics(function)
    return tuple(
        argument(p.name, p.annotation) for p in parameters if p.name not in static and not _left_at_its_default(p)
    )


@functools.cache
def statics(function: Callable[..., Any]) -> Mapping[str, Static]:
    """The static arguments of an annotated function, by name."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    metadata = {p.name: getattr(p.annotation, "__metadata__", ()) for p in parameters}
    return {name: m for name, of_it in metadata.items() for m in of_it if isinstance(m, Static)}


@functools.cache
def bound(
    function: Callable[..., Any], sizes: tuple[tuple[str, int], ...], static: tuple[str, ...]
) -> Callable[..., Any]:
    """The function with its static arguments filled in: the same one each time, so that programs are shared."""
    values = {name: size for name, size in sizes if name in static}
    return functools.partial(function, **values) if values else function


def _left_at_its_default(p: inspect.Parameter) -> bool:
    return p.annotation is p.empty and p.default is not p.empty


@functools.cache
def result(function: Callable[..., Any]) -> Argument:
    """The result of an annotated function, as if it were an argument."""
    return argument("result", inspect.signature(function, eval_str=True).return_annotation)


@functools.lru_cache(maxsize=256)  # so that the same function has the same compiled programs
def shaped(
    function: Callable[..., Any], signature: str | None = None, domains: tuple[tuple[str, Domain], ...] = ()
) -> Callable[..., Any]:
    """The function annotated by a gufunc-style signature, as in "(n,m),(m)->(n)", and domains by argument name.

    Without a signature, its own jaxtyping annotations hold.

    **Raises:** `TypeError` for a function that has neither; `ValueError` for a signature that cannot be read
    or does not fit the function, and for the domain of an argument that does not exist.
    """
    own = inspect.signature(function, eval_str=True)
    if signature is None:
        parameters, returns = [p for p in own.parameters.values() if not _left_at_its_default(p)], own.return_annotation
    else:
        parameters = [p for p in own.parameters.values() if p.default is p.empty]
        *shapes, returns = _annotations(signature)
        if len(shapes) != len(parameters):
            takes = ", ".join(p.name for p in parameters)
            raise ValueError(f"signature {signature!r} has {len(shapes)} arguments; the function takes ({takes})")
        parameters = [p.replace(annotation=shape) for p, shape in zip(parameters, shapes, strict=True)]
    if wrong := next((name for name, domain in domains if not isinstance(domain, Domain)), None):
        raise TypeError(f"the domain of {wrong} must be one of identities.domains, as in domains.positive")
    if unknown := dict(domains).keys() - {p.name for p in parameters}:
        raise ValueError(f"the function has no argument {min(unknown)!r} to have a domain")
    parameters = [
        p.replace(annotation=Annotated[p.annotation, dict(domains)[p.name]]) if p.name in dict(domains) else p
        for p in parameters
    ]

    @functools.wraps(function)
    def call(*args):
        return function(*args)

    call.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # pyright: ignore[reportAttributeAccessIssue]
    for read in (arguments, result):  # which complain of what they cannot read
        read(call)
    return call


def _annotations(signature: str) -> list[Any]:
    dim = r"([A-Za-z_]\w*|\d+)([*+-]([A-Za-z_]\w*|\d+))*"
    group = rf"\(({dim}(,{dim})*)?\)"
    if not re.fullmatch(rf"{group}(,{group})*->{group}", re.sub(r"\s", "", signature)):
        raise ValueError(f'signature {signature!r} cannot be read; write it like "(n,m),(m)->(n)"')
    return [Float[Array, shape.strip("()").replace(",", " ")] for shape in re.findall(r"\([^()]*\)", signature)]


def names(arguments: Sequence[Argument]) -> tuple[str, ...]:
    """The dimension names in their order of appearance."""
    dims = (dim for a in arguments for form in a.forms for dim in form)
    return tuple(dict.fromkeys(name for dim in dims for name in _names_in(dim)))


def restrict(
    arguments: Sequence[Argument], closed_form: Callable[..., Any], static: Mapping[str, Static]
) -> tuple[Argument, ...]:
    """The arguments with the annotations of `closed_form` put in place wherever it has any.

    A closed form that holds only on a part of its function's domain says so by annotating the argument.
    """
    parameters = [p for p in inspect.signature(closed_form).parameters.values() if p.name not in static]
    if len(parameters) != len(arguments) or any(
        a.name not in ("", p.name) for a, p in zip(arguments, parameters, strict=True)
    ):
        expected = ", ".join(a.name or "<any name>" for a in arguments)
        raise TypeError(f"{closed_form.__name__} must take the arguments ({expected})")
    return tuple(
        replace(a, name=p.name) if p.annotation is inspect.Parameter.empty else argument(p.name, p.annotation)
        for a, p in zip(arguments, parameters, strict=True)
    )


def checked(
    function: F, arguments_: tuple[Argument, ...] | None = None, static: Mapping[str, Static] | None = None
) -> F:
    """The same function, which first checks its arguments and says in words what is wrong.

    Shapes and dtypes are checked whenever they are known, which is always: under `jit` that happens
    once, while tracing. Conditions on values are checked where values exist, outside `jit`.

    **Raises:** `TypeError` for what is not a real floating-point array, `ValueError` for a shape that
    does not fit or a value outside the domain.
    """
    specification = arguments_ or arguments(function)
    ranges = dict(statics(function) if static is None else static)
    parameters = tuple(inspect.signature(function).parameters)
    names = set(parameters)

    @functools.wraps(function)
    def call(*args, **kwargs):
        given = dict(zip(parameters, args, strict=False)) | kwargs
        if given.keys() == names and len(args) + len(kwargs) == len(names):
            check(function.__name__, specification, given)
            for name, range_ in ranges.items():
                if not isinstance(given[name], int) or given[name] < range_.least:
                    wanted = f"an integer, at least {range_.least}, known outside jit"
                    raise ValueError(f"{function.__name__}: argument {name} must be {wanted}; got {given[name]!r}")
        return function(*args, **kwargs)  # which names missing and superfluous arguments itself

    return call  # pyright: ignore[reportReturnType]


def check(owner: str, specification: Sequence[Argument], given: Mapping[str, Any]) -> None:
    """Raise the error that `checked` promises, or return."""
    for a in specification:
        _check_dtype(owner, a, given[a.name])
    shapes = {a.name: getattr(given[a.name], "shape", ()) for a in specification}
    if not _fits(specification, shapes, 0):
        _check_shapes(owner, specification, shapes)
    for a in specification:
        value = given[a.name]
        concrete = a.domain.requires and not isinstance(value, Tracer)
        if concrete and not a.domain.contains(jnp.asarray(value)):
            raise ValueError(f"{owner}: argument {a.name} needs {a.domain.requires}; got {_short(value)}")


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


def _check_shapes(owner: str, specification: Sequence[Argument], shapes: Mapping[str, tuple[int, ...]]) -> None:
    forms = range(max(len(a.forms) for a in specification))
    complaints = [_shape_complaint(specification, shapes, form) for form in forms]
    if all(complaints):
        # Among several forms, the ranks tell which one was meant.
        meant = min(forms, key=lambda form: sum(len(a.dims(form)) != len(shapes[a.name]) for a in specification))
        raise ValueError(f"{owner}: {complaints[meant]}")


def _check_dtype(owner: str, a: Argument, value: Any) -> None:
    if isinstance(value, float):
        return
    dtype = getattr(value, "dtype", None)
    if dtype is None or not hasattr(value, "shape"):
        raise TypeError(
            f"{owner}: argument {a.name} must be an array of shape {describe(a.forms[0])}, "
            f"got {type(value).__name__}; convert it, as in jnp.asarray({a.name}, float)"
        )
    if not _is_real(dtype):
        raise TypeError(
            f"{owner}: argument {a.name} must be a real floating-point array, got {dtype}; "
            f"convert it if that is meant, as in {a.name}.astype(float)"
        )


def _short(value: Any) -> str:
    return np.array2string(np.asarray(value), threshold=20, edgeitems=3).replace("\n", "")


@functools.cache
def _is_real(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.floating)


def _shape_complaint(specification: Sequence[Argument], shapes: Mapping[str, tuple[int, ...]], form: int) -> str | None:
    """What is wrong with the shapes, if the arguments are taken to come in this form."""
    sizes: dict[str, int] = {}
    fixed_by: dict[str, str] = {}
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
        expected = shape_of(dims, sizes)
        if expected != shape:
            because = "; ".join(
                f"{name} = {sizes[name]} was fixed by {fixed_by[name]} of shape {shapes[fixed_by[name]]}"
                for name in dict.fromkeys(name for dim in dims for name in _names_in(dim))
                if fixed_by[name] != a.name
            )
            return (
                f"argument {a.name} has shape {shape}, expected {describe(dims)} = {expected}"
                + f" ({because})" * bool(because)
            )
    return None
