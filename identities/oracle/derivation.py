"""Putting a derivation to the test: each line against what it is said to be, and none against the one before.

A line of the derivative is a candidate for the claim of the identity, one of the function for its value, and the right
side of an equation for that of its left side. What finds and names a mistake of a stranger does so here.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from identities.catalog import Identity
from identities.claim import Claim, make
from identities.derivation import Derivation, Line
from identities.dimensions import Dims, owner_of
from identities.kinds import KINDS
from identities.latex import plain
from identities.oracle.candidates.calling import Answers
from identities.oracle.draw.shapes import Shape, draw_shapes
from identities.oracle.draw.values import Batch
from identities.oracle.reference import described
from identities.oracle.reference.function import Structure, structure, structures
from identities.oracle.reference.words import Reference
from identities.oracle.run.programs import evaluated, full_precision, recently_made
from identities.oracle.verdict.inquiry import Inquiry, inquire
from identities.oracle.verdict.judge import diagnosed
from identities.oracle.verdict.shared import Asked, Shared
from identities.oracle.verdict.verification import DerivationMismatch, LineVerdict
from identities.signature import Argument, Parameter, Signature
from identities.trees import build


def judge_lines(derivation: Derivation, inquiry: Inquiry) -> tuple[LineVerdict, ...]:
    """The verdict on every line of a derivation, in float64, with as much as an inquiry into its identity tries.

    What that inquiry knows already is not asked again.

    **Raises:** `ValueError` for a line that says nothing of the identity.
    """
    identity, plan = derivation.identity, replace(inquiry.plan, dtypes=("float64",))
    shared = inquiry.shared if identity is inquiry.claim else Shared()
    whole = Inquiry(identity, inquiry.candidate, plan, shared=shared)
    of_function = Shared()
    verdicts = []
    for i, (line, claim) in enumerate(zip(outline(derivation), claims(derivation), strict=True)):
        known = {"derivative": _OfPart(whole=whole, part=claim.place or 0), "function": of_function}
        of_line = Inquiry(claim, _Written(derivation, i), plan, shared=known.get(line.of) or Shared())
        verdicts.append(_judged(of_line, identity.name, i + 1, line))
    return tuple(verdicts)


@dataclass(frozen=True, kw_only=True)
class _OfPart(Shared):
    """What an inquiry into several results knows of one of them."""

    whole: Inquiry
    part: int

    def asked(self, what: Any, ask: Callable[[], Asked]) -> Asked:
        asked = self.whole.asked(*what)
        words = {witness: (leaves[self.part],) for witness, leaves in asked.reference.words.items()}
        return asked._replace(reference=Reference(words))


def _judged(inquiry: Inquiry, name: str, number: int, line: Line) -> LineVerdict:
    found = inquire(inquiry)
    counterexample = found.verdict.counterexample
    if counterexample is None:
        return LineVerdict(number, line, found.verdict.worst)
    asked = f"line {number}, {plain(line.latex)}, {_SAYS[line.of]}"
    evidence = counterexample, diagnosed(inquiry, found), asked, f"identities show {name} --derivation"
    mismatch = DerivationMismatch(f"the derivation of {name}", *evidence, line=number, label=line.note)
    return LineVerdict(number, line, found.verdict.worst, mismatch)


_SAYS = {"function": "is the function", "derivative": "is the derivative", "equation": "has two equal sides"}


@dataclass(frozen=True)
class _Written:
    """A line as a candidate: the value that it has, or its right side."""

    derivation: Derivation
    number: int

    def __call__(
        self, claim: Claim, shape: Shape, batches: Mapping[str, Batch], layout: str = "contiguous"
    ) -> dict[str, Answers]:
        return {dtype: Answers((self._values(shape, batch),)) for dtype, batch in batches.items()}

    def _values(self, shape: Shape, batch: Batch) -> np.ndarray:
        static = shape.static(self.derivation.identity)
        given = list(batch.values())
        program = _program(self.derivation, tuple(static.items()), tuple(map(structure, given)), len(given[0]))
        return program(*given)[self.number]


@recently_made
def _program(
    derivation: Derivation, static: tuple[tuple[str, Any], ...], of: tuple[Structure, ...], count: int
) -> Callable[..., tuple[np.ndarray, ...]]:
    """All lines at once: the steps between them are shared."""

    def values(*arrays):
        return tuple(line.values[-1] for line in _lines(derivation, arrays, dict(static)))

    return evaluated(values, structures(of), ("derivation", derivation.steps, static), count)


def _lines(derivation: Derivation, arrays: Sequence[Any], static: Mapping[str, Any]) -> list[Line]:
    left = iter(arrays)
    given = [build(parameter.tree, left) for parameter in derivation.identity.parameters]
    return derivation.lines(*given, **static)


# What each line says.


def claims(derivation: Derivation) -> list[Claim]:
    """What there is to be right about each line.

    **Raises:** `ValueError` for a line that says nothing of the identity.
    """
    make_claim = {"function": _of_function, "derivative": _of_derivative, "equation": _of_equation}
    return [make_claim[line.of](derivation, number) for number, line in enumerate(outline(derivation))]


def _of_function(derivation: Derivation, number: int) -> Claim:
    """The claim about the value, with the cotangents and tangents among the arguments, which it does not depend on."""
    identity = derivation.identity
    value = make(identity.name, KINDS["value"], identity.function, identity.signature, None)
    return replace(value, parameters=identity.parameters)


def _of_derivative(derivation: Derivation, number: int) -> Claim:
    identity, by = derivation.identity, outline(derivation)[number].by
    names = [leaf.name for leaf in identity.leaves]
    if by is None and len(names) == 1:
        return identity.part(0)
    if by not in names:
        raise ValueError(f"{identity.name}, line {number + 1}: say of which result it is, by={' or by='.join(names)}")
    return identity.part(names.index(by))


def _of_equation(derivation: Derivation, number: int) -> Claim:
    """The claim that the right side has the values of the left side, as a function of all arguments."""
    identity = derivation.identity

    def left(*arguments, **options):
        return derivation.lines(*arguments, **options)[number].values[0]

    forms = tuple(_dimensions(derivation, number, form) for form in range(identity.forms))
    gives = Parameter("", None, (Argument("", forms),))
    signature = Signature(identity.parameters, gives, identity.options, identity.signature.form_of)
    return make(f"{identity.name}, line {number + 1}", KINDS["value"], left, signature, None)


def _dimensions(derivation: Derivation, number: int, form: int) -> Dims:
    """The dimensions of the left side of an equation, by the sizes that they have at a shape."""
    at = _telling(derivation.identity, form)
    arrays = derivation.identity.arguments
    names = {size: dim for a in arrays for size, dim in zip(at.of(a), a.dims(form), strict=True)}
    (of_left, _) = outline(derivation, form)[number].values
    if unknown := [size for size in of_left if size >= _TELLING[0] and size not in names]:
        raise ValueError(
            f"{derivation.identity.name}, line {number + 1}: sides of an equation have dimensions of the arguments, "
            f"{', '.join(names.values())}; at {at} this one has the shape {of_left}, and {unknown[0]} is none of them"
        )
    return tuple(names.get(size, str(size)) for size in of_left)


@functools.lru_cache
def outline(derivation: Derivation, form: int = 0) -> tuple[Line, ...]:
    """The lines with shapes for values, at a large shape; nothing is computed."""
    at = _telling(derivation.identity, form)
    found: list[Line] = []

    def values(*arrays):
        found.extend(_lines(derivation, arrays, at.static(derivation.identity)))
        return [line.values for line in found]

    with full_precision():
        shapes = jax.eval_shape(values, *described.structures(derivation.identity.arguments, at))
    return tuple(
        replace(line, values=tuple(side.shape for side in sides)) for line, sides in zip(found, shapes, strict=True)
    )


_TELLING = (101, 103, 107, 109, 113, 127, 131, 137, 139, 149)
"""Sizes that are no product and no sum of few others, and that nobody writes as a constant."""


def _telling(identity: Identity, form: int) -> Shape:
    """A shape whose sizes tell the names of their dimensions, with the first options that are drawn."""
    drawn = draw_shapes(identity, 1, seed=0)[0]
    options = {option.name for option in identity.options}
    sizes = iter(_TELLING)
    return replace(
        drawn, sizes=tuple((n, size if owner_of(n) in options else next(sizes)) for n, size in drawn.sizes), form=form
    )
