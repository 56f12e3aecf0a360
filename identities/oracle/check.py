"""Judging somebody else's gradient against the catalog, a function of one's own, or the line before."""

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
from identities.oracle.candidate import Attempt, Candidate, Local, repeats
from identities.oracle.diagnosis import NONDETERMINISTIC, Diagnosis
from identities.oracle.judge import CandidateMismatch, evidence, judge, plan_of, verdict_on
from identities.oracle.trial import Plan
from identities.oracle.verify import Verification
from identities.oracle.witness import reference_of
from identities.signature import arguments, describe, result, shaped

SHAPES, INSTANCES = 5, 128
"""How much is tried by default: enough to tell n from 4, and cheap enough for a slow candidate."""


_UNSTEADY = Diagnosis("nondeterministic", NONDETERMINISTIC)


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
    (`identities show NAME`), or by name if its parameters have the same names in another order. It may return
    an array of NumPy, JAX or torch, or nested lists.

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
    names = [a.name for a in arguments(function)]
    wrt = wrt or names[0]
    several = kind == "jvp" and isinstance(wrt, tuple)
    if not (isinstance(wrt, str) or several):
        raise ValueError(f"wrt is the name of one argument{', or several' * (kind == 'jvp')}; got {wrt!r}")
    along = (wrt,) if isinstance(wrt, str) else wrt
    wanted = ["delta"] if kind == "vjp" else [f"d{name}" for name in along]
    unnamed = iter([name if name not in names else f"{name}_" for name in wanted])
    takes = [a if a.name else replace(a, name=next(unnamed)) for a in derivative_arguments(kind, function, wrt)]
    name = f"{function.__name__}_{kind}_{'_'.join(along)}"
    claimed = Identity(name, kind, function, function, wrt, "", (), False, tuple(takes))
    _check_function(claimed)
    return claimed


def _check_function(identity: Identity) -> None:
    """Complain of a function that is not in JAX, or not of the shapes that it is said to have."""
    function = identity.function
    (shape,) = draw_shapes(identity, 1, 0)
    structures = [jax.ShapeDtypeStruct(shape.of(a), np.float32) for a in arguments(function)]
    try:
        got = jax.eval_shape(function, *structures)
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError) as error:
        raise TypeError(f"{function.__name__} must be written in JAX, to be differentiated: {error}") from error
    except TypeError as error:
        given = ", ".join(str(structure.shape) for structure in structures)
        raise TypeError(
            f"{function.__name__} does not take the shapes {given}, as its signature says: {error}"
        ) from error
    wanted = result(function)
    if not hasattr(got, "shape"):
        raise TypeError(f"{function.__name__} must return one array, it returns a {type(got).__name__}")
    if got.shape != shape.of(wanted):
        says = f"{describe(wanted.dims(shape.form))} = {shape.of(wanted)}"
        raise ValueError(f"{function.__name__} returns shape {got.shape} for {shape}, its signature says {says}")


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
    arrays = given.pop("arrays", "numpy")
    if unknown := given.keys() - Options.__annotations__.keys():
        raise TypeError(f"check_{kind} has no option {min(unknown)!r}; there are {', '.join(Options.__annotations__)}")
    return judge(Local(candidate, arrays), identity, repeat=repeat, **given)


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
    plan = plan_of(("float64",), shapes, instances, seed)
    function = shaped(labelled[0][1], signature, tuple((domains or {}).items()))
    identity = Identity("derivation", "value", function, function, (), "", (), False, arguments(function))
    steps = [Local(line, arrays) for _, line in labelled]
    drawn = draw_shapes(identity, shapes, seed)
    worst, tried = 0.0, 0
    # The first line is held against itself: it may raise.
    for number, before, (label, _), line in zip(count(1), [steps[0], *steps], labelled, steps, strict=False):
        step = functools.partial(_step, identity, before, line, plan)
        attempts = [step(shape) for shape in drawn]
        steady = number > 1 or all(repeats(line, a, range(8)) for a in attempts)
        if not (steady and all(a.right.all() for a in attempts)):
            asked = f"line {number}" + f", {label}," * bool(label) + " equals the one before"
            diagnosis, shown = verdict_on(line, attempts, step) if steady else (_UNSTEADY, (attempts[0], 0))
            raise DerivationMismatch(*evidence("derivation", shown), diagnosis, asked, "", line=number, label=label)
        tried += sum(len(a.outcomes) for a in attempts)
        worst = max(worst, *(float(a.errors["line before"].max()) for a in attempts))
    errors = {"line before": {"float64": worst}}
    return Verification("derivation", True, len(drawn), tried, errors, None, None, plan)


def _step(identity: Identity, before: Candidate, line: Candidate, plan: Plan, shape: Shape) -> Attempt:
    """A line of a derivation, beside the one before, which is held to be right."""
    batch = draw_values(identity, shape, "float64", plan.each(identity), plan.seed)
    copies = [batch, *perturbed(identity.arguments, batch, float(jnp.finfo("float64").eps), plan.seed)]
    given = [before(copy) for copy in copies]
    shapes = {None if isinstance(o, Fault) else o.shape for outcomes in given for o in outcomes}
    if None in shapes or len(shapes) > 1:
        given = np.zeros((len(copies), len(given[0])))  # of the first line, which is about to be complained of
    held = reference_of({"line before": np.array(given, float)})
    return Attempt(identity, shape, "float64", batch, line(batch), held, np.ones(len(given[0]), bool))
