"""Where in somebody's source an operation comes from: the file, the line and the very expression."""

import itertools
import linecache
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import jax

_JAX, _STANDARD = (str(Path(module).parent) + os.sep for module in (jax.__file__, linecache.__file__))
_OWN = str(Path(__file__).parents[3]) + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


@dataclass(frozen=True)
class Place:
    """An expression in a source file.

    **Fields:**

    - `file`, `line`: where it stands; lines count from one.
    - `text`: the line, without the blanks around it.
    - `expression`: the part of it that was evaluated, from column `start` to `end`.
    """

    file: str
    line: int
    text: str
    expression: str
    start: int = 0
    end: int = 0

    @property
    def is_own(self) -> bool:
        """Whether it stands in this package: in a function of the catalog."""
        return self.file.startswith(_OWN)

    @property
    def assigned(self) -> bool:
        """Whether the expression is all that the line assigns or returns."""
        before = self.text.removesuffix(self.expression)
        return before != self.text and bool(_ASSIGNED.fullmatch(before))

    def neighbours(self) -> dict[int, str]:
        """The lines that stand around it, its own included, by their numbers; none that is empty."""
        around = range(self.line - 1, self.line + 2)
        return {number: line for number in around if (line := linecache.getline(self.file, number).rstrip())}

    def __str__(self) -> str:
        if not self.expression:
            return f"line {self.line}"
        if self.is_own:
            return f"`{self.expression}`"
        return f"`{self.text if self.assigned else self.expression}` (line {self.line})"


_ASSIGNED = re.compile(r"return |[^=]*[^=<>!+*/%&|^@-]= ")


def place_of(traceback: Any) -> tuple[Place | None, str]:
    """The innermost place outside of libraries, or of JAX at least; and the name of the function that it is in."""
    if traceback is None:
        return None, ""
    frames = [(c, i) for c, i in zip(*traceback.raw_frames(), strict=True) if not c.co_filename.startswith(_JAX)]
    written = [(code, i) for code, i in frames if not _is_library(code.co_filename)]
    for code, position in (*written, *frames):
        return _place(code, position), code.co_name
    return None, ""


def _is_library(file: str) -> bool:
    installed = file.startswith(_STANDARD) or any(part in file for part in _INSTALLED)
    return installed and not file.startswith(_OWN)


def _place(code: CodeType, position: int) -> Place | None:
    found: Iterator[tuple[int | None, ...]] = itertools.islice(code.co_positions(), position // 2, None)
    line, end_line, start, end = next(found, (None,) * 4)
    if line is None:
        return None
    lines = [linecache.getline(code.co_filename, n) for n in range(line, (end_line or line) + 1)]
    if not lines[0] or start is None or end is None:
        return Place(code.co_filename, line, lines[0].strip(), "", start or 0, end or 0)
    spelled = [part.encode() for part in lines]
    spelled[-1] = spelled[-1][:end]
    spelled[0] = spelled[0][start:]
    expression = " ".join(b"".join(spelled).decode().split())
    return Place(code.co_filename, line, " ".join("".join(lines).split()), expression, start, end)
