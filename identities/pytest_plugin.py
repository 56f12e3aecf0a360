"""Candidates as items of anybody's pytest run: `pytest --candidate my_grads.py`.

They run in pytest's own process: this is for code that one trusts.
"""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from identities.oracle.asking import plan_of
from identities.oracle.candidates import written
from identities.oracle.candidates.assignment import CATALOG, Assignment, Question
from identities.oracle.candidates.calling import functions, load
from identities.oracle.candidates.local import Local, check_arrays
from identities.oracle.candidates.reference_file import ReferenceFile
from identities.oracle.verdict.disagreement import WitnessMismatch
from identities.oracle.verdict.inquiry import Inquiry
from identities.oracle.verdict.judge import judge
from identities.oracle.verdict.plan import check_options
from identities.oracle.verdict.verification import CandidateMismatch


class Candidates:
    """Puts the files of `--candidate` among what pytest collects; without other arguments, in place of all else."""

    def __init__(self, config: pytest.Config):
        self.dtypes: list[str] = _option(config, "--candidate-dtypes")
        self.arrays: str = _option(config, "--candidate-arrays")
        try:
            check_options(self.dtypes, 1, 1)
            check_arrays(self.arrays)
            reference = _option(config, "--reference")
            self.assignment: Assignment = ReferenceFile(reference) if reference else CATALOG
            self._modules = {_file_of(name): name for name in _option(config, "--candidate")}
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
        asked = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
        config.args[:] = dict.fromkeys([*asked, *map(str, self._modules)])

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> Any:
        if module_path in self._modules:
            return CandidateFile.from_parent(
                parent, path=module_path, module=self._modules[module_path], candidates=self
            )
        return None  # some other file of the run


def _option(config: pytest.Config, name: str) -> Any:
    return config.getoption(name)


def _file_of(candidate: str) -> Path:
    if candidate.endswith(".py"):
        file = Path(candidate).resolve()
        if not file.is_file():
            raise ValueError(f"--candidate: there is no file {candidate}")
        return file
    try:
        spec = importlib.util.find_spec(candidate)
    except ImportError:
        spec = None
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        raise ValueError(f"--candidate: there is no module {candidate}; a file ends in .py")
    return Path(spec.origin).resolve()


class CandidateFile(pytest.File):
    """The functions of one file that are asked for, once for each dtype."""

    def __init__(self, *, module: str, candidates: Candidates, **kwargs: Any):
        super().__init__(**kwargs)
        self.module: str = module
        self.candidates: Candidates = candidates

    def collect(self) -> Iterator[pytest.Item]:
        try:
            offered = functions(load(self.module))
        except (Exception, SystemExit) as error:
            raise self.CollectError(f"{self.module} cannot be loaded: {type(error).__name__}: {error}") from error
        assignment = self.candidates.assignment
        reading = assignment.read(list(offered))
        near = {name: f"{name} {assignment.nowhere}; did you mean {meant}?" for name, meant in reading.near.items()}
        for said in (*near.values(), *(f"{name} is missing" for name in reading.missing if reading.questions)):
            self.warn(pytest.PytestWarning(f"{self.module}: {said}"))
        if not reading.questions:
            raise self.CollectError("; ".join([f"{self.module} {assignment.nothing}", *near.values()]))
        for question in reading.questions:
            function = written.resolve(question.source, offered)
            for dtype in self.candidates.dtypes:
                yield CandidateItem.from_parent(
                    self, name=f"{question.name}[{dtype}]", question=question, function=function, dtype=dtype
                )


class CandidateItem(pytest.Item):
    """One function in one dtype."""

    parent: CandidateFile

    def __init__(self, *, question: Question, function: Callable[..., Any], dtype: str, **kwargs: Any):
        super().__init__(**kwargs)
        self._question, self._function, self._dtype = question, function, dtype

    def runtest(self) -> None:
        candidates, question = self.parent.candidates, self._question
        reference = candidates.assignment.reference
        repeat = (
            f"pytest --candidate {self.parent.module}{f' --reference {reference}' * bool(reference)} "
            f"--candidate-dtypes {self._dtype} --candidate-arrays {candidates.arrays} -k {question.name}"
        )
        inquiry = Inquiry(question.claim, Local(self._function, candidates.arrays), plan_of((self._dtype,)))
        for warning in judge(inquiry, repeat, question.statement).warnings:
            self.warn(pytest.PytestWarning(f"{question.name} {warning}"))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        clear = (CandidateMismatch, WitnessMismatch)
        return str(excinfo.value) if isinstance(excinfo.value, clear) else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        code = getattr(getattr(self._function, "inner", self._function), "__code__", None)
        line = code.co_firstlineno - 1 if code and Path(code.co_filename) == self.path else None
        return self.path, line, f"{self.name}: {self._question.claim.kind}"
