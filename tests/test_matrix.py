"""Functions of matrices: misprints of the sources, conditions, and static arguments."""

import dataclasses
import inspect

import jax.numpy as jnp
import numpy as np
import pytest

from identities import CandidateMismatch, catalog, check, verify
from identities.domains import real
from identities.matrix.powers import power_jacobian_X, trace_of_power_jacobian_X

NUMBERS = range(33, 145)


def accounted_for() -> set[int]:
    sources = [source for identity in catalog.values() for source in identity.sources]
    return {int(source.equation) for source in sources if source.document == "Matrix Cookbook"}


def test_equations_are_those_of_the_chapter():
    assert accounted_for() <= set(NUMBERS)
    assert len(accounted_for()) >= 90


def test_errata_are_errata():
    # (92) as printed: the first term transposed.
    def printed(a, X, b, k):
        P = [np.linalg.matrix_power(X, r) for r in range(k + 1)]
        terms = (
            P[k - 1 - r] @ np.outer(a, b) @ P[k].T @ P[r] + P[r].T @ P[k] @ np.outer(a, b) @ P[k - 1 - r].T
            for r in range(k)
        )
        return sum(terms, np.zeros_like(X))

    with pytest.raises(CandidateMismatch):
        check(printed, "power_gram_form_jacobian_X")

    # (89) as printed: the gradient of (a - x^H b)^2, whose real part is no real function's.
    def without_modulus(c, d, p, q, r, s):
        residual = complex(c, d) - np.vdot(p + 1j * q, r + 1j * s)
        return (-2 * (r + 1j * s) * residual).real

    with pytest.raises(CandidateMismatch):
        check(without_modulus, "squared_modulus_jacobian_p")
    for name in ("power_gram_form_jacobian_X", "squared_modulus_jacobian_p"):
        assert catalog[name].sources[0].erratum


@pytest.mark.parametrize(
    "name",
    [
        "weighted_residual_jacobian_s",
        "weighted_residual_jacobian_x",
        "weighted_residual_jacobian_A",
        "weighted_distance_jacobian_x",
        "weighted_distance_jacobian_s",
    ],
)
def test_weights_must_be_symmetric(name):
    identity = catalog[name]
    assert "W: a symmetric matrix" in identity.preconditions
    anywhere = tuple(dataclasses.replace(a, domain=real) for a in identity.arguments)
    formula = inspect.unwrap(identity.closed_form)
    function = inspect.unwrap(identity.function)
    wider = dataclasses.replace(identity, closed_form=formula, function=function, arguments=anywhere)
    assert not verify(wider, shapes=2, instances=32).passed


def test_powers_are_static():
    X = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    assert not power_jacobian_X(X, 0).any()
    assert jnp.array_equal(power_jacobian_X(X, 1), jnp.eye(4).reshape(2, 2, 2, 2))
    assert jnp.array_equal(trace_of_power_jacobian_X(X, 2), 2 * X.T)
    with pytest.raises(ValueError, match="argument k must be an integer, at least 0, known outside jit; got -1"):
        power_jacobian_X(X, -1)


def test_candidates_are_called_with_powers():
    powers = set()

    def candidate(X, k):
        powers.add(k)
        return k * np.linalg.matrix_power(X, k - 1).T if k else 0 * X

    assert check(candidate, "trace_of_power_jacobian_X").passed
    assert {0, 1, 2} <= powers
    with pytest.raises(CandidateMismatch) as caught:
        check(lambda X, k: np.linalg.matrix_power(X, k - 1).T if k else 0 * X, "trace_of_power_jacobian_X")
    assert caught.value.diagnosis.factor == "1/k"
