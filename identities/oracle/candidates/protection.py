"""What keeps strangers' code from the rest of this machine: as it is found out by trying, in a process that ends."""

import functools
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from identities.oracle.candidates.confinement import InForce, Permissions

_PROBE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import confinement
print(json.dumps(confinement.confine(confinement.Permissions(*json.loads(sys.argv[2])))))
"""


@dataclass(frozen=True)
class Protection:
    """What holds for the process of every candidate on this machine."""

    in_force: InForce

    @property
    def of_files(self) -> bool:
        """Whether a candidate can neither write what is not its own nor read what it has no need of."""
        return self.in_force.landlock > 0

    @property
    def whole(self) -> bool:
        """Whether nothing is lacking."""
        return self.of_files and self.in_force.seccomp

    def __str__(self) -> str:
        version, filtered, lacking = self.in_force
        ways = ", ".join([f"Landlock {version}"] * bool(version) + ["seccomp"] * filtered)
        if self.whole:
            return (
                "sandbox: candidates write nothing but a scratch folder, read neither your files nor the reference, "
                f"and have no network and no other processes ({ways})"
            )
        open_ = ["your files and its verdict"] * (not self.of_files) + ["the network, other processes"] * (not filtered)
        return (
            f"sandbox: INCOMPLETE: nothing keeps a candidate from {', '.join(open_)} ({'; '.join(lacking)})"
            + "; no compiled programs are kept, as it could change them" * (not self.of_files)
            + "; for strangers' code, run the whole in a container or a virtual machine"
        )

    def record(self) -> dict[str, Any]:
        """It as data for a machine."""
        return {
            "whole": self.whole,
            "landlock": self.in_force.landlock,
            "seccomp": self.in_force.seccomp,
            "lacking": list(self.in_force.lacking),
        }


@functools.cache
def protection() -> Protection:
    """What is in force in a process that has confined itself."""
    with tempfile.TemporaryDirectory() as scratch:
        given = Permissions(f"{scratch}/none.py", scratch, [], [], 0, 60)
        program = [sys.executable, "-I", "-S", "-c", _PROBE, str(Path(__file__).parent), json.dumps(given)]
        found = subprocess.run(program, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    version, filtered, lacking = json.loads(found.stdout)
    return Protection(InForce(version, filtered, tuple(lacking)))
