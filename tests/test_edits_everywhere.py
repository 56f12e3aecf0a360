"""One mistake wherever it can be made, and functions that are known although they are written out."""

import jax.numpy as jnp
import numpy as np
import pytest

from identities import check_jacobian, check_vjp
from tests.mistakes import mismatch


def sigmoid(z):
    return 1 / (1 + jnp.exp(-z))


def other_sigmoid(z):
    return jnp.exp(z) / (1 + jnp.exp(z))


def layers_of(activation):
    def layers(x, a, b, c):
        return activation(activation(activation(x * a) * b) * c)

    return layers


def layers_vjp(activation, slope):
    """By way of the result of each layer, whose derivative is the `slope` of that."""

    def backward(g, x, a, b, c):
        first = activation(x * a)
        second = activation(first * b)
        dc = g * slope(activation(second * c))
        db = dc * c * slope(second)
        return db * b * slope(first) * x, db * first, dc * second

    return backward


def in_numpy(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize(
    ("function", "activation", "slope", "says"),
    [
        (
            sigmoid,
            in_numpy,
            lambda y: y,
            "leaves out the factor 1 - y of the derivative of `return 1 / (1 + jnp.exp(-z))`",
        ),
        (sigmoid, in_numpy, lambda y: 1, "leaves out the derivative of `return 1 / (1 + jnp.exp(-z))`"),
        (jnp.tanh, np.tanh, lambda y: 1 - y, "leaves out the square of the derivative of `activation(...)`"),
        (jnp.tanh, np.tanh, lambda y: 1 + y * y, "has 1 + y^2 for 1 - y^2 in the derivative of `activation(...)`"),
    ],
)
def test_the_same_mistake_in_every_layer_is_one(function, activation, slope, says):
    backward = layers_vjp(activation, slope)
    wrong = mismatch(check_vjp, layers_of(function), backward, ("a", "b", "c"), signature="(n),(n),(n),(n)->(n)")
    assert all(says in diagnosis.sentence for diagnosis in wrong.diagnoses.values())
    assert set(wrong.diagnoses) == {"a", "b", "c"}


def test_what_is_kept_may_be_what_a_root_was_taken_of():
    def direction(q):
        return q / jnp.sqrt(q @ q)

    def jacobian(q):
        kept = q @ q
        return (np.eye(len(q)) - np.outer(q, q) / kept**2) / kept

    wrong = mismatch(check_jacobian, direction, jacobian, "q", signature="(n)->(n)", dtypes=("float64",))
    assert "keeps the argument of `jnp.sqrt(q @ q)` (line" in wrong.diagnosis.sentence


@pytest.mark.parametrize("function", [sigmoid, other_sigmoid])
def test_a_sigmoid_is_known_however_it_is_written(function):
    def backward(g, x):
        y = in_numpy(x)
        return g * y * (1 + y)

    wrong = mismatch(check_vjp, function, backward, "z", signature="(n)->(n)", dtypes=("float64",))
    assert (wrong.diagnosis.kind, "has 1 + y for 1 - y" in wrong.diagnosis.sentence) == ("sign", True)
