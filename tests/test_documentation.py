"""The examples of the documentation run, one after the other, and print what stands below them."""

import contextlib
import io
import linecache
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_SHOWN = re.compile(r"\A```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""Right below an example, what it says."""


_FILE = "example.py"


def _run(code: str, known: dict) -> str:
    """What an example prints, or the error that it ends with, as a file of its own."""
    printed = io.StringIO()
    linecache.cache[_FILE] = len(code), None, code.splitlines(keepends=True), _FILE
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(code, _FILE, "exec"), known)
        except (AssertionError, ValueError) as error:
            printed.write(f"{type(error).__module__}.{type(error).__name__}: {error}".removeprefix("builtins."))
    return printed.getvalue()


def _said(code: str, below: str) -> str | None:
    """What an example is to print: in the block below it, or in comments at its end."""
    if shown := _SHOWN.match(below):
        return shown[1]
    comments = re.search(r"((?:^# .*\n)+)\Z", code, re.MULTILINE)
    return re.sub(r"^# ", "", comments[1], flags=re.MULTILINE) if comments else None


@pytest.mark.parametrize("page", ["README.md", "docs/signatures.md"])
def test_every_example_runs_and_says_what_is_printed(page):
    text = (ROOT / page).read_text()
    blocks = list(_BLOCK.finditer(text))
    assert len(blocks) > 3
    known: dict = {"__name__": "example"}
    for block in blocks:
        line = text[: block.start()].count("\n") + 2
        printed = _run(block[1], known)
        said = _said(block[1], text[block.end() :].lstrip("\n"))
        if said is not None:
            assert printed.strip() == said.strip(), f"{page}, line {line}"
        else:
            # What is printed in passing stands beside it, in a comment.
            assert all(f"# {words}" in block[1] for words in printed.splitlines()), f"{page}, line {line}: {printed}"
