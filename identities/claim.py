"""Claims: which derivative of which function, by which arguments, without a formula for it."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from identities.caching import cached
from identities.dimensions import owner_of
from identities.domains import Domain
from identities.kinds import Kind
from identities.options import Option
from identities.signature import Argument, Parameter, Signature, names
from identities.trees import Node, build, leaves_of


@dataclass(frozen=True, eq=False)
class Flat:
    """A function of trees as one from arrays to a tuple of arrays; its fields are as `flattened` takes them."""

    function: Callable[..., Any]
    takes: tuple[Node, ...]
    gives: Node
    static: tuple[tuple[str, Any], ...]
    kept: tuple[bool, ...] | None
    order: tuple[str, ...] | None

    @property
    def made_of(self) -> tuple[Any, ...]:
        """All that tells it from others: its programs are kept by that."""
        return self.function, self.takes, self.gives, self.static, self.kept, self.order

    def __call__(self, *leaves: Any) -> tuple[Any, ...]:
        left = iter(leaves)
        given = [build(tree, left) for tree in self.takes]
        by_name = dict(zip(self.order, given, strict=True)) if self.order else {}
        result = self.function(*([] if self.order else given), **by_name, **dict(self.static))
        found = leaves_of(self.gives, result)
        return tuple(leaf for leaf, keep in zip(found, self.kept or [True] * len(found), strict=True) if keep)


@dataclass(frozen=True, eq=False, repr=False)
class Claim:
    """What is asked: this kind of derivative of that function, by these arguments.

    **Fields:**

    - `name`: what it is called in messages.
    - `kind`: one of `KINDS`.
    - `function`: in JAX; it takes what `signature` says, and options by name.
    - `signature`: of the function.
    - `wrt`: the names of the parameters that it is the derivative by.
    - `parameters`: what a derivative takes, cotangents first and tangents last.
    - `gives`: what a derivative returns.
    - `place`: of a claim about one array among several, which of them that is.
    """

    name: str
    kind: Kind
    function: Callable[..., Any]
    signature: Signature
    wrt: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    gives: Parameter
    place: int | None = field(default=None, kw_only=True)

    @functools.cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """All arrays that a derivative takes, in order."""
        return tuple(leaf for parameter in self.parameters for leaf in parameter.leaves)

    @functools.cached_property
    def primals(self) -> tuple[Argument, ...]:
        """All arrays that the function takes."""
        return self.signature.arguments

    @functools.cached_property
    def results(self) -> tuple[Argument, ...]:
        """All arrays that the function returns and that have derivatives."""
        return tuple(leaf for leaf in self.signature.returns.leaves if leaf.moves)

    @functools.cached_property
    def moving(self) -> tuple[str, ...]:
        """The names of the arrays that it is the derivative by."""
        by = [leaf for name in self.wrt for leaf in self.signature.parameter(name).leaves]
        return tuple(leaf.name for leaf in by if leaf.moves)

    @functools.cached_property
    def vectors(self) -> tuple[Argument, ...]:
        """Its cotangents or tangents."""
        own = {leaf.name for leaf in self.primals}
        return tuple(leaf for leaf in self.arguments if leaf.name not in own)

    @functools.cached_property
    def leaves(self) -> tuple[Argument, ...]:
        """The arrays of what it gives that are judged: those of arguments without derivatives are not there."""
        return tuple(leaf for leaf in self.gives.leaves if leaf.moves or not self.kind.order)

    @functools.cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The names of all dimensions, in their order of appearance."""
        options = {option.name for option in self.options}
        every = names([*self.arguments, *self.signature.returns.leaves])
        return tuple(name for name in every if owner_of(name) not in options)

    @property
    def options(self) -> tuple[Option, ...]:
        """The static arguments, and the values that are tried."""
        return self.signature.options

    @functools.cached_property
    def forms(self) -> int:
        """In how many forms its arrays come together."""
        return max((len(a.forms) for a in (*self.arguments, *self.gives.leaves)), default=1)

    @property
    def preconditions(self) -> tuple[str, ...]:
        """What the arguments must obey for the claim to hold, in words."""
        return tuple(f"{a.name}: {a.domain.requires}" for a in self.arguments if a.domain.requires)

    @property
    def positional(self) -> tuple[str, ...]:
        """What a derivative is called with by position: the names of its parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    def flat(self, static: Mapping[str, Any]) -> Flat:
        """The function from arrays to a tuple of arrays, with its options filled in: the same one each time."""
        trees = tuple(parameter.tree for parameter in self.signature.parameters)
        kept = tuple(leaf.moves or not self.kind.order for leaf in self.signature.returns.leaves)
        given = self.signature.parameters
        order = tuple(p.name for p in given) if _static_comes_first(self.function, given, static) else None
        return flattened(self.function, trees, self.signature.returns.tree, tuple(static.items()), kept, order)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def part(self, leaf: int) -> "Claim":
        """The claim about one of its leaves alone."""
        if len(self.leaves) == 1 and self.gives.tree is None:
            return self
        found = self.leaves[leaf]
        name = self.name if len(self.leaves) == 1 else f"{self.name}, {found.name}"
        return replace(self, name=name, gives=Parameter(found.name, None, (found,)), place=leaf)


def _static_comes_first(function: Callable[..., Any], given: Sequence[Parameter], static: Mapping[str, Any]) -> bool:
    """Whether an option stands before an array, so that arrays must be given by name."""
    if not static:
        return False
    try:
        order = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return False
    arrays = [order.index(p.name) for p in given if p.name in order]
    return any(name in order and order.index(name) < max(arrays, default=-1) for name in static)


@cached
def flattened(
    function: Callable[..., Any],
    takes: tuple[Node, ...],
    gives: Node,
    static: tuple[tuple[str, Any], ...] = (),
    kept: tuple[bool, ...] | None = None,
    order: tuple[str, ...] | None = None,
) -> Flat:
    """A function of trees as one of arrays; the same each time that it is asked for, so that programs are shared.

    **Arguments:**

    - `takes`, `gives`: the form of each argument, and of the result.
    - `static`: options that it is given by name.
    - `kept`: which arrays of the result are wanted; all if left out.
    - `order`: the names of the arguments, if they are to be given by name.
    """
    return Flat(function, takes, gives, static, kept, order)


def make(
    name: str, kind: Kind, function: Callable[..., Any], signature: Signature, wrt: str | Sequence[str] | None
) -> Claim:
    """The claim about a kind of derivative; by every argument that has derivatives, if `wrt` is left out.

    **Raises:** `ValueError` for names that are not those of arguments, or that are no arguments to differentiate by.
    """
    by = _differentiated(name, signature, wrt) if kind.order else ()
    taken = {parameter.name for parameter in signature.parameters} | {option.name for option in signature.options}
    before, after = (_without_clashes(taken, own(signature, by)) for own in (kind.before, kind.after))
    return Claim(
        name,
        kind,
        function,
        signature,
        tuple(parameter.name for parameter in by),
        (*before, *signature.parameters, *after),
        kind.gives(signature, by),
    )


def _differentiated(name: str, signature: Signature, wrt: str | Sequence[str] | None) -> tuple[Parameter, ...]:
    known = {parameter.name: parameter for parameter in signature.parameters}
    if wrt is None:
        wrt = [n for n, parameter in known.items() if any(leaf.moves for leaf in parameter.leaves)]
        if not wrt:
            raise ValueError(f"{name} has no floating-point argument to differentiate by")
    wrt = (wrt,) if isinstance(wrt, str) or not isinstance(wrt, Sequence) else tuple(wrt)
    if unknown := [n for n in wrt if n not in known]:
        raise ValueError(f"{name} has no argument {unknown[0]!r} to differentiate by; it takes ({', '.join(known)})")
    if len(set(wrt)) < len(wrt) or not wrt:
        raise ValueError(f"wrt is the name of an argument, or a tuple of different ones; got {wrt!r}")
    by = tuple(known[n] for n in wrt)
    if not any(leaf.moves for parameter in by for leaf in parameter.leaves):
        raise ValueError(f"{name}: {' and '.join(wrt)} consists of integers, which have no derivative")
    return by


def _without_clashes(taken: Collection[str], vectors: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Cotangents and tangents, under other names where arguments of the function, or each other, have theirs."""
    found: list[Parameter] = []
    for vector in vectors:
        name = vector.name
        while name in taken or name in {other.name for other in found}:
            name += "_"
        found.append(vector.prefixed(name) if name != vector.name else vector)
    return tuple(found)


def with_vector_domains(claim: Claim, domains: Mapping[str, Domain]) -> Claim:
    """The claim with domains for its cotangents and tangents, by their names.

    **Raises:** `ValueError` for a domain that nothing has the name of.
    """
    known = {p.name for p in claim.parameters} | {a.name for a in claim.arguments}
    if unknown := domains.keys() - known:
        raise ValueError(f"the function has no argument {min(unknown)!r} to have a domain; {', '.join(sorted(known))}")
    own = {leaf.name for leaf in claim.primals}

    def placed(parameter: Parameter) -> Parameter:
        leaves = tuple(
            leaf
            if leaf.name in own or not (d := domains.get(leaf.name, domains.get(parameter.name)))
            else replace(leaf, domain=d)
            for leaf in parameter.leaves
        )
        return replace(parameter, leaves=leaves)

    return replace(claim, parameters=tuple(map(placed, claim.parameters)))
