"""Files of candidates, each function judged by its name, in a process of its own."""

import os
import shlex
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from identities.catalog import find
from identities.oracle.candidate import matched
from identities.oracle.judge import CandidateMismatch, judge
from identities.oracle.sandbox import Limits, Sandbox
from identities.oracle.verify import Verification


@dataclass(frozen=True)
class Grade:
    """The verdict on one function of a file, or what keeps the whole file from having one.

    **Fields:**

    - `file`, `function`: as given, and the name, which is that of an identity; empty for a whole file.
    - `verdict`: a `Verification` if it is right, a `CandidateMismatch` if it is wrong; for what cannot
      be judged, why, in words.
    - `failed`: whether it counts against the file; a name that is only like one in the catalog does not.
    """

    file: str
    function: str
    verdict: Verification | CandidateMismatch | str
    failed: bool = True


@dataclass(frozen=True)
class Exam:
    """What every candidate is put through: the options of `check`, and the limits of its process."""

    dtypes: tuple[str, ...]
    arrays: str
    shapes: int
    instances: int
    seed: int
    limits: Limits

    def command(self, file: str, function: str) -> str:
        """The command line that gives the same verdict again."""
        return (
            f"identities check {shlex.quote(file)} --only {function} --dtypes {' '.join(self.dtypes)} "
            f"--arrays {self.arrays} --shapes {self.shapes} --instances {self.instances} --seed {self.seed}"
        )


def grade(files: Sequence[str], exam: Exam, only: Sequence[str] = ()) -> Iterator[Grade]:
    """Judge every function of the files whose name is in the catalog, in order, on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        listed = list(workers.map(lambda file: _listed(file, exam, only), files))
        flat = [grade for grades in listed for grade in grades]
        yield from workers.map(lambda grade: _graded(grade, exam), flat)


def _listed(file: str, exam: Exam, only: Sequence[str]) -> list[Grade]:
    """What there is to grade: functions without a verdict yet, and complaints."""
    try:
        with Sandbox(file, exam.limits) as sandbox:
            names, near = matched(sandbox.functions)
    except ValueError as error:
        return [Grade(file, "", str(error))]
    grades = [Grade(file, name, "") for name in names if not only or name in only]
    grades += [
        Grade(file, name, f"is not in the catalog; did you mean {meant}?", failed=False)
        for name, meant in near.items()
        if not only
    ]
    grades += [Grade(file, name, "is not in the file") for name in only if name not in names]
    if names or only:
        return grades
    return [*grades, Grade(file, "", "has no function whose name is in the catalog (`identities list`)")]


def _graded(grade: Grade, exam: Exam) -> Grade:
    if grade.verdict:
        return grade
    try:
        with Sandbox(grade.file, exam.limits, exam.arrays) as sandbox:
            repeat = exam.command(grade.file, grade.function)
            candidate = sandbox.candidate(grade.function)
            options = (exam.dtypes, exam.shapes, exam.instances, exam.seed)
            verdict = judge(candidate, find(grade.function), *options, repeat)
    except CandidateMismatch as mismatch:
        return Grade(grade.file, grade.function, mismatch)
    except ValueError as error:  # it loaded the first time, to be listed
        return Grade(grade.file, grade.function, str(error))
    return Grade(grade.file, grade.function, verdict, failed=False)
