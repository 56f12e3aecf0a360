"""The one folder that a stranger's process may write to."""

import os
import subprocess
import tempfile

MOST = 256 << 20
"""Bytes in all; what is open and has no name any more is not seen, and is limited by file."""

_ENTRY = 4096  # what a file takes even if it is empty


class Scratch:
    """An empty folder of a name that nobody guesses."""

    def __init__(self) -> None:
        self.path: str = os.path.realpath(tempfile.mkdtemp(prefix="identities-"))

    def is_full(self) -> bool:
        """Whether there is more in it than there may be; or folders in folders to such a depth that nobody can tell."""
        left, pending = MOST, [self.path]
        while pending and left > 0:
            try:
                with os.scandir(pending.pop()) as entries:
                    for entry in entries:
                        left -= _ENTRY + entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
            except FileNotFoundError:  # it has been removed meanwhile
                continue
            except OSError:  # its name is too long, or it may not be read
                return True
        return left <= 0

    def remove(self) -> None:
        """Remove it with all that there is in it."""
        try:
            os.rmdir(self.path)
        except OSError:
            # What Python has for this cannot go as deep as a stranger can, nor where its owner may not read.
            subprocess.run(["chmod", "-R", "u+rwX", self.path], stderr=subprocess.DEVNULL, check=False)
            subprocess.run(["rm", "-rf", self.path], stderr=subprocess.DEVNULL, check=False)
