"""Which files a candidate may read: those that it needs to run, and those that lie beside it."""

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch

from .landlock import DEVICE, LIST, READ, SCRATCH

_PACKAGE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
_OF_THE_PACKAGE = ("oracle/candidates", "trees.py", f"__pycache__/trees.{sys.implementation.cache_tag}.pyc")
"""What serves the candidate; the rest of the package is the reference of whom it is judged by the catalog."""

_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/share")
_SETTINGS = (
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/timezone", "/etc/fonts"),
    *("/etc/alternatives", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/mime.types"),
)
_MACHINE = (
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/proc/filesystems"),
    *("/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm", "/dev/urandom", "/dev/random", "/dev/zero"),
)
_OF_GPUS = ("/usr/local/cuda", "/opt/cuda", "/opt/rocm", "/sys", "/proc/driver", "/proc/devices", "/proc/modules")
_DEVICES = ("/dev/nvidia*", "/dev/nvidia-caps/*", "/dev/dri", "/dev/kfd")
_NOT_BESIDE = (".*", "conftest.py", "test", "tests", "test_*")
"""What a file has no business with, although it lies in the same folder."""

Rule = tuple[str, int]
"""A file or folder, and the rights to it."""


def libraries(hidden: Sequence[str]) -> Iterator[Rule]:
    """What Python, its packages and the system's libraries consist of, without what is hidden in it."""
    prefixes = dict.fromkeys((sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix))
    own = [os.path.join(prefix, part) for prefix in prefixes for part in ("lib", "lib64", "share")]
    added = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    found = (*_LIBRARIES, *own, *_modules(), *added)
    folders = dict.fromkeys(os.path.realpath(folder) for folder in found if folder)
    for folder in folders:
        if not any(_within(folder, other) for other in folders):
            yield from _without(folder, (_PACKAGE, *hidden))
    for path in (*_SETTINGS, *_MACHINE, *(os.path.join(_PACKAGE, part) for part in _OF_THE_PACKAGE)):
        yield path, READ


def gpus() -> Iterator[Rule]:
    """What a GPU is spoken to by; CUDA also writes to what the system shows of its own process."""
    yield "/proc/self", SCRATCH | DEVICE
    yield from ((path, READ) for path in _OF_GPUS)
    yield from ((path, DEVICE) for pattern in _DEVICES for path in glob.glob(pattern))


def beside(file: str, homes: Sequence[str], hidden: Sequence[str]) -> Iterator[Rule]:
    """The file, and what lies in its folder; where that contains all of somebody's home, it is the file alone.

    Links are not followed: one that came with the file may lead anywhere.
    """
    folder, name = os.path.realpath(os.path.dirname(file)), os.path.basename(file)
    own = os.path.join(folder, name)
    if name and own not in hidden and not os.path.islink(own):
        yield own, READ
    if any(home == folder or _within(home, folder) for home in homes):
        return
    yield folder, LIST
    for entry in os.scandir(folder):
        if not entry.is_symlink() and not any(fnmatch(entry.name, pattern) for pattern in _NOT_BESIDE):
            yield from _without(entry.path, (_PACKAGE, *hidden))


def _modules() -> Iterator[str]:
    """The folders that modules are looked for in, but that of the project's sources, if the package runs from there."""
    for folder in map(os.path.realpath, filter(None, sys.path)):
        installed = os.path.basename(folder) in ("site-packages", "dist-packages")
        if installed or folder != os.path.dirname(_PACKAGE):
            yield folder


def _without(path: str, hidden: Sequence[str]) -> Iterator[Rule]:
    """What a file or folder consists of, without what is hidden in it."""
    if path in hidden:
        return
    if not any(_within(other, path) for other in hidden):
        yield path, READ
        return
    yield path, LIST
    for entry in os.scandir(path):
        if not entry.is_symlink():
            yield from _without(entry.path, hidden)


def _within(path: str, folder: str) -> bool:
    return path != folder and path.startswith(folder.rstrip("/") + "/")
