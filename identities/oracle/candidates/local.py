"""A function of this process, which is trusted, as a candidate."""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import numpy as np

from identities.claim import Claim
from identities.oracle.candidates.calling import ARRAYS, Answers, Form, call, convert
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import Batch
from identities.signature import Argument


class Candidate(Protocol):
    """Where results come from."""

    def __call__(
        self, claim: Claim, shape: Shape, batches: Mapping[str, Batch], layout: str = "contiguous"
    ) -> dict[str, Answers]:
        """What it makes of arguments of one shape, by dtype."""
        ...


@dataclass(frozen=True)
class Local:
    """A function that is called with one instance at a time."""

    function: Callable[..., Any]
    arrays: str = "numpy"
    strict: bool = False

    def __post_init__(self) -> None:
        check_arrays(self.arrays)
        if not callable(self.function):
            raise TypeError(f"a candidate is a function, got a {type(self.function).__name__}")
        try:
            convert(np.zeros(1), self.arrays)
        except (ImportError, RuntimeError, AssertionError) as error:  # no such framework, or no such device
            raise ValueError(f"arrays={self.arrays!r} are not to be had here: {error}") from error

    def __call__(
        self, claim: Claim, shape: Shape, batches: Mapping[str, Batch], layout: str = "contiguous"
    ) -> dict[str, Answers]:
        form = form_of(claim, shape, self.arrays, layout, self.strict)
        with _settings_kept(), jax.enable_x64(True):
            return {dtype: self._called(form, claim, shape, batch) for dtype, batch in batches.items()}

    def _called(self, form: Form, claim: Claim, shape: Shape, batch: Batch) -> Answers:
        values = with_static(claim, shape, batch)
        count = len(next(iter(values.values()), ()))
        called, times = [], [time.monotonic()]
        for i in range(count):
            called.append(call(self.function, form, [v[i] for v in values.values()]))
            times.append(time.monotonic())
        writes = next((w for _, w in called if w), "")
        return collected(claim, form, [outcomes for outcomes, _ in called], writes, times)


def collected(
    claim: Claim, form: Form, called: list[list[Any]], writes: str = "", times: Sequence[float] = ()
) -> Answers:
    """The outcomes of all instances, by array; what is wrong with the gradient of integers counts against the first.

    **Arguments:**

    - `times`: when the first call began, and when each of them ended.
    """
    leaves: list[list[Any]] = [[] for _ in claim.leaves]
    kept = [expected for expected in form.expects if expected != "any"]
    for outcomes in called:
        judged = [o for o, expected in zip(outcomes, kept, strict=False) if expected != "none"]
        wrong = [o for o, expected in zip(outcomes, kept, strict=False) if expected == "none" and isinstance(o, tuple)]
        for i, leaf in enumerate(leaves):
            leaf.append(wrong[0] if wrong and i == 0 else judged[i])
    return Answers(tuple(leaves), writes, min(np.diff(times), default=0.0))


def form_of(claim: Claim, shape: Shape, arrays: str, layout: str = "contiguous", strict: bool = False) -> Form:
    """How a candidate for a claim is called."""
    parameters = {parameter.name: parameter.tree for parameter in claim.parameters}
    takes = tuple((name, parameters.get(name)) for name in claim.positional)
    options = {name: value for name, value in shape.static(claim).items() if name not in claim.positional}
    gradients = claim.kind.name == "vjp"
    return Form(
        takes,
        options,
        claim.gives.tree,
        tuple(_expected(leaf, claim) for leaf in claim.gives.leaves),
        tuple(_place(parameter.name, claim.wrt) for parameter in claim.signature.parameters) if gradients else (),
        arrays,
        layout,
        strict,
        len(shape.of(claim.leaves[0])),
        len(claim.parameters) - len(claim.signature.parameters) if gradients else 0,
    )


def _place(name: str, wrt: Sequence[str]) -> int | None:
    return wrt.index(name) if name in wrt else None


def _expected(leaf: Argument, claim: Claim) -> str:
    if leaf.moves or not claim.kind.order:
        return "complex" if leaf.values == "complex" else "real"
    return "none" if claim.kind.name == "vjp" else "any"


def with_static(claim: Claim, shape: Shape, batch: Batch) -> Batch:
    """The batch with those static arguments among the others that are given by position."""
    own = [parameter.name for parameter in claim.parameters]
    if list(claim.positional) == own:
        return batch
    count = len(next(iter(batch.values()), ()))
    values = shape.static(claim)
    found: Batch = {}
    for name in claim.positional:
        if name in own:
            parameter = claim.parameters[own.index(name)]
            found |= {leaf.name: batch[leaf.name] for leaf in parameter.leaves}
        else:
            column = np.empty(count, object)
            column[:] = [values[name]] * count  # by entry, as one value may be a tuple
            found[name] = column
    return found


def check_arrays(arrays: str) -> None:
    """Raise `ValueError` for a kind of array that nobody can be called with."""
    if not isinstance(arrays, str) or arrays.partition(":")[0] not in ARRAYS:
        raise ValueError(f'arrays must be "numpy", "jax" or "torch", or as in "torch:cuda"; got {arrays!r}')


@contextlib.contextmanager
def _settings_kept() -> Iterator[None]:
    """Whatever a candidate does to the settings of NumPy, JAX and warnings is undone; what overflows, may."""
    before = dict(jax.config.values)
    with warnings.catch_warnings(), np.errstate(all="ignore"), np.printoptions():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for name, value in jax.config.values.items():
                if name in before and value is not before[name]:
                    jax.config.update(name, before[name])
