"""Files of candidates, each function judged by its name, in a process of its own."""

import os
import shlex
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from identities.claim import Claim
from identities.oracle.candidates.assignment import CATALOG, Assignment, Question
from identities.oracle.candidates.sandbox import CannotLoadError, Limits, Sandbox
from identities.oracle.check import plan_of
from identities.oracle.draw.shapes import draw_shapes
from identities.oracle.draw.values import complex_of
from identities.oracle.verdict.disagreement import WitnessMismatch
from identities.oracle.verdict.inquiry import Inquiry
from identities.oracle.verdict.judge import judge
from identities.oracle.verdict.plan import Plan
from identities.oracle.verdict.shared import Shared
from identities.oracle.verdict.verification import CandidateMismatch, Verification


@dataclass(frozen=True)
class NotJudged:
    """Why there is no verdict, in words: nothing of that kind is there to be judged."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class InternalError:
    """The oracle itself went wrong over a function, which says nothing about the function; with the traceback."""

    traceback: str

    def __str__(self) -> str:
        return "internal error of the oracle"


MISSING = NotJudged("is not in the file")

Verdict = Verification | CandidateMismatch | NotJudged | InternalError


@dataclass(frozen=True)
class Grade:
    """The verdict on one function of a file, or what keeps the whole file from having one.

    **Fields:**

    - `file`, `function`: as given, and the name, which is that of an identity; empty for a whole file.
    - `verdict`: a `Verification` if it is right, a `CandidateMismatch` if it is wrong, or why there is neither.
    - `failed`: whether it counts against the file; a name that is only like one in the catalog does not, nor does
      an error of the oracle's own.
    """

    file: str
    function: str
    verdict: Verdict
    failed: bool = True


@dataclass(frozen=True)
class Task:
    """A function of a file that is to be judged."""

    file: str
    question: Question


@dataclass(frozen=True)
class Exam:
    """What every candidate is put through: the options of `check`, and the limits of its process."""

    dtypes: tuple[str, ...]
    arrays: str
    shapes: int
    instances: int
    seed: int
    limits: Limits
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    strict: bool = False
    assignment: Assignment = CATALOG
    known: dict[str, Shared] = field(default_factory=dict, compare=False, repr=False)

    def shared(self, name: str) -> Shared:
        """What is known of a question from other files."""
        return self.known.setdefault(name, Shared())

    def plan(self, claim: Claim) -> Plan:
        """The options for one function, with the sizes of those dimensions that it has."""
        sizes = {name: values for name, values in self.sizes.items() if name in claim.dimensions}
        return plan_of(self.dtypes, self.shapes, self.instances, self.seed, sizes, self.strict)

    def command(self, task: Task) -> str:
        """The command line that gives the same verdict again."""
        reference = f" {self.assignment.option}" * bool(self.assignment.option)
        sizes = " ".join(f"{name}={','.join(map(str, values))}" for name, values in self.sizes.items())
        return (
            f"identities check {shlex.quote(task.file)}{reference} --only {task.question.name} --dtypes {' '.join(self.dtypes)} "
            f"--arrays {self.arrays} --shapes {self.shapes} --instances {self.instances} --seed {self.seed}"
            + f" --sizes {sizes}" * bool(sizes)
            + " --strict" * self.strict
        )

    def check(self, claims: Sequence[Claim]) -> None:
        """Raise `ValueError` for dimensions that none of those has, and for what cannot be drawn for one of them."""
        known = dict.fromkeys(name for claim in claims for name in claim.dimensions)
        if claims and (unknown := [name for name in self.sizes if name not in known]):
            raise ValueError(f"sizes: there is no dimension {unknown[0]!r}; there are {', '.join(known)}")
        for claim in claims:
            check_dtypes(claim, self.dtypes)
            if self.sizes:
                plan = self.plan(claim)
                draw_shapes(claim, plan.shapes, plan.seed, plan.sizes)


def check_dtypes(claim: Claim, dtypes: Sequence[str]) -> None:
    """Raise `ValueError` for a dtype that an argument of the claim cannot have."""
    for name in (a.name for a in claim.arguments if a.values == "complex"):
        for dtype in dtypes:
            complex_of(name, dtype)


def listed(files: Sequence[str], exam: Exam, only: Sequence[str] = ()) -> list[Task | Grade]:
    """What there is in the files, in order: functions to be judged, and complaints."""
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        found = workers.map(lambda file: _listed(file, exam, only), files)
        return [item for items in found for item in items]


def _listed(file: str, exam: Exam, only: Sequence[str]) -> list[Task | Grade]:
    assignment = exam.assignment
    try:
        with Sandbox(file, exam.limits) as sandbox:
            reading = assignment.read(sandbox.functions)
    except CannotLoadError as error:
        return [Grade(file, "", NotJudged(str(error)))]
    there = [question.name for question in reading.questions]
    items: list[Task | Grade] = [Task(file, q) for q in reading.questions if not only or q.name in only]
    if only:
        return items + [Grade(file, name, MISSING) for name in only if name not in there]
    for name, meant in reading.near.items():
        items.append(Grade(file, name, NotJudged(f"{assignment.nowhere}; did you mean {meant}?"), failed=False))
    if there:
        return items + [Grade(file, name, MISSING) for name in reading.missing]
    return [*items, Grade(file, "", NotJudged(assignment.nothing))]


def grade(items: Sequence[Task | Grade], exam: Exam) -> Iterator[Grade]:
    """The verdicts on all that is listed, in order; functions are judged on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        yield from workers.map(lambda item: item if isinstance(item, Grade) else _graded(item, exam), items)


def _graded(task: Task, exam: Exam) -> Grade:
    undecided = Grade(task.file, task.question.name, NotJudged(""), failed=False)
    try:
        return replace(undecided, verdict=_judged(task, exam))
    except CandidateMismatch as mismatch:
        return replace(undecided, verdict=mismatch, failed=True)
    except WitnessMismatch as mismatch:  # which is nobody's grade
        return replace(undecided, verdict=NotJudged(str(mismatch)))
    except CannotLoadError as error:  # it loaded the first time, to be listed
        return replace(undecided, verdict=NotJudged(str(error)), failed=True)
    except Exception:  # whatever it is, it is no mistake of the candidate's, and the others have a right to be judged
        return replace(undecided, verdict=InternalError(traceback.format_exc()))


def _judged(task: Task, exam: Exam) -> Verification:
    question = task.question
    with Sandbox(task.file, exam.limits, exam.arrays) as sandbox:
        # Never exact: a stranger's formula may add up in another order.
        candidate = sandbox.candidate(question.source, exam.strict)
        inquiry = Inquiry(question.claim, candidate, exam.plan(question.claim), shared=exam.shared(question.name))
        return judge(inquiry, exam.command(task), question.statement)
