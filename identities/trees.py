"""Trees of arrays: tuples, lists, dicts, named tuples, dataclasses and typed dicts, taken apart and put together.

This file imports nothing of the package: the process of a stranger's candidate loads it by itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Union

Node = Union["Tree", None]
"""A tree, or None for a leaf."""


class MisfitError(Exception):
    """A value does not have the form of a tree; what it is instead, to go on after "returns"."""


@dataclass(frozen=True)
class Tree:
    """A branch of a tree.

    **Fields:**

    - `type`: `tuple`, `list`, `dict`, or a class that is made with its fields by name.
    - `keys`: the names of the children; of a tuple or list, their positions.
    - `children`: a tree each, or None for a leaf.
    - `bare`: whether a tuple of one may also come as what is in it.
    """

    type: type
    keys: tuple[str, ...]
    children: tuple[Node, ...]
    bare: bool = False

    def build(self, leaves: Iterator[Any]) -> Any:
        """The value that has those leaves, in order."""
        values = [child.build(leaves) if child else next(leaves) for child in self.children]
        if self.type in (tuple, list):
            return self.type(values)
        return self.type(**dict(zip(self.keys, values, strict=True)))

    def read(self, value: Any) -> list[Any]:
        """The leaves of a value of this form: by name if it has names, else by position.

        **Raises:** `MisfitError`.
        """
        parts = self._parts(value)
        return [leaf for child, part in zip(self.children, parts, strict=True) for leaf in leaves_of(child, part)]

    def _parts(self, value: Any) -> Sequence[Any]:
        if self.bare and not (isinstance(value, tuple) and len(value) == 1):
            return [value]
        if isinstance(value, Mapping):
            if set(value) != set(self.keys):
                raise MisfitError(f"a dict of {_listed(value)} where one of {_listed(self.keys)} is due")
            return [value[key] for key in self.keys]
        if self.type not in (tuple, list) and all(hasattr(value, key) for key in self.keys):
            return [getattr(value, key) for key in self.keys]
        if not isinstance(value, (tuple, list)):
            raise MisfitError(f"{_a(value)} where {self} is due")
        if len(value) != len(self.keys):
            raise MisfitError(f"{len(value)} results where {len(self.keys)} are due: {self}")
        return value

    def paths(self) -> Iterator[str]:
        """The leaves' names, as in `w` or `layers.0.w`."""
        for key, child in zip(self.keys, self.children, strict=True):
            yield from (f"{key}.{path}" for path in child.paths()) if child else (key,)

    def plain(self) -> list[Any]:
        """The tree as JSON has it; classes become namespaces."""
        known = self.type.__name__ if self.type in (tuple, list, dict) else "namespace"
        return [known, list(self.keys), [child and child.plain() for child in self.children], self.bare]

    def __str__(self) -> str:
        inner = [str(child) if child else key for key, child in zip(self.keys, self.children, strict=True)]
        if self.type in (tuple, list):
            return f"({', '.join(inner)}{',' * (len(inner) == 1)})"
        return f"{{{', '.join(self.keys)}}}"


def from_plain(plain: "Sequence[Any] | Node") -> Node:
    """The tree that `Tree.plain` has written; one that is a tree already, as it is."""
    if plain is None or isinstance(plain, Tree):
        return plain
    name, keys, children, bare = plain
    type_ = {"tuple": tuple, "list": list, "dict": dict}.get(name, SimpleNamespace)
    return Tree(type_, tuple(keys), tuple(map(from_plain, children)), bare)


def tuple_of(children: Mapping[str, Node]) -> Tree:
    """A tuple, whose places have names by which a dict may fill them too; one alone may come bare."""
    return Tree(tuple, tuple(children), tuple(children.values()), bare=len(children) == 1)


def leaves_of(node: Node, value: Any) -> list[Any]:
    """The leaves of a value of a form, which may be a leaf itself."""
    return node.read(value) if node else [value]


def build(node: Node, leaves: Iterable[Any]) -> Any:
    """The value of a form that has those leaves; the form may be a leaf itself."""
    leaves = iter(leaves)
    return node.build(leaves) if node else next(leaves)


def count(node: Node) -> int:
    """How many leaves there are."""
    return sum(map(count, node.children)) if node else 1


def _a(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _listed(keys: Iterable[Any]) -> str:
    return ", ".join(map(str, keys)) or "nothing"


def pruned(node: Node, kept: Iterator[bool]) -> Node:
    """The form with only those leaves that are kept; what is left of a class is a namespace."""
    if node is None:
        raise ValueError("a leaf by itself is kept or is nothing")
    keys, children = [], []
    for key, child in zip(node.keys, node.children, strict=True):
        if child is not None:
            child = pruned(child, kept)
        elif not next(kept):
            continue
        keys.append(key)
        children.append(child)
    whole = len(keys) == len(node.keys) or node.type in (tuple, list, dict)
    return Tree(node.type if whole else SimpleNamespace, tuple(keys), tuple(children), node.bare)
