"""Random descriptions of functions in JAX, and their right derivatives."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import jax
import jax.numpy as jnp

from identities import domains

DIMENSIONS = ("n", "m", "k", "n", "m", "n+1", "2*n", "n-k+1", "(n+1)//2", "1", "3")

DOMAINS: Mapping[str, Any] = {
    "floating": None,
    "positive": domains.positive,
    "index": domains.index("n"),
    "integers": domains.integers(-2, 3),
    "boolean": domains.boolean,
    "complex": domains.complex_numbers,
    "rank": domains.full_column_rank,
}
MOVING = ("floating", "positive", "complex", "rank")

ENTRYWISE: tuple[Callable[[Any], Any], ...] = (
    lambda x: x,
    jnp.sin,
    jnp.tanh,
    jnp.square,
    lambda x: jnp.exp(0.1 * x),
    lambda x: x / (2 + jnp.abs(x) ** 2),
    lambda x: x - x.mean(),
    lambda x: 0 * x,
)


@dataclass
class Described:
    """A function, what is said of it, and what is asked.

    **Fields:**

    - `takes`, `gives`: trees of dimensions; `kinds` has the kind of values of each array that it takes, in order.
    - `wrt`: the places of the arguments to differentiate by.
    """

    function: Callable[..., Any]
    takes: tuple[Any, ...]
    gives: Any
    kinds: list[str]
    kind: str
    wrt: tuple[int, ...]
    asked: dict[str, Any]


def described(random: Random) -> Described:
    """A random function of one to three arguments with one or several results."""
    takes = tuple(_argument(random) for _ in range(random.choice((1, 2, 2, 3))))
    if random.random() < 0.15:
        takes = _mapped(lambda dims: f"... {dims}", takes)
    dims_of_all = list(_leaves(takes))
    kinds = [_kind(random, dims) for dims in dims_of_all]
    if not any(kind in MOVING for kind in kinds):
        kinds[0] = "floating"
    gives = _result(random, dims_of_all)
    names = ("a", "b", "c")[: len(takes)]
    static = {"scale": random.choice((0.5, [1.0, 2.0]))} if random.random() < 0.3 else {}
    by_argument = _split(takes, kinds)
    moving = [i for i, own in enumerate(by_argument) if any(kind in MOVING for kind in own)]
    wrt = tuple(moving) if random.random() < 0.6 else (random.choice(moving),)
    asked: dict[str, Any] = {
        "signature": _spelled(random, takes, gives),
        "domains": {
            name: domain
            for name, tree, own in zip(names, takes, by_argument, strict=True)
            for name, domain in _named(name, tree, own)
        },
        "shapes": random.choice((1, 2, 3)),
        "instances": random.choice((1, 4, 8)),
        "seed": random.choice((0, 1)),
        "dtypes": random.choice((("float64",), ("float64",), ("float32",), ("float64", "float32"), ("bfloat16",))),
    }
    if static:
        asked["static"] = static
    if random.random() < 0.2:
        asked["sizes"] = {random.choice(("n", "m", "k")): random.choice((1, [2, 5], [7]))}
    if random.random() < 0.2:
        asked["strict"] = True
    if random.random() < 0.2:
        asked["arrays"] = "jax"
    kind = random.choice(("value", "vjp", "vjp", "vjp", "jvp", "jacobian", "hessian"))
    return Described(_function(random, takes, gives, len(takes)), takes, gives, kinds, kind, wrt, asked)


def _argument(random: Random) -> Any:
    if random.random() < 0.8:
        return _dims(random)
    if random.random() < 0.5:
        return {"u": _dims(random), "v": _dims(random)}
    return (_dims(random), {"w": _dims(random)})


def _dims(random: Random) -> str:
    return " ".join(random.choice(DIMENSIONS) for _ in range(random.choice((0, 1, 1, 2, 2, 3))))


def _kind(random: Random, dims: str) -> str:
    kind = random.choice(("floating",) * 8 + ("positive", "index", "integers", "boolean", "complex", "rank"))
    return "floating" if kind == "rank" and len(dims.replace("...", "").split()) != 2 else kind


def _result(random: Random, given: list[str]) -> Any:
    """One result or several, of dimensions that the arguments have."""
    number = random.choice((1, 1, 1, 2))
    if number == 1:
        return _of_known(random, given)
    parts = [_of_known(random, given) for _ in range(2)]
    return tuple(parts) if random.random() < 0.7 else {"p": parts[0], "q": parts[1]}


def _of_known(random: Random, given: list[str]) -> str:
    batch = random.random() < 0.8 and any("..." in dims for dims in given)
    known = sorted({dim for dims in given for dim in dims.split()} - {"..."})
    if random.random() < 0.5:
        fixed = [dim for dim in random.choice(given).split() if dim != "..."]
    else:
        fixed = [random.choice(known) for _ in range(random.choice((0, 1, 2, 2)))] if known else []
    return " ".join(["..."] * batch + fixed)


def _spelled(random: Random, takes: tuple[Any, ...], gives: Any) -> Any:
    plain = all(isinstance(tree, str) for tree in takes) and not isinstance(gives, dict)
    if not plain or random.random() < 0.3:
        return (takes, gives)
    groups = ["(" + ",".join(dims.split()) + ")" for dims in takes]
    several: tuple[Any, ...] = gives if isinstance(gives, tuple) else (gives,)
    results = ["(" + ",".join(dims.split()) + ")" for dims in several]
    return f"{','.join(groups)}->{','.join(results)}"


def _named(name: str, tree: Any, kinds: list[str]) -> Iterator[tuple[str, Any]]:
    paths = [name + path for path in _paths(tree)]
    yield from ((path, DOMAINS[kind]) for path, kind in zip(paths, kinds, strict=True) if DOMAINS[kind])


def _paths(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield ""
        return
    for key, child in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from (f".{key}{path}" for path in _paths(child))


def _leaves(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
        return
    for child in tree.values() if isinstance(tree, dict) else tree:
        yield from _leaves(child)


def _mapped(change: Callable[[str], Any], tree: Any) -> Any:
    if isinstance(tree, str):
        return change(tree)
    if isinstance(tree, dict):
        return {key: _mapped(change, child) for key, child in tree.items()}
    return tuple(_mapped(change, child) for child in tree)


def _split(takes: tuple[Any, ...], kinds: list[str]) -> list[list[str]]:
    left = iter(kinds)
    return [list(itertools.islice(left, len(list(_leaves(tree))))) for tree in takes]


def _arrays(tree: Any, value: Any) -> list[Any]:
    """The arrays of a value of the form of a tree, in order."""
    if isinstance(tree, str):
        return [value]
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    return [array for key in keys for array in _arrays(tree[key], value[key])]


def _function(random: Random, takes: tuple[Any, ...], gives: Any, arity: int) -> Callable[..., Any]:
    recipes = [[(random.choice(ENTRYWISE), random.random()) for _ in _leaves(takes)] for _ in _leaves(gives)]
    outer = [random.choice(ENTRYWISE[:5]) for _ in recipes]
    product = [random.random() < 0.4 for _ in recipes]
    spelled = list(_leaves(takes))

    def apply(arguments: tuple[Any, ...], scale: float) -> Any:
        given = _arrays(takes, arguments)
        labelled = [_labels(dims, array) for dims, array in zip(spelled, given, strict=True)]
        sizes: dict[tuple[str, int], int] = {}
        for labels, array in zip(labelled, given, strict=True):
            sizes |= dict(zip(labels, array.shape, strict=True))
        numbers = iter(range(len(recipes)))

        def result(dims: str) -> Any:
            i = next(numbers)
            total: Any = None
            axes = _result_labels(dims, sizes)
            for (entrywise, weight), labels, array in zip(recipes[i], labelled, given, strict=True):
                array = array if jnp.iscomplexobj(array) else array.astype(jnp.promote_types(array.dtype, jnp.float32))
                part = (0.3 + weight) * _broadcast(entrywise(scale * array), labels, axes, sizes)
                total = part if total is None else total * (1 + part) if product[i] else total + part
            return outer[i](total)

        return _mapped(result, gives)

    if arity == 1:
        return lambda a, scale=1.0: apply((a,), scale)
    if arity == 2:
        return lambda a, b, scale=1.0: apply((a, b), scale)
    return lambda a, b, c, scale=1.0: apply((a, b, c), scale)


def _labels(dims: str, array: Any) -> list[tuple[str, int]]:
    """Each axis by its dimension, and how often that was there before."""
    fixed = [dim for dim in dims.split() if dim != "..."]
    batch = [f"batch{i}" for i in range(array.ndim - len(fixed))]
    return _numbered([*batch, *fixed])


def _result_labels(dims: str, sizes: Mapping[tuple[str, int], int]) -> list[tuple[str, int]]:
    batch = [name for name, _ in sizes if name.startswith("batch")] if "..." in dims else []
    return _numbered([*dict.fromkeys(batch), *(dim for dim in dims.split() if dim != "...")])


def _numbered(dims: list[str]) -> list[tuple[str, int]]:
    return [(dim, dims[:i].count(dim)) for i, dim in enumerate(dims)]


def _broadcast(array: Any, labels: list[Any], axes: list[Any], sizes: Mapping[Any, int]) -> Any:
    array = array.sum(axis=tuple(i for i, label in enumerate(labels) if label not in axes))
    left = [label for label in labels if label in axes]
    array = array.transpose([left.index(label) for label in axes if label in left])
    shape = [sizes.get(label, sizes[label[0], 0]) for label in axes]
    return jnp.broadcast_to(array.reshape([n if x in left else 1 for x, n in zip(axes, shape, strict=True)]), shape)


def right(asked: Described) -> Callable[..., Any]:
    """The derivative, by JAX: of the arrays that have one, put together as the oracle wants them."""

    def pieces(arguments: tuple[Any, ...]) -> tuple[list[Any], list[int], Callable[..., Any]]:
        arrays = [jnp.asarray(a) for a in _arrays(asked.takes, arguments)]
        owners = [i for i, tree in enumerate(asked.takes) for _ in _leaves(tree)]
        moves = [kind in MOVING for kind in asked.kinds]
        places = [place for i in asked.wrt for place, owner in enumerate(owners) if owner == i and moves[place]]

        def of_moving(scale: Any, *moved: Any) -> Any:
            everything = list(arrays)
            for place, value in zip(places, moved, strict=True):
                everything[place] = value
            left = iter(everything)
            return asked.function(*_mapped(lambda _: next(left), asked.takes), scale=scale)

        return [arrays[place] for place in places], places, of_moving

    def together(by_array: list[Any], places: list[int]) -> Any:
        known = dict(zip(places, by_array, strict=True))
        numbers = itertools.count()
        trees = _mapped(lambda _: known.get(next(numbers)), asked.takes)
        found = [trees[i] for i in asked.wrt]
        return tuple(found) if len(found) > 1 else found[0]

    def derivative(*given: Any, scale: Any = 1.0) -> Any:
        count = len(asked.takes)
        several = len(asked.gives) if isinstance(asked.gives, tuple) else 1
        before = several if asked.kind == "vjp" else 0
        moving, places, function = pieces(given[before : before + count])
        at = lambda *moved: function(scale, *moved)  # noqa: E731
        if asked.kind == "value":
            return at(*moving)
        if asked.kind == "vjp":
            cotangents = given[:before] if isinstance(asked.gives, tuple) else given[0]
            like, pull = jax.vjp(at, *moving)
            cotangents = jax.tree.map(lambda c, z: jnp.asarray(c).astype(z.dtype), cotangents, like)
            return together(list(pull(cotangents)), places)
        if asked.kind == "jvp":
            tangents = [jnp.asarray(v) for v in jax.tree.leaves(given[before + count :])]
            return jax.jvp(at, tuple(moving), tuple(tangents))[1]
        by = tuple(range(1, len(moving) + 1))
        first = jax.jacrev(function, by)
        if asked.kind == "jacobian":
            nested = first(scale, *moving)
            return _over(asked.gives, nested, lambda row: together(list(row), places))
        nested = jax.jacfwd(first, by)(scale, *moving)
        return _over(asked.gives, nested, lambda rows: together([together(list(row), places) for row in rows], places))

    return jax.jit(derivative, static_argnames="scale")


def _over(tree: Any, value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, str):
        return change(value)
    if isinstance(tree, dict):
        return {key: _over(child, value[key], change) for key, child in tree.items()}
    return tuple(_over(child, part, change) for child, part in zip(tree, value, strict=True))
