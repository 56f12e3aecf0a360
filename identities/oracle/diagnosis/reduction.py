"""Whether a function sums or averages over a dimension: put every argument in twice, and see."""

import numpy as np

from identities.oracle.diagnosis.case import Case
from identities.signature import arguments, result


def averages(case: Case, dim: str) -> bool | None:
    """True if the function is an average over the dimension, False if a sum, None if it is neither.

    A sum doubles when its terms are there twice; an average stays.
    """
    function = case.identity.function
    if case.identity.kind == "value" or any(result(function).dims(0)):
        return None
    sample = max(case.samples, key=lambda s: s.sizes[dim])
    once, twice = [], []
    for a in arguments(function):
        values = sample.batch[a.name][-1].astype(float)
        once.append(values)
        for axis, name in enumerate(a.dims(sample.shape.form)):
            if name == dim:
                values = np.concatenate([values, values], axis=axis)
        twice.append(values)
    function = sample.shape.bind(function, case.identity.static)
    at_once, at_twice = float(function(*once)), float(function(*twice))
    if np.isclose(at_twice, at_once):
        return True
    return False if np.isclose(at_twice, 2 * at_once) else None
