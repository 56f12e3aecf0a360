"""Calling somebody else's code on one set of arguments, and taking whatever comes back.

This file imports nothing of the package: `sandbox` also runs it as a program, in a process of its own.
"""

import importlib
import importlib.util
import inspect
import json
import os
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple

import numpy as np

ARRAYS = ("numpy", "jax", "torch")

_SENTENCE = 500  # characters, of what an error has to say


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


def call(function: Callable[..., Any], names: Sequence[str], values: Sequence[np.ndarray], arrays: str) -> Outcome:
    """One call, on copies of the arguments.

    They are given by position, whatever the function calls them; by name only where it has the same names
    in another order.

    **Arguments:**

    - `names`, `values`: of the arguments, in the order of the identity.
    - `arrays`: what to pass: "numpy", "jax" or "torch", the last two with a device after a colon if wanted.
    """
    values = [np.asarray(value) for value in values]  # a single number is an array too
    given = [convert(value, arrays) for value in values]
    parameters = _parameters(function)
    by_name = parameters is not None and parameters != list(names) and sorted(parameters) == sorted(names)
    try:
        result = function(**dict(zip(names, given, strict=True))) if by_name else function(*given)
    except (Exception, SystemExit) as error:
        return Fault("raises", _complaint(error, function, names))
    for name, value, passed in zip(names, values, given, strict=True):
        if not isinstance(passed, int) and as_array(passed).tobytes() != value.tobytes():
            return Fault("mutates-arguments", f"writes to its argument {name}", _short(result))
    return _judgeable(result)


def convert(value: np.ndarray, arrays: str) -> Any:
    """A copy of an array of NumPy as an array of the kind that is wanted."""
    if value.dtype.kind == "i":  # a static argument, such as a power
        return int(value)
    kind, _, device = arrays.partition(":")
    if kind == "numpy":
        return value.copy()
    if kind == "jax":
        import jax

        return jax.device_put(value, jax.devices(device)[0] if device else None)
    import torch  # pyright: ignore[reportMissingImports]  # an extra, which the type checker may not see

    if value.dtype.name == "bfloat16":  # which torch takes from no array
        return torch.from_numpy(value.astype(np.float32)).to(torch.bfloat16).to(device or "cpu")
    return torch.from_numpy(value.copy()).to(device or "cpu")


def _parameters(function: Callable[..., Any]) -> list[str] | None:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of many a function that is not written in Python
        return None
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]


def _complaint(error: BaseException, function: Callable[..., Any], names: Sequence[str]) -> str:
    try:
        inspect.signature(function).bind(*names)
    except TypeError:
        takes = str(inspect.signature(function))
        return f"takes {takes}, and is called with the {len(names)} arguments ({', '.join(names)})"[:_SENTENCE]
    except ValueError:
        pass
    code = getattr(function, "__code__", None)
    return f"raises {_said(error, code.co_filename if code else None)}"


def _said(error: BaseException, file: str | None) -> str:
    """The error as a person says it, with the last line of the file that it came by."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    message = " ".join(str(error).split())[:_SENTENCE]
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


def _judgeable(result: Any) -> Outcome:
    try:
        array = as_array(result)
    except Exception as error:  # a stranger's object may raise anything; it becomes the verdict, with the error in it
        ragged = isinstance(error, ValueError) and isinstance(result, (list, tuple))
        what = " of parts of different shapes" if ragged else f" ({_short(error)})"
        return Fault("wrong-type", f"returns a {type(result).__name__}{what}, not an array of numbers", _short(result))
    real = array.dtype.kind in "biuf" or array.dtype.name in ("bfloat16", "float16")
    if not real:
        of = f" of {array.dtype}" if hasattr(result, "dtype") or array.dtype.kind == "c" else ""
        what = "None" if result is None else f"a {type(result).__name__}{of}"
        return Fault("wrong-type", f"returns {what}, not an array of real numbers", _short(result))
    return array.copy()


def _short(value: Any) -> str:
    try:
        text = " ".join(repr(value).split())
    except Exception as error:  # a stranger's repr may raise anything too, and that is then printed
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= 200 else text[:200] + " ..."


# What follows runs in the process of its own. It answers on a pipe that only it knows, so that what the
# candidate prints goes elsewhere. A message is the length of its head, the head in JSON, and the plain
# bytes of its arrays.


def send(pipe: BinaryIO, head: dict[str, Any], payload: bytes = b"") -> None:
    """Write one message."""
    encoded = json.dumps(head).encode()
    pipe.write(struct.pack("<I", len(encoded)) + encoded + payload)
    pipe.flush()


def receive(pipe: BinaryIO) -> dict[str, Any] | None:
    """Read the head of one message, None at the end."""
    length = pipe.read(4)
    return json.loads(pipe.read(struct.unpack("<I", length)[0])) if len(length) == 4 else None


def _called(function: Callable[..., Any], names: Sequence[str], values: Sequence[np.ndarray], arrays: str) -> Outcome:
    try:
        return call(function, names, values, arrays)
    except BaseException as error:  # KeyboardInterrupt, say: here it is only the candidate's
        return Fault("raises", f"raises {_said(error, None)}")


def serve(path: str, requests: BinaryIO, answers: BinaryIO, memory: int) -> None:
    """Load a file, say what it offers, and answer requests to call it until there are no more."""
    if memory:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    try:
        offered = functions(load(path))
    except BaseException as error:
        send(answers, {"error": _said(error, str(Path(path).resolve()))})
        return
    send(answers, {"functions": list(offered)})
    while request := receive(requests):
        batch = [_array(requests, a["dtype"], a["shape"]) for a in request["arguments"]]
        names = [a["name"] for a in request["arguments"]]
        for values in zip(*batch, strict=True):
            outcome = _called(offered[request["function"]], names, values, request["arrays"])
            if isinstance(outcome, Fault):
                send(answers, {"fault": list(outcome)})
            else:
                send(answers, {"dtype": outcome.dtype.name, "shape": outcome.shape}, outcome.tobytes())


def _array(pipe: BinaryIO, dtype: str, shape: Sequence[int]) -> np.ndarray:
    if dtype == "bfloat16":
        import ml_dtypes

        actual: Any = ml_dtypes.bfloat16
    else:
        actual = np.dtype(dtype)
    size = np.empty(shape, actual).nbytes
    return np.frombuffer(pipe.read(size), actual).reshape(shape)


if __name__ == "__main__":
    # The candidate gets neither end of the conversation: its own input is empty.
    requests = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    serve(sys.argv[1], requests, os.fdopen(int(sys.argv[2]), "wb"), int(sys.argv[3]))
