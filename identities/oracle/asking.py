"""What is asked of a function: what people say of it, as a claim, and of a candidate, as an inquiry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

from identities.claim import Claim, make, with_vector_domains
from identities.kinds import KINDS
from identities.oracle.candidates.local import Local
from identities.oracle.reference.described import completed
from identities.oracle.run.programs import cpu
from identities.oracle.verdict.inquiry import Inquiry
from identities.oracle.verdict.plan import INSTANCES, SHAPES, Options, Plan
from identities.spelling import Spelled, described, name_of


class Description(TypedDict, total=False):
    """What a function of one's own takes: what every `check_...` of one takes beside it.

    - `signature`: the shapes, as in `"(n,m),(m)->(n)"`, or a pair of trees of dimensions; by default the jaxtyping
      annotations of the function. docs/signatures.md has all of it.
    - `domains`: what values arguments may take, by name, from `identities.domains`; any real ones if left out.
      Cotangents and tangents have names too: `delta`, and `dx` for the tangent of `x`.
    - `static`: options of the function by name, each a value or a list of values that are all tried. They are keyword
      arguments of the function, and of the candidate if it has a parameter of that name.
    """

    signature: Spelled | None
    domains: Mapping[str, Any] | None
    static: Mapping[str, Any] | None


class Asked(Description, Options, total=False):
    """All that the `check_...` functions of one's own function take by name."""


def claim(
    kind: str,
    function: Callable[..., Any],
    wrt: str | Sequence[str] | None = None,
    signature: Spelled | None = None,
    domains: Mapping[str, Any] | None = None,
    static: Mapping[str, Any] | None = None,
) -> Claim:
    """What there is to be right about a function of somebody's own.

    **Raises:** `TypeError` and `ValueError` for a function that is not in JAX, or not as its signature says.
    """
    if kind not in KINDS:
        raise ValueError(f"there is no kind {kind!r} of claim; there are {', '.join(KINDS)}")
    if not callable(function):
        raise TypeError(f"a function is meant, in JAX; got a {type(function).__name__}")
    said = completed(function, described(function, signature, domains, static))
    name = name_of(function)
    made = make(name, KINDS[kind], function, said, wrt)
    if not made.arguments:
        raise ValueError(f"{name} takes no arrays: there is nothing to try it with")
    _check_dense(made)
    by = "_".join(made.wrt)
    named = replace(made, name="_".join(part for part in (name, kind, by) if part))
    return with_vector_domains(named, domains or {})


def _check_dense(claim: Claim) -> None:
    """Raise `ValueError` for a matrix of derivatives that no convention has: by complex numbers, or of them."""
    involved = [*claim.results, *(a for a in claim.primals if a.name in claim.moving)]
    found = next((a.name for a in involved if a.values == "complex"), None)
    if found and claim.kind.name in ("jacobian", "hessian"):
        raise ValueError(
            f"the {claim.kind.noun} of {claim.name} is asked for, and {found} consists of complex numbers: ask for "
            "products with it, by check_vjp or check_jvp"
        )


def inquiry(claim: Claim, candidate: Callable[..., Any], caller: str, options: Mapping[str, Any]) -> Inquiry:
    """A function of this process, to be put to the test.

    **Raises:** `TypeError` for an option that does not exist, `ValueError` for one that makes no sense.
    """
    known = Options.__annotations__
    if unknown := options.keys() - known:
        raise TypeError(f"{caller} has no option {min(unknown)!r}; there are {', '.join(known)}")
    given = dict(options)
    arrays = given.pop("arrays", "numpy")
    plan = plan_of(**given)
    return Inquiry(claim, Local(candidate, arrays, plan.strict), plan)


def plan_of(
    dtypes: Sequence[str] = ("float64",),
    shapes: int = SHAPES,
    instances: int = INSTANCES,
    seed: int = 0,
    sizes: Any = None,
    strict: bool = False,
) -> Plan:
    """The options for a candidate as a plan; `ValueError` for those that make no sense."""
    return Plan(dtypes, shapes, instances, seed, cpu(), sizes, strict, thorough=True)


def parted(asked: Mapping[str, Any], caller: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is said of the function, and how much to try.

    **Raises:** `TypeError` for an option that does not exist.
    """
    of_function = {name: asked[name] for name in Description.__annotations__ if name in asked}
    options = {name: value for name, value in asked.items() if name not in of_function}
    if unknown := options.keys() - Options.__annotations__:
        known = [*Description.__annotations__, *Options.__annotations__]
        raise TypeError(f"{caller} has no option {min(unknown)!r}; there are {', '.join(known)}")
    return of_function, options


def written_as(asked: Mapping[str, Any]) -> str:
    """What was asked by name, as it is written in a call."""
    of_function, options = parted(asked, "check")
    written = f", signature={of_function['signature']!r}" if of_function.get("signature") else ""
    written += ", domains=..." * bool(of_function.get("domains"))
    written += f", static={of_function['static']!r}" if of_function.get("static") else ""
    return written + options_as_written(options)


def options_as_written(options: Mapping[str, Any]) -> str:
    """Options as they are written in a call, after what stands before them."""
    return "".join(f", {name}={value!r}" for name, value in options.items())
