"""What may be asked, in whatever form people have it, and what is said of what makes no sense."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import identities
from identities import catalog, domains
from identities.adapt import backward_of

quick: Any = {"shapes": 3, "instances": 16}
LAYER = "(n,m),(m,k)->(n,k)"


def layer(x, w):
    return jnp.tanh(x @ w)


def layer_vjp(delta, x, w):
    inner = delta * (1 - np.tanh(x @ w) ** 2)
    return inner @ w.T, x.T @ inner


@pytest.mark.parametrize(
    "asked",
    [
        {"shapes": np.int64(2), "instances": np.int32(8), "seed": np.int64(3)},
        {"sizes": {"n": np.int64(3), "m": (1, np.int8(4))}},
        {"dtypes": [jnp.float32]},
        {"dtypes": (np.dtype("float32"), "float64")},
    ],
)
def test_numbers_and_dtypes_of_numpy_and_jax(asked):
    assert identities.check_vjp(layer, layer_vjp, signature=LAYER, **{**quick, **asked}).passed


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"seed": "a"}, "seed must be a whole number, got 'a'"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"shapes": True}, "shapes must be a whole number, got True"),
        ({"instances": 2.5}, "instances must be a whole number, got 2.5"),
        ({"sizes": [3]}, "sizes is a dict by the names of dimensions"),
        ({"sizes": {"n": 3.0}}, "sizes: n has sizes that are whole numbers"),
        ({"dtypes": "float32"}, "dtypes must be a list"),
        ({"dtypes": [jnp.int32]}, "dtypes must be a list"),
        ({"strict": "no"}, "strict must be True or False"),
        ({"arrays": np.asarray}, "arrays must be"),
        ({"static": ["eps"]}, "static is a dict by the names of arguments"),
        ({"domains": domains.positive}, "domains is a dict by the names of arguments"),
        ({"wrt": 0}, r"no argument 0 to differentiate by; it takes \(x, w\)"),
    ],
)
def test_what_makes_no_sense_is_said(asked, says):
    with pytest.raises((TypeError, ValueError), match=says):
        identities.check_vjp(layer, layer_vjp, signature=LAYER, **{**quick, **asked})


def test_a_closed_form_stands_for_its_identity():
    closed_form = identities.softmax.softmax_jacobian
    assert identities.check(closed_form, closed_form, arrays="jax", **quick).identity == "softmax_jacobian"
    swapped: Any = ("softmax_jacobian", closed_form)
    with pytest.raises(TypeError, match="takes a function of yours and then the name"):
        identities.check(*swapped)


@pytest.mark.parametrize("name", ["adaptive_avg_pool_vjp", "adaptive_max_pool_vjp", "interpolate_vjp"])
def test_an_option_of_one_number_for_each_axis(name):
    assert identities.check(catalog[name].closed_form, name, arrays="jax", **quick).passed


def test_options_that_differ_far_inside_of_an_array():
    values = [np.zeros(2000), np.zeros(2000)]
    values[1][1000] = 1.0

    def scaled(x, o):
        return x * jnp.sum(jnp.asarray(o))

    asked = {"signature": "(n)->(n)", "static": {"o": values}, "arrays": "jax"}
    assert identities.check_vjp(scaled, backward_of(scaled), **asked, **quick).passed


def test_options_that_are_equal_and_are_not_the_same():
    def signed(x, o):
        return x * np.copysign(1.0, o)

    asked = {"signature": "(n)->(n)", "static": {"o": [0.0, -0.0]}, "arrays": "jax"}
    assert identities.check_vjp(signed, backward_of(signed), **asked, **quick).passed


def test_an_argument_that_is_donated_cannot_be_looked_at_any_more():
    @jax.jit
    def doubled(delta, x):
        return 2 * delta * x

    donating = jax.jit(doubled, donate_argnums=(1,))
    asked = {"signature": "(n)->(n)", "arrays": "jax"}
    assert identities.check_vjp(lambda x: x * x, donating, **asked, **quick).passed


def test_vectors_make_way_for_arguments_of_their_names():
    assert identities.check_vjp(
        lambda delta, delta_: delta * delta_, lambda g, a, b: (g * b, g * a), signature="(n),(n)->(n)", **quick
    ).passed
    assert identities.check_jvp(
        lambda x, dx, dx_: x * dx * dx_, lambda x, a, b, t: t * a * b, "x", signature="(n),(n),(n)->(n)", **quick
    ).passed


def test_dimensions_without_a_name_are_different_ones():
    def squares(x: Float[Array, "_ _"]) -> Float[Array, ""]:
        return jnp.sum(x * x)

    assert identities.check_jacobian(squares, lambda x: 2 * x, **quick).passed
    with pytest.raises(identities.CandidateMismatch):
        identities.check_jacobian(squares, lambda x: 2 * x * (x.shape[0] == x.shape[1]), **quick)


@pytest.mark.parametrize("dims", ["*batch n", "#n", "?n", "n=4"])
def test_what_is_not_read_of_an_annotation_is_said_with_its_argument(dims):
    def first(x: Float[Array, " n"]):
        return x[0]

    first.__annotations__ = {"x": Float[Array, dims], "return": Float[Array, ""]}
    with pytest.raises(ValueError, match=r"argument x: .* is not read; dimensions are names"):
        identities.check_vjp(first, lambda delta, x: delta)


def test_what_an_annotation_lacks_is_said():
    def powered(x: Float[Array, " n"], k: int) -> Float[Array, " n"]:
        return x**k

    def unsaid(x: Float[Array, " n"]):
        return x

    with pytest.raises(TypeError, match=r"argument k: .*; an option goes into static={'k': ...}"):
        identities.check_vjp(powered, lambda delta, x: delta)
    with pytest.raises(TypeError, match="what it returns: annotate it"):
        identities.check_vjp(unsaid, lambda delta, x: delta)


def test_dimensions_may_have_the_names_of_keywords():
    asked = {"signature": "(b,in),(in,2*lambda)->(b,2*lambda)", "sizes": {"in": [1, 3]}}
    assert identities.check_vjp(layer, layer_vjp, **asked, **quick).passed


def test_the_arrays_of_a_tree_go_by_names():
    with pytest.raises(ValueError, match="the arrays of p go by names that are text; got the key 0"):
        identities.check_vjp(lambda p: p[0], lambda delta, p: p, signature=(({0: "n"},), "n"))


def test_a_function_that_cannot_be_compared():
    @dataclasses.dataclass
    class Scaled:
        by: float = 2.0

        def __call__(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
            return self.by * x

    assert identities.check_vjp(Scaled(), lambda delta, x: 2 * delta, **quick).passed


def test_a_candidate_that_is_called_by_keyword_only():
    asked = {"signature": "(n)->()", **quick}
    assert identities.check_jacobian(lambda x: jnp.sum(x * x), lambda *, x: 2 * x, **asked).passed


def test_a_tuple_is_one_value_of_an_option():
    with pytest.raises(TypeError, match="a tuple is one value of k, a list several"):
        identities.check_vjp(lambda x, k: x * k, layer_vjp, signature="(n)->(n)", static={"k": (2, 3)})


def test_an_option_of_two_values_has_no_third():
    x, given = jnp.ones((2, 3)), dict[str, Any](is_causal="no")
    with pytest.raises(ValueError, match="is_causal must be True or False"):
        identities.layers.attention.scaled_dot_product_attention(x, x, x, **given)
