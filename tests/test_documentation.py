"""The examples of the documentation run, one after the other, and print what stands below them."""

import contextlib
import importlib.util
import io
import linecache
import re
import shlex
from pathlib import Path
from shutil import which

import pytest

from identities.cli import main
from tests.clients import torch

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


_KERNELS = (ROOT / "docs" / "kernels.md").read_text()

_IN_C = dict(re.findall(r"`(\w+\.cu?)`.*?^```(?:c|cuda)\n(.*?)^```$", _KERNELS, re.MULTILINE | re.DOTALL))

_FILES = {
    re.findall(r"^## (\w+)", _KERNELS[: block.start()], re.MULTILINE)[-1]: block for block in _BLOCK.finditer(_KERNELS)
}


def _lacking(heading: str, code: str) -> str | None:
    """What a file needs and is not there."""
    for module in re.findall(r"^import (torch|triton)$", code, re.MULTILINE):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed: pip install {module}"
    if heading == "C" and which("cc") is None:
        return "there is no C compiler called cc"
    if heading == "CUDA" and (which("nvcc") is None or torch is None or not torch.cuda.is_available()):
        return "there is no CUDA compiler called nvcc, no GPU, or no PyTorch that knows of it"
    return None


@pytest.mark.parametrize("heading", _FILES)
def test_every_file_about_kernels_runs_by_itself(heading, tmp_path, monkeypatch):
    block = _FILES[heading]
    if lacking := _lacking(heading, block[1]):
        pytest.skip(lacking)
    monkeypatch.chdir(tmp_path)
    for name, text in (*_IN_C.items(), (_FILE, block[1])):  # Triton reads its kernels from the disk
        Path(name).write_text(text)
    said = _said(block[1], _KERNELS[block.end() :].lstrip("\n"))
    assert said is not None
    assert _run(block[1], {"__name__": "example"}).strip() == said.strip()


_TEACHING = (ROOT / "docs" / "teaching.md").read_text()

_HANDED_IN = re.compile(r"`(\w+\.py)`[^`]*\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_COMMANDS = re.compile(r"^```\n\$ ([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_homework_is_judged_as_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in _HANDED_IN.findall(_TEACHING):
        Path(name).write_text(text)
    commands = _COMMANDS.findall(_TEACHING)
    assert len(commands) == 6
    for command, said in commands:
        program, *arguments = shlex.split(command)
        if program == "identities":
            main(arguments)
        else:
            print(Path(arguments[0]).read_text())
        printed = iter(_settled(capsys.readouterr().out.replace(f"{tmp_path}/", "")))
        for line in _settled(said):  # in this order; dots stand for lines that the page leaves out
            assert line == "..." or line.startswith("sandbox: ") or line in printed, f"{command}: {line}"


def _settled(text: str) -> list[str]:
    """The lines of an output, without how wide its tables are and how far what is right was off in how many calls."""
    return [" ".join(_OFF.sub("little", line).split()) for line in text.splitlines() if not _RULE.match(line)]


_OFF, _RULE = re.compile(r"[\d.]+ units of rounding at most(, in \d+ calls)?"), re.compile("[┏┡└]")
