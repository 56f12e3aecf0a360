"""Mistakes in a step of a closed form of the catalog: a program whose values are the right ones."""

import functools
from dataclasses import replace

from identities.catalog import Identity
from identities.claim import Claim, make
from identities.kinds import KINDS
from identities.oracle.diagnosis.case import Case, Diagnosis
from identities.oracle.diagnosis.edits.mistakes import constants, operations
from identities.oracle.diagnosis.edits.proposals import Hints
from identities.oracle.diagnosis.edits.search import find_edit
from identities.signature import Signature

_GENERATORS = (operations.operations, constants.constants, operations.operands, operations.indices)


def find_step(case: Case, hints: Hints) -> Diagnosis | None:
    """The step of the closed form that was done otherwise, if the claim is one of the catalog."""
    if not isinstance(case.claim, Identity):
        return None
    formula = _formula(case.claim)
    samples = tuple(replace(sample, claim=formula) for sample in case.samples)
    own = Hints(operations=hints.operations)
    found = find_edit(replace(case, claim=formula, samples=samples), own, _GENERATORS)
    hints.operations = own.operations
    return replace(found, step=own.proposals[-1].place) if found else None


@functools.cache
def _formula(identity: Identity) -> Claim:
    """The claim that a closed form has the values that it has."""
    signature = Signature(identity.parameters, identity.gives, identity.options, identity.signature.form_of)
    claim = make(identity.name, KINDS["value"], identity.closed_form, signature, None)
    return replace(claim, place=identity.place)
