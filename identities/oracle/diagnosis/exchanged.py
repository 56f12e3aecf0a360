"""Gradients in each other's place, among several results."""

from collections.abc import Mapping, Sequence

from identities.oracle.diagnosis.case import Case, Diagnosis, Sample, Truth, case_of
from identities.oracle.trial import Leaf


def exchanged(leaves: Mapping[str, Sequence[Leaf]]) -> dict[str, Diagnosis]:
    """Those wrong results that are what is right for another one, by their names.

    **Arguments:**

    - `leaves`: every array of the results by its name, at all shapes that were tried.
    """
    answered = {name: of_it for name, of_it in leaves.items() if not any(leaf.faults for leaf in of_it)}
    cases = {name: case for name, of_it in answered.items() if (case := case_of(of_it))}
    returned = {name: other for name, case in cases.items() if (other := _other(case, name, leaves))}
    found = {}
    for name, other in returned.items():
        if returned.get(other) == name:
            pair = " and ".join(sorted((name, other), key=list(leaves).index))
            found[name] = Diagnosis("swapped", f"returns the gradients by {pair} in each other's place")
        else:
            found[name] = Diagnosis("other-argument", f"returns the derivative by {other}, not by {name}")
    return found


def _other(case: Case, name: str, leaves: Mapping[str, Sequence[Leaf]]) -> str | None:
    """The result that is there instead."""
    for other, of_it in leaves.items():
        if other != name:
            known = {(leaf.shape, len(leaf.got)): leaf for leaf in of_it if leaf.in_full}

            def right(sample: Sample, known=known) -> Truth:
                leaf = known.get((sample.shape, len(sample.got)))
                return Truth(leaf.expected, leaf.movement) if leaf else sample.truth

            if case.nearly_explained(right):
                return other
    return None
