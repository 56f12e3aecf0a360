"""The files of a class, on all cores."""

import functools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from identities.oracle.candidates.grading import Exam, Grade, Task, grade_file, grade_task, listed
from identities.oracle.run.processes import as_done, prepare, processes
from identities.oracle.run.programs import cpu

_MANY = 8
"""From so many files on, processes of their own are worth it: each has to begin, and to ask the witnesses anew."""


def grade_files(files: Sequence[str], exam: Exam, keep: bool = True) -> Iterator[tuple[str, list[Grade]]]:
    """The verdicts on files, each as soon as it is done: by threads, function by function; or, of many, by processes.

    **Arguments:**

    - `keep`: whether compiled programs are kept for other processes, see `prepare`.

    **Raises:** `ValueError` for options that make no sense for what there is in the files.
    """
    if len(files) < _MANY:
        return _by_functions(files, exam)
    if exam.sizes or not {"float64", "float32"}.issuperset(exam.dtypes):
        _listed(files, exam)  # which complains before the work begins
    return _by_files(files, exam, keep)


def _listed(files: Sequence[str], exam: Exam) -> list[list[Task | Grade]]:
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        found = list(workers.map(lambda file: listed(file, exam), files))
    exam.check([item.question.claim for items in found for item in items if isinstance(item, Task)])
    return found


def _by_functions(files: Sequence[str], exam: Exam) -> Iterator[tuple[str, list[Grade]]]:
    found = _listed(files, exam)

    def graded() -> Iterator[tuple[str, list[Grade]]]:
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            begun = [[workers.submit(_graded, item, exam) for item in items] for items in found]
            for file, futures in zip(files, begun, strict=True):
                yield file, [future.result() for future in futures]

    return graded()


def _graded(item: Task | Grade, exam: Exam) -> Grade:
    return item if isinstance(item, Grade) else grade_task(item, exam)


def _by_files(files: Sequence[str], exam: Exam, keep: bool) -> Iterator[tuple[str, list[Grade]]]:
    begin = functools.partial(_begin, exam, keep)
    return as_done(_grades_of, files, processes(cpu()), begin)


_exam: list[Exam] = []
"""What this process judges by, if it is one of several."""


def _begin(exam: Exam, keep: bool) -> None:
    prepare(keep=keep)
    _exam[:] = [exam]


def _grades_of(file: str) -> list[Grade]:
    (exam,) = _exam
    return list(grade_file(file, exam))
