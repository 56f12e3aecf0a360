"""What the commands have in common: misuse, in words; where they print, and how far they are."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from identities.catalog import Identity, UnknownNameError
from identities.oracle.run.processes import prepare
from identities.oracle.verdict.verification import Verification
from identities.oracle.verify import Undecided, verify_each


class MisuseError(Exception):
    """What was asked for makes no sense; why, in words."""


@contextlib.contextmanager
def validating() -> Iterator[None]:
    """For code that only looks at what was asked for, and complains of it."""
    try:
        yield
    except (UnknownNameError, ValueError) as error:
        raise MisuseError(str(error)) from None


@contextlib.contextmanager
def importing_extra(name: str) -> Iterator[None]:
    """For imports of what an extra installs."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MisuseError(f"{error.name} is not installed: `pip install 'identities[{name}]'` installs it") from None


def console() -> Console:
    """Where results are printed. Into a file or a pipe, rows are better long than broken."""
    return Console() if sys.stdout.isatty() else Console(width=200)


def check_writable(file: Path | None) -> None:
    """Complain of a file that cannot be written, before the work."""
    if file is None:
        return
    folder = file.resolve().parent
    if not folder.is_dir():
        raise MisuseError(f"there is no folder for {file}")
    if file.is_dir():
        raise MisuseError(f"{file} is a folder; name a file in it")
    if not os.access(file if file.exists() else folder, os.W_OK):
        raise MisuseError(f"{file} cannot be written: no permission")


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """For code that writes what was asked for into a file."""
    try:
        yield
    except OSError as error:
        raise MisuseError(str(error)) from None


def verify_with_progress(
    found: Sequence[Identity], **options: Any
) -> tuple[dict[str, Verification], dict[str, Undecided]]:
    """Verdicts by name, and why there is none on others, with a bar that says how far it is; options: `verify_each`."""
    verdicts, undecided = {}, {}
    with progress("verifying", len(found)) as advance:
        for verdict in verify_each(found, prepare, **options):
            kept = undecided if isinstance(verdict, Undecided) else verdicts
            kept[verdict.identity] = verdict
            advance()
    return verdicts, undecided


def verify_all(found: Sequence[Identity]) -> dict[str, Verification]:
    """A verdict on each, by name, for what cannot be written without one.

    **Raises:** `RuntimeError`, if there is none on some.
    """
    verdicts, undecided = verify_with_progress(found)
    if undecided:
        raise RuntimeError("\n\n".join(reason.said for reason in undecided.values()))
    return verdicts


_TENTHS = 10


@contextlib.contextmanager
def progress(doing: str, total: int, done: int = 0) -> Iterator[Callable[[], None]]:
    """What is to be called after each of so many pieces of work: it says how far it is, on the standard error.

    In a terminal there is a bar; elsewhere a line for each tenth, if there is much to do.
    """
    stderr = Console(stderr=True)
    if not stderr.is_terminal:
        yield _lines(doing, total, done)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task(doing, total=total, completed=done)
        yield lambda: bar.advance(task)


def _lines(doing: str, total: int, done: int) -> Callable[[], None]:
    started = time.monotonic()

    def advance() -> None:
        nonlocal done
        done += 1
        if total >= 2 * _TENTHS and done * _TENTHS // total > (done - 1) * _TENTHS // total:
            print(f"{doing}: {done} of {total}, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)

    return advance
