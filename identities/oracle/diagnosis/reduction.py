"""Whether a function sums or averages over a dimension: put every argument in twice, and see."""

import numpy as np

from identities.oracle.diagnosis.case import Case


def averages(case: Case, dim: str) -> bool | None:
    """True if the function is an average over the dimension, False if a sum, None if it is neither.

    A sum doubles when its terms are there twice; an average stays.
    """
    claim = case.claim
    if not claim.kind.order or len(claim.results) != 1 or any(claim.results[0].dims(0)):
        return None
    sample = max(case.samples, key=lambda s: s.sizes[dim])
    once, twice = [], []
    for a in claim.primals:
        values = sample.batch[a.name][-1]
        values = values.astype(float) if a.values == "floating" else values
        once.append(values)
        for axis, name in enumerate(a.dims(sample.shape.form)):
            if name == dim:
                values = np.concatenate([values, values], axis=axis)
        twice.append(values)
    function = claim.flat(sample.shape.static(claim))
    try:
        (at_once,), (at_twice,) = function(*once), function(*twice)
    except (TypeError, ValueError):  # other arrays have no room for twice as many
        return None
    at_once, at_twice = float(at_once), float(at_twice)
    if np.isclose(at_twice, at_once):
        return True
    return False if np.isclose(at_twice, 2 * at_once) else None
