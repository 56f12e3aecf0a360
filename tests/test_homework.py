"""A whole assignment: ten layers in course style, judged by a reference file with a table of two lines."""

import json
from pathlib import Path

import pytest

from identities.cli import main
from identities.report.tables import mistakes
from tests.homework.mistakes import MISTAKES

FOLDER = Path(__file__).with_name("homework")
ASSIGNMENT, SOLUTION = str(FOLDER / "assignment.py"), FOLDER / "solution.py"

SIZES = ["n=1,3", "c=2,3", "f=1,2", "h=2,3", "w=3,2", "kh=1,2", "kw=2,1"]
LITTLE = ["--sizes", *SIZES, "--shapes", "2", "--instances", "8"]
"""Enough to tell these mistakes apart."""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    """A right solution, and one with a mistake in every backward pass."""
    right, wrong = (tmp_path_factory.mktemp("homework") / f"{name}.py" for name in ("right", "wrong"))
    source = SOLUTION.read_text()
    right.write_text(source)
    for there, written, _ in MISTAKES.values():
        assert source.count(there) == 1, there
        source = source.replace(there, written)
    wrong.write_text(source)
    return [str(right), str(wrong)]


def test_ten_layers_as_courses_have_them(files, capsys):
    right, wrong = files
    assert main(["check", *files, "--reference", ASSIGNMENT, "--json", *LITTLE]) == 1
    records = json.loads(capsys.readouterr().out)
    by_file = {file: {r["function"]: r for r in records if r["file"] == file} for file in files}
    assert len(by_file[right]) == 20
    assert {record["verdict"] for record in by_file[right].values()} == {"right"}
    assert {name for name, record in by_file[wrong].items() if record["verdict"] == "WRONG"} == set(MISTAKES)
    for name, (_, _, words) in MISTAKES.items():
        assert words in mistakes(by_file[wrong][name]), name
