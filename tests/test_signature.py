"""Bad input: what is wrong is said in words, and says what to do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities.chain import chain_rule
from identities.elementwise import log
from identities.linear import matvec, matvec_jacobian_x, vecmat, vecmat_vjp_W
from identities.linear_regression import closed_form, gradient_descent
from identities.softmax import softmax_cross_entropy_jacobian_theta

W, x = jnp.ones((2, 3)), jnp.ones(3)


def test_a_wrong_size_names_what_fixed_it():
    message = (
        r"matvec_jacobian_x: argument x has shape \(4,\), expected \(m,\) = \(3,\) "
        r"\(m = 3 was fixed by W of shape \(2, 3\)\)"
    )
    with pytest.raises(ValueError, match=message):
        matvec_jacobian_x(W, jnp.ones(4))
    with pytest.raises(ValueError, match=message):  # under jit too, while tracing
        jax.jit(matvec_jacobian_x)(W, jnp.ones(4))


def test_a_wrong_rank_names_the_axes():
    with pytest.raises(ValueError, match=r"matvec: argument x has shape \(3, 1\), expected 1 axis, \(m,\)"):
        matvec(W, x[:, None])
    with pytest.raises(ValueError, match=r"matvec: argument W has shape \(\), expected 2 axes, \(n, m\)"):
        matvec(jnp.array(1.0), x)


def test_rows_and_vectors_do_not_mix():
    row, vector = jnp.ones((1, 2)), jnp.ones(2)
    assert vecmat(row, W).shape == (1, 3)
    assert vecmat(vector, W).shape == (3,)
    assert vecmat_vjp_W(x[None], row, W).shape == vecmat_vjp_W(x, vector, W).shape == (2, 3)
    with pytest.raises(ValueError, match="vecmat_vjp_W: argument"):
        vecmat_vjp_W(x[None], vector, W)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (jnp.ones((2, 3), int), "real floating-point array, got int32; convert it"),
        (np.ones((2, 3), complex), "real floating-point array, got complex128"),
        ([[1.0, 2.0, 3.0]], "must be an array of shape .n, m., got list; convert it"),
        (None, "must be an array of shape .n, m., got NoneType"),
    ],
)
def test_what_is_no_real_array_is_refused(value, said):
    with pytest.raises(TypeError, match=f"matvec: argument W {said if 'must' in said else 'must be a ' + said}"):
        matvec(value, x)


def test_an_empty_array_is_refused():
    with pytest.raises(ValueError, match=r"argument W is empty: shape \(0, 3\)"):
        matvec(jnp.ones((0, 3)), x)


def test_arguments_may_be_named_and_are_counted_by_python():
    assert (matvec(x=x, W=W) == matvec(W, x)).all()
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        matvec(W)  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError, match="unexpected keyword argument 'y'"):
        matvec(W, y=x)  # pyright: ignore[reportCallIssue]


def test_conditions_on_values_are_checked_where_values_exist():
    message = "argument y needs non-negative entries that sum to one .* got"
    with pytest.raises(ValueError, match=message):
        softmax_cross_entropy_jacobian_theta(x, jnp.ones(3))
    assert softmax_cross_entropy_jacobian_theta(x, jnp.ones(3) / 3).shape == (3,)
    assert jax.jit(softmax_cross_entropy_jacobian_theta)(x, jnp.ones(3)).shape == (3,)
    with pytest.raises(ValueError, match="log: argument x needs every entry positive"):
        log(jnp.array([1.0, -1.0]))


def test_nan_and_infinity_pass_through():
    assert jnp.isnan(matvec(W, x.at[0].set(jnp.nan))).all()
    assert jnp.isinf(matvec(W, x.at[0].set(jnp.inf))).all()


@pytest.mark.parametrize("fit", [closed_form, gradient_descent])
def test_regression_refuses_what_does_not_fit(fit):
    with pytest.raises(ValueError, match=rf"{fit.__name__}: argument Y has shape \(3,\), expected \(n,\) = \(2,\)"):
        fit(W, x)


def test_jacobians_that_do_not_chain_are_refused():
    with pytest.raises(ValueError, match="chain_rule: argument inner"):
        chain_rule(W, W)
