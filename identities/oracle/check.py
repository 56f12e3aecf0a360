"""Judging somebody else's gradient: right; or wrong, how, and where that shows first."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, TypedDict, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from identities.catalog import Identity, Kind, derivative_arguments, find
from identities.domains import Domain
from identities.oracle.arguments import Shape, draw_shapes, draw_values, perturbed
from identities.oracle.calling import Fault
from identities.oracle.candidate import Attempt, Candidate, Local, attempt, repeats
from identities.oracle.counterexample import simplicity, smaller_shapes
from identities.oracle.diagnosis import Diagnosis, diagnose
from identities.oracle.diagnosis.case import axes
from identities.oracle.programs import cpu
from identities.oracle.trial import Plan
from identities.oracle.verify import Verification, check_options
from identities.oracle.witness import WITNESSES, reference_of
from identities.signature import arguments, describe, shaped

SHAPES, INSTANCES = 5, 128
"""How much is tried by default: enough to tell n from 4, and cheap enough for a slow candidate."""

ENDED = ("timeout", "crash")
"""Faults after which a candidate is not called again."""


class CandidateMismatch(AssertionError):
    """A candidate is wrong.

    **Fields:**

    - `identity`: the name of what it was judged against.
    - `dtype`: of the arguments.
    - `arguments`: the smallest counterexample, of the smallest shape and there of simple values, by name.
    - `expected`, `got`: there; `got` is what came back in words if it was no array.
    - `diagnosis`: the mistake, with `kind`, `sentence` and, where there is one, `factor`.
    """

    __module__ = "identities"  # where it is found, and what a traceback says

    def __init__(
        self,
        identity: str,
        dtype: str,
        arguments: Mapping[str, np.ndarray],
        expected: np.ndarray,
        got: np.ndarray | str,
        diagnosis: Diagnosis,
        asked: str,
        repeat: str,
    ):
        super().__init__(identity, dtype, arguments, expected, got, diagnosis, asked, repeat)
        self.identity, self.dtype, self.arguments = identity, dtype, arguments
        self.expected, self.got, self.diagnosis = expected, got, diagnosis
        self.asked, self.repeat = asked, repeat

    def __str__(self) -> str:
        from identities.oracle.report import explain_mismatch

        return explain_mismatch(self)


class DerivationMismatch(CandidateMismatch):
    """A line of a derivation differs from the one before: `line`, counted from 1, and its `label`."""

    __module__ = "identities"

    def __init__(self, *evidence: Any, line: int, label: str):
        super().__init__(*evidence)
        self.line, self.label = line, label


def check(
    candidate: Callable[..., Any],
    against: Identity | str,
    *,
    dtypes: Sequence[str] = ("float64",),
    arrays: str = "numpy",
    shapes: int = SHAPES,
    instances: int = INSTANCES,
    seed: int = 0,
) -> Verification:
    """Judge a function against an identity of the catalog.

    It is called with one set of arguments at a time, by position, in the order of the identity
    (`identities show NAME`), and may return an array of NumPy, JAX or torch, or nested lists.

    **Arguments:**

    - `candidate`: the function. It runs in this process; `identities check` gives it one of its own.
    - `against`: the identity, or its name.
    - `dtypes`: of the arguments, among "float64", "float32", "bfloat16" and "float16"; the tolerance, in units
      of rounding, follows from it.
    - `arrays`: what to call it with: "numpy", "jax" or "torch"; "torch:cuda" and "jax:gpu" name a device.
    - `shapes`, `instances`: how many shapes, and how many calls for each of them and each dtype.
    - `seed`: the same seed gives the same verdict.

    **Raises:** `CandidateMismatch` if it is wrong; `LookupError` and `ValueError` for names and options that
    make no sense.
    """
    identity = find(against)
    options = Options(dtypes=dtypes, arrays=arrays, shapes=shapes, instances=instances, seed=seed)
    repeat = f'identities.check({_name(candidate)}, "{identity}", {_written(options)})'
    return judge(Local(candidate, arrays), identity, dtypes, shapes, instances, seed, repeat)


def _name(candidate: Callable[..., Any]) -> str:
    return getattr(candidate, "__name__", type(candidate).__name__)


def _written(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in options.items())


class Options(TypedDict, total=False):
    """What `check` takes beside candidate and identity."""

    dtypes: Sequence[str]
    arrays: str
    shapes: int
    instances: int
    seed: int


def check_jacobian(
    function: Callable[..., Any],
    candidate: Callable[..., Any],
    wrt: str | None = None,
    *,
    signature: str | None = None,
    domains: Mapping[str, Domain] | None = None,
    **options: Unpack[Options],
) -> Verification:
    """Judge the Jacobian of a function of your own, or its gradient: an array of shape output + input.

    **Arguments:**

    - `function`: the function, in JAX.
    - `candidate`: its derivative. It takes the same arguments.
    - `wrt`: the argument to differentiate by; the first one if left out.
    - `signature`: the shapes, as in "(n,m),(m)->(n)"; by default the jaxtyping annotations of the function.
    - `domains`: what values arguments may take, by name, from `identities.domains`; any real ones if left out.
    - `options`: those of `check`.

    **Raises:** as `check`; `TypeError` for a function without shapes, or that is not written in JAX.
    """
    return _check_own("jacobian", function, candidate, wrt, signature, domains, options)


def check_vjp(
    function: Callable[..., Any],
    candidate: Callable[..., Any],
    wrt: str | None = None,
    *,
    signature: str | None = None,
    domains: Mapping[str, Domain] | None = None,
    **options: Unpack[Options],
) -> Verification:
    """Judge a backward pass: the candidate takes the cotangent of the result, and then the arguments.

    Otherwise as `check_jacobian`.
    """
    return _check_own("vjp", function, candidate, wrt, signature, domains, options)


def check_jvp(
    function: Callable[..., Any],
    candidate: Callable[..., Any],
    wrt: str | tuple[str, ...] | None = None,
    *,
    signature: str | None = None,
    domains: Mapping[str, Domain] | None = None,
    **options: Unpack[Options],
) -> Verification:
    """Judge a forward derivative: the candidate takes the arguments, and then a tangent for each in `wrt`.

    Otherwise as `check_jacobian`.
    """
    return _check_own("jvp", function, candidate, wrt, signature, domains, options)


def claim(
    kind: Kind,
    function: Callable[..., Any],
    wrt: str | tuple[str, ...] | None,
    signature: str | None,
    domains: Mapping[str, Domain] | None,
) -> Identity:
    """What there is to be right about a function of somebody's own: an identity in no catalog, with no formula."""
    function = shaped(function, signature, tuple((domains or {}).items()))
    wrt = wrt or arguments(function)[0].name
    along = (wrt,) if isinstance(wrt, str) else wrt
    unnamed = iter(["delta"] if kind == "vjp" else [f"d{name}" for name in along])
    takes = [a if a.name else replace(a, name=next(unnamed)) for a in derivative_arguments(kind, function, wrt)]
    name = f"{function.__name__}_{kind}_{'_'.join(along)}"
    return Identity(name, kind, function, function, wrt, "", (), False, tuple(takes))


def _check_own(
    kind: Kind,
    function: Callable[..., Any],
    candidate: Callable[..., Any],
    wrt: str | tuple[str, ...] | None,
    signature: str | None,
    domains: Mapping[str, Domain] | None,
    options: Options,
) -> Verification:
    identity = claim(kind, function, wrt, signature, domains)
    described = ", ".join([_name(function), _name(candidate), repr(identity.wrt), f"signature={signature!r}"])
    described += ", domains=..." * bool(domains)
    repeat = f"identities.check_{kind}({described}, {_written(options)}".rstrip(", ") + ")"
    given: Any = {"dtypes": ("float64",), "shapes": SHAPES, "instances": INSTANCES, "seed": 0} | options
    try:
        return judge(Local(candidate, given.pop("arrays", "numpy")), identity, repeat=repeat, **given)
    except jax.errors.TracerArrayConversionError as error:
        raise TypeError(f"{function.__name__} must be written in JAX, to be differentiated: {error}") from error


def check_derivation(
    lines: Sequence[Callable[..., Any] | tuple[str, Callable[..., Any]]],
    *,
    signature: str | None = None,
    domains: Mapping[str, Domain] | None = None,
    arrays: str = "numpy",
    shapes: int = SHAPES,
    instances: int = 64,
    seed: int = 0,
) -> Verification:
    """Go through a derivation, in float64: every line must equal the one before, for all arguments.

    **Arguments:**

    - `lines`: functions of the same arguments, or pairs of a label and a function. The first may be
      `jax.grad` of something, and is called often enough to be worth a `jax.jit`.
    - `signature`, `domains`: as for `check_jacobian`; without a signature, the annotations of the first line.
    - The others as for `check`.

    **Raises:** `DerivationMismatch` for the first line that differs from the one before.
    """
    labelled = [line if isinstance(line, tuple) else (getattr(line, "__name__", ""), line) for line in lines]
    if len(labelled) < 2:
        raise ValueError("a derivation has two lines or more")
    plan = _plan(("float64",), shapes, instances, seed)
    function = shaped(labelled[0][1], signature, tuple((domains or {}).items()))
    identity = Identity("derivation", "value", function, function, (), "", (), False, arguments(function))
    steps = [Local(line, arrays) for _, line in labelled]
    worst, tried = 0.0, 0
    # The first line is held against itself: it may raise.
    for number, before, (label, _), line in zip(count(1), [steps[0], *steps], labelled, steps, strict=False):
        step = functools.partial(_step, identity, before, line, plan)
        attempts = [step(shape) for shape in draw_shapes(identity, shapes, seed)]
        if not all(a.right.all() for a in attempts):
            asked = f"line {number}" + f", {label}," * bool(label) + " equals the one before"
            diagnosis, shown = _verdict(line, attempts, step)
            evidence = (*_evidence("derivation", shown), diagnosis, asked, "")
            raise DerivationMismatch(*evidence, line=number, label=label)
        tried += sum(len(a.outcomes) for a in attempts)
        worst = max(worst, *(float(a.errors["line before"].max()) for a in attempts))
    errors = {"line before": {"float64": worst}}
    return Verification("derivation", True, shapes, tried, errors, None, None, plan)


def _step(identity: Identity, before: Candidate, line: Candidate, plan: Plan, shape: Shape) -> Attempt:
    """A line of a derivation, beside the one before, which is held to be right."""
    batch = draw_values(identity, shape, "float64", plan.each(identity), plan.seed)
    copies = [batch, *perturbed(batch, float(jnp.finfo("float64").eps), plan.seed)]
    given = [before(copy) for copy in copies]
    if any(isinstance(outcome, Fault) for outcomes in given for outcome in outcomes):
        given = np.zeros((len(copies), len(given[0])))  # the first line, held against itself, has its own complaint
    return Attempt(
        identity, shape, "float64", batch, line(batch), reference_of({"line before": np.array(given, float)})
    )


def judge(
    candidate: Candidate, identity: Identity, dtypes: Sequence[str], shapes: int, instances: int, seed: int, repeat: str
) -> Verification:
    """The verdict on a candidate, wherever it runs; `repeat` is the command that gives it again.

    **Raises:** `CandidateMismatch`.
    """
    identity = replace(identity, exact=False)  # who computes the same in another way may round
    plan = _plan(dtypes, shapes, instances, seed)
    errors = {witness: dict.fromkeys(plan.dtypes, 0.0) for witness in WITNESSES}
    drawn = draw_shapes(identity, plan.shapes, plan.seed)
    tried = 0
    for dtype in plan.dtypes:
        once = functools.partial(attempt, identity, candidate, dtype, plan)
        attempts = [once(shape) for shape in drawn]
        if not all(a.right.all() for a in attempts):
            diagnosis, shown = _verdict(candidate, attempts, once)
            raise CandidateMismatch(*_evidence(identity.name, shown), diagnosis, _asked(identity), repeat)
        tried += sum(len(a.outcomes) for a in attempts)
        for witness, worst in errors.items():
            worst[dtype] = max(float(a.errors[witness].max()) for a in attempts)
    return Verification(identity.name, True, len(drawn), tried, errors, None, None, plan)


def _verdict(
    candidate: Candidate, attempts: Sequence[Attempt], once: Callable[[Shape], Attempt]
) -> tuple[Diagnosis, tuple[Attempt, int]]:
    """The mistake, and the attempt and instance that show it best: of the smallest shape, and of simple values."""
    wrong = [a for a in attempts if not a.right.all()]
    smallest = min(wrong, key=lambda a: sum(size for _, size in a.shape.sizes))
    if any(fault.kind in ENDED for a in wrong for _, fault in a.faults):
        return diagnose(attempts, deterministic=True), (smallest, smallest.faults[0][0])
    known = {a.shape: a for a in attempts}
    again = np.flatnonzero(~smallest.right)[:8].tolist()
    diagnosis = diagnose(attempts, deterministic=repeats(candidate, smallest, again))
    for shape in smaller_shapes(smallest.identity, smallest.shape):
        tried = known.get(shape) or once(shape)
        if not tried.right.all():
            smallest = tried
            break
    telling = np.flatnonzero(~smallest.within)  # where the dtype is wrong and not the value, there are none
    simplest = min(
        telling if telling.size else range(len(smallest.right)),
        key=lambda i: (not smallest.expected[i].any(), simplicity([v[i] for v in smallest.batch.values()])),
    )
    return diagnosis, (smallest, int(simplest))


def _evidence(name: str, shown: tuple[Attempt, int]) -> tuple[str, str, dict[str, np.ndarray], np.ndarray, Any]:
    attempt, i = shown
    outcome = attempt.outcomes[i]
    got = (outcome.got or outcome.sentence) if isinstance(outcome, Fault) else outcome
    given = {name: values[i] for name, values in attempt.batch.items()}
    return name, attempt.dtype, given, attempt.expected[i], got


def _asked(identity: Identity) -> str:
    by = " and ".join(identity.along)
    what = {"jacobian": "derivative", "hessian": "second derivative"}.get(identity.kind, identity.kind)
    return f"the {what} of {identity.function.__name__} by {by}, of shape {describe(axes(identity))}"


def _plan(dtypes: Sequence[str], shapes: int, instances: int, seed: int) -> Plan:
    check_options(dtypes, shapes, instances)
    return Plan(tuple(dtypes), shapes, instances, seed, cpu())
