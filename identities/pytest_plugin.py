"""Candidates as items of anybody's pytest run: `pytest --candidate my_grads.py`.

They run in pytest's own process: this is for code that one trusts.
"""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from identities.catalog import catalog
from identities.latex import plain
from identities.oracle.candidates.calling import functions, load
from identities.oracle.candidates.grading import matched
from identities.oracle.candidates.local import Local, check_arrays
from identities.oracle.check import plan_of
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
    """The functions of one file that are named like identities, once for each dtype."""

    def __init__(self, *, module: str, candidates: Candidates, **kwargs: Any):
        super().__init__(**kwargs)
        self.module: str = module
        self.candidates: Candidates = candidates

    def collect(self) -> Iterator[pytest.Item]:
        try:
            offered = functions(load(self.module))
        except (Exception, SystemExit) as error:
            raise self.CollectError(f"{self.module} cannot be loaded: {type(error).__name__}: {error}") from error
        names, near = matched(offered)
        for name, meant in near.items():
            self.warn(pytest.PytestWarning(f"{self.module}: {name} is not in the catalog; did you mean {meant}?"))
        if not names:
            hint = "".join(f"; {name}: did you mean {meant}?" for name, meant in near.items())
            raise self.CollectError(f"{self.module} has no function whose name is in the catalog{hint}")
        for name in names:
            for dtype in self.candidates.dtypes:
                yield CandidateItem.from_parent(
                    self, name=f"{name}[{dtype}]", identity=name, function=offered[name], dtype=dtype
                )


class CandidateItem(pytest.Item):
    """One function in one dtype."""

    parent: CandidateFile

    def __init__(self, *, identity: str, function: Callable[..., Any], dtype: str, **kwargs: Any):
        super().__init__(**kwargs)
        self._identity, self._function, self._dtype = identity, function, dtype

    def runtest(self) -> None:
        arrays = self.parent.candidates.arrays
        identity = catalog[self._identity]
        repeat = (
            f"pytest --candidate {self.parent.module} --candidate-dtypes {self._dtype} "
            f"--candidate-arrays {arrays} -k {self._identity}"
        )
        inquiry = Inquiry(identity, Local(self._function, arrays), plan_of((self._dtype,)))
        for warning in judge(inquiry, repeat, plain(identity.statement)).warnings:
            self.warn(pytest.PytestWarning(f"{self._identity} {warning}"))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        clear = (CandidateMismatch, WitnessMismatch)
        return str(excinfo.value) if isinstance(excinfo.value, clear) else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        code = getattr(self._function, "__code__", None)
        line = code.co_firstlineno - 1 if code and Path(code.co_filename) == self.path else None
        return self.path, line, f"{self.name}: {catalog[self._identity].kind}"
