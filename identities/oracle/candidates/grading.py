"""Files of candidates, each function judged by its name, in a process of its own."""

import hashlib
import shlex
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from identities.catalog import Identity, at_defaults
from identities.claim import Claim
from identities.oracle.asking import plan_of
from identities.oracle.candidates.assignment import CATALOG, Assignment, Question
from identities.oracle.candidates.sandbox import CannotLoadError, Limits, Sandbox
from identities.oracle.draw.shapes import draw_shapes
from identities.oracle.draw.values import complex_of
from identities.oracle.run.store import version
from identities.oracle.verdict.disagreement import WitnessMismatch
from identities.oracle.verdict.inquiry import Inquiry, inquire
from identities.oracle.verdict.judge import judge
from identities.oracle.verdict.plan import Plan
from identities.oracle.verdict.shared import Shared
from identities.oracle.verdict.verification import CandidateMismatch, Verification


@dataclass(frozen=True)
class NotJudged:
    """Why there is no verdict, in words: nothing is there to be judged; and that in a word or two."""

    reason: str
    word: str = "not judged"

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class InternalError:
    """The oracle itself went wrong over a function, which says nothing about the function; with the traceback."""

    traceback: str

    def __str__(self) -> str:
        return "internal error of the oracle"


MISSING = NotJudged("is not in the file", "missing")

Verdict = Verification | CandidateMismatch | NotJudged | InternalError


@dataclass(frozen=True)
class Grade:
    """The verdict on one function of a file, or what keeps the whole file from having one.

    **Fields:**

    - `file`, `function`: as given, and the name under which it is asked for; empty for a whole file.
    - `verdict`: a `Verification` if it is right, a `CandidateMismatch` if it is wrong, or why there is neither.
    - `failed`: whether it counts against the file; a name that is only like one that is asked for does not, nor does
      an error of the oracle's own.
    """

    file: str
    function: str
    verdict: Verdict
    failed: bool = True

    @property
    def word(self) -> str:
        """The verdict in a word or two."""
        if isinstance(self.verdict, NotJudged):
            return self.verdict.word
        return {Verification: "right", CandidateMismatch: "WRONG", InternalError: "internal error"}[type(self.verdict)]


@dataclass(frozen=True)
class Task:
    """A function of a file that is to be judged."""

    file: str
    question: Question


@dataclass(frozen=True)
class Exam:
    """What every candidate is put through: the options of `check`, and the limits of its process.

    **Fields:**

    - `only`: the names of those functions that are judged; all of them, if it is empty.
    - `files`: of the class, which none of them may copy from.
    - `known`: what has been found out about questions, which is of use for the next file.
    """

    dtypes: tuple[str, ...]
    arrays: str
    shapes: int
    instances: int
    seed: int
    limits: Limits
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    strict: bool = False
    assignment: Assignment = field(default=CATALOG, repr=False)
    only: tuple[str, ...] = ()
    files: tuple[str, ...] = field(default=(), repr=False)
    known: dict[str, Shared] = field(default_factory=dict, compare=False, repr=False)

    def plan(self, claim: Claim) -> Plan:
        """The options for one function, with the sizes of those dimensions that it has."""
        sizes = {name: values for name, values in self.sizes.items() if name in claim.dimensions}
        return plan_of(self.dtypes, self.shapes, self.instances, self.seed, sizes, self.strict)

    def sandbox(self, file: str) -> Sandbox:
        """A process that has loaded a file, and can read none of the others.

        **Raises:** `CannotLoadError`.
        """
        others = tuple(other for other in self.files if other != file)
        return Sandbox(file, replace(self.limits, hidden=(*self.limits.hidden, *others)), self.arrays)

    def command(self, task: Task) -> str:
        """The command line that gives the same verdict again."""
        sizes = " ".join(f"{name}={','.join(map(str, values))}" for name, values in self.sizes.items())
        reference = self.assignment.reference
        return (
            f"identities check {shlex.quote(task.file)}"
            + f" --reference {shlex.quote(reference)}" * bool(reference)
            + f" --only {task.question.name} --dtypes {' '.join(self.dtypes)} "
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

    def digest(self, file: str) -> str:
        """Of all that the verdicts on a file follow from: its text, the reference, the options and this package.

        What the file imports from beside it is not looked at.
        """
        source = Path(file).read_bytes() if Path(file).is_file() else b""
        return hashlib.sha256(repr((source, self, self.assignment.digest, version())).encode()).hexdigest()


def check_dtypes(claim: Claim, dtypes: Sequence[str]) -> None:
    """Raise `ValueError` for a dtype that an argument of the claim cannot have."""
    for name in (a.name for a in claim.arguments if a.values == "complex"):
        for dtype in dtypes:
            complex_of(name, dtype)


def grade_file(file: str, exam: Exam) -> Iterator[Grade]:
    """The verdicts on all that there is in a file, one after the other.

    To begin a process takes longer than to judge what is right. So the functions share the one that has told their
    names; whatever is not right there is judged again, in a process of its own.
    """
    try:
        sandbox = exam.sandbox(file)
    except CannotLoadError as error:
        yield Grade(file, "", NotJudged(str(error)))
        return
    with sandbox:
        for item in _items(file, list(sandbox.functions), exam):
            yield item if isinstance(item, Grade) else grade_task(item, exam, sandbox)


def listed(file: str, exam: Exam) -> list[Task | Grade]:
    """What there is in a file, in order: functions to be judged, and complaints."""
    try:
        with exam.sandbox(file) as sandbox:
            return _items(file, list(sandbox.functions), exam)
    except CannotLoadError as error:
        return [Grade(file, "", NotJudged(str(error)))]


def _items(file: str, names: Sequence[str], exam: Exam) -> list[Task | Grade]:
    only, reading = exam.only, exam.assignment.read(names)
    there = [question.name for question in reading.questions]
    items: list[Task | Grade] = [Task(file, q) for q in reading.questions if not only or q.name in only]
    if only:
        return items + [Grade(file, name, MISSING) for name in only if name not in there]
    for name, meant in reading.near.items():
        said = f"{exam.assignment.nowhere}; did you mean {meant}?"
        items.append(Grade(file, name, NotJudged(said, "not asked for"), failed=False))
    if there:
        return items + [Grade(file, name, MISSING) for name in reading.missing]
    return [*items, Grade(file, "", NotJudged(exam.assignment.nothing))]


def grade_task(task: Task, exam: Exam, shared: Sandbox | None = None) -> Grade:
    """The verdict on a function: it is right in a process that it shares, or judged in one of its own."""
    undecided = Grade(task.file, task.question.name, NotJudged(""), failed=False)
    try:
        if shared and (right := _right(task, exam, shared)):
            return replace(undecided, verdict=right)
        with exam.sandbox(task.file) as own:
            inquiry = _inquiry(task, exam, own)
            return replace(undecided, verdict=judge(inquiry, exam.command(task), task.question.statement))
    except CandidateMismatch as mismatch:
        return replace(undecided, verdict=mismatch, failed=True)
    except WitnessMismatch as mismatch:  # which is nobody's grade
        return replace(undecided, verdict=NotJudged(str(mismatch)))
    except CannotLoadError as error:  # it loaded the first time, to be listed
        return replace(undecided, verdict=NotJudged(str(error)), failed=True)
    except Exception:  # whatever it is, it is no mistake of the candidate's, and the others have a right to be judged
        return replace(undecided, verdict=InternalError(traceback.format_exc()))


def _right(task: Task, exam: Exam, sandbox: Sandbox) -> Verification | None:
    """The verdict on a function that is right, in a process that others have been called in; None for any other."""
    try:
        verdict = inquire(_inquiry(task, exam, sandbox), hasty=True).verdict
    except WitnessMismatch:
        return None
    return verdict if verdict.passed else None


def _inquiry(task: Task, exam: Exam, sandbox: Sandbox) -> Inquiry:
    question = task.question
    candidate = sandbox.candidate(question.source, exam.strict)
    claim = question.claim
    if isinstance(question.source, str) and isinstance(claim, Identity):
        claim = at_defaults(claim, sandbox.functions.get(question.source))
    known = exam.known.setdefault(f"{question.name}, {claim.options}", Shared())
    # Never exact: a stranger's formula may add up in another order.
    return Inquiry(claim, candidate, exam.plan(claim), shared=known)
