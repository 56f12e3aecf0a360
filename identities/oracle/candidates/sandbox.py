"""A stranger's code in a process of its own, which is confined and has limits; only arrays come back.

The other side is `start`, run as a program, and `serving`. What it sends is never trusted: the head of a message is
JSON, read field by field, and an array is plain bytes with a dtype and a shape. Nothing is unpickled, and the
candidate's file is never imported here. POSIX only.
"""

import contextlib
import json
import math
import os
import selectors
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from identities.claim import Claim
from identities.oracle.candidates import scratch, serving, start
from identities.oracle.candidates.calling import Answers, Fault, Form, Outcome
from identities.oracle.candidates.limits import Limits, cpu_seconds, environment, permissions, threads
from identities.oracle.candidates.local import collected, form_of, with_static
from identities.oracle.candidates.protection import protection
from identities.oracle.candidates.written import Source
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch

_DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float64", "float32", "float16", "bfloat16", "float128"),
)
_COMPLEX = ("complex64", "complex128", "complex256")
_KINDS = ("raises", "wrong-type", "mutates-arguments")
_DISTURBED = "disturbs the connection to the judge"
_LARGEST_HEAD, _LARGEST_ARRAY = 1 << 20, 1 << 26
_MOST_FUNCTIONS = 4096  # which is more than `import *` from everywhere gives
_MOST_THREADS = 4096
_AT_ONCE = 1 << 16  # bytes, which is what a pipe holds
_LOOKS_AGAIN = 0.25  # seconds, between two looks at what a process takes that the system has no limit for

# Needs no file of its own, and knows of files beyond the first 1024.
_Selector = getattr(selectors, "PollSelector", selectors.DefaultSelector)


class CannotLoadError(ValueError):
    """A file of candidates cannot be loaded within the limits; why, in words."""


class _Ended(Exception):
    """The process gives no more answers; why, as a fault."""

    def __init__(self, fault: Fault):
        super().__init__(fault.sentence)
        self.fault = fault


class Sandbox:
    """One file loaded in a process of its own. As a context manager, it ends the process at the end.

    **Raises:** `CannotLoadError` if the file cannot be loaded within the limits.
    """

    def __init__(self, file: str, limits: Limits, arrays: str = "numpy"):
        self._limits = limits
        self.arrays: str = arrays
        self._left = limits.seconds  # of waiting for the process; what the judge takes for itself is free
        self._fault: Fault | None = None
        self._answers, theirs = os.pipe()
        self._buffer = bytearray()
        self._scratch = scratch.Scratch()
        self._looks_at = time.monotonic() + _LOOKS_AGAIN
        promised = protection().in_force[:2]
        given = json.dumps([file, permissions(file, limits, arrays, self._scratch.path), promised])
        self._process = subprocess.Popen(
            [sys.executable, "-P", start.__file__, str(theirs), given],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs],
            start_new_session=True,  # a process group, which can be ended as a whole
            env=environment(self._scratch.path),
        )
        os.close(theirs)
        self.functions: dict[str, list[str] | None] = self._load(file)

    def _load(self, file: str) -> dict[str, list[str] | None]:
        """What the file offers: the names of its functions, each with what it takes."""
        try:
            head = self._head()
            if "error" in head:
                raise _Ended(Fault("raises", _plain(head["error"])))
            offered = head.get("functions")
            if not isinstance(offered, dict) or len(offered) > _MOST_FUNCTIONS:
                raise _Ended(Fault("crash", _DISTURBED))
            return {_plain(name): takes and [_plain(p) for p in list(takes)] for name, takes in offered.items()}
        except _Ended as ended:
            self.close()
            raise CannotLoadError(f"{file} cannot be loaded: {ended.fault.sentence}") from None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, and those that it started in its group; and remove what it has written."""
        if self._answers < 0:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._process.wait()
        os.close(self._answers)
        self._answers = -1
        self._scratch.remove()

    def candidate(self, function: Source, strict: bool = False) -> "Sandboxed":
        """One function of the file, to be judged; if `strict`, it may not write to its arguments."""
        return Sandboxed(self, function, strict)

    def call(
        self, function: Source, form: Form, batch: Batch, most: list[int]
    ) -> tuple[list[list[Outcome]], str, list[float]]:
        """What the function makes of a batch: for each instance an outcome an array; what it wrote to; and when the
        batch was sent, and each instance done.

        Once the process has ended, every call says so.

        **Arguments:**

        - `most`: for each array that is to come back, how many bytes it may have.
        """
        count = len(next(iter(batch.values()), ()))
        expected = [kind for kind in form.expects if kind != "any"]
        called: list[list[Outcome]] = []
        times: list[float] = []
        writes = ""
        try:
            if self._fault:
                raise _Ended(self._fault)
            self._ask(function, form, batch, count)
            times.append(time.monotonic())
            while len(called) < count:
                answered = [self._outcome(kind, size) for kind, size in zip(expected, most, strict=True)]
                called.append([outcome for outcome, _ in answered])
                times.append(time.monotonic())
                writes = next((name for _, name in answered if name), writes)
        except _Ended as ended:
            self._fault = ended.fault
            none: list[Outcome] = [ended.fault for _ in expected]
            called += [none] * (count - len(called))
        return called, writes if writes in [name for name, _ in form.parameters] else "", times

    def _ask(self, function: Source, form: Form, batch: Batch, count: int) -> None:
        described = [_described(values) for values in batch.values()]
        form = serving.plain_form(form)
        request = {"function": function, "form": form, "arguments": described, "count": count}
        head = json.dumps(request).encode()
        self._expect_silence()
        arrays = b"".join(values.tobytes() for values in batch.values() if values.dtype.kind != "O")
        message = memoryview(struct.pack("<I", len(head)) + head + arrays)
        assert self._process.stdin is not None
        pipe = self._process.stdin.fileno()
        os.set_blocking(pipe, False)
        while message:
            self._wait(pipe, selectors.EVENT_WRITE)
            with contextlib.suppress(BlockingIOError):
                try:
                    message = message[os.write(pipe, message[:_AT_ONCE]) :]
                except BrokenPipeError:
                    raise _Ended(self._crash()) from None

    def _expect_silence(self) -> None:
        """What comes before a question is no answer to it."""
        with _Selector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            if not self._buffer and selector.select(0):
                self._receive()
        if self._buffer:
            raise _Ended(Fault("crash", "answers before it is asked"))

    def _outcome(self, expected: str, most: int) -> tuple[Outcome, str]:
        """One array of one instance, and what the candidate says that it wrote to."""
        head = self._head()
        try:
            if "fault" in head:
                kind, sentence, got = map(_plain, head["fault"])
                return Fault(kind if kind in _KINDS else "raises", sentence, got), ""
            dtype, shape = head["dtype"], tuple(map(int, head["shape"]))
            known = _DTYPES + _COMPLEX * (expected == "complex")
            if dtype not in known or min(shape, default=0) < 0 or len(shape) > 32:
                raise ValueError
            actual = jnp.dtype(dtype) if dtype == "bfloat16" else np.dtype(dtype)
            size = math.prod(shape) * actual.itemsize
            if size > max(most, _LARGEST_ARRAY):
                raise ValueError
            return np.frombuffer(self._read(size), actual).reshape(shape), _plain(head.get("writes", ""))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise _Ended(Fault("wrong-type", "returns what is no array of a sensible size")) from None

    def _head(self) -> dict[str, Any]:
        (length,) = struct.unpack("<I", self._read(4))
        try:
            if length > _LARGEST_HEAD:
                raise ValueError
            head = json.loads(self._read(length))
            if not isinstance(head, dict):
                raise ValueError
        except (ValueError, RecursionError):
            raise _Ended(Fault("crash", _DISTURBED)) from None
        return head

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._wait(self._answers, selectors.EVENT_READ)
            self._receive()
        read = bytes(self._buffer[:size])
        del self._buffer[:size]
        return read

    def _receive(self) -> None:
        received = os.read(self._answers, _AT_ONCE)
        if not received:
            raise _Ended(self._crash())
        self._buffer += received

    def _wait(self, file: int, event: int) -> None:
        """Until the file is ready, as long as there is time left."""
        started, ready = time.monotonic(), []
        with _Selector() as selector:
            selector.register(file, event)
            while not ready and (left := self._left - (time.monotonic() - started)) > 0:
                ready = selector.select(min(left, _LOOKS_AGAIN))
                self._look()
        self._left -= time.monotonic() - started
        if not ready:
            self.close()
            limit = f"{self._limits.seconds:g} s"
            raise _Ended(Fault("timeout", f"does not finish within {limit} (--time-limit)"))

    def _look(self) -> None:
        """End a process that takes too much of what the system has no limit for."""
        if time.monotonic() < self._looks_at:
            return
        self._looks_at = time.monotonic() + _LOOKS_AGAIN
        too_much = f"writes more than {scratch.MOST >> 20} MiB" if self._scratch.is_full() else ""
        if threads(self._process.pid) > _MOST_THREADS:
            too_much = f"starts more than {_MOST_THREADS} threads"
        if too_much:
            self.close()
            raise _Ended(Fault("crash", too_much))

    def _crash(self) -> Fault:
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return Fault("crash", "cuts the connection to the judge")
        if code == -signal.SIGXCPU:
            return Fault("timeout", f"takes more than {cpu_seconds(self._limits)} s of processor time (--time-limit)")
        if code < 0:
            return Fault("crash", f"ends its process with {signal.Signals(-code).name}")
        return Fault("crash", f"ends its process, with exit code {code}")


@dataclass(frozen=True)
class Sandboxed:
    """One function of a file, as a candidate."""

    sandbox: Sandbox
    function: Source
    strict: bool = False

    def __call__(
        self, claim: Claim, shape: Shape, batches: Mapping[str, Batch], layout: str = "contiguous"
    ) -> dict[str, Answers]:
        form = form_of(claim, shape, self.sandbox.arrays, layout, self.strict)
        given = {dtype: with_static(claim, shape, batch) for dtype, batch in batches.items()}
        return {dtype: self._answers(claim, shape, form, batch) for dtype, batch in given.items()}

    def _answers(self, claim: Claim, shape: Shape, form: Form, batch: Batch) -> Answers:
        leaves = zip(claim.gives.leaves, form.expects, strict=True)
        most = [_most_bytes(shape.of(leaf)) for leaf, expected in leaves if expected != "any"]
        return collected(claim, form, *self.sandbox.call(self.function, form, batch, most))


def _most_bytes(shape: tuple[int, ...]) -> int:
    """More than a right result of that shape has in any dtype."""
    return 64 * math.prod(shape)


def _described(values: np.ndarray) -> dict[str, Any]:
    """An argument as the head of a request has it; static ones, whose values are Python's, by themselves."""
    if values.dtype.kind == "O":
        return {"values": [serving.plain_value(value) for value in values]}
    return {"dtype": values.dtype.name, "shape": values.shape}


def _plain(text: object) -> str:
    """What a stranger has to say, in one line, without control characters, and not for ever."""
    return "".join(c if c.isprintable() else " " for c in " ".join(str(text).split()))[:1000]
