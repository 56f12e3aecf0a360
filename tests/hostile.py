"""Candidates for the derivatives of described functions, that return anything."""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.fuzz import Described, right


class Hostile:
    """An object on which whatever is named raises."""

    def __init__(self, *raising: str, error: type[BaseException] = RuntimeError):
        self.__dict__["raising"], self.__dict__["error"] = raising, error

    def _or(self, name: str) -> None:
        if name in self.__dict__["raising"]:
            raise self.__dict__["error"](name)

    def __getattr__(self, name: str) -> Any:
        self._or("attribute")
        if name in ("shape", "dtype", "detach"):
            self._or(name)
        raise AttributeError(name)

    def __repr__(self) -> str:
        self._or("repr")
        return "Hostile()"

    def __len__(self) -> int:
        self._or("len")
        return 3

    def __iter__(self) -> Iterator[Any]:
        self._or("iter")
        return iter((1.0, 2.0, 3.0))

    def __getitem__(self, item: Any) -> Any:
        self._or("getitem")
        raise IndexError(item)

    def __array__(self, *given: Any, **asked: Any) -> Any:
        self._or("array")
        return np.ones(3)

    def __eq__(self, other: object) -> bool:
        self._or("eq")
        return False

    def __bool__(self) -> bool:
        self._or("bool")
        return True


class Unmappable(Mapping):
    """A dict that raises."""

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError("getitem")

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("iter")

    def __len__(self) -> int:
        return 2


class Unprintable(Exception):
    """An error that cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError("str")

    __repr__ = __str__


def _raise(error: BaseException) -> Any:
    raise error


def _cyclic() -> Any:
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    return cyclic


HOSTILE = ("attribute", "repr", "len", "iter", "getitem", "array", "eq", "bool", "shape", "dtype", "detach")

JUNK: tuple[Callable[..., Any], ...] = (
    lambda r, given: None,
    lambda r, given: "a string",
    lambda r, given: b"bytes",
    lambda r, given: {},
    lambda r, given: {"b": np.ones(2), "z": None},
    lambda r, given: {1: 2, (3, 4): 5},
    lambda r, given: set(),
    lambda r, given: (x for x in (1.0, 2.0)),
    lambda r, given: iter(()),
    lambda r, given: [[1.0], [2.0, 3.0]],
    lambda r, given: [[[]]],
    lambda r, given: (),
    lambda r, given: ((), ()),
    lambda r, given: 10**400,
    lambda r, given: [10**400, 1.0],
    lambda r, given: 2**63,
    lambda r, given: np.array("text"),
    lambda r, given: np.array([None, 1.0]),
    lambda r, given: np.zeros(3, [("x", float), ("y", int)]),
    lambda r, given: np.array(["2020-01-01"], "datetime64[D]"),
    lambda r, given: np.ones((1,) * 24 + (2,) * 8),
    lambda r, given: np.ones((3, 0, 2)),
    lambda r, given: np.longdouble(1),
    lambda r, given: np.ones(2, np.float16),
    lambda r, given: 1j,
    lambda r, given: True,
    lambda r, given: float("nan"),
    lambda r, given: object(),
    lambda r, given: Ellipsis,
    lambda r, given: NotImplemented,
    lambda r, given: np.sum,
    lambda r, given: int,
    lambda r, given: _cyclic(),
    lambda r, given: Unmappable(),
    lambda r, given: (Unmappable(),) * 2,
    lambda r, given: SimpleNamespace(a=1.0, b=None),
    lambda r, given: given[-1],
    lambda r, given: given,
    lambda r, given: given[0],
    lambda r, given: Hostile(r.choice(HOSTILE)),
    lambda r, given: Hostile(*r.sample(HOSTILE, 3)),
    lambda r, given: Hostile(*HOSTILE),
    lambda r, given: Hostile(*HOSTILE, error=AttributeError),
    lambda r, given: (Hostile(r.choice(HOSTILE)), np.ones(2)),
    lambda r, given: [Hostile(r.choice(HOSTILE))],
    lambda r, given: np.array([Hostile("repr", "eq", "bool"), None], object),
    lambda r, given: _raise(ZeroDivisionError("division")),
    lambda r, given: _raise(StopIteration()),
    lambda r, given: _raise(SystemExit(3)),
    lambda r, given: _raise(Unprintable()),
    lambda r, given: _raise(RecursionError("deep")),
    lambda r, given: _raise(MemoryError()),
    lambda r, given: _raise(ExceptionGroup("several", [ValueError("1")])),
    lambda r, given: _raise(KeyError("x")),
)


def _part(array: np.ndarray) -> np.ndarray:
    changed = array.copy()
    changed.reshape(-1)[: 1 + array.size // 2] *= 2
    return changed


CHANGES: tuple[Callable[[Any], Any], ...] = (
    lambda x: -x,
    lambda x: 2 * x,
    lambda x: 1.37 * x,
    lambda x: x * x.size,
    lambda x: x / max(len(x) if x.ndim else 1, 1),
    lambda x: x + 1,
    lambda x: x + 1e-9 * np.cos(np.arange(x.size)).reshape(x.shape),
    lambda x: x * (1 + 1e-5),
    lambda x: x.T,
    lambda x: x.ravel(),
    lambda x: x.ravel(order="F").reshape(x.shape),
    lambda x: x[..., ::-1] if x.ndim else x,
    lambda x: x[None],
    lambda x: x[..., None],
    lambda x: x.squeeze(),
    lambda x: x.sum(),
    lambda x: x.mean(axis=-1) if x.ndim else x,
    lambda x: x.sum(axis=0, keepdims=True) if x.ndim else x,
    lambda x: np.broadcast_to(x, (2, *x.shape)),
    lambda x: x[:1] if x.ndim else x,
    lambda x: x * np.nan,
    lambda x: np.where(x > 0.5, np.nan, x),
    lambda x: np.where(x > 0, np.inf, x),
    lambda x: np.where(x > 0, x, 0),
    lambda x: np.clip(x, -1, 1),
    lambda x: x * 1e308 * 10,
    lambda x: x * 1e-300,
    lambda x: x.real.astype(np.float32),
    lambda x: x.real.astype(np.float16),
    lambda x: x.real.astype(np.longdouble),
    lambda x: np.nan_to_num(x.real).astype(int),
    lambda x: x > 0,
    lambda x: x + 0j,
    lambda x: np.conj(x),
    lambda x: x.real,
    lambda x: np.zeros_like(x),
    lambda x: np.ones_like(x),
    lambda x: np.triu(x) if x.ndim > 1 else x,
    lambda x: x + x.swapaxes(-1, -2) if x.ndim > 1 and x.shape[-1] == x.shape[-2] else x,
    lambda x: x - np.diag(np.diagonal(x)) if x.ndim == 2 and x.shape[0] == x.shape[1] else x,
    lambda x: np.diagonal(x) if x.ndim > 1 else x,
    lambda x: x[..., None] * np.eye(x.shape[-1]) if x.ndim else x,
    lambda x: _part(x),
    lambda x: x.tolist(),
    lambda x: np.ma.masked_array(x, x > 0),
    lambda x: np.asarray(np.asmatrix(x)) if x.ndim == 2 else np.matrix(x) if x.ndim < 2 else x,
    lambda x: jnp.asarray(x),
    lambda x: x[()] if x.ndim == 0 else x[0],
    lambda x: np.sort(x, axis=None).reshape(x.shape),
    lambda x: None,
    lambda x: "text",
)

REARRANGED: tuple[Callable[[Any], Any], ...] = (
    lambda t: t[::-1] if isinstance(t, tuple) else t,
    lambda t: t[:-1] if isinstance(t, tuple) else t,
    lambda t: (*t, None) if isinstance(t, tuple) else (t,),
    lambda t: list(t) if isinstance(t, tuple) else [t],
    lambda t: dict(zip("abc", t, strict=False)) if isinstance(t, tuple) else {"a": t},
    lambda t: {"z": t},
    lambda t: (t, t),
)


def candidate(asked: Described, random: Random) -> Callable[..., Any]:
    """A derivative that is right, or wrong in any way; the same for the same arguments, but for one."""
    style = random.random()
    if style < 0.2:
        junk = random.choice(JUNK)
        return lambda *given, **options: junk(random, given)
    correct = right(asked)
    if style < 0.3:
        return correct
    if style < 0.35:
        return lambda a, b, c, d, e, f, g: a
    if style < 0.45:
        rearrange = random.choice(REARRANGED)
        return lambda *given, scale=1.0: rearrange(correct(*given, scale=scale))
    change, only = random.choice(CHANGES), random.choice((None, None, 0, -1))
    some = random.random() < 0.2  # of the instances
    writes = random.random() < 0.1

    def changed(*given: Any, scale: Any = 1.0) -> Any:
        found, form = jax.tree.flatten(correct(*given, scale=scale))
        first = np.real(np.asarray(jax.tree.leaves(given)[0])).sum()
        arrays = [np.array(leaf) for leaf in found]
        if not (some and first > 0):
            wanted = range(len(arrays)) if only is None else [only % len(arrays)]
            arrays = [change(array) if i in wanted else array for i, array in enumerate(arrays)]
        if writes:
            for array in jax.tree.leaves(given):
                if isinstance(array, np.ndarray):
                    array[...] = 0
        return jax.tree.unflatten(form, arrays)

    return changed
