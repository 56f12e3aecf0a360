"""The process that a stranger's code runs in: it loads a file, and answers requests to call what that offers.

`start`, a program, loads this file, which imports nothing of the package but `calling` and `written`. It answers on a
pipe that only it knows, so that what the candidate prints goes elsewhere. A message is the length of its head, the head
in JSON, and the plain bytes of its arrays.
"""

import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from identities.oracle.candidates import calling, written


def plain_value(value: Any) -> Any:
    """The value of a static argument as JSON has it, tuples apart from lists.

    **Raises:** `TypeError` for a value that cannot be sent to another process.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) in (tuple, list):
        return [type(value).__name__, *map(plain_value, value)]
    raise TypeError(
        f"{calling.short(value)}, a static argument, cannot be sent to another process: it is a {type(value)}"
    )


def plain_form(form: calling.Form) -> calling.Form:
    """A form as JSON has it: in another process, classes are not known.

    **Raises:** `TypeError` as `plain_value`.
    """
    parameters = tuple((name, tree and tree.plain()) for name, tree in form.parameters)
    options = {name: plain_value(value) for name, value in form.options.items()}
    return form._replace(parameters=parameters, answer=form.answer and form.answer.plain(), options=options)


def _from_plain(plain: Any) -> Any:
    """The value that `plain_value` has written."""
    if not isinstance(plain, list):
        return plain
    return {"tuple": tuple, "list": list}[plain[0]](map(_from_plain, plain[1:]))


def send(pipe: BinaryIO, head: dict[str, Any], payload: bytes = b"") -> None:
    """Write one message."""
    encoded = json.dumps(head).encode()
    pipe.write(struct.pack("<I", len(encoded)) + encoded + payload)
    pipe.flush()


def receive(pipe: BinaryIO) -> dict[str, Any] | None:
    """Read the head of one message, None at the end."""
    length = pipe.read(4)
    return json.loads(pipe.read(struct.unpack("<I", length)[0])) if len(length) == 4 else None


def _called(
    function: Callable[..., Any], form: calling.Form, values: Sequence[Any]
) -> tuple[list[calling.Outcome], str]:
    try:
        return calling.call(function, form, values)
    except BaseException as error:  # KeyboardInterrupt, say: here it is only the candidate's
        return [calling.Fault("raises", f"raises {calling.said(error, None)}")] * len(form.expects), ""


def _form(plain: Sequence[Any]) -> calling.Form:
    """The form that has come as JSON."""
    form = calling.Form(*plain)
    return form._replace(options={name: _from_plain(value) for name, value in form.options.items()})


def serve(path: str, requests: BinaryIO, answers: BinaryIO) -> None:
    """Load a file, say what it offers, and answer requests to call it until there are no more."""
    try:
        offered = calling.functions(calling.load(path))
    except BaseException as error:
        send(answers, {"error": calling.said(error, str(Path(path).resolve()))})
        return
    send(answers, {"functions": {name: calling.taken(function) for name, function in offered.items()}})
    while request := receive(requests):
        batch = [_values(requests, argument) for argument in request["arguments"]]
        form = _form(request["form"])
        function = written.resolve(request["function"], offered)
        for values in zip(*batch, strict=True) if batch else [()] * request["count"]:
            _answer(answers, form, *_called(function, form, values))


def _answer(pipe: BinaryIO, form: calling.Form, outcomes: Sequence[calling.Outcome], writes: str) -> None:
    """Send what came of one call: a message for each array that is looked at."""
    looked_at = sum(expected != "any" for expected in form.expects)
    for outcome in outcomes[:looked_at]:
        if isinstance(outcome, calling.Fault):
            send(pipe, {"fault": list(outcome)})
        else:
            described = {"dtype": outcome.dtype.name, "shape": outcome.shape, "writes": writes}
            send(pipe, described, outcome.tobytes())


def _values(pipe: BinaryIO, described: Mapping[str, Any]) -> Iterable[Any]:
    """An argument for all instances: an array, or those of Python's values that a static one has."""
    if "values" in described:
        return [_from_plain(value) for value in described["values"]]
    return _array(pipe, described["dtype"], described["shape"])


def _array(pipe: BinaryIO, dtype: str, shape: Sequence[int]) -> np.ndarray:
    if dtype == "bfloat16":
        import ml_dtypes

        actual: Any = ml_dtypes.bfloat16
    else:
        actual = np.dtype(dtype)
    size = np.empty(shape, actual).nbytes
    return np.frombuffer(pipe.read(size), actual).reshape(shape)
