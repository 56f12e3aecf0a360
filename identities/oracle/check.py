"""Judging somebody else's implementation against the catalog, a function of one's own, or the line before."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Unpack

import jax.numpy as jnp
import numpy as np

from identities.catalog import Identity, at_defaults, find
from identities.claim import Claim, make, with_vector_domains
from identities.kinds import KINDS
from identities.latex import plain
from identities.oracle.asking import Asked, claim, inquiry, options_as_written, parted, plan_of, written_as
from identities.oracle.candidates.calling import Fault, taken
from identities.oracle.candidates.local import Candidate, Local
from identities.oracle.diagnosis import NONDETERMINISTIC, Diagnosis
from identities.oracle.draw.moved import perturbed
from identities.oracle.draw.shapes import Shape, draw_shapes
from identities.oracle.draw.values import Batch
from identities.oracle.reference.points import Points, everywhere
from identities.oracle.reference.witnesses import reference_of
from identities.oracle.reference.words import Reference
from identities.oracle.trial import Trial
from identities.oracle.verdict.inquiry import Finding, Inquiry, evidence, inquire
from identities.oracle.verdict.judge import diagnosed, judge, same_again
from identities.oracle.verdict.plan import SHAPES, Options
from identities.oracle.verdict.verification import DerivationMismatch, Verification
from identities.spelling import Spelled, described, name_of

_UNSTEADY = Diagnosis("nondeterministic", NONDETERMINISTIC)


def check(
    candidate: Callable[..., Any], against: Identity | Claim | Callable[..., Any] | str, **options: Unpack[Options]
) -> Verification:
    """Judge a function against an identity of the catalog.

    It is called with one set of arguments at a time, by position, in the order of the identity
    (`identities show NAME`), or by name if its parameters have the same names in another order. It may return
    an array of NumPy, JAX or torch, or nested lists; where there are several gradients, a tuple of them or a dict
    by name. Options that have a default and that it has no parameter for are left at their default.

    **Arguments:**

    - `candidate`: the function. It runs in this process; `identities check` gives it one of its own.
    - `against`: the identity, its closed form, or its name.
    - `options`: how much to try, and of what: see `Options`.

    **Raises:** `CandidateMismatch` if it is wrong; `LookupError` and `ValueError` for names and options that
    make no sense.
    """
    if isinstance(candidate, str):
        raise TypeError(f"check takes a function of yours and then the name of an identity; got {candidate!r} first")
    claim = against if isinstance(against, Claim) else find(against)
    if isinstance(claim, Identity):
        claim = at_defaults(claim, taken(candidate))
    repeat = f'identities.check({name_of(candidate)}, "{claim.name}"{options_as_written(options)})'
    statement = plain(claim.statement) if isinstance(claim, Identity) else ""
    return judge(inquiry(claim, candidate, "check", options), repeat, statement)


def check_value(function: Callable[..., Any], candidate: Callable[..., Any], **asked: Unpack[Asked]) -> Verification:
    """Judge another implementation of a function of your own: its forward pass, by the same tolerance.

    As `check_jacobian`; the candidate takes what the function takes and returns what it returns.
    """
    return _check_own("value", function, candidate, None, asked)


def check_jacobian(
    function: Callable[..., Any],
    candidate: Callable[..., Any],
    wrt: str | Sequence[str] | None = None,
    **asked: Unpack[Asked],
) -> Verification:
    """Judge the Jacobian of a function of your own, or its gradient: an array of shape output + input.

    **Arguments:**

    - `function`: the function, in JAX.
    - `candidate`: its derivative. It takes the same arguments. By several, it returns a tuple or a dict by name; of
      several results it returns the same tree as the function, with such a derivative in every place.
    - `wrt`: the argument to differentiate by, or several; by default all floating-point ones.
    - `asked`: the signature, domains and options of the function, see `Description`; how much to try, see `Options`.

    **Raises:** as `check`; `TypeError` for a function without shapes, or that is not written in JAX.
    """
    return _check_own("jacobian", function, candidate, wrt, asked)


def check_hessian(
    function: Callable[..., Any],
    candidate: Callable[..., Any],
    wrt: str | Sequence[str] | None = None,
    **asked: Unpack[Asked],
) -> Verification:
    """Judge the second derivative of a function of your own: an array of shape output + input + input.

    By several arguments, the candidate returns a tuple of tuples, as `jax.hessian` does. Otherwise as `check_jacobian`.
    """
    return _check_own("hessian", function, candidate, wrt, asked)


def check_vjp(
    function: Callable[..., Any],
    candidate: Callable[..., Any],
    wrt: str | Sequence[str] | None = None,
    **asked: Unpack[Asked],
) -> Verification:
    """Judge a backward pass: the candidate takes the cotangent of each result, and then the arguments.

    It returns the gradient by each argument in `wrt`: a tuple in that order, a dict by name, or the array itself
    where there is one. The gradient of an argument that is a tree of arrays is a tree of the same form; that of
    integers is None. Otherwise as `check_jacobian`.
    """
    return _check_own("vjp", function, candidate, wrt, asked)


def check_jvp(
    function: Callable[..., Any],
    candidate: Callable[..., Any],
    wrt: str | Sequence[str] | None = None,
    **asked: Unpack[Asked],
) -> Verification:
    """Judge a forward derivative: the candidate takes the arguments, and then a tangent for each in `wrt`.

    Otherwise as `check_jacobian`.
    """
    return _check_own("jvp", function, candidate, wrt, asked)


def _check_own(
    kind: str,
    function: Callable[..., Any],
    candidate: Callable[..., Any],
    wrt: str | Sequence[str] | None,
    asked: Mapping[str, Any],
) -> Verification:
    caller = f"check_{kind}"
    of_function, options = parted(asked, caller)
    claimed = claim(kind, function, wrt, **of_function)
    by = claimed.wrt[0] if len(claimed.wrt) == 1 else claimed.wrt
    written = f"{name_of(function)}, {name_of(candidate)}" + f", {by!r}" * bool(claimed.kind.order) + written_as(asked)
    return judge(inquiry(claimed, candidate, caller, options), f"identities.{caller}({written})")


def check_derivation(
    lines: Sequence[Callable[..., Any] | tuple[str, Callable[..., Any]]],
    *,
    signature: Spelled | None = None,
    domains: Mapping[str, Any] | None = None,
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
    plan = replace(plan_of(("float64",), shapes, instances, seed), thorough=False)
    function = labelled[0][1]
    derived = make("derivation", KINDS["value"], function, described(function, signature, domains), None)
    derived = with_vector_domains(derived, domains or {})
    steps = [Local(line, arrays) for _, line in labelled]
    verdict = Verification("derivation", True, 0, 0, {"line before": {"float64": 0.0}}, None, None, plan)
    # The first line is held against itself: it may raise.
    for number, before, (label, _), line in zip(count(1), [steps[0], *steps], labelled, steps, strict=False):
        step = Inquiry(derived, line, plan, witness=functools.partial(_line_before, before))
        found = inquire(step)
        unsteady = number == 1 and next((t for t in _trials(step) if not _steady(line, t)), None)
        if not found.verdict.passed or unsteady:
            raise _wrong_line(step, found, unsteady or None, number, label)
        worst = max(verdict.worst, found.verdict.worst)
        verdict = replace(
            found.verdict,
            instances=verdict.instances + found.verdict.instances,
            errors={"line before": {"float64": worst}},
        )
    return verdict


def _trials(step: Inquiry) -> list[Trial]:
    drawn = draw_shapes(step.claim, step.plan.shapes, step.plan.seed)
    return [trial for shape in drawn for trial in step.trials(shape, each=2)]


def _steady(line: Candidate, trial: Trial) -> bool:
    return all(same_again(line, leaf, range(trial.count)) for leaf in trial.leaves)


def _wrong_line(step: Inquiry, found: Finding, unsteady: Trial | None, number: int, label: str) -> DerivationMismatch:
    asked = f"line {number}" + f", {label}," * bool(label) + " equals the one before"
    if unsteady:
        shown = evidence((unsteady.leaves[0], 0))
        return DerivationMismatch("derivation", shown, {"": _UNSTEADY}, asked, "", line=number, label=label)
    diagnoses = diagnosed(step, found)
    return DerivationMismatch(
        "derivation", found.verdict.counterexample, diagnoses, asked, "", line=number, label=label
    )


def _line_before(
    before: Candidate, claim: Claim, shape: Shape, batch: Batch, dtype: str, seed: int
) -> tuple[Reference, Points]:
    """A line of a derivation is held to be what the one before gives."""
    eps = float(jnp.finfo(dtype).eps)
    copies = [batch, *perturbed(claim, shape, batch, eps, seed)]
    answers = [before(claim, shape, {dtype: copy})[dtype].leaves for copy in copies]
    everything = [outcome for leaves in answers for leaf in leaves for outcome in leaf]
    points = everywhere(len(everything) // (len(copies) * len(claim.leaves)))
    if any(isinstance(o, Fault) for o in everything) or not all(_even(leaves) for leaves in zip(*answers, strict=True)):
        # Of the first line, which is about to be complained of.
        said = [[np.zeros((len(points.judged), *shape.of(a))) for a in claim.leaves] for _ in copies]
    else:
        said = [[np.array(leaf, float) for leaf in leaves] for leaves in answers]
    return Reference(reference_of({"line before": said})), points


def _even(leaves: Sequence[Sequence[np.ndarray]]) -> bool:
    return len({outcome.shape for leaf in leaves for outcome in leaf}) == 1
