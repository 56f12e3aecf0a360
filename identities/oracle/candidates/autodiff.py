"""The backward pass that a differentiable implementation has, in JAX or in PyTorch."""

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.caching import told_apart
from identities.oracle.candidates.adapters import Value, applied, name_of
from identities.oracle.candidates.calling import AdapterError, accepted, convert

Arrays = Sequence[Any]


@dataclass(frozen=True)
class BackwardOf:
    """The gradients of a function by its framework's reverse mode, whose custom rules are what is judged.

    **Fields:**

    - `function`: of arrays of JAX, or of tensors of torch; or a module.
    - `parameters`: of a module, the names of those parameters that are arguments.
    - `cotangents`: how many of what it is called with are cotangents, which come first.
    - `places`: for each argument which of the gradients is the one by it, or None; all in order, if empty.
    - `programs`: what has been compiled of it, by what it computes.
    """

    function: Callable[..., Any]
    parameters: tuple[str, ...] | None = None
    cotangents: int = 1
    places: tuple[int | None, ...] = ()
    programs: dict[Any, "Compiled"] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, *given: Any, **options: Any) -> Any:
        due = self.places or range(len(given) - self.cotangents)
        order = {place: argument for argument, place in enumerate(due) if place is not None}
        by = tuple(order[place] for place in range(len(order)))
        if torch := _torch_for(self.function, given):
            given = _tensors(torch, given)
            function = self._of_tensors(torch)
            return _by_torch(torch, function, given[: self.cotangents], given[self.cotangents :], by, options)
        gradients = functools.partial(_by_jax, self.function, self.cotangents, by)
        return self.programs.setdefault((self.cotangents, by), Compiled(gradients))(*given, **options)

    @property
    def inner(self) -> Callable[..., Any]:
        """The function whose lines an error is told by."""
        return self.function

    @property
    def value(self) -> Value:
        """The forward pass alone, for `check_value`; of a module, by its parameters too."""
        return Value(self)

    @property
    def __name__(self) -> str:
        return f"backward_of({name_of(self.function)})"

    def asked(self, cotangents: int, places: Sequence[int | None]) -> "BackwardOf":
        """The same, called with so many cotangents, for the gradients that are due."""
        return replace(self, cotangents=cotangents, places=tuple(places))

    def result(self, arguments: Arrays, options: Mapping[str, Any]) -> Any:
        """What the forward pass computes."""
        torch = _torch_for(self.function, arguments)
        if not torch:
            return self.programs.setdefault("value", as_compiled(self.function))(*arguments, **options)
        with torch.no_grad():
            return applied(self._of_tensors(torch), _tensors(torch, arguments), options)

    def _of_tensors(self, torch: Any) -> Callable[..., Any]:
        is_module = isinstance(self.function, torch.nn.Module)
        return _of_module(torch, self.function, self.parameters) if is_module else self.function


# In JAX.


@dataclass(frozen=True)
class Compiled:
    """A function in JAX of arrays and options, compiled for each choice of these; as it is, where it looks at values.

    A kernel in interpret mode is traced in every call otherwise, and too slow to be tried at more than a few sizes.
    """

    function: Callable[..., Any]
    programs: dict[Any, Callable[..., Any]] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, *given: Any, **options: Any) -> Any:
        plain = functools.partial(self.function, **options)
        try:
            key = told_apart(dict(sorted(options.items())))
        except TypeError:
            key = tuple(map(id, options.values()))  # which stay, as the program holds on to them
        try:
            return self.programs.setdefault(key, jax.jit(plain))(*given)
        except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
            self.programs[key] = plain
            return plain(*given)


def as_compiled(function: Callable[..., Any]) -> Compiled:
    """The function by itself, of arrays and of those options that it knows."""
    return Compiled(lambda *arguments, **options: applied(function, arguments, options))


def _by_jax(
    function: Callable[..., Any], count: int, places: Sequence[int], *given: Any, **options: Any
) -> tuple[Any, ...]:
    """Gradients, of which the first of the given are the cotangents; None for integers."""
    along, at = restricted(function, given[count:], places, options)
    result, pull = jax.vjp(along, *at)
    gradients = pull(_in_form_of(result, given[:count], name_of(function)))
    return jax.tree.map(lambda leaf: None if leaf.dtype == jax.dtypes.float0 else leaf, gradients)


def restricted(
    function: Callable[..., Any], arguments: Arrays, places: Sequence[int], options: Mapping[str, Any]
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function in JAX of some of its arguments, the others being what they are; and where it is."""
    arguments = jax.tree.map(jnp.asarray, tuple(arguments))

    def along(*moving: Any) -> Any:
        moved = dict(zip(places, moving, strict=True))
        return applied(function, [moved.get(i, value) for i, value in enumerate(arguments)], options)

    return along, tuple(arguments[i] for i in places)


def _in_form_of(result: Any, cotangents: Arrays, name: str) -> Any:
    """The cotangents in the form of the result and in its dtypes; where it consists of integers, there is none."""
    parts = result if type(result) is tuple else (result,)
    moving = [any(jnp.issubdtype(leaf.dtype, jnp.inexact) for leaf in jax.tree.leaves(part)) for part in parts]
    _check_count(name, sum(moving), len(cotangents))
    left = iter(cotangents)
    placed = tuple(next(left) if moves else part for part, moves in zip(parts, moving, strict=True))
    return jax.tree.map(_cotangent, result, placed if type(result) is tuple else placed[0])


def _cotangent(result: Any, cotangent: Any) -> Any:
    if jnp.issubdtype(result.dtype, jnp.inexact):
        return jnp.asarray(cotangent, result.dtype)
    return np.zeros(result.shape, jax.dtypes.float0)


def _check_count(name: str, returned: int, cotangents: int) -> None:
    if returned != cotangents:
        raise TypeError(f"{name} returns {returned} results that have a gradient, where there are {cotangents}")


# In PyTorch, which is an extra: its module is handed on.


def _torch_for(function: Any, given: Any) -> Any:
    """PyTorch, if the function is one of tensors, by its own kind or by what it is given."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    owner = getattr(function, "__self__", None)  # of the method `apply`, the class
    ruled = isinstance(owner, type) and issubclass(owner, torch.autograd.Function)
    own = ruled or isinstance(function, torch.nn.Module)
    return torch if own or any(map(torch.is_tensor, jax.tree.leaves(given))) else None


def _tensors(torch: Any, tree: Any) -> Any:
    """A tree of tensors, whichever arrays they came in."""
    return jax.tree.map(lambda leaf: leaf if torch.is_tensor(leaf) else convert(np.asarray(leaf), "torch"), tree)


def _by_torch(
    torch: Any,
    function: Callable[..., Any],
    cotangents: Arrays,
    arguments: Arrays,
    places: Sequence[int],
    options: Mapping[str, Any],
) -> tuple[Any, ...]:
    """By complex numbers as JAX has it, to which torch's own is the conjugate."""
    leaves, structure = jax.tree.flatten(tuple(arguments))
    owners = [i for i, argument in enumerate(arguments) for _ in jax.tree.leaves(argument)]
    moving = [owner in places and _moves(leaf) for owner, leaf in zip(owners, leaves, strict=True)]
    leaves = [leaf.detach().requires_grad_(moves) for leaf, moves in zip(leaves, moving, strict=True)]
    with torch.enable_grad():
        result = applied(function, jax.tree.unflatten(structure, leaves), options)
    results, along = [leaf for leaf in jax.tree.leaves(result) if _moves(leaf)], jax.tree.leaves(cotangents)
    _check_count(name_of(function), len(results), len(along))
    along = [cotangent.to(leaf.dtype).conj() for cotangent, leaf in zip(along, results, strict=True)]
    by = [leaf for leaf, moves in zip(leaves, moving, strict=True) if moves]
    gradients = iter(torch.autograd.grad(results, by, along, materialize_grads=True))
    found = jax.tree.unflatten(structure, [next(gradients).conj() if moves else None for moves in moving])
    return tuple(found[i] for i in places)


def _moves(tensor: Any) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _of_module(torch: Any, module: Any, names: Sequence[str] | None) -> Callable[..., Any]:
    """A module as a function of its inputs and then its parameters, one by one; or of a dict of them by name.

    What else the module holds is copied, in the dtype and on the device of the arguments.
    """
    held = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    ordered = [name for name, _ in module.named_parameters()] if names is None else list(names)
    if unknown := [name for name in ordered if name not in held]:
        raise AdapterError(f"the module has no parameter {unknown[0]!r}; it has {', '.join(held)}")

    def function(*given: Any, **options: Any) -> Any:
        inputs, parameters = _parted(given, ordered)
        like = next(filter(_moves, jax.tree.leaves(given)))
        state = {name: _copied(value, like) for name, value in held.items() if name not in parameters}
        return torch.func.functional_call(
            module, {**state, **parameters}, tuple(inputs), accepted(module.forward, options)
        )

    function.__name__ = type(module).__name__
    return function


def _copied(value: Any, like: Any) -> Any:
    return value.detach().to(like.device, like.dtype if _moves(value) else value.dtype, copy=True)


def _parted(given: Arrays, names: Sequence[str]) -> tuple[Arrays, dict[str, Any]]:
    """The inputs of a module, and its parameters by name."""
    if by_name := [argument for argument in given if isinstance(argument, Mapping)]:
        return [argument for argument in given if argument is not by_name[0]], dict(_dotted(by_name[0]))
    count = len(given) - len(names)
    if count < 0:
        raise AdapterError(f"{len(given)} arguments, where the parameters {', '.join(names)} are due after the inputs")
    return given[:count], dict(zip(names, given[count:], strict=True))


def _dotted(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{before}{name}.")
        else:
            yield before + name, value
