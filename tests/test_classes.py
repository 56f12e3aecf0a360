"""The files of a class: a row each in a table, judged by several processes, going on where an interrupted run was."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from identities import cli_check
from identities.cli import main
from identities.oracle.candidates import classes, grading
from identities.oracle.candidates.protection import protection

REFERENCE = """
import jax.numpy as jnp
from jaxtyping import Array, Float

def square(x: Float[Array, " n"]) -> Float[Array, " n"]:
    return x * x

def half(x: Float[Array, " n"]) -> Float[Array, " n"]:
    return x / 2

def cube(x: Float[Array, " n"]) -> Float[Array, " n"]:
    return x**3
"""

STUDENTS = {
    "ann": "def square_backward(d, x): return 2 * d * x\ndef half_backward(d, x): return d / 2",
    "bob": "def square_backward(d, x): return d * x\ndef half_bakward(d, x): return d / 2",
    "cem": "def square_backward(d, x):",
    "dan": "def square_backward(d, x): return d * x\ndef half_backward(d, x): raise ValueError('no')",
    "eve": "def something_else(x): return x",
}


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "lab.py").write_text(REFERENCE)
    for name, source in STUDENTS.items():
        (tmp_path / f"{name}.py").write_text(source)
    return tmp_path


def judge(folder: Path, *options: str, students: Sequence[str] = tuple(STUDENTS)) -> int:
    files = [str(folder / f"{name}.py") for name in students]
    little = ["--sizes", "n=1,3", "--shapes", "2", "--instances", "8"]
    table = str(folder / "grades.csv")
    return main(["check", *files, "--reference", str(folder / "lab.py"), "--csv", table, *little, *options])


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "grades.csv").open(newline="") as opened:
        return {Path(row["file"]).stem: row for row in csv.DictReader(opened)}


@pytest.fixture
def asked_for(monkeypatch) -> list[str]:
    """The files that are judged, and not known already."""
    found: list[str] = []
    grade_files = classes.grade_files

    def watched(files: Sequence[str], *rest: Any) -> Any:
        found[:] = [Path(file).stem for file in files]
        return grade_files(files, *rest)

    monkeypatch.setattr(cli_check, "grade_files", watched)
    return found


def test_a_row_for_every_student_and_a_column_for_every_function(folder, capsys):
    assert judge(folder) == 1
    table = rows(folder)
    assert list(table) == list(STUDENTS)
    assert list(table["ann"]) == ["file", "right", "of", "square_backward", "half_backward", "cube", "remarks"]
    assert list(table["ann"].values())[1:] == ["2", "3", "right", "right", "missing", ""]
    wrong = "factor: it returns 1/2 times the right result"
    assert list(table["bob"].values())[1:6] == ["0", "3", wrong, "missing", "missing"]
    assert "half_bakward is not asked for by" in table["bob"]["remarks"]
    assert "did you mean half_backward?" in table["bob"]["remarks"]
    assert list(table["cem"].values())[1:6] == ["0", "3", "not judged", "not judged", "not judged"]
    assert "cem.py cannot be loaded: IndentationError: expected an indented block" in table["cem"]["remarks"]
    assert table["dan"]["half_backward"] == "raises: it raises ValueError: no (line 2)"
    assert table["eve"]["right"] == "0"
    printed = capsys.readouterr().out
    assert f"2 of them {wrong}" in printed
    assert "cem.py cannot be loaded" in printed
    assert "5 files, in" in printed
    journal = [json.loads(line) for line in (folder / "grades.jsonl").read_text().splitlines()]
    assert [Path(line["file"]).stem for line in journal] == list(STUDENTS)
    assert journal[1]["verdicts"][0]["message"].startswith("square_backward is wrong in float64")


def test_only_what_has_changed_is_judged_again(folder, asked_for):
    judge(folder)
    assert asked_for == list(STUDENTS)
    before = rows(folder)
    judge(folder)
    assert asked_for == []
    assert rows(folder) == before
    judge(folder, "--html", str(folder / "report.html"))
    assert asked_for == []
    (folder / "bob.py").write_text(STUDENTS["ann"])
    judge(folder)
    assert asked_for == ["bob"]
    assert rows(folder)["bob"]["right"] == "2"
    judge(folder, "--seed", "1", students=["ann"])
    assert asked_for == ["ann"]
    assert list(rows(folder)) == ["ann"]
    (folder / "lab.py").write_text(REFERENCE.replace("x / 2", "x / 4"))
    judge(folder, "--seed", "1", students=["ann"])
    assert asked_for == ["ann"]
    assert rows(folder)["ann"]["right"] == "1"


def test_an_interrupted_run_goes_on_where_it_was(folder, asked_for, monkeypatch, capsys):
    def interrupted(item: Any, *rest: Any) -> Any:
        if item.file.endswith("dan.py"):
            raise KeyboardInterrupt
        return grading.grade_task(item, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(classes, "grade_task", interrupted)
        assert judge(folder) == 130
    assert "interrupted: 3 of 5 files are judged; the same command goes on from there" in capsys.readouterr().err
    with (folder / "grades.jsonl").open("a") as journal:
        journal.write('{"file": "cut sho')
    assert judge(folder) == 1
    assert asked_for == ["dan", "eve"]
    assert list(rows(folder)) == list(STUDENTS)


def test_an_error_of_the_oracle_is_no_grade_and_is_tried_again(folder, asked_for, monkeypatch, capsys):
    def broken(*_: Any) -> Any:
        raise KeyError("x")

    with monkeypatch.context() as patched:
        patched.setattr(grading, "judge", broken)
        assert judge(folder, students=["ann", "cem"]) == 3
    assert rows(folder)["ann"]["square_backward"] == "internal error"
    printed = capsys.readouterr().err
    assert "Traceback (most recent call last):" in printed
    assert "KeyError: 'x'" in printed
    assert judge(folder, students=["ann", "cem"]) == 1
    assert asked_for == ["ann"]
    assert rows(folder)["ann"]["square_backward"] == "right"


def test_many_files_are_judged_by_several_processes(folder, capfd):
    students = [f"student{i:02}" for i in range(20)]
    for i, name in enumerate(students):
        (folder / f"{name}.py").write_text(f"def half_backward(d, x): return d / {2 + i % 2}")
    assert judge(folder, students=students) == 1
    assert [row["half_backward"] for row in rows(folder).values()] == [
        "right",
        "factor: it returns 2/3 times the right result",
    ] * 10
    assert "judging: 12 of 20" in capfd.readouterr().err


@pytest.mark.skipif(not protection().of_files, reason=str(protection()))
def test_nobody_copies_from_a_neighbour(folder):
    (folder / "fay.py").write_text("exec(open(__file__.replace('fay', 'ann')).read())")
    judge(folder, students=["ann", "fay"])
    assert rows(folder)["ann"]["right"] == "2"
    assert "fay.py cannot be loaded: PermissionError" in rows(folder)["fay"]["remarks"]
