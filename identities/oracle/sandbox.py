"""A stranger's code in a process of its own, with limits of time and memory; only arrays come back.

The other side is `calling`, run as a program. What it sends is never trusted: the head of a message is JSON,
read field by field, and an array is plain bytes with a dtype and a shape. Nothing is unpickled, and the
candidate's file is never imported here. POSIX only.
"""

import contextlib
import json
import math
import os
import select
import signal
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from identities.oracle import calling
from identities.oracle.arguments import Batch
from identities.oracle.calling import Fault, Outcome
from identities.oracle.candidate import Candidate

_DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float64", "float32", "float16", "bfloat16", "float128"),
)
_DISTURBED = "disturbs the connection to the judge"
_LARGEST_HEAD, _LARGEST_ARRAY = 1 << 20, 1 << 26


@dataclass(frozen=True)
class Limits:
    """What one candidate may use: seconds in all, and bytes of address space, 0 for any number."""

    seconds: float
    memory: int


class _Ended(Exception):
    """The process gives no more answers; why, as a fault."""

    def __init__(self, fault: Fault):
        super().__init__(fault.sentence)
        self.fault = fault


class Sandbox:
    """One file loaded in a process of its own. As a context manager, it ends the process at the end.

    **Raises:** `ValueError` if the file cannot be loaded within the limits.
    """

    def __init__(self, file: str, limits: Limits, arrays: str = "numpy"):
        self._limits, self._arrays = limits, arrays
        self._left = limits.seconds  # of waiting for the process; what the judge takes for itself is free
        self._fault: Fault | None = None
        self._answers, theirs = os.pipe()
        self._buffer = b""
        program = [sys.executable, "-P", calling.__file__, file, str(theirs), str(limits.memory)]
        # 64-bit types, as the judge has them; and a process group, which can be ended as a whole.
        self._process = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs],
            start_new_session=True,
            env=os.environ | {"JAX_ENABLE_X64": "true", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        os.close(theirs)
        self.functions = self._load(file)

    def _load(self, file: str) -> list[str]:
        try:
            head = self._head()
            if "error" in head:
                raise _Ended(Fault("raises", _plain(head["error"])))
            if not isinstance(head.get("functions"), list):
                raise _Ended(Fault("crash", _DISTURBED))
            return [_plain(name) for name in head["functions"]]
        except _Ended as ended:
            self.close()
            raise ValueError(f"{file} cannot be loaded: {ended.fault.sentence}") from None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, and those that it started in its group."""
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

    def candidate(self, function: str) -> Candidate:
        """One function of the file, to be judged. Once the process has ended, every call says so."""

        def results(batch: Batch) -> list[Outcome]:
            count = len(next(iter(batch.values()), ()))
            outcomes: list[Outcome] = []
            try:
                if self._fault:
                    raise _Ended(self._fault)
                self._ask(function, batch)
                outcomes += (self._outcome() for _ in range(count))
            except _Ended as ended:
                self._fault = ended.fault
                outcomes += [ended.fault] * (count - len(outcomes))
            return outcomes

        return results

    def _ask(self, function: str, batch: Batch) -> None:
        described = [{"name": n, "dtype": v.dtype.name, "shape": v.shape} for n, v in batch.items()]
        head = json.dumps({"function": function, "arrays": self._arrays, "arguments": described}).encode()
        message = struct.pack("<I", len(head)) + head + b"".join(v.tobytes() for v in batch.values())
        assert self._process.stdin is not None
        pipe = self._process.stdin.fileno()
        os.set_blocking(pipe, False)
        while message:
            self._wait([], [pipe])
            with contextlib.suppress(BlockingIOError):
                try:
                    message = message[os.write(pipe, message[: 1 << 16]) :]
                except BrokenPipeError:
                    raise _Ended(self._crash()) from None

    def _outcome(self) -> Outcome:
        head = self._head()
        try:
            if "fault" in head:
                kind, sentence, got = map(_plain, head["fault"])
                return Fault(kind if kind in ("raises", "wrong-type", "mutates-arguments") else "raises", sentence, got)
            dtype, shape = head["dtype"], tuple(map(int, head["shape"]))
            if dtype not in _DTYPES or min(shape, default=0) < 0 or len(shape) > 32:
                raise ValueError
            actual = jnp.dtype(dtype) if dtype == "bfloat16" else np.dtype(dtype)
            size = math.prod(shape) * actual.itemsize
            if size > _LARGEST_ARRAY:
                raise ValueError
        except (KeyError, TypeError, ValueError, OverflowError):
            raise _Ended(Fault("wrong-type", "returns what is no array of a sensible size")) from None
        return np.frombuffer(self._read(size), actual).reshape(shape)

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
            self._wait([self._answers], [])
            received = os.read(self._answers, 1 << 16)
            if not received:
                raise _Ended(self._crash())
            self._buffer += received
        read, self._buffer = self._buffer[:size], self._buffer[size:]
        return read

    def _wait(self, readers: list[int], writers: list[int]) -> None:
        started = time.monotonic()
        ready = any(select.select(readers, writers, [], max(self._left, 0.0)))
        self._left -= time.monotonic() - started
        if not ready:
            self.close()
            limit = f"{self._limits.seconds:g} s"
            raise _Ended(Fault("timeout", f"does not finish within {limit} (--time-limit)"))

    def _crash(self) -> Fault:
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return Fault("crash", "cuts the connection to the judge")
        if code < 0:
            return Fault("crash", f"ends its process with {signal.Signals(-code).name}")
        return Fault("crash", f"ends its process, with exit code {code}")


def _plain(text: object) -> str:
    """What a stranger has to say, in one line, without control characters, and not for ever."""
    return "".join(c if c.isprintable() else " " for c in " ".join(str(text).split()))[:1000]
