"""Functions of matrices: misprints of the sources, conditions, and static arguments."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import CandidateMismatch, WitnessMismatch, catalog, check, check_jacobian, linalg, verify
from identities.cli import main
from identities.domains import Domain, orthogonal, positive_definite_part, real
from identities.matrix.determinants import (
    determinant_jacobian,
    determinant_of_product_jacobian_T,
    log_determinant_of_gram_jacobian,
    log_determinant_of_gram_of_pseudoinverse_jacobian,
)
from identities.matrix.eigenvalues import eigenvalues_jvp, eigenvectors_jvp, spectrum_jvp
from identities.matrix.factorisations import singular_values_jvp
from identities.matrix.norms import spectral_norm_jvp
from identities.matrix.powers import exponential_jvp, power_jacobian_X, trace_of_power_jacobian_X
from tests.altered import with_domains


def test_every_equation_of_the_chapter_is_there(capsys):
    assert main(["list", "--source", "Matrix Cookbook", "--json"]) == 0
    sources = [source for record in json.loads(capsys.readouterr().out) for source in record["sources"]]
    numbers = {int(source["equation"]) for source in sources if source["document"] == "Matrix Cookbook"}
    assert numbers == set(range(33, 145))


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
    ("name", "argument", "wider"),
    [
        *((f"weighted_residual_jacobian_{by}", "W", real) for by in "sxA"),
        *((f"weighted_distance_jacobian_{by}", "W", real) for by in "xs"),
        ("determinant_jacobian", "X", real),
        ("determinant_of_congruence_jacobian_X_symmetric", "A", positive_definite_part),
        ("trace_of_inverse_congruence_jacobian_X", "C", positive_definite_part),
        ("trace_of_quotient_jacobian_X", "C", positive_definite_part),
        ("trace_of_quotient_jacobian_X", "B", real),
        ("trace_of_shifted_quotient_jacobian_X", "A", positive_definite_part),
        ("trace_of_shifted_quotient_jacobian_X", "B", real),
        ("trace_of_shifted_quotient_jacobian_X", "C", positive_definite_part),
        ("eigenvectors_jvp", "dA", real),
        ("cholesky_jvp", "dA", real),
    ],
)
def test_a_formula_is_false_without_its_condition(name: str, argument: str, wider: Domain):
    identity = catalog[name]
    assert any(needs.startswith(f"{argument}: ") for needs in identity.preconditions)
    try:
        passed = verify(with_domains(identity, {argument: wider}), shapes=4, instances=128).passed
    except WitnessMismatch:  # JAX 0.12 has another gradient for determinants of singular matrices: docs/jax_rules.md
        passed = False
    assert not passed


def test_a_gradient_may_need_orthonormal_columns():
    def squared_length(Q, x):
        return jnp.sum((Q @ x) ** 2)

    def as_if_orthogonal(Q, x):
        return 2 * x

    check_jacobian(
        squared_length,
        as_if_orthogonal,
        "x",
        signature="(n,m),(m)->()",
        domains={"Q": orthogonal},
        dtypes=("float64", "float32", "bfloat16"),
    )
    with pytest.raises(CandidateMismatch):
        check_jacobian(squared_length, as_if_orthogonal, "x", signature="(n,m),(m)->()")


SWAP = jnp.array([[0.0, 1.0], [1.0, 0.0]])
"""The direction in which the eigenvalues of the identity matrix are 1 - t and 1 + t."""


def test_eigenvalues_that_meet_have_no_derivative():
    for derivative in (eigenvalues_jvp, eigenvectors_jvp, spectrum_jvp):
        with pytest.raises(ValueError, match="distinct eigenvalues"):
            derivative(jnp.eye(2), SWAP)
    for derivative in (eigenvalues_jvp, spectrum_jvp):
        along_some_eigenvectors = jnp.atleast_2d(jax.jit(derivative)(jnp.eye(2), SWAP))[0]
        assert not jnp.allclose(along_some_eigenvectors, jnp.array([-1.0, 1.0]))
        assert jnp.allclose(along_some_eigenvectors.sum(), jnp.trace(SWAP))
    assert not jnp.isfinite(jax.jit(eigenvectors_jvp)(jnp.eye(2), SWAP)).all()


def test_singular_values_that_meet_or_vanish_have_no_derivative():
    for derivative in (singular_values_jvp, spectral_norm_jvp):
        for A in (jnp.eye(2), jnp.diag(jnp.array([1.0, 0.0]))):
            with pytest.raises(ValueError, match="distinct singular values"):
                derivative(A, SWAP)
    assert not jnp.allclose(jax.jit(singular_values_jvp)(jnp.eye(2), SWAP), jnp.array([1.0, -1.0]))
    assert not jnp.allclose(jax.jit(spectral_norm_jvp)(jnp.eye(2), SWAP), 1.0)
    # |t| grows both ways from zero, and the formula is odd in the direction.
    forwards, back = (jax.jit(singular_values_jvp)(jnp.zeros((1, 1)), jnp.full((1, 1), d)) for d in (1.0, -1.0))
    assert forwards == -back


def test_a_singular_matrix_has_cofactors_and_the_formula_does_not_give_them():
    singular = jnp.ones((4, 4)) + jnp.diag(jnp.array([1.0, 1.0, 1.0, 0.0]))
    singular = singular.at[3].set(singular[2])
    with pytest.raises(ValueError, match="an invertible matrix"):
        determinant_jacobian(singular)
    assert jnp.isfinite(jax.jacrev(jnp.linalg.det)(singular)).all()
    assert not jnp.isfinite(jax.jit(determinant_jacobian)(singular)).all()


def test_ranks_are_of_columns_or_of_rows():
    wide = jnp.eye(2, 3)
    log_determinant_of_gram_of_pseudoinverse_jacobian(wide)
    with pytest.raises(ValueError, match="full column rank"):
        log_determinant_of_gram_jacobian(wide)


@pytest.mark.parametrize(
    ("name", "dtype", "seed"),
    [
        ("determinant_of_AXB_jacobian_X", "float32", 3),  # three matrices of twelve rows: beyond float32
        ("spectrum_vjp", "bfloat16", 7),  # a row of nothing but rounding, by which LAPACK balances
    ],
)
def test_what_is_drawn_is_within_reach_of_the_dtype(name: str, dtype: str, seed: int):
    assert verify(name, dtypes=[dtype], seed=seed).passed


def test_expansion_by_rows():
    # (47, 50): cofactors against the rows of the matrix itself. The pivots, 2, 4 and 4.125, are exact.
    X = jnp.array([[2.0, 1.0, 0.0], [0.0, 4.0, 1.0], [1.0, 0.0, 4.0]])
    expanded = jax.jacrev(jnp.linalg.det)(X) @ X.T
    assert jnp.array_equal(expanded, 33 * jnp.eye(3))
    assert jnp.array_equal(determinant_of_product_jacobian_T(jnp.eye(3), X), expanded)


def test_the_exponential_has_a_derivative_far_out_too():
    with jax.enable_x64(True):
        X, dX = jnp.diag(jnp.array([20.0, -20.0])), jnp.array([[1.0, 1.0], [0.0, 1.0]])
        got = np.asarray(exponential_jvp(X, dX))
    expected = np.array([[np.exp(20.0), np.sinh(20.0) / 20], [0.0, np.exp(-20.0)]])
    # A backward error of a rounding for each row, times the condition of the exponential of a normal matrix, which is
    # its norm (Higham, Functions of Matrices, 10.2).
    assert np.linalg.norm(got - expected) <= 2 * np.finfo(float).eps * 20 * np.linalg.norm(expected)


def test_the_exponential_says_where_it_ends():
    def entry(t):
        return linalg.expm(t * jnp.array([[0.0, 1.0], [-1.0, 0.0]]))[0, 1]

    for derivative in (entry, jax.jacfwd(entry), jax.jacrev(entry)):
        assert jnp.isfinite(derivative(190_000.0))
        assert jnp.isnan(derivative(200_000.0))


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
