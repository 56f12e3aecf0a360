"""Calling somebody else's code on one set of arguments, and taking whatever comes back.

A stranger's process loads this file too, see `start`: it imports nothing of the package but `trees`.
"""

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from identities import trees

ARRAYS = ("numpy", "jax", "torch")

LAYOUTS = ("contiguous", "strided", "transposed")
"""How the entries of an array of NumPy or torch may lie in memory: every second one of a wider array; columns first."""

_SENTENCE = 500  # characters, of what an error has to say


class AdapterError(Exception):
    """An adapter that does not fit what it adapts or what is asked, which is said to whoever made it: no verdict."""


class Fault(NamedTuple):
    """A call that gave no array to judge.

    **Fields:**

    - `kind`: of the diagnosis, as `"raises"`.
    - `sentence`: what happened, to go on after the candidate's name.
    - `got`: what came back, printed.
    """

    kind: str
    sentence: str
    got: str = ""


Outcome = np.ndarray | Fault


class Answers(NamedTuple):
    """What came back for a batch of instances.

    **Fields:**

    - `leaves`: for each array of the result, an outcome an instance; or all of them as one array.
    - `writes`: the name of an argument that the candidate wrote to, or nothing.
    - `seconds`: what the quickest of the calls took, where that is known: the others may have compiled something.
    """

    leaves: tuple[Any, ...]
    writes: str = ""
    seconds: float = 0.0


class Form(NamedTuple):
    """What a candidate is called with, and what is to come back.

    **Fields:**

    - `parameters`: for each parameter its name, and its form: a tree, a plain one (`Tree.plain`) or None for one array.
    - `options`: static arguments, for those of its parameters that have their names.
    - `answer`: the form of the result, as a tree, a plain one or None.
    - `expects`: for each array of the result, what it consists of: "real" or "complex" numbers; "none" for the gradient
      of integers, which is None; or "any" for what is not looked at.
    - `places`: where gradients are due, for each argument of the function which of them is the one by it, or None; a
      candidate may return gradients for all arguments, with None where none is due.
    - `arrays`: what to pass: "numpy", "jax" or "torch", the last two with a device after a colon if wanted.
    - `layout`: one of `LAYOUTS`.
    - `strict`: whether it is a fault to write to an argument.
    - `rank`: how many axes the first array of the result has.
    - `cotangents`: how many of the parameters are cotangents, which come first.
    """

    parameters: tuple[tuple[str, Any], ...]
    options: Mapping[str, Any]
    answer: Any
    expects: tuple[str, ...]
    places: tuple[int | None, ...] = ()
    arrays: str = "numpy"
    layout: str = "contiguous"
    strict: bool = False
    rank: int = 0
    cotangents: int = 0


def load(path: str) -> ModuleType:
    """The module in a Python file, or of a dotted name, with its neighbours importable."""
    if not path.endswith(".py"):
        sys.path.insert(0, os.getcwd())
        return importlib.import_module(path)
    file = Path(path).resolve()
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)
    spec.loader.exec_module(module)
    return module


def functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """What a module offers to be judged: its public callables."""
    return {name: value for name, value in vars(module).items() if callable(value) and not name.startswith("_")}


def call(function: Callable[..., Any], form: Form, values: Sequence[np.ndarray]) -> tuple[list[Outcome], str]:
    """One call, on copies of the arguments: an outcome for each array of the result, and what it wrote to.

    Arguments are given by position, whatever the function calls them; by name only where it has the same names
    in another order.

    **Arguments:**

    - `values`: the arrays of all arguments, in order; of static ones the values.

    **Raises:** `AdapterError`.
    """
    if asked := getattr(function, "asked", None):  # an adapter, which tells the cotangents from the arguments
        function = asked(form.cotangents, form.places)
    values = [_argument(value) for value in values]
    given = [convert(value, form.arrays, form.layout) for value in values]
    left = iter(given)
    passed = [trees.build(trees.from_plain(plain), left) for _, plain in form.parameters]
    names = [name for name, _ in form.parameters]
    options = accepted(function, form.options)
    by_name = _goes_by_name(function, names, options)
    try:
        if by_name:
            result = function(**dict(zip(names, passed, strict=True)), **options)
        else:
            result = function(*passed, **options)
    except (KeyboardInterrupt, AdapterError):
        raise
    except BaseException as error:  # whatever a stranger raises is the verdict
        return [Fault("raises", _complaint(error, function, names, options))] * len(form.expects), ""
    writes = _written_to(form, values, given)
    if writes and form.strict:
        fault = Fault("mutates-arguments", f"writes to its argument {writes}", short(result))
        return [fault] * len(form.expects), writes
    return _outcomes(form, result), writes


def _argument(value: Any) -> np.ndarray:
    """An argument as an array, as a single number is too; the value of a static one as an array of one object."""
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value)
    array = np.empty((), object)
    array[()] = value
    return array


def _rank(part: Any) -> int:
    depth = 0
    while isinstance(part, (tuple, list)) and depth < 64:  # a list may be in itself
        part, depth = next(iter(part), 0), depth + 1
    return depth + len(getattr(part, "shape", ()))


def _written_to(form: Form, values: Sequence[np.ndarray], given: Sequence[Any]) -> str:
    """The name of the first argument that is no longer what it was; of JAX's arrays, which nobody can write to, none.

    One that has been donated cannot even be looked at.
    """
    if form.arrays.partition(":")[0] == "jax":
        return ""
    place = 0
    for name, plain in form.parameters:
        count = trees.count(trees.from_plain(plain))
        for value, now in list(zip(values, given, strict=True))[place : place + count]:
            if value.dtype.kind != "O" and as_array(now).tobytes() != value.tobytes():
                return name
        place += count
    return ""


def _outcomes(form: Form, result: Any) -> list[Outcome]:
    """The arrays of a result, or what is wrong with it."""
    try:
        return _taken_apart(form, result)
    except Exception as error:  # a stranger's object may raise anything, whatever one asks of it
        what = f"returns a {type(result).__name__} that cannot be looked at: {said(error, None)}"
        return [Fault("wrong-type", what, short(result))] * len(form.expects)


def _taken_apart(form: Form, result: Any) -> list[Outcome]:
    tree = trees.from_plain(form.answer)
    due = {place: i for i, place in enumerate(form.places) if place is not None}
    for_all = isinstance(result, (tuple, list)) and len(result) == len(form.places) > len(due)
    if for_all and all(_is_none(part) for part, place in zip(result, form.places, strict=True) if place is None):
        result = tuple(result[due[place]] for place in range(len(due)))
    if tree and tree.bare and isinstance(result, tuple) and len(result) == 1 and _rank(result[0]) != form.rank:
        result = (result,)  # a tuple of one number is an array of it, where that has an axis
    try:
        parts = trees.leaves_of(tree, result)
    except trees.MisfitError as error:
        return [Fault("wrong-type", f"returns {error}", short(result))] * len(form.expects)
    named = list(tree.paths()) if tree and not tree.bare else [""] * len(parts)
    found = zip(parts, form.expects, named, strict=True)
    return [_judgeable(part, expected, name) for part, expected, name in found if expected != "any"]


def convert(value: np.ndarray, arrays: str, layout: str = "contiguous") -> Any:
    """A copy of an array of NumPy as an array of the kind that is wanted."""
    if value.dtype.kind == "O":  # a static argument, such as a power
        return value.item()
    kind, _, device = arrays.partition(":")
    if kind == "numpy":
        return _laid_out(value, layout)
    if kind == "jax":
        import jax

        return jax.device_put(value, jax.devices(device)[0] if device else None)
    import torch  # pyright: ignore[reportMissingImports]  # an extra, which the type checker may not see

    if value.dtype.name == "bfloat16":  # which torch takes from no array
        wide = torch.from_numpy(_laid_out(value.astype(np.float32), layout))
        return wide.to(torch.bfloat16).to(device or "cpu")
    return torch.from_numpy(_laid_out(value, layout)).to(device or "cpu")


def _laid_out(value: np.ndarray, layout: str) -> np.ndarray:
    """A copy whose entries lie in memory as the layout says."""
    if value.ndim == 0 or layout == "contiguous":
        return value.copy()
    if layout == "transposed":
        return np.asfortranarray(value) if value.ndim > 1 else value.copy()
    between = np.logical_not(value) if value.dtype == bool else value + value.dtype.type(1)
    return np.stack([value, between], axis=-1).reshape(*value.shape[:-1], -1)[..., ::2]


def accepted(function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Those options that the function has a parameter for."""
    if not options:
        return {}
    parameters = taken(function)
    return {name: value for name, value in options.items() if parameters is None or name in parameters}


def taken(function: Callable[..., Any]) -> list[str] | None:
    """The names of a function's parameters; None, if it takes anything by name; no names, where nobody knows."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of many a function that is not written in Python
        return []
    return None if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) else list(parameters)


def _goes_by_name(function: Callable[..., Any], names: Sequence[str], options: Mapping[str, Any]) -> bool:
    """Whether a function has parameters of these names, but in another order, or by keyword only."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.default is p.empty]
    own = [p for p in named if p.name not in options]
    in_place = [p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    return in_place != list(names) and sorted(p.name for p in own) == sorted(names)


def _complaint(
    error: BaseException, function: Callable[..., Any], names: Sequence[str], options: Mapping[str, Any]
) -> str:
    try:
        inspect.signature(function).bind(*names, **options)
    except TypeError:
        takes = str(inspect.signature(function))
        return f"takes {takes}, and is called with the {len(names)} arguments ({', '.join(names)})"[:_SENTENCE]
    except ValueError:
        pass
    code = getattr(getattr(function, "inner", function), "__code__", None)
    return f"raises {said(error, code.co_filename if code else None)}"


def said(error: BaseException, file: str | None) -> str:
    """The error as a person says it, with the last line of the file that it came by."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    try:
        message = " ".join(str(error).split())[:_SENTENCE]
    except Exception:  # a stranger's error may raise another one when it is printed
        message = ""
    return type(error).__name__ + f": {message}" * bool(message) + (f" (line {lines[-1]})" if lines else "")


def as_array(result: Any) -> np.ndarray:
    """Whatever holds numbers as a NumPy array: arrays, tensors on any device, nested lists of numbers."""
    if hasattr(result, "detach"):  # a tensor of torch
        result = result.detach().cpu()
        if str(result.dtype) == "torch.bfloat16":
            import ml_dtypes

            return result.float().numpy().astype(ml_dtypes.bfloat16)
        return result.resolve_conj().numpy()
    if isinstance(result, (list, tuple)) and any(hasattr(part, "detach") for part in result):
        return np.stack([as_array(part) for part in result])
    return np.asarray(result)


def _judgeable(result: Any, expected: str, name: str) -> Outcome:
    """An array of numbers, or what is wrong with it; `name` is which of several results it is."""
    if isinstance(result, Fault):  # an adapter that has watched the memory says what it saw
        return result
    which = f" for {name}" * bool(name)
    if expected == "none":
        return _judged_none(result, which)
    try:
        array = as_array(result)
    except Exception as error:  # a stranger's object may raise anything; it becomes the verdict, with the error in it
        ragged = isinstance(error, ValueError) and isinstance(result, (list, tuple))
        what = " of parts of different shapes" if ragged else f" ({short(error)})"
        what = f"returns a {type(result).__name__}{what}{which}, not an array of numbers"
        return Fault("wrong-type", what, short(result))
    real = array.dtype.kind in "biuf" or array.dtype.name in ("bfloat16", "float16")
    if not real and not (expected == "complex" and array.dtype.kind == "c"):
        of = f" of {array.dtype}" if hasattr(result, "dtype") or array.dtype.kind == "c" else ""
        what = "None" if result is None else f"a {type(result).__name__}{of}"
        return Fault("wrong-type", f"returns {what}{which}, not an array of {expected} numbers", short(result))
    return array.copy()


def _judged_none(result: Any, which: str) -> Outcome:
    """The gradient of integers: None, or the zeros that some frameworks have in its place."""
    if _is_none(result):
        return np.zeros(0)
    try:
        if not np.any(as_array(result)):
            return np.zeros(0)
    except Exception:  # a stranger's object may raise anything; it is no None, which the verdict says
        pass
    what = f"returns a {type(result).__name__}{which}, which consists of integers: its gradient is None"
    return Fault("wrong-type", what, short(result))


def _is_none(part: Any) -> bool:
    """Whether that is no gradient: None, or the array of nothing that JAX has for integers."""
    return part is None or str(getattr(part, "dtype", "")).startswith("[('float0'")


def short(value: Any) -> str:
    try:
        text = " ".join(repr(value).split())
    except Exception as error:  # a stranger's repr may raise anything too, and that is then printed
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= 200 else text[:200] + " ..."
