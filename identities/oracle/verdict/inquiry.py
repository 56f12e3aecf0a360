"""Putting any implementation to the test: whether it is right, and where it shows first that it is not."""

import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from identities.claim import Claim
from identities.oracle.candidates.calling import LAYOUTS, Answers, Fault
from identities.oracle.candidates.local import Candidate
from identities.oracle.diagnosis import Diagnosis
from identities.oracle.draw.larger import larger_shapes
from identities.oracle.draw.shapes import Shape, draw_shapes
from identities.oracle.draw.values import Batch, draw_values
from identities.oracle.reference.points import BEYOND_RANGE, Points, examined
from identities.oracle.reference.programs import equations, operations
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.reference.witnesses import entries_on_the_way, reference
from identities.oracle.reference.words import Reference
from identities.oracle.trial import Leaf, Trial
from identities.oracle.verdict.bias import Bias, bias_of
from identities.oracle.verdict.doubt import in_doubt
from identities.oracle.verdict.plan import Plan
from identities.oracle.verdict.shared import Asked, Shared
from identities.oracle.verdict.shrink import shrunk, simplest
from identities.oracle.verdict.verification import Counterexample, Verification
from identities.spelling import name_of

ENDED = ("timeout", "crash")
"""Faults after which a candidate is not called again."""

_CHEAP, _FEWEST = 4096, 4
"""Entries of a derivative that leave all instances of a shape cheap; the fewest of a regime where there are more."""

_SECONDS_AT_SIZE = 10.0
"""How long a candidate may take for the larger shapes, as far as its time at the small ones tells."""

Witness = Callable[[Claim, Shape, Batch, str, int], tuple[Reference, Points]]
"""What is right for a batch of one dtype, with a seed; and which instances are judged."""


@dataclass(frozen=True)
class Inquiry:
    """A claim, an implementation of it, and how they are put to the test.

    **Fields:**

    - `exact`: whether results are held to the last bit, on small integers.
    - `witness`: what is held to be right; by default what automatic differentiation says.
    - `shared`: what is known from other inquiries into the same claim under the same plan.
    """

    claim: Claim
    candidate: Candidate
    plan: Plan
    exact: bool = False
    witness: Witness | None = None
    shared: Shared = field(default_factory=Shared)

    def trials(self, shape: Shape, dtypes: Sequence[str] | None = None, each: int | None = None) -> list[Trial]:
        """What comes of one shape, by dtype; `each` instances of each regime."""
        each = each or self.each(shape)
        regimes = self.plan.regimes(self.exact, is_small(self.claim, shape))
        asked = {dtype: self.asked(shape, dtype, each, regimes) for dtype in dtypes or self.plan.dtypes}
        answers = self.candidate(self.claim, shape, {dtype: right.batch for dtype, right in asked.items()})
        return [self._trial(shape, dtype, right, answers[dtype]) for dtype, right in asked.items()]

    def each(self, shape: Shape) -> int:
        """How many instances of each regime are tried: fewer where one is much work, and one where arrays are large."""
        if not is_small(self.claim, shape):
            return 1
        wanted = self.plan.each(self.exact)
        share = min(1.0, _CHEAP / entries_on_the_way(self.claim, shape)) if self.claim.kind.order else 1.0
        return min(wanted, max(_FEWEST, math.ceil(wanted * share)))

    def asked(self, shape: Shape, dtype: str, each: int, regimes: tuple[str, ...]) -> Asked:
        """Arguments of one shape and dtype, and what is right for them, which does not depend on the candidate."""

        def ask() -> Asked:
            batch = draw_values(self.claim, shape, dtype, each=each, seed=self.plan.seed, regimes=regimes)
            right, points = (self.witness or self._derivative)(self.claim, shape, batch, dtype, self.plan.seed)
            return Asked(batch, right, points, len(regimes))

        return self.shared.asked((shape, dtype, each, regimes), ask)

    def _trial(self, shape: Shape, dtype: str, right: Asked, answers: Answers) -> Trial:
        traced = self.witness is None
        given = self.claim, shape, dtype, right.batch, answers, right.reference, right.points, right.groups
        trial = Trial(*given, exact=self.exact, traced=traced)
        return trial if trial.passed or not traced else in_doubt(trial, self.plan)

    def _derivative(self, claim: Claim, shape: Shape, batch: Batch, dtype: str, seed: int) -> tuple[Reference, Points]:
        # What is exact is held to the witnesses' very bits, and needs no unit.
        right = reference(claim, shape, batch, 0.0 if self.exact else float(jnp.finfo(dtype).eps), seed)
        # A closed form is held to what automatic differentiation says at kinks too.
        return examined(claim, shape, batch, right, seed, thorough=self.plan.thorough)


@dataclass(frozen=True)
class Finding:
    """What an inquiry has found.

    **Fields:**

    - `verdict`: as a user gets it, with the counterexample if there is one.
    - `failed`: all trials of the first dtype that failed, those on the way to the smallest one included, or none.
    - `shown`: the leaf of the counterexample, and its instance.
    - `known`: the mistake in a result by its name, if it is known already.
    """

    verdict: Verification
    failed: tuple[Trial, ...] = ()
    shown: tuple[Leaf, int] | None = None
    known: Mapping[str, Diagnosis] = field(default_factory=dict)


def inquire(inquiry: Inquiry, hasty: bool = False) -> Finding:
    """Put an implementation to the test: small shapes first, then larger ones, then arrays laid out otherwise.

    **Arguments:**

    - `hasty`: whether it is enough to know that something is wrong, with no counterexample.

    **Raises:** `ValueError` for a function without a derivative at most of the arguments, and for a claim whose
    arguments cannot be drawn.
    """
    claim, plan = inquiry.claim, inquiry.plan
    trials: list[Trial] = []
    warnings: list[str] = []
    for shape in draw_shapes(claim, plan.shapes, plan.seed, plan.sizes):
        found = inquiry.trials(shape)
        trials += found
        if has_ended(trials) or (hasty and not all(trial.passed for trial in found)):
            break
    if all(trial.passed for trial in trials) or not hasty:
        check_judged(claim, trials)
    small = list(trials)
    if plan.thorough and all(trial.passed for trial in trials):
        larger, said = _larger(inquiry, small)
        trials += larger
        warnings += said
        if all(trial.passed for trial in trials):
            laid_out, said = _laid_out(inquiry, small)
            trials += laid_out
            warnings += said
    warnings += _writings(trials)
    errors = _worst(trials, plan)
    shapes, instances = len({trial.shape for trial in trials}), sum(trial.count for trial in trials)
    left_out = _left_out(trials)
    if 2 * left_out.total() > instances:
        judged = instances - left_out.total()
        warnings.append(f"is judged in {judged} of {instances} calls only; of most others: {_usual(left_out)}")
    said = tuple(warnings), dict(left_out)
    verdict = Verification(claim.name, True, shapes, instances, errors, None, None, plan, *said)
    wrong = next((trial for trial in trials if not trial.passed), None)
    if wrong and hasty:
        return Finding(replace(verdict, passed=False))
    if wrong is None:
        bias = bias_of(trials, plan.seed) if plan.thorough else None
        return _of_bias(verdict, trials, bias) if bias else Finding(verdict)
    failed, shown = _smallest(inquiry, trials, wrong.dtype)
    return Finding(replace(verdict, passed=False, counterexample=evidence(shown)), failed, shown)


def _of_bias(verdict: Verification, trials: Sequence[Trial], bias: Bias) -> Finding:
    shown = bias.leaf, bias.instance
    known = {bias.leaf.claim.leaves[0].name: bias.diagnosis}
    return Finding(replace(verdict, passed=False, counterexample=evidence(shown)), tuple(trials), shown, known)


def is_small(claim: Claim, shape: Shape) -> bool:
    """Whether many instances of a shape are cheap."""
    return all(np.prod(shape.of(a), dtype=float) <= 4096 for a in (*claim.arguments, *claim.leaves))


def _left_out(trials: Sequence[Trial]) -> Counter[str]:
    """Why instances do not count, and how many there are of each reason."""
    return sum((Counter(trial.points.reasons) for trial in trials), Counter())


def _usual(reasons: Counter[str]) -> str:
    """The reason that most have."""
    return max(reasons, key=lambda reason: reasons[reason], default="")


def has_ended(trials: Sequence[Trial]) -> bool:
    """Whether a candidate is not to be called again."""
    return any(fault.kind in ENDED for trial in trials for leaf in trial.leaves for _, fault in leaf.faults)


def check_judged(claim: Claim, trials: Sequence[Trial]) -> None:
    """Complain of a function that has no derivative at nearly all of the arguments, a quarter of which are easy."""
    judged, of = sum(int(t.judged.sum()) for t in trials), sum(t.count for t in trials)
    if 4 * judged < of or not of:
        trial = next((t for t in trials if not t.judged.all()), trials[0])
        at = {name: values[int(np.argmin(trial.judged))].tolist() for name, values in trial.batch.items()}
        why = _usual(_left_out(trials))
        ranged = why.startswith(BEYOND_RANGE.partition("{")[0])
        what = f"leads {why}" if ranged else f"has no finite and continuous derivative by {' and '.join(claim.wrt)}"
        raise ValueError(
            f"{function_name(claim)} {what} at {of - judged} of {of} drawn arguments, as at {at}; "
            "say with `domains` which values are meant"
        )


def function_name(claim: Claim) -> str:
    """What the function of a claim is called."""
    return name_of(claim.function)


def _larger(inquiry: Inquiry, small: Sequence[Trial]) -> tuple[list[Trial], list[str]]:
    """Few instances of larger shapes, as long as the candidate is likely to be done soon; and what is left out."""
    if inquiry.plan.sizes or inquiry.witness:
        return [], []
    tried = {trial.shape: trial.answers.seconds for trial in small}
    calls = len(inquiry.plan.regimes(inquiry.exact, small=False)) * len(inquiry.plan.dtypes)
    of_program = (functools.partial(measure, inquiry.claim) for measure in (equations, operations))
    larger = larger_shapes(inquiry.claim, tried, _SECONDS_AT_SIZE / calls, *of_program)
    found: list[Trial] = []
    for shape in larger.shapes:
        found += inquiry.trials(shape, each=1)
        if has_ended(found) or not all(trial.passed for trial in found):
            break
    why = {
        f"that would take more than {_SECONDS_AT_SIZE:g} s, by what small sizes take": larger.slow,
        "the function's own program grows with that, and would take long to compile": larger.unrolled,
    }
    return found, [f"is not tried at larger {' and '.join(names)}: {text}" for text, names in why.items() if names]


def _laid_out(inquiry: Inquiry, small: Sequence[Trial]) -> tuple[list[Trial], list[str]]:
    """What comes of the same arguments where their entries do not lie side by side.

    A candidate that refuses them is right; one that returns something else has read memory instead of the array.
    """
    trial = max(small, key=lambda trial: trial.shape.total)
    some = np.linspace(0, trial.count - 1, 4).astype(int)
    batch = {name: values[some] for name, values in trial.batch.items()}
    if not batch or trial.exact:
        return [], []
    found, said = [], []
    for layout in LAYOUTS[1:]:
        answers = inquiry.candidate(inquiry.claim, trial.shape, {trial.dtype: batch}, layout)[trial.dtype]
        faults = [o for leaf in answers.leaves for o in leaf if isinstance(o, Fault)]
        if faults:
            said.append(f"refuses {layout} arrays: it {faults[0].sentence}")
            continue
        answers = answers._replace(
            leaves=tuple(_in_place(leaf, some, trial, i) for i, leaf in enumerate(answers.leaves))
        )
        again = replace(trial, answers=answers)
        if not again.passed:
            found.append(replace(again, layout=layout))
    return found, said


def _in_place(outcomes: Sequence[Any], some: np.ndarray, trial: Trial, leaf: int) -> list[Any]:
    """The outcomes of a few instances among those of the others."""
    everything = list(trial.answers.leaves[leaf])
    for i, outcome in zip(some, outcomes, strict=True):
        everything[i] = outcome
    return [outcome if isinstance(outcome, Fault) else np.asarray(outcome) for outcome in everything]


def _writings(trials: Sequence[Trial]) -> list[str]:
    writes = next((trial.answers.writes for trial in trials if trial.answers.writes), "")
    return [f"writes to its argument {writes}"] if writes else []


def _worst(trials: Sequence[Trial], plan: Plan) -> dict[str, dict[str, float]]:
    witnesses = dict.fromkeys(witness for trial in trials for witness in trial.reference.words)
    errors = {witness: dict.fromkeys(plan.dtypes, 0.0) for witness in witnesses}
    for trial in trials:
        for witness in trial.reference.words:
            errors[witness][trial.dtype] = max(errors[witness][trial.dtype], trial.worst(witness))
    return errors


def _smallest(inquiry: Inquiry, trials: Sequence[Trial], dtype: str) -> tuple[tuple[Trial, ...], tuple[Leaf, int]]:
    """All trials of a dtype, with those on the way to the smallest that fails; and the instance that shows it best."""
    of_dtype = [trial for trial in trials if trial.dtype == dtype]
    failing = [trial for trial in of_dtype if not trial.passed]
    if has_ended(failing):
        ended = next(trial for trial in failing if has_ended([trial]))
        leaf = next(leaf for leaf in ended.leaves if leaf.faults)
        return tuple(of_dtype), (leaf, leaf.faults[-1][0])
    known = {trial.shape: trial for trial in of_dtype if not trial.layout}
    smallest = min(failing, key=lambda trial: trial.shape.total)
    if smallest.layout:
        return tuple(of_dtype), _shown(smallest)

    def try_at(shape: Shape) -> Trial:
        if shape in known:
            return known[shape]
        (trial,) = inquiry.trials(shape, (dtype,))
        return trial

    path = shrunk(smallest, try_at)
    if inquiry.exact:  # an exact identity meets large integers; a person would rather see whether small ones do
        (readable,) = replace(inquiry, exact=False).trials(path[-1].shape, (dtype,))
        if not readable.passed:
            path[-1] = readable
    others = [trial for trial in path if trial.shape not in known]
    return (*of_dtype, *others), _shown(path[-1])


def _shown(trial: Trial) -> tuple[Leaf, int]:
    leaf = next(leaf for leaf in trial.leaves if not leaf.right.all())
    return leaf, simplest(leaf)


def evidence(shown: tuple[Leaf, int]) -> Counterexample:
    """The instance of a leaf as a counterexample."""
    leaf, i = shown
    outcome = leaf.outcomes[i]
    claim = leaf.whole or leaf.claim
    errors = {witness: float(found[i]) for witness, found in leaf.errors.items()}
    witness = max(errors, key=lambda witness: (errors[witness] > TOLERANCE, errors[witness]))
    return Counterexample(
        leaf.dtype,
        witness,
        {name: values[i] for name, values in leaf.batch.items()},
        _shown_as(leaf, leaf.expected[i]),
        (outcome.got or outcome.sentence) if isinstance(outcome, Fault) else np.asarray(outcome),
        errors[witness],
        leaf.claim.leaves[0].name if len(claim.leaves) > 1 else "",
        leaf.shape.static(claim),
    )


def _shown_as(leaf: Leaf, values: np.ndarray) -> np.ndarray:
    return values[..., 0] + 1j * values[..., 1] if leaf.claim.leaves[0].values == "complex" else values
