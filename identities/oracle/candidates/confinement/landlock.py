"""Landlock, of Linux: a process gives up the right to files, for ever, but for those that it names.

The numbers are those of the kernel's `include/uapi/linux/landlock.h`; the calls have the same ones on every processor.
"""

import ctypes
import os
from collections.abc import Iterable

from .system import system_call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_REMOVE, _MAKE_DIR, _MAKE_REG, _MAKE_SYM = 0b11 << 4, 1 << 7, 1 << 8, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
"""Rights to a file: the others are to folders."""

LIST = _READ_DIR
READ = _READ_FILE | _READ_DIR
DEVICE = _READ_FILE | _WRITE_FILE | _IOCTL_DEV
SCRATCH = READ | _WRITE_FILE | _TRUNCATE | _REMOVE | _MAKE_DIR | _MAKE_REG | _MAKE_SYM | _REFER

_ALL = {1: (1 << 13) - 1, 2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEV}
"""All rights to files that there are, by the version that brought them."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def restrict(rules: Iterable[tuple[str, int]]) -> int:
    """Leave this process those rights to those files and folders, and none else; it returns the version of Landlock.

    It has no more right to TCP (from version 4 on), nor to send signals to others (6). Rights that the system does not
    know are left out, as are files that are not there. It must be called before there are threads.

    **Raises:** `OSError` where there is no Landlock.
    """
    version = system_call(_CREATE_RULESET, None, 0, _VERSION)
    known = sum(rights for since, rights in _ALL.items() if since <= version)
    attributes = _Ruleset(known, 0b11 * (version >= 4), 0b11 * (version >= 6))
    ruleset = system_call(_CREATE_RULESET, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
    for path, rights in rules:
        _allow(ruleset, path, rights & known)
    system_call(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return version


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # it is not there, or is out of reach for this process anyway
        return
    allowed = rights if os.path.isdir(path) else rights & _OF_FILES
    if allowed:
        system_call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_Beneath(allowed, opened)), 0)
    os.close(opened)
