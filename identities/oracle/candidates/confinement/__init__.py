"""A process that gives up all that a candidate has no need of, before it loads anything else.

`start` loads this folder by its path, in a process of its own. So it imports nothing but Python's own library, and its
parts by their place.
"""

import errno
import resource
import sys
from typing import NamedTuple

from . import landlock, readable, seccomp

_LARGEST_FILE = 16 << 20  # bytes
_OPEN_FILES = 256


class Permissions(NamedTuple):
    """What one process may do.

    **Fields:**

    - `file`: the candidate's, which lies in a folder that may be read; `scratch`: the folder that it may write to.
    - `homes`: the folders of the judge's user. `hidden`: what may not be read although it lies where all else may.
    - `memory`: bytes of address space, 0 for any number; `seconds`: of processor time.
    - `gpu`: whether it needs one.
    """

    file: str
    scratch: str
    homes: list[str]
    hidden: list[str]
    memory: int
    seconds: int
    gpu: bool = False


class InForce(NamedTuple):
    """What keeps a process to its permissions.

    **Fields:**

    - `landlock`: the version of Landlock that keeps it from files, 0 if nothing does.
    - `seccomp`: whether a filter of system calls keeps it from the network and from other processes.
    - `lacking`: why not, for each that is not in force.
    """

    landlock: int = 0
    seccomp: bool = False
    lacking: tuple[str, ...] = ()


def confine(given: Permissions) -> InForce:
    """Leave this process those permissions, for ever, as far as the system can; and say how far that is."""
    _limit(given)
    if sys.platform != "linux":
        return InForce(lacking=(f"Landlock and seccomp: {sys.platform} has none",))
    seccomp.drop_privileges()
    hidden = [*given.homes, *given.hidden]
    rules = [*readable.libraries(hidden), *readable.beside(given.file, given.homes, hidden)]
    rules += [("/dev/null", landlock.DEVICE), (given.scratch, landlock.SCRATCH)]
    rules += readable.gpus() if given.gpu else ()
    lacking: list[str] = []
    version, filtered = 0, False
    try:
        version = landlock.restrict(rules)
    except OSError as error:
        lacking.append(f"Landlock: {_reason(error)}")
    try:
        filtered = seccomp.restrict(given.gpu)
    except OSError as error:
        lacking.append(f"seccomp: {_reason(error)}")
    return InForce(version, filtered, tuple(lacking))


_REASONS = {
    errno.ENOSYS: "this kernel has none",
    errno.EOPNOTSUPP: "it is switched off",
    errno.EPERM: "it is forbidden",
}


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, str(error.strerror))


def _limit(given: Permissions) -> None:
    limits = {
        resource.RLIMIT_FSIZE: _LARGEST_FILE,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CPU: given.seconds,
        resource.RLIMIT_CORE: 0,
        **({resource.RLIMIT_AS: given.memory} if given.memory else {}),
    }
    for limit, most in limits.items():
        _, hard = resource.getrlimit(limit)
        end = most + (limit == resource.RLIMIT_CPU)  # where SIGKILL follows the signal that says why
        most, end = (value if hard == resource.RLIM_INFINITY else min(value, hard) for value in (most, end))
        resource.setrlimit(limit, (most, end))
