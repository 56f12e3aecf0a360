"""What may explain a wrong result: one table, the simplest explanation first."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from identities.oracle.diagnosis.case import Case, Diagnosis, Sample
from identities.oracle.diagnosis.edits.formula import find_step
from identities.oracle.diagnosis.edits.mistakes import cotangents
from identities.oracle.diagnosis.edits.options import find_option
from identities.oracle.diagnosis.edits.overwritten import find_overwritten
from identities.oracle.diagnosis.edits.proposals import Hints
from identities.oracle.diagnosis.edits.search import find_edit
from identities.oracle.diagnosis.factors import Factor, find_factor
from identities.oracle.diagnosis.positions import (
    divisions,
    factor_there,
    find_multiples,
    find_wrong_part,
    natural,
    said_of,
)
from identities.oracle.diagnosis.precision import (
    close_to,
    digits,
    finite_differences,
    lower_precision,
    right_to,
    stand_ins,
    sums_kept,
    units,
    wrong_instances,
)
from identities.oracle.diagnosis.reduction import averages
from identities.oracle.diagnosis.regions import find_wrong_region
from identities.oracle.diagnosis.relatives import (
    by_functions,
    column_major,
    conjugate,
    heaps,
    multipliers,
    other_derivatives,
    own_arguments,
    permutations,
    reversals,
    symmetrisations,
    truth,
)
from identities.oracle.diagnosis.tangents import find_tangents
from identities.oracle.diagnosis.terms import find_term
from identities.oracle.reference.instances import flat
from identities.oracle.reference.unit import TOLERANCE, rounding_unit


@dataclass(frozen=True)
class Explanation:
    """One kind of explanation: what is changed by it, and how it is found."""

    changes: str
    find: Callable[[Case, Hints], Diagnosis | None]


def explained(case: Case, hints: Hints) -> Diagnosis | None:
    """The first explanation that reproduces every instance."""
    return next((found for row in EXPLANATIONS if (found := row.find(case, hints))), None)


_ROUNDING = {"float64": 1000, "float32": 64}
"""Units of rounding, by dtype, that are hardly a mistake in the formula."""


def _rounding(case: Case, hints: Hints) -> Diagnosis | None:
    if not TOLERANCE < (off := units(case)) < _ROUNDING.get(case.dtype, 0):
        return None
    return Diagnosis("precision", f"is right but for rounding, by up to {off:.0f} units where {TOLERANCE} are allowed")


def _returned(case: Case, hints: Hints) -> Diagnosis | None:
    for what, guess in own_arguments(case):
        if case.explained(guess):
            return Diagnosis("returned", f"returns {what}")
    everything = np.concatenate([sample.got[sample.kept].ravel() for sample in case.samples])
    if not everything.size or (everything != everything[0]).any():
        return None
    if everything[0] == 0:
        return Diagnosis("zero", "returns 0 everywhere")
    return Diagnosis("returned", f"returns {everything[0]:g} everywhere")


def _multiple(case: Case, hints: Hints) -> Diagnosis | None:
    if not (factor := find_factor(case, truth)) or factor.is_one:  # what is nearly right is no multiple
        return None
    if factor.constant == -1 and not factor.powers:
        return Diagnosis("sign", "has the wrong sign", "-1")
    by = f"{factor} times the right result"
    if of := factor.of_dimension(case.samples[0].sizes):
        name, power = of
        averaged = averages(case, name)
        if averaged is True and power == 1:
            return Diagnosis("reduction", f"sums over {name} where the function averages: {by}", str(factor))
        if averaged is False and power == -1:
            return Diagnosis("reduction", f"averages over {name} where the function sums: {by}", str(factor))
    return Diagnosis("factor", f"returns {by}", str(factor))


def _cotangents(case: Case, hints: Hints) -> Diagnosis | None:
    return find_edit(case, hints, (cotangents.cotangents,))


def _tangents(case: Case, hints: Hints) -> Diagnosis | None:
    return find_tangents(case)


def _conjugate(case: Case, hints: Hints) -> Diagnosis | None:
    if case.claim.leaves[0].values == "complex" and (factor := find_factor(case, conjugate)):
        return Diagnosis("conjugate", f"returns the complex conjugate of the right result{times(factor)}")
    return None


def times(factor: Factor) -> str:
    """What is said of a factor after what it multiplies."""
    return "" if factor.is_one else f" times {factor}"


def _transposed(case: Case, hints: Hints) -> Diagnosis | None:
    for what, guess in permutations(case):
        if factor := find_factor(case, guess):
            return Diagnosis("transpose", f"returns the right result {what}{times(factor)}")
    return None


def _symmetrised(case: Case, hints: Hints) -> Diagnosis | None:
    for what, guess in symmetrisations(case):
        if factor := find_factor(case, guess):
            return Diagnosis("symmetrised", f"returns {what}{times(factor)} the derivative")
    return None


def _reversed(case: Case, hints: Hints) -> Diagnosis | None:
    for what, guess in reversals(case):
        if factor := find_factor(case, guess):
            return Diagnosis("layout", f"returns the right result {what}{times(factor)}")
    return None


def _heaped(case: Case, hints: Hints) -> Diagnosis | None:
    for what, guess in heaps(case):
        if case.explained(guess):
            return Diagnosis("index", what)
    return None


def _column_major(case: Case, hints: Hints) -> Diagnosis | None:
    for what, guess in column_major(case):
        if factor := find_factor(case, guess):
            return Diagnosis("layout", f"returns the right entries {what}{times(factor)}")
    return None


def _other_derivative(case: Case, hints: Hints) -> Diagnosis | None:
    return _another(case, lambda factor: bool(factor.powers) or abs(factor.constant) == 1)


def _multiple_of_another_derivative(case: Case, hints: Hints) -> Diagnosis | None:
    """Times a number: so is the right one without a term, if the other one comes by the same way."""
    return _another(case, lambda factor: True)


def _another(case: Case, is_meant: Callable[[Factor], bool]) -> Diagnosis | None:
    for what, guess in other_derivatives(case):
        if (factor := find_factor(case, guess)) and is_meant(factor):
            return Diagnosis("other-argument", f"returns {what}{times(factor)}".rstrip(","))
    return None


def _multiples_by_part(case: Case, hints: Hints) -> Diagnosis | None:
    return find_multiples(case, natural(case))


def _multiples_by_place(case: Case, hints: Hints) -> Diagnosis | None:
    return find_multiples(case, divisions(case))


def _wrong_part(case: Case, hints: Hints) -> Diagnosis | None:
    return find_wrong_part(case)


def _multiplied(case: Case, hints: Hints) -> Diagnosis | None:
    for name, guess in multipliers(case):
        if factor := find_factor(case, guess):
            by = name if factor.is_one else f"{factor} {name}"
            return Diagnosis("factor", f"returns the right result times {by}", by)
    return None


def _by_function(case: Case, hints: Hints) -> Diagnosis | None:
    for what, guess in by_functions(case):
        if (factor := find_factor(case, guess)) and factor.is_one:
            return Diagnosis("missing-factor", f"is {what}")
    return None


def _stand_in(case: Case, hints: Hints) -> Diagnosis | None:
    for what, guess in stand_ins(case):
        if close_to(case, guess):
            return Diagnosis("precision", f"returns the derivative of {what}")
    return None


def _sums_kept(case: Case, hints: Hints) -> Diagnosis | None:
    if not sums_kept(case):
        return None
    return Diagnosis("precision", f"is right but for the rounding of sums that are kept in {case.dtype}")


def _less_precise(case: Case, hints: Hints) -> Diagnosis | None:
    if digits(wrong_instances(case), worst=0.5) < 1.5:  # far off
        return None
    if lower := lower_precision(case):
        return Diagnosis("precision", f"is right to the rounding of {lower}, not of {case.dtype}")
    for what, guess in finite_differences(case):
        if case.explained(guess):
            return Diagnosis("precision", f"is {what}: {right_to(case)}")
    return None


def _textbook_term(case: Case, hints: Hints) -> Diagnosis | None:
    """Of a function of the catalog, whose users have its formula at hand and not its source."""
    if not case.claim.function.__module__.startswith("identities.") or not (found := _term_of(case, hints)):
        return None
    missing, _, entry = found
    return Diagnosis("missing-term", f"lacks the term {missing} {entry}".rstrip())


def _term(case: Case, hints: Hints) -> Diagnosis | None:
    """What is subtracted may be missing, and what is added too much: that is the same."""
    if not (found := _term_of(case, hints)):
        return None
    missing, surplus, entry = found
    either = f", or has {surplus} too much" * missing.startswith("-")
    return Diagnosis("missing-term", f"lacks the term {missing} {entry}".rstrip() + either)


_OPERATIONS_OF_TERMS = 60_000
"""How many the search for terms that may be missing costs at most: after those of textbooks, edits have their turn."""


def _term_of(case: Case, hints: Hints) -> tuple[str, str, str] | None:
    """A term that is missing, its negative, and in which entry."""
    if case.has_few_digits:
        return None
    with hints.counting():
        found = find_term(case, hints.left(_OPERATIONS_OF_TERMS))
    if not found:
        return None
    term, factor = found
    missing = _product(replace(factor, constant=-factor.constant), str(term))
    return missing, _product(factor, str(term)), _of_entry(case)


def _product(factor: Factor, term: str) -> str:
    if factor.is_one:
        return term
    if term == "1":
        return str(factor)
    minus = replace(factor, constant=-factor.constant).is_one
    return f"-{term}" if minus else f"{factor} {term}"


def _of_entry(case: Case) -> str:
    indices = "ijkl"[: len(case.dims)]
    return f"in entry ({', '.join(indices)})" if len(indices) > 1 else f"in entry {indices}" if indices else ""


def _surrogate(case: Case, hints: Hints) -> Diagnosis | None:
    """Of a step, a sign or a rounding, whose derivative people replace by that of something smooth."""
    if any(sample.truth.values[sample.kept].any() for sample in case.samples):
        return None
    what = "is not zero, as the right result is everywhere"
    return Diagnosis("missing-factor", f"{what}: a surrogate is right as the derivative of another function")


def _region(case: Case, hints: Hints) -> Diagnosis | None:
    if not (region := find_wrong_region(case)):
        return None
    there = [
        w.reshape(*w.shape, *[1] * (s.got.ndim - w.ndim)) & (s.kept.reshape(-1, *[1] * (s.got.ndim - 1)))
        for s, w in zip(case.samples, region.holds, strict=True)
    ]
    factor = factor_there(case, [np.broadcast_to(w, s.got.shape) for s, w in zip(case.samples, there, strict=True)])
    wrong = said_of(factor) if factor else "is wrong"
    kind = "sign" if wrong == said_of(Factor(Fraction(-1))) else "region"
    return Diagnosis(kind, f"{wrong} {region.words}, and right elsewhere")


_MANY = 0.3
"""What part of the instances is wrong, of what is only nearly right."""


def _approximation(case: Case, hints: Hints) -> Diagnosis | None:
    wrong = wrong_instances(case)
    count, of = (sum(int(s.kept.sum()) for s in c.samples) for c in (wrong, case))
    if count < _MANY * of or not 3 <= (known := digits(wrong, worst=0.95)) < math.inf:
        return None
    why = "an approximation, a finite difference, or a constant cut off"
    return Diagnosis("precision", f"is right to about {int(known)} digits only: {why}")


def _same_entries(case: Case, hints: Hints) -> Diagnosis | None:
    if case.has_few_digits:
        return None

    def in_order(sample: Sample, values: np.ndarray) -> np.ndarray:
        return np.sort(flat(values[sample.kept]), axis=1)

    for sample in case.samples:
        got, right = in_order(sample, sample.got), in_order(sample, sample.truth.values)
        if not np.allclose(got, right, rtol=0, atol=64 * rounding_unit(case.dtype) * np.abs(right).max(initial=0)):
            return None
    return Diagnosis("layout", "returns the right entries in another order")


EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation("nothing but rounding", _rounding),
    Explanation("the right result is multiplied with a number or with powers of dimensions", _multiple),
    Explanation("what was given is given back, or one number", _returned),
    Explanation("the cotangents are others", _cotangents),
    Explanation("a tangent is ignored, or has another sign or a factor", _tangents),
    Explanation("the right result is conjugated", _conjugate),
    Explanation("its axes are in another order", _transposed),
    Explanation("it is mixed with its transpose", _symmetrised),
    Explanation("its entries are read in one order and written in another", _column_major),
    Explanation("its entries are in reverse order along an axis", _reversed),
    Explanation("its entries are added up in one place", _heaped),
    Explanation("it is another derivative of the function, or its value", _other_derivative),
    Explanation("its triangles, or its two complex parts, are multiplied with different numbers", _multiples_by_part),
    Explanation("it is multiplied with an argument, a norm, a sum or the value", _multiplied),
    Explanation("it is the derivative of what goes by the same name", _stand_in),
    Explanation("its sums have lost digits", _sums_kept),
    Explanation("a product of what is at hand is missing from a formula of the catalog", _textbook_term),
    Explanation("an option has another value", find_option),
    Explanation("one step of the closed form of the catalog is another", find_step),
    Explanation("one step of the function or of its derivative is another", find_edit),
    Explanation("it is the derivative by a function of the argument", _by_function),
    Explanation("contributions to one entry overwrite each other", find_overwritten),
    Explanation("the right result is zero, and something stands in for it", _surrogate),
    Explanation("it is a multiple of another derivative of the function", _multiple_of_another_derivative),
    Explanation("its rows or columns are multiplied with different numbers", _multiples_by_place),
    Explanation("it has fewer digits", _less_precise),
    Explanation("a product of what is at hand is missing", _term),
    Explanation("its entries are in another order", _same_entries),
    Explanation("it is right in one place and wrong in another", _wrong_part),
    Explanation("it is right at some arguments and wrong at others", _region),
    Explanation("it is nearly right", _approximation),
)
"""All explanations of values, the simplest first."""
