"""System calls that Python has no name for."""

import ctypes
import os
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)


def system_call(number: int, *arguments: Any) -> int:
    """What the system answers.

    **Raises:** `OSError` with its complaint.
    """
    _LIBC.syscall.restype = ctypes.c_long
    passed = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    answer = _LIBC.syscall(ctypes.c_long(number), *passed)
    return answer if answer >= 0 else _complain()


def process_control(option: int, *arguments: Any) -> None:
    """`prctl`.

    **Raises:** `OSError`.
    """
    passed = [ctypes.c_ulong(argument) if isinstance(argument, int) else argument for argument in arguments]
    zeros = [ctypes.c_ulong(0)] * (4 - len(passed))
    if _LIBC.prctl(option, *passed, *zeros):
        _complain()


def _complain() -> int:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))
