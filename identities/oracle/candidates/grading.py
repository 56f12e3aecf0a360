"""Files of candidates, each function judged by its name, in a process of its own."""

import difflib
import os
import shlex
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from identities.catalog import Identity, catalog, find
from identities.latex import plain
from identities.oracle.candidates.sandbox import CannotLoadError, Limits, Sandbox
from identities.oracle.check import plan_of
from identities.oracle.draw.shapes import draw_shapes
from identities.oracle.draw.values import complex_of
from identities.oracle.verdict.disagreement import WitnessMismatch
from identities.oracle.verdict.inquiry import Inquiry
from identities.oracle.verdict.judge import judge
from identities.oracle.verdict.plan import Plan
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
    function: str


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

    def plan(self, identity: Identity) -> Plan:
        """The options for one function, with the sizes of those dimensions that it has."""
        sizes = {name: values for name, values in self.sizes.items() if name in identity.dimensions}
        return plan_of(self.dtypes, self.shapes, self.instances, self.seed, sizes, self.strict)

    def command(self, task: Task) -> str:
        """The command line that gives the same verdict again."""
        sizes = " ".join(f"{name}={','.join(map(str, values))}" for name, values in self.sizes.items())
        return (
            f"identities check {shlex.quote(task.file)} --only {task.function} --dtypes {' '.join(self.dtypes)} "
            f"--arrays {self.arrays} --shapes {self.shapes} --instances {self.instances} --seed {self.seed}"
            + f" --sizes {sizes}" * bool(sizes)
            + " --strict" * self.strict
        )

    def check(self, identities: Sequence[Identity]) -> None:
        """Raise `ValueError` for dimensions that none of those has, and for what cannot be drawn for one of them."""
        known = dict.fromkeys(name for identity in identities for name in identity.dimensions)
        if identities and (unknown := [name for name in self.sizes if name not in known]):
            raise ValueError(f"sizes: there is no dimension {unknown[0]!r}; there are {', '.join(known)}")
        for identity in identities:
            check_dtypes(identity, self.dtypes)
            if self.sizes:
                plan = self.plan(identity)
                draw_shapes(identity, plan.shapes, plan.seed, plan.sizes)


def check_dtypes(identity: Identity, dtypes: Sequence[str]) -> None:
    """Raise `ValueError` for a dtype that an argument of the identity cannot have."""
    for name in (a.name for a in identity.arguments if a.values == "complex"):
        for dtype in dtypes:
            complex_of(name, dtype)


def matched(names: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Of the names that a file offers, those in the catalog, and those that nearly are, with what may be meant."""
    offered = list(names)
    functions = {identity.function.__name__ for identity in catalog.values()}
    near = {
        name: close[0]
        for name in offered
        if name not in catalog and name not in functions
        if (close := difflib.get_close_matches(name, catalog, n=1, cutoff=0.8))
    }
    return [name for name in offered if name in catalog], near


def listed(files: Sequence[str], exam: Exam, only: Sequence[str] = ()) -> list[Task | Grade]:
    """What there is in the files, in order: functions to be judged, and complaints."""
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        found = workers.map(lambda file: _listed(file, exam, only), files)
        return [item for items in found for item in items]


def _listed(file: str, exam: Exam, only: Sequence[str]) -> list[Task | Grade]:
    try:
        with Sandbox(file, exam.limits) as sandbox:
            names, near = matched(sandbox.functions)
    except CannotLoadError as error:
        return [Grade(file, "", NotJudged(str(error)))]
    items: list[Task | Grade] = [Task(file, name) for name in names if not only or name in only]
    for name, meant in near.items() if not only else ():
        items.append(Grade(file, name, NotJudged(f"is not in the catalog; did you mean {meant}?"), failed=False))
    items += [Grade(file, name, NotJudged("is not in the file")) for name in only if name not in names]
    if names or only:
        return items
    return [*items, Grade(file, "", NotJudged("has no function whose name is in the catalog (`identities list`)"))]


def grade(items: Sequence[Task | Grade], exam: Exam) -> Iterator[Grade]:
    """The verdicts on all that is listed, in order; functions are judged on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        yield from workers.map(lambda item: item if isinstance(item, Grade) else _graded(item, exam), items)


def _graded(task: Task, exam: Exam) -> Grade:
    undecided = Grade(task.file, task.function, NotJudged(""), failed=False)
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
    identity = find(task.function)
    with Sandbox(task.file, exam.limits, exam.arrays) as sandbox:
        # Never exact: a stranger's formula may add up in another order.
        inquiry = Inquiry(identity, sandbox.candidate(task.function, exam.strict), exam.plan(identity))
        return judge(inquiry, exam.command(task), plain(identity.statement))
