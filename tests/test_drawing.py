"""What candidates are called with: values far out and next to nothing, every option, members of one's own domain."""

from itertools import permutations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

import identities
from identities import check_value, check_vjp, domains
from identities.oracle.asking import claim
from identities.oracle.draw.shapes import draw_shapes
from tests.mistakes import mismatch

FEW: dict[str, Any] = {"shapes": 2, "instances": 12}


# ---- values


@pytest.mark.parametrize(("dtype", "beyond"), [("float64", 12), ("float64", 20), ("float32", 12)])
def test_where_a_formula_changes_over_far_out_it_is_looked_at(dtype, beyond):
    def backward(g, x):
        slope = -expit(-x.astype(float)).astype(x.dtype)
        return g * np.where(x > beyond, -slope, slope)

    def loss(x):
        return jax.nn.softplus(-x)

    wrong = mismatch(check_vjp, loss, backward, "x", signature="(n)->(n)", dtypes=(dtype,))
    assert wrong.arguments["x"].max() > beyond
    assert check_vjp(loss, lambda g, x: -g * expit(-x), signature="(n)->(n)", dtypes=(dtype,)).passed


def test_where_a_series_takes_the_place_of_terms_that_cancel_it_is_looked_at():
    def rotation(w):
        size = jnp.sqrt(w @ w + 1e-300)
        (x, y, z), sine, versine = w, jnp.sin(size) / size, 2 * (jnp.sin(size / 2) / size) ** 2
        skew = jnp.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        return jnp.eye(3) + sine * skew + versine * skew @ skew

    def turned(w, towards):
        size, (x, y, z) = np.sqrt(w @ w + 1e-300), w
        skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        if size < 1e-3:
            return np.eye(3) + towards * skew + skew @ skew / 2
        return np.eye(3) + np.sin(size) / size * skew + 2 * (np.sin(size / 2) / size) ** 2 * skew @ skew

    assert check_value(rotation, lambda w: turned(w, 1 - w @ w / 6), signature="(3)->(3,3)").passed
    wrong = mismatch(check_value, rotation, lambda w: turned(w, -1), signature="(3)->(3,3)")
    assert np.linalg.norm(wrong.arguments["w"]) < 1e-3


# ---- shapes


def test_axes_of_one_are_tried_beside_others_that_are_not():
    def squeezed(g, x):
        """The middle axis is gone if it is one, and the mean is that over the axis after it."""
        rows = g.squeeze(1) if g.shape[1] == 1 < g.shape[0] else g
        return (rows - rows.mean(1, keepdims=True)).reshape(g.shape)

    found = mismatch(check_vjp, lambda x: x - x.mean(1, keepdims=True), squeezed, signature="(a,b,k)->(a,b,k)")
    assert found.diagnosis.sentence == "is wrong where b = 1, and right elsewhere"


@pytest.mark.parametrize("dims", range(2, 7))
def test_every_dimension_is_one_where_any_other_is_not(dims):
    names = "abcdef"[:dims]
    claimed = claim("value", jnp.sum, signature=f"({','.join(names)})->()")
    drawn = [dict(shape.sizes) for shape in draw_shapes(claimed, 5, seed=0)]
    assert all(any(sizes[one] == 1 < sizes[other] for sizes in drawn) for one, other in permutations(names, 2))


# ---- options


def test_every_value_of_an_option_is_tried_where_no_dimension_is_left_to_choose():
    def scaled(x, k=1.0):
        return k * x

    wrong = mismatch(check_vjp, scaled, lambda g, x: g, "x", signature="(3)->(3)", static={"k": [1.0, 0.5]}, **FEW)
    assert wrong.static == {"k": 0.5}


# ---- domains


def at_most_two(contains) -> domains.Domain:
    return domains.Domain("every entry between minus two and two", lambda z: 2 * z / (1 + np.abs(z)), contains)


def test_a_domain_of_ones_own_is_asked_of_whole_batches_where_it_can_be():
    asked = []

    def contains(x):
        asked.append(x)
        return (jnp.abs(x) <= 2).all()

    given: Any = {"signature": "(n)->(n)", "domains": {"x": at_most_two(contains)}}
    assert check_vjp(jnp.square, lambda g, x: 2 * g * x, **given).passed
    assert len(asked) < 32
    one_by_one = at_most_two(lambda x: float(np.abs(x).max(initial=0)) <= 2)
    assert check_vjp(jnp.square, lambda g, x: 2 * g * x, signature="(n)->(n)", domains={"x": one_by_one}, **FEW).passed


@pytest.mark.parametrize(
    ("domain", "signature"),
    [("moderate", "(n)->(n)"), ("positive_definite", "(n,m)->(n,m)"), ("symmetric", "(n)->(n)")],
)
def test_a_domain_of_matrices_has_no_other_arrays(domain, signature):
    with pytest.raises(ValueError, match=r"the domain of x.* has no arrays of shape"):
        check_value(jnp.sin, np.sin, signature=signature, domains={"x": getattr(domains, domain)}, **FEW)


# ---- what cannot be judged


def test_what_jax_has_no_rule_for_is_said_with_the_name_of_the_function():
    def share(a, x):
        return jax.scipy.special.betainc(a, 2.0, x)

    given: Any = {"domains": {"a": domains.positive, "x": domains.between_zero_and_one}, **FEW}
    with pytest.raises(ValueError, match="JAX cannot differentiate share: "):
        check_vjp(share, lambda g, a, x: g * a, "a", signature="(n),(n)->(n)", **given)


def test_that_little_is_judged_is_a_warning():
    def logarithm(x):
        return jnp.log(x - 1.5)

    given: Any = {"signature": "()->()", "domains": {"x": domains.positive}}
    verdict = check_vjp(logarithm, lambda g, x: g / (x - 1.5), **given)
    assert verdict.passed
    assert [
        w for w in verdict.warnings if w.startswith(f"is judged in {verdict.judged} of {verdict.instances} calls only")
    ]
    assert not identities.check_vjp(jnp.exp, lambda g, x: g * np.exp(x), signature="()->()", **FEW).warnings


@pytest.mark.parametrize("signature", ["(b,n,n)->(b,n,n)", "(...,n,n)->(...,n,n)"])
def test_domains_of_matrices_have_stacks_of_them(signature):
    def backward(g, x):
        inverse = np.linalg.inv(x).swapaxes(-1, -2)
        return -inverse @ g @ inverse

    asked: dict[str, Any] = {"signature": signature, "domains": {"x": domains.positive_definite}, **FEW}
    assert check_vjp(lambda x: jnp.linalg.inv(x), backward, **asked).passed
    wrong = mismatch(check_vjp, lambda x: jnp.linalg.inv(x), lambda g, x: -backward(g, x), **asked)
    x = wrong.arguments["x"]
    assert (np.linalg.eigvalsh(x) > 0).all()
    assert np.array_equal(x, x.swapaxes(-1, -2))
