"""Kinds of derivatives: what each takes, what it gives, and how it presents a linear map."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from identities.signature import Argument, Parameter, Signature
from identities.trees import Node, tuple_of

Arrays = Sequence[Any]


class LinearMap(Protocol):
    """The derivative at one point or at a batch of points, from the arrays that it moves to those that follow."""

    def push(self, tangents: Arrays) -> Arrays:
        """What the results do when the arguments move along tangents: one array a result."""
        ...

    def pull(self, cotangents: Arrays) -> Arrays:
        """Cotangents of the results, pulled back: one array an argument."""
        ...

    def dense(self) -> Arrays:
        """The derivative of each result by each argument, results first, of shape output + input."""
        ...


class Kind:
    """A kind of derivative: what it takes besides the arguments, what it gives, how a linear map shows it.

    **Fields:**

    - `name`: as in the names of identities.
    - `order`: how many times the function is differentiated.
    - `noun`: what a person calls it.
    """

    name: str
    order: int = 1
    noun: str

    def left_side(self, by: str) -> str:
        """What is left of the equals sign in a statement, in LaTeX: the derivative of z by an argument."""
        return rf"\frac{{\partial z}}{{\partial {by}}}"

    def before(self, signature: Signature, wrt: Sequence[Parameter]) -> tuple[Parameter, ...]:
        """What comes before the function's arguments: cotangents."""
        return ()

    def after(self, signature: Signature, wrt: Sequence[Parameter]) -> tuple[Parameter, ...]:
        """What comes after them: tangents."""
        return ()

    def gives(self, signature: Signature, wrt: Sequence[Parameter]) -> Parameter:
        """What it returns, as a tree of arrays with names and dimensions."""
        raise NotImplementedError

    def present(self, derivative: LinearMap, vectors: Arrays) -> Arrays:
        """What it gives, of a linear map and those vectors that it takes besides."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return kind_of, (self.name,)


class Value(Kind):
    """The function itself."""

    name: str = "value"
    order: int = 0
    noun: str = "value"

    def gives(self, signature: Signature, wrt: Sequence[Parameter]) -> Parameter:
        return signature.returns


class VJP(Kind):
    """Cotangents of the results pulled back: a gradient for each argument."""

    name: str = "vjp"
    noun: str = "vjp"

    def left_side(self, by: str) -> str:
        return rf"\frac{{\partial J}}{{\partial {by}}}"

    def before(self, signature: Signature, wrt: Sequence[Parameter]) -> tuple[Parameter, ...]:
        moving = [result for result in signature.results if any(leaf.moves for leaf in result.leaves)]
        if len(moving) == 1:
            return (moving[0].prefixed("delta"),)
        return tuple(result.prefixed(f"delta{i}") for i, result in enumerate(moving))

    def gives(self, signature: Signature, wrt: Sequence[Parameter]) -> Parameter:
        return _gradients(wrt)

    def present(self, derivative: LinearMap, vectors: Arrays) -> Arrays:
        return derivative.pull(vectors)


class JVP(Kind):
    """Tangents of the arguments pushed forward."""

    name: str = "jvp"
    noun: str = "jvp"

    def left_side(self, by: str) -> str:
        return "dz"

    def after(self, signature: Signature, wrt: Sequence[Parameter]) -> tuple[Parameter, ...]:
        return tuple(parameter.prefixed(f"d{parameter.name}") for parameter in wrt)

    def gives(self, signature: Signature, wrt: Sequence[Parameter]) -> Parameter:
        return signature.returns

    def present(self, derivative: LinearMap, vectors: Arrays) -> Arrays:
        return derivative.push(vectors)


class Jacobian(Kind):
    """All partial derivatives: for each result and argument an array of shape output + input."""

    name: str = "jacobian"
    noun: str = "derivative"

    def gives(self, signature: Signature, wrt: Sequence[Parameter]) -> Parameter:
        inner = _gradients(wrt)
        for _ in range(self.order - 1):
            inner = _product(inner, _gradients(wrt))
        return _product(signature.returns, inner)

    def present(self, derivative: LinearMap, vectors: Arrays) -> Arrays:
        return derivative.dense()


class Hessian(Jacobian):
    """All second partial derivatives, of shape output + input + input; of several arguments, a tuple of tuples."""

    name: str = "hessian"
    order: int = 2
    noun: str = "second derivative"


KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (Value(), VJP(), JVP(), Jacobian(), Hessian())}
"""Every kind by its name."""


def kind_of(name: str) -> Kind:
    """The kind of that name."""
    return KINDS[name]


def _gradients(wrt: Sequence[Parameter]) -> Parameter:
    tree = tuple_of({parameter.name: parameter.tree for parameter in wrt})
    return Parameter("", tree, tuple(leaf for parameter in wrt for leaf in parameter.leaves))


def _product(outer: Parameter, inner: Parameter) -> Parameter:
    """For each array of the one tree, the whole other tree, with the dimensions of both."""

    def beside(a: Argument, b: Argument) -> Argument:
        own = a.name[len(outer.name) :].lstrip(".")
        name = f"{own} by {b.name}" if len(outer.leaves) > 1 else b.name
        number = max(len(a.forms), len(b.forms))
        forms = tuple((*a.dims(form), *b.dims(form)) for form in range(number))
        return Argument(name, forms, values=a.values if not a.moves else b.values)

    leaves = tuple(beside(a, b) for a in outer.leaves for b in inner.leaves)
    return Parameter(inner.name, _grafted(outer.tree, inner.tree), leaves)


def _grafted(outer: Node, inner: Node) -> Node:
    if outer is None:
        return inner
    return replace(outer, children=tuple(_grafted(child, inner) for child in outer.children))
