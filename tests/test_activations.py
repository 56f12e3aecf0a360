"""Activations where they are hard: at their kinks, and far out, where nothing overflows and nothing cancels."""

import jax.numpy as jnp
import numpy as np
import pytest

from identities import catalog, layers
from tests.against_torch import activations as in_torch
from tests.clients import functional, torch, with_torch

KINKED = (
    "relu",
    "relu6",
    "hardtanh",
    "hardsigmoid",
    "hardswish",
    "elu",
    "selu",
    "leaky_relu",
    "hardshrink",
    "softshrink",
)


@with_torch
@pytest.mark.parametrize("name", KINKED)
def test_kinks_have_the_derivatives_of_torch(name: str):
    kinks = [-3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0]
    x = torch.tensor(kinks, requires_grad=True)
    getattr(functional, name)(x).sum().backward()
    np.testing.assert_allclose(catalog[f"{name}_vjp"].closed_form(jnp.ones(9), jnp.array(kinks)), x.grad, rtol=1e-6)


LIMITS = {
    **dict.fromkeys(("silu", "mish", "gelu", "softplus", "elu", "celu"), (0, 1)),
    "tanh": (0, 0),
    "softsign": (1 / 30_001**2, 1 / 30_001**2),
    "tanhshrink": (1, 1),
    "logsigmoid": (1, 0),
    "selu": (0, 1.0507009873554805),
}
APPROXIMATELY = {"approximate": "tanh"}


@pytest.mark.parametrize(("name", "options"), [*((name, {}) for name in LIMITS), ("gelu", APPROXIMATELY)])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_far_out_derivatives_are_their_limits(name: str, options: dict[str, str], dtype: str):
    x = jnp.array([-3e4, 3e4], dtype)
    found = catalog[f"{name}_vjp"].closed_form(jnp.ones_like(x), x, **options)
    # One rounding: softsign's limit and selu's are no numbers of the dtype. Where a limit is zero, it is met.
    np.testing.assert_allclose(found, jnp.array(LIMITS[name], dtype), rtol=float(jnp.finfo(dtype).eps))


def test_one_formula_serves_arrays_of_any_shape_and_the_jacobian_vectors():
    x = jnp.linspace(-2, 2, 24)
    of_all = catalog["silu_vjp"].closed_form(jnp.ones((2, 1, 3, 1, 4)), x.reshape(2, 1, 3, 1, 4))
    np.testing.assert_array_equal(of_all.ravel(), jnp.diag(catalog["silu_jacobian"].closed_form(x)))
    with pytest.raises(ValueError, match=r"silu_jacobian: argument x has shape \(2, 12\), expected 1 axis, \(n,\)"):
        catalog["silu_jacobian"].closed_form(x.reshape(2, 12))
    with pytest.raises(ValueError, match=r"argument x has shape \(2, 1, 3, 4\), expected .* = \(3, 1, 2, 4\)"):
        catalog["silu_vjp"].closed_form(jnp.ones((3, 1, 2, 4)), x.reshape(2, 1, 3, 4))


@with_torch
def test_hard_samples_have_the_gradient_of_soft_ones():
    delta, x, g = (jnp.asarray(values, "float32") for values in np.random.default_rng(0).standard_normal((3, 4, 5)))
    logits = torch.tensor(np.array(x), requires_grad=True)
    hard = in_torch.gumbel_softmax(logits, torch.tensor(np.array(g)), 0.5, hard=True)
    hard.backward(torch.tensor(np.array(delta)))
    np.testing.assert_array_equal(hard.detach().numpy().round(6).sum(-1), 1)
    ours = layers.softmaxes.gumbel_softmax_vjp_x(delta, x, g, tau=0.5)
    np.testing.assert_allclose(ours, logits.grad, rtol=1e-5, atol=1e-6)


def test_a_projection_on_the_simplex_is_sparse_and_right_of_any_size():
    x = jnp.array([[0.3, 0.1, -2.0], [1e4, 1e4 - 0.5, 0.0], [5.0, 5.0, 5.0]])
    expected = [[0.6, 0.4, 0], [0.75, 0.25, 0], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(layers.softmaxes.sparsemax(x), expected, rtol=1e-6)
    found = layers.softmaxes.sparsemax_vjp(jnp.array([[1.0, 3.0, 8.0]] * 3), x)
    np.testing.assert_allclose(found, [[-1, 1, 0], [-1, 1, 0], [-3, -1, 4]], rtol=1e-6)
