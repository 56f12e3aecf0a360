"""What a function's annotations, or a signature in writing, say of its arguments and results.

The shapes of an argument are written once, as a jaxtyping annotation; its domain rides along as
`Annotated` metadata, and so do options (`options.py`). Everything that needs any of them reads them here.
"""

import dataclasses
import functools
import inspect
import itertools
import operator
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from identities.caching import cached
from identities.dimensions import BATCH, Dims, describe, expanded, names_in
from identities.domains import Domain, Drawn, Values, real
from identities.options import FormOf, Option, drawn, statics
from identities.trees import Node, Tree, count, pruned


@dataclass(frozen=True)
class Argument:
    """One array: its name, its dimensions, and the values that it may take.

    `forms` holds more than one `Dims` where the array may come in several shapes, as a vector and
    as a row vector do, or with leading axes; arrays with several forms take the same one together.
    """

    name: str
    forms: tuple[Dims, ...]
    domain: Domain = real
    values: Values = "floating"

    def dims(self, form: int) -> Dims:
        return self.forms[form if len(self.forms) > 1 else 0]

    @property
    def moves(self) -> bool:
        """Whether it has derivatives, as integers and booleans have not."""
        return self.values in ("floating", "complex")

    def __str__(self) -> str:
        shapes = " or ".join(describe(dims) for dims in self.forms)
        return f"{self.name} {shapes}" + (f", {self.domain.requires}" * bool(self.domain.requires))


@dataclass(frozen=True)
class Parameter:
    """What a function takes or returns under one name: an array, or a tree of arrays with names of their own."""

    name: str
    tree: Node
    leaves: tuple[Argument, ...]

    def prefixed(self, name: str) -> "Parameter":
        """The same under another name, its values free of any domain, as a cotangent or a tangent is."""
        renamed = [
            replace(leaf, name=name + leaf.name[len(self.name) :], domain=real) for leaf in self.leaves if leaf.moves
        ]
        tree = self.tree and pruned(self.tree, iter([leaf.moves for leaf in self.leaves]))
        return Parameter(name, tree, tuple(renamed))


@dataclass(frozen=True)
class Signature:
    """What a function takes and returns; a tuple of results has one parameter for each."""

    parameters: tuple[Parameter, ...]
    returns: Parameter
    options: tuple[Option, ...] = ()
    form_of: FormOf | None = None

    def forms(self, static: Mapping[str, Any]) -> Sequence[int]:
        """The forms that arrays may come in together, once options have values."""
        total = max((len(a.forms) for a in (*self.arguments, *self.returns.leaves)), default=1)
        if self.form_of is None:
            return range(total)
        # Those of the first alternative come first.
        count = total // self.form_of.count
        first = count * self.form_of.chosen(static[self.form_of.option])
        return range(first, first + count)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """All arrays that it takes, in order."""
        return tuple(leaf for parameter in self.parameters for leaf in parameter.leaves)

    @property
    def results(self) -> tuple[Parameter, ...]:
        """What it returns; of a tuple, every part."""
        tree = self.returns.tree
        if tree is None or tree.type is not tuple:
            return (self.returns,)
        leaves = iter(self.returns.leaves)
        parts = [tuple(itertools.islice(leaves, count(child))) for child in tree.children]
        keyed = zip(tree.keys, tree.children, parts, strict=True)
        return tuple(Parameter(f"{self.returns.name}.{key}", child, part) for key, child, part in keyed)

    def parameter(self, name: str) -> Parameter:
        return next(parameter for parameter in self.parameters if parameter.name == name)


_JAXTYPING: dict[str, Values] = {"bool": "boolean", "int": "integer", "uint": "integer", "complex": "complex"}


def _values_of(annotation: Any) -> Values:
    kinds: set[Values] = {_JAXTYPING.get(str(dtype).rstrip("0123456789_"), "floating") for dtype in annotation.dtypes}
    return kinds.pop() if len(kinds) == 1 else "floating"


def read_annotation(name: str, annotation: Any, domain: Domain | None = None) -> Parameter:
    """What an annotation says: a jaxtyping one of an array, or a tuple, named tuple, dataclass or typed dict of them.

    **Raises:** `TypeError` for what says nothing of shapes, `ValueError` for dimensions that cannot be read.
    """
    if get_origin(annotation) is Annotated:
        annotation, *metadata = get_args(annotation)
        domain = domain or next((m for m in metadata if isinstance(m, Domain)), None)
        for drawn in (m for m in metadata if isinstance(m, Drawn)):
            domain = (domain or real).drawn_so(drawn)
    union = get_origin(annotation) in (Union, UnionType)
    alternatives = get_args(annotation) if union else (annotation,)
    if all(hasattr(alternative, "dim_str") for alternative in alternatives):
        forms = tuple(form for a in alternatives for form in expanded(_dims(name, a.dim_str)))
        return Parameter(name, None, (array(name, forms, domain or real, _values_of(alternatives[0])),))
    fields = _fields(annotation)
    if fields is None:
        got = "nothing" if annotation is inspect.Parameter.empty else repr(annotation)
        plain = f"; an option goes into static={{{name!r}: ...}}" * (annotation in _PLAIN)
        raise TypeError(f"{_called(name)}: annotate it with its shape, as in Float[Array, 'n m']; got {got}{plain}")
    type_, children = fields
    return branch(name, type_, {key: read_annotation(f"{name}.{key}", a, domain) for key, a in children.items()})


def _called(name: str) -> str:
    return "what it returns" if name == "result" else f"argument {name}"


def _dims(name: str, written: str) -> Dims:
    """The dimensions of a jaxtyping annotation, those without a name under names of their own."""
    dims = written.split()
    for dim in dims:
        if dim[0] in "*#?" or "=" in dim:
            known = "dimensions are names, numbers and expressions, and `...` stands for leading axes"
            raise ValueError(f"{_called(name)}: {dim!r} is not read; {known}")
        try:
            if dim != BATCH:
                names_in(dim)
        except ValueError as error:
            raise ValueError(f"{_called(name)}: {error}") from None
    own = name.replace(".", "_")
    return tuple(f"{own}_{axis}" if dim == "_" else dim for axis, dim in enumerate(dims))


def _fields(annotation: Any) -> tuple[type, dict[str, Any]] | None:
    if get_origin(annotation) is tuple and Ellipsis not in get_args(annotation):
        return tuple, {str(i): a for i, a in enumerate(get_args(annotation))}
    named = hasattr(annotation, "_fields") or typing.is_typeddict(annotation) or dataclasses.is_dataclass(annotation)
    if not named:
        return None
    hints = typing.get_type_hints(annotation, include_extras=True)
    type_: Any = dict if typing.is_typeddict(annotation) else annotation
    return type_, hints


def branch(name: str, type_: type, children: Mapping[str, Parameter]) -> Parameter:
    """A tree of what its children are."""
    tree = Tree(type_, tuple(children), tuple(child.tree for child in children.values()))
    return Parameter(name, tree, tuple(leaf for child in children.values() for leaf in child.leaves))


def array(name: str, forms: tuple[Dims, ...], domain: Domain, values: Values = "floating") -> Argument:
    """One array, of the kind of numbers that its domain says, or else of the given one."""
    return Argument(name, forms, domain, domain.values or values)


def left_at_its_default(p: inspect.Parameter) -> bool:
    """Whether a parameter is none of an array's: nobody says that it is, and it may be left out."""
    return p.default is not p.empty and (p.annotation is p.empty or p.annotation in _PLAIN)


_PLAIN = (bool, int, float, str)
"""What an option is often annotated with, as in `eps: float = 1e-5`; values to try are said by `Choice`."""


@cached
def signature_of(function: Callable[..., Any], static: Collection[str] = ()) -> Signature:
    """What the annotations of a function say, but for arguments that are `static` for a reason of the caller's.

    **Raises:** `TypeError` for an argument without a shape.
    """
    own = inspect.signature(function, eval_str=True)
    options = drawn({name: metadata for name, metadata in statics(function).items() if name not in static})
    fixed = {*static, *(option.name for option in options)}
    arrays = [p for p in own.parameters.values() if p.name not in fixed and not left_at_its_default(p)]
    parameters = tuple(read_annotation(p.name, p.annotation) for p in arrays)
    returned, *metadata = (
        get_args(own.return_annotation) if get_origin(own.return_annotation) is Annotated else (own.return_annotation,)
    )
    form_of = next((m for m in metadata if isinstance(m, FormOf)), None)
    if form_of is None:
        return Signature(parameters, read_annotation("result", own.return_annotation), options)
    shapes = get_args(returned)
    count = len(shapes) // form_of.count
    each = [functools.reduce(operator.or_, shapes[i : i + count]) for i in range(0, len(shapes), count)]
    alternatives = [read_annotation("result", annotation) for annotation in each]
    return Signature(*_alternated(parameters, alternatives), options, form_of)


def _alternated(
    parameters: Sequence[Parameter], alternatives: Sequence[Parameter]
) -> tuple[tuple[Parameter, ...], Parameter]:
    """The forms of all parameters once for each alternative of the result."""
    leaves = [leaf for parameter in (*parameters, *alternatives) for leaf in parameter.leaves]
    count = max(len(leaf.forms) for leaf in leaves)

    def repeated(leaf: Argument) -> Argument:
        return replace(leaf, forms=leaf.forms * len(alternatives)) if len(leaf.forms) > 1 else leaf

    (result,) = alternatives[0].leaves
    forms = tuple(a.leaves[0].dims(form) for a in alternatives for form in range(count))
    return (
        tuple(replace(p, leaves=tuple(map(repeated, p.leaves))) for p in parameters),
        replace(alternatives[0], leaves=(replace(result, forms=forms),)),
    )


def names(arguments: Sequence[Argument]) -> tuple[str, ...]:
    """The dimension names in their order of appearance."""
    dims = (dim for a in arguments for form in a.forms for dim in form)
    return tuple(dict.fromkeys(name for dim in dims for name in names_in(dim)))
