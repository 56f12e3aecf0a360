"""What the process of a candidate is given, and what it may take of it."""

import contextlib
import math
import os
import pwd
import site
from dataclasses import dataclass, field
from pathlib import Path

from identities.oracle.candidates.confinement import Permissions


@dataclass(frozen=True)
class Limits:
    """What one candidate may use: seconds in all, and bytes of address space, 0 for any number.

    **Fields:**

    - `hidden`: files and folders that it may not read, wherever they are, such as the reference; no verdict follows
      from their names.
    """

    seconds: float
    memory: int
    hidden: tuple[str, ...] = field(default=(), repr=False)


def permissions(file: str, limits: Limits, arrays: str, folder: str) -> Permissions:
    """What the process of a file may do; that of a module lies in the current folder."""
    hidden = [os.path.realpath(path) for path in limits.hidden]
    hidden += [os.path.join(os.path.dirname(path), "__pycache__") for path in hidden]
    path = os.path.abspath(file) if file.endswith(".py") else os.path.join(os.getcwd(), "")
    gpu = arrays.partition(":")[2] not in ("", "cpu")
    return Permissions(path, folder, _homes(), hidden, limits.memory, cpu_seconds(limits), gpu)


def cpu_seconds(limits: Limits) -> int:
    """More than it can take in the time that it has; it is there for what goes on when nobody waits for it."""
    return math.ceil(limits.seconds) * (os.cpu_count() or 1) + 1


def _homes() -> list[str]:
    found = {os.path.expanduser("~")}
    with contextlib.suppress(KeyError):  # a user without an entry, as there is in many a container
        found.add(pwd.getpwuid(os.getuid()).pw_dir)
    return sorted(os.path.realpath(home) for home in found if os.path.realpath(home) != "/")


def environment(folder: str) -> dict[str, str]:
    """This process's, with 64-bit types as the judge has them, and all that is written to in the scratch folder."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "JAX_COMPILATION_CACHE"))}
    return own | {
        "JAX_ENABLE_X64": "true",
        "JAX_ENABLE_COMPILATION_CACHE": "false",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUSERBASE": site.getuserbase(),
        "HOME": folder,
        "TMPDIR": folder,
    }


def threads(process: int) -> int:
    """How many threads it has, where that can be read."""
    status = Path(f"/proc/{process}/stat")
    return int(status.read_text().rpartition(")")[2].split()[17]) if status.is_file() else 0
