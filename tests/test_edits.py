"""A mistake is named as a step of the forward pass, with its line, and nothing is said that is not so."""

import functools
import inspect
import json
import pickle
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import CandidateMismatch, Diagnosis, check, check_jacobian, check_jvp, check_value, check_vjp
from identities.domains import boolean, index, invertible, positive_definite
from identities.oracle.candidates.grading import Grade
from identities.oracle.diagnosis.edits import proposals
from identities.report.records import grade_record
from tests.mistakes import mismatch

quick: Any = {"dtypes": ("float64",), "shapes": 4, "instances": 32}


mistake = functools.partial(mismatch, **quick)


def standardised(x, eps=1e-5):
    m = x.mean()
    v = ((x - m) ** 2).mean()
    return (x - m) / jnp.sqrt(v + eps)


def standardised_vjp(g, x, eps=1e-5, through_mean=True):
    centred = x - x.mean()
    r = 1 / np.sqrt((centred**2).mean() + eps)
    h = centred * r
    return r * (g - through_mean * g.mean() - h * (g * h).mean())


def without_the_mean(g, x):
    return standardised_vjp(g, x, through_mean=False)


def test_the_line_is_shown_with_its_neighbours_and_the_expression_marked():
    caught = mistake(check_vjp, standardised, without_the_mean, signature="(n)->(n)")
    where = caught.diagnosis.where
    assert caught.diagnosis.kind == "detached"
    assert where is not None
    assert where.file == __file__
    assert where.line == inspect.getsourcelines(standardised)[1] + 1
    assert (where.text, where.expression) == ("m = x.mean()", "x.mean()")
    said = str(caught)
    assert f"> {where.line} |     m = x.mean()" in said
    assert "|         ^^^^^^^^\n" in said
    assert "def standardised" in said


def test_the_place_survives_pickle_and_json():
    caught = mistake(check_vjp, standardised, without_the_mean, signature="(n)->(n)")
    assert pickle.loads(pickle.dumps(caught)).diagnosis == caught.diagnosis
    record = json.loads(json.dumps(grade_record(Grade("mine.py", "standardised_vjp", caught))))
    assert record["diagnosis"]["where"]["expression"] == "x.mean()"


def test_functions_of_the_catalog_have_no_line():
    caught = mistake(check, lambda g, x: g * np.tanh(x), "tanh_vjp")
    assert caught.diagnosis.where is None


def test_the_step_of_a_closed_form_is_marked():
    def without_the_second_solve(g, A, B):
        return -g @ np.linalg.solve(A, B).T, np.linalg.solve(A.T, g)

    caught = mistake(check, without_the_second_solve, "solve_vjp")
    diagnosis, step = caught.diagnosis, caught.diagnosis.step
    assert diagnosis.kind == "other-argument"
    assert "uses delta in place of" in diagnosis.sentence
    assert diagnosis.where is None
    assert step is not None
    assert f"  step      return -by_B @ C.T, by_B\n{'^^^^^':>24}\n" in str(caught)
    record = json.loads(json.dumps(grade_record(Grade("mine.py", "solve_vjp", caught))))
    assert record["diagnosis"]["step"]["expression"] == step.expression


def test_an_operand_may_be_another_value_of_its_shape():
    def gated(x, w):
        return jnp.tanh(x * w) * jnp.cos(x + w)

    def of_the_other(g, x, w):  # the gradient of tanh(x w) cos(x x)
        t, c, s = np.tanh(x * w), np.cos(x + x), np.sin(x + x)
        return g * ((1 - t * t) * w * c - 2 * t * s), g * (1 - t * t) * x * c

    caught = mistake(check_vjp, gated, of_the_other, signature="(n),(n)->(n)")
    for diagnosis in caught.diagnoses.values():
        assert diagnosis.kind == "other-argument"
        assert "uses x in place of w in `x + w`" in diagnosis.sentence


def powers(x, power, signed):
    return jnp.sign(x) ** signed * jnp.abs(x) ** power


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (lambda power, signed: (power, True), "takes True for the option signed"),
        (lambda power, signed: (power + 1, signed), "takes one more for the option power"),
    ],
)
def test_an_option_is_taken_to_have_another_value(given, says):
    def wrong(g, x, power, signed):
        power, signed = given(power, signed)
        return g * power * np.abs(x) ** (power - 1) * (1 if signed else np.sign(x))

    found = mistake(check_vjp, powers, wrong, signature="(n)->(n)", static={"power": [3, 4], "signed": [False, True]})
    assert (found.diagnosis.kind, found.diagnosis.sentence) == ("constant", says)


def test_an_epsilon_is_found_whatever_it_is():
    caught = mistake(check_vjp, standardised, lambda g, x: standardised_vjp(g, x, 3e-4), signature="(n+1)->(n+1)")
    assert caught.diagnosis.kind == "constant"
    assert "0.0003 in place of 1e-05 in `v + eps`" in caught.diagnosis.sentence


def looped(x, h, w):
    def step(h, row):
        new = jnp.tanh(w * h + row)
        return new, new

    return jax.lax.scan(step, h, x)[1]


def looped_vjp(g, x, h, w, truncated=False):
    states = [h]
    for row in x:
        states.append(np.tanh(w * states[-1] + row))
    dx, dh, dw = np.zeros_like(x), np.zeros_like(h), np.zeros_like(w)
    for t in reversed(range(len(x))):
        z = (g[t] + dh * (not truncated)) * (1 - states[t + 1] ** 2)
        dx[t], dw = z, dw + z * states[t]
        dh = z * w
    return dx, dh, dw


def test_steps_of_a_loop_are_steps():
    asked: Any = {"signature": "(t,n),(n),(n)->(t,n)"}
    assert check_vjp(looped, looped_vjp, **asked, **quick).passed
    caught = mistake(check_vjp, looped, lambda *a: looped_vjp(*a, truncated=True), **asked)
    assert {d.kind for d in caught.diagnoses.values()} == {"detached"}
    assert "what one step hands to the next" in str(caught)


def gelu(x):
    return 0.5 * x * (1 + jnp.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def gelu_without_three(g, x):
    t = np.tanh(0.7978845608 * (x + 0.044715 * x**3))
    return g * 0.5 * (1 + t + x * (1 - t * t) * 0.7978845608 * (1 + 0.044715 * x * x))


def ridge(theta, X, Y):
    r = X @ theta - Y
    return (r @ r) / Y.shape[0] + 1e-3 * theta @ theta


def test_small_mistakes_are_no_rounding():
    found = mistake(check_vjp, gelu, gelu_without_three, signature="(n)->(n)").diagnosis
    assert (found.kind, found.factor) == ("missing-factor", "1/3")
    penalty = mistake(
        check_jacobian, ridge, lambda t, X, Y: 2 * X.T @ (X @ t - Y) / len(Y), "theta", signature="(p),(n,p),(n)->()"
    )
    assert penalty.diagnosis.kind in ("detached", "missing-term")
    assert "1e-3 * theta @ theta" in penalty.diagnosis.sentence


def test_a_precision_is_named_where_all_numbers_are_of_it():
    def single(g, x):
        return (g.astype(np.float32) * np.cos(x.astype(np.float32))).astype(np.float64)

    nearly = np.polynomial.chebyshev.Chebyshev.interpolate(np.cos, 9, [-np.pi, np.pi])

    def polynomial(g, x):
        return g * nearly((x + np.pi) % (2 * np.pi) - np.pi)

    said = mistake(check_vjp, jnp.sin, single, signature="(n)->(n)").diagnosis.sentence
    assert said == "is right to the rounding of float32, not of float64"
    said = mistake(check_vjp, jnp.sin, polynomial, signature="(n)->(n)").diagnosis.sentence
    assert said.startswith("is right to about 4 digits only")


def product(x, y):
    return jnp.sin(x) * y


@pytest.mark.parametrize(
    ("gradients", "kinds"),
    [
        (lambda g, x, y: (g, g * np.sin(x)), {"x": "returned"}),
        (lambda g, x, y: (0 * x, y), {"x": "zero", "y": "returned"}),
        (lambda g, x, y: (g * np.sin(x), g * y * np.cos(x)), {"x": "swapped", "y": "swapped"}),
        (lambda g, x, y: (y * np.cos(x), np.sin(x)), {"x": "cotangent", "y": "cotangent"}),
    ],
)
def test_what_comes_back_is_said_if_it_is_something(gradients, kinds):
    found: dict[str, Diagnosis] = mistake(check_vjp, product, gradients, signature="(n),(n)->(n)").diagnoses
    assert {name: diagnosis.kind for name, diagnosis in found.items()} == kinds


def test_a_size_at_which_it_begins_is_seen_from_both_sides():
    def first_columns(g, x, w):
        return g * w, np.where(np.arange(x.shape[1]) < 32, (g * x).sum(0), 0)

    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(lambda x, w: x * w, first_columns, signature="(n,m),(m)->(n,m)", dtypes=("float64",))
    assert "from m = 33 on: beyond the first 32" in caught.value.diagnosis.sentence


def test_where_any_mistake_would_be_right_does_not_count():
    def halves(g, x, mask):
        return np.where(mask, g * x * np.exp(-(x**2)), 0)

    def masked(x, mask):
        return jnp.where(mask, jnp.sinh(x) ** 2, 0)

    found = mistake(check_vjp, masked, halves, "x", signature="(n),(n)->(n)", domains={"mask": boolean}).diagnosis
    assert "mask" not in found.sentence


def test_values_and_other_kinds_of_derivatives_have_edits_too():
    value = mistake(check_value, standardised, lambda x: (x - x.mean()) / np.sqrt(x.var() + 1e-2), signature="(n)->(n)")
    assert value.diagnosis.kind == "constant"

    def push(x, dx):
        centred = x - x.mean()
        r = 1 / np.sqrt((centred**2).mean() + 1e-5)
        return dx * r - centred * r**3 * (centred * dx).mean()

    pushed = mistake(check_jvp, standardised, push, signature="(n)->(n)")
    assert pushed.diagnosis.kind == "detached"
    jacobian = mistake(
        check_jacobian, lambda x: jnp.sin(x) * x.sum(), lambda x: np.diag(np.cos(x)) * x.sum(), signature="(n)->(n)"
    )
    assert jacobian.diagnosis.kind in ("missing-term", "detached")


def normed(x):
    c = x - x.mean()
    return c / jnp.sqrt((c**2).mean() + 1e-5)


def normed_vjp(g, x, by_mean, by_variance):
    c = x - x.mean()
    r = 1 / np.sqrt((c**2).mean() + 1e-5)
    return r * (g + by_mean * g.mean() + by_variance * c * r * (g * c * r).mean())


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ((0, 1), ("lacks the term by x in the sum in `x.mean()`", "has the wrong sign in what comes by way of `c**2`")),
        ((-2, 0), ("multiplies by 2 what x gets from the sum in `x.mean()`", "treats `c**2`")),
    ],
)
def test_two_mistakes_at_once(shares, says):
    said = mistake(check_vjp, normed, lambda g, x: normed_vjp(g, x, *shares), signature="(n)->(n)").diagnosis.sentence
    assert "; and " in said
    assert all(one in said for one in says)


def test_with_nothing_to_spend_nothing_is_said_and_nothing_fails():
    wrong = functools.partial(normed_vjp, by_mean=0.3, by_variance=0.7)
    with mock.patch.multiple(proposals, _OPERATIONS=1e-9, _LEAST=0):
        found = mistake(check_vjp, normed, wrong, signature="(n)->(n)").diagnosis
    assert (found.kind, found.failure) == ("unexplained", None)


def stacked(x):
    return jnp.stack([x, jnp.sin(x)])


def gated(a, b):
    return a * jax.nn.silu(b)


def gate_slope(g, a, b):
    s = 1 / (1 + np.exp(-b))
    return g * s * (1 + b * (1 - s))


def elu(x):
    return jnp.where(x > 0, x, 1.5 * (jnp.exp(x) - 1))


@pytest.mark.parametrize(
    ("function", "signature", "wrong", "wrt", "kind", "says"),
    [
        (
            *(lambda x: x - jnp.log((1 + x * x).sum()), "(n)->(n)", lambda g, x: g - 2 * x / (1 + x * x).sum(), "x"),
            *("cotangent", "takes minus one for the cotangent that arrives at `jnp.log("),
        ),
        (
            *(stacked, "(n)->(2,n)", lambda g, x: (g[0] + g[1]) * np.cos(x), "x"),
            *("cotangent", "sends the cotangent of part 0 by the way of that of part 1"),
        ),
        (
            *(gated, "(n),(n)->(n)", gate_slope, "a"),
            *("other-argument", "takes the derivative of `jax.nn.silu(b)` for its value"),
        ),
        (
            *(elu, "(n)->(n)", lambda g, x: g * np.where(x > 0, 1, x + 1.5), "x"),
            *("other-argument", "takes the argument of `1.5 * (jnp.exp(x) - 1)`"),
        ),
        (
            *(lambda x, w: jax.nn.softplus(x) @ w, "(n),(n)->()"),
            *(lambda g, x, w: g * w / (2 + np.exp(x) + np.exp(-x)), "x"),
            *("other-argument", "takes the second derivative of"),
        ),
        (
            *(lambda x: jnp.tanh(x) + x, "(n)->(n)", lambda g, x: g * (2 + np.tanh(x) ** 2), "x"),
            *("sign", "has 1 + y^2 for 1 - y^2 in the derivative of `jnp.tanh(x)`"),
        ),
    ],
)
def test_steps_that_are_taken_for_others(function, signature, wrong, wrt, kind, says):
    found = mistake(check_vjp, function, wrong, wrt, signature=signature).diagnosis
    assert found.kind == kind
    assert says in found.sentence


def solved(a, b):
    return jnp.linalg.solve(a, b) ** 2


@pytest.mark.parametrize(
    ("by_matrix", "kind", "says"),
    [
        (lambda a, b, x, y: (y, x), "missing-factor", "leaves out the solve with the transpose"),
        (lambda a, b, x, y: (np.linalg.solve(a.T, y), b), "other-argument", "takes the right-hand side"),
        (lambda a, b, x, y: (np.linalg.solve(a, y), x), "layout", "solves with the matrix, not with its transpose"),
    ],
)
def test_solves_are_derived_as_people_do_it(by_matrix, kind, says):
    def wrong(g, a, b):
        x = np.linalg.solve(a, b)
        return -np.outer(*by_matrix(a, b, x, 2 * g * x))

    asked: Any = {"signature": "(n,n),(n)->(n)", "domains": {"a": invertible}}
    found = mistake(check_vjp, solved, wrong, "a", **asked).diagnosis
    assert found.kind == kind
    assert says in found.sentence


def test_a_diagonal_of_a_cholesky_factor_is_halved():
    def wrong(g, a):
        L = np.linalg.cholesky(a)
        half = np.linalg.solve(L.T, np.tril(L.T @ np.tril(2 * g * L))) @ np.linalg.inv(L)
        return (half + half.T) / 2

    asked: Any = {"signature": "(n,n)->(n,n)", "domains": {"a": positive_definite}}
    found = mistake(check_vjp, lambda a: jnp.linalg.cholesky(a) ** 2, wrong, "a", **asked).diagnosis
    assert "does not halve the diagonal" in found.sentence


def unit_rows(x):
    norm = jnp.sqrt((x * x).sum(-1, keepdims=True) + 1e-6)
    return x / norm


def unit_rows_vjp(g, x, anew=-1, back=-1):
    norm = np.sqrt((x * x).sum(anew, keepdims=True) + 1e-6)
    y = x / norm
    return (g - y * (g * y).sum(back, keepdims=True)) / norm


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ({"anew": 0, "back": 0}, "it takes the sum in `(x * x).sum(-1, keepdims=True)` (line "),
        ({"anew": 0}, "in what it computes anew"),
        ({"back": 0}, "it sums what it pulls back to"),
        ({"anew": (0, 1), "back": (0, 1)}, "over axes 0 and 1 in place of axis 1"),
    ],
)
def test_a_sum_over_another_axis(axes, says):
    caught = mistake(check_vjp, unit_rows, lambda g, x: unit_rows_vjp(g, x, **axes), signature="(b,n)->(b,n)")
    assert caught.diagnosis.kind == "reduction"
    assert says in str(caught.diagnosis)


def pairs(c, o, i, j):
    return jax.nn.softplus((c[i] * o[j]).sum(-1)).sum()


def pairs_vjp(g, c, o, i, j, anew=0, back=0):
    slope = g / (1 + np.exp(-(c[i] * o[j + anew]).sum(-1, keepdims=True)))
    dc, do = np.zeros_like(c), np.zeros_like(o)
    np.add.at(dc, i + back, slope * o[j])
    np.add.at(do, j, slope * c[i])
    return dc, do


@pytest.mark.parametrize(("off", "where"), [({"anew": -1}, "`o[j]`"), ({"back": -1}, "`c[i]`")])
def test_an_index_of_minus_one_is_the_last_one(off, where):
    asked: Any = {"signature": "(v,d),(u,d),(p),(p)->()", "domains": {"i": index("v"), "j": index("u")}}
    found = mistake(check_vjp, pairs, lambda *a: pairs_vjp(*a, **off), **asked).diagnoses
    assert {diagnosis.kind for diagnosis in found.values()} == {"index"}
    assert all(f"one too small, from the end again beyond one in {where}" in str(d) for d in found.values())


def smoothed(x, y):
    target = 0.9 * jax.nn.one_hot(y, x.shape[-1]) + 0.05
    return (target * x**3).sum()


def test_what_overwrites_does_not_add():
    def overwritten(g, x, y):
        target = np.full(x.shape, 0.05)
        target[np.arange(len(y)), y] = 0.9
        return g * target * 3 * x * x

    asked: Any = {"signature": "(n,k),(n)->()", "domains": {"y": index("k")}}
    found = mistake(check_vjp, smoothed, overwritten, **asked).diagnosis
    assert found.kind == "reduction"
    assert "overwrites 0.05 with" in found.sentence
