"""What is said of mistakes in complex numbers, in second derivatives, and in a part of the entries only."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import CandidateMismatch, check_hessian, check_jacobian, check_jvp, check_vjp, domains
from tests.mistakes import mismatch

quick: Any = {"dtypes": ("float64",), "shapes": 4, "instances": 32}


def said(judge, *given, **asked) -> dict[str, tuple[str, str]]:
    """Kind and sentence, by the name of the array that is wrong."""
    with pytest.raises(CandidateMismatch) as caught:
        judge(*given, **quick, **asked)
    return {name: (diagnosis.kind, diagnosis.sentence) for name, diagnosis in caught.value.diagnoses.items()}


# ---- complex numbers


def adjoint_product(a, b):
    return a.conj().T @ b


@pytest.mark.parametrize(
    ("gradients", "sentences"),
    [
        (lambda g, a, b: (b @ g.T, a @ g), {"a": "the complex conjugate of the right", "b": "conjugates every step"}),
        (lambda g, a, b: (b.conj() @ g.conj().T, a.conj() @ g.conj()), {"b": "conjugates the cotangent"}),
        (lambda g, a, b: (b @ g.conj().T, a.conj() @ g), {"a": "conjugates every step"}),
        (lambda g, a, b: ((b @ g.T).conj(), (a.conj() @ g).real + 0j), {"b": "zero in the imaginary part"}),
    ],
)
def test_conjugates_missing_and_too_many(gradients, sentences):
    of = {"a": domains.complex_numbers, "b": domains.complex_numbers}
    found = said(check_vjp, adjoint_product, gradients, signature="(n,m),(n,k)->(m,k)", domains=of)
    assert {name for name, (kind, _) in found.items() if kind in ("conjugate", "region")} >= {*sentences}
    for name, part in sentences.items():
        assert part in found[name][1]


# ---- a part of the entries


def norms(x):
    return (x**2).sum() / 2


def negative_second(values):
    return values * np.array([[1.0], [-1.0]])


@pytest.mark.parametrize(
    ("gradient", "signature", "kind", "sentence"),
    [
        (
            lambda g, x: g * negative_second(x),
            "(2,n)->()",
            "sign",
            "has the wrong sign in row 1 and is right elsewhere",
        ),
        (
            lambda g, x: g * (2 * np.tril(x, -1) + np.diag(np.diag(x))),
            "(n,n)->()",
            "region",
            "is twice the right one below the diagonal, is zero above the diagonal and is right elsewhere",
        ),
        (
            lambda g, x: g * x * np.where(np.arange(len(x)) == len(x) - 1, 0.5, 1),
            "(n)->()",
            "region",
            "is half the right one in the last entry and is right elsewhere",
        ),
        (
            lambda g, x: g * np.abs(x),
            "(n)->()",
            "sign",
            "has the wrong sign in the entries where x is negative, and right elsewhere",
        ),
    ],
)
def test_a_multiple_in_some_places(gradient, signature, kind, sentence):
    assert said(check_vjp, norms, gradient, signature=signature) == {"x": (kind, sentence)}


def test_a_place_that_is_wrong_and_no_multiple():
    def forgets(x):
        full = np.outer(np.cos(x), np.exp(x)) + np.diag(np.exp(x) * np.sin(x).sum())
        return np.where(np.arange(len(x))[:, None] == 0, np.outer(np.exp(x), np.cos(x)) + x, full.T)

    found = said(check_jacobian, lambda x: jnp.exp(x) * jnp.sin(x).sum(), forgets, signature="(n)->(n)")
    assert found == {"x": ("region", "is wrong in the first row and right elsewhere")}


# ---- second derivatives


def least_squares(t, X, y):
    r = jnp.tanh(X @ t) - y
    return (r @ r) / 2


def quartic(x, A):
    return (x @ A @ x) ** 2 / 2


@pytest.mark.parametrize(
    ("function", "hessian", "wrt", "signature", "kinds", "sentence"),
    [
        (
            least_squares,  # the matrix of Gauss and Newton
            lambda t, X, y: X.T @ (((1 - np.tanh(X @ t) ** 2) ** 2)[:, None] * X),
            "t",
            "(p),(n,p),(n)->()",
            ("detached", "missing-term"),
            "`jnp.tanh(X @ t)`",
        ),
        (
            quartic,
            lambda x, A: (x @ A @ x) * (A + A.T),
            "x",
            "(n),(n,n)->()",
            ("detached", "missing-term"),
            "`x @ A @ x`",
        ),
        (
            quartic,
            lambda x, A: np.outer((A + A.T) @ x, (A + A.T) @ x) + 2 * (x @ A @ x) * (A + A.T),
            "x",
            "(n),(n,n)->()",
            ("missing-factor", "factor", "constant"),
            "2",
        ),
    ],
)
def test_second_derivatives_have_edits(function, hessian, wrt, signature, kinds, sentence):
    ((kind, what),) = said(check_hessian, function, hessian, wrt, signature=signature).values()
    assert kind in kinds
    assert sentence in what
    assert what.endswith("in the gradient that is differentiated")


# ---- small numbers that are added


def deviation(x):
    return jnp.sqrt(jnp.sum((x - x.mean()) ** 2) / (x.shape[0] - 1))


@pytest.mark.parametrize(
    ("function", "gradient", "domain", "sentence"),
    [
        (
            deviation,
            lambda g, x: g * (x - x.mean()) / ((len(x) - 1) * (x.std(ddof=1) + 1e-8)),
            domains.longer_than_one,
            "adds 1e-08 to `return jnp.sqrt(",
        ),
        (lambda x: jnp.sqrt(x @ x), lambda g, x: g * x / np.sqrt(x @ x + 3e-5), None, "adds 3e-05 to `x @ x` in"),
        (
            lambda x: -(x * jnp.log(x)).sum(),
            lambda g, x: -g * (np.log(x + 1e-10) + 1),
            domains.positive,
            "adds 1e-10 to x in `jnp.log(x)`",
        ),
    ],
)
def test_an_epsilon_too_many(function, gradient, domain, sentence):
    ((kind, what),) = said(
        check_vjp, function, gradient, signature="(n)->()", domains={"x": domain} if domain else None
    ).values()
    assert kind == "constant"
    assert what.startswith(sentence)


# ---- zeros and ties


def distances(x):
    squares = ((x[:, None] - x[None]) ** 2).sum(-1)
    return jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0)


def distances_vjp(g, x):
    difference = x[:, None] - x[None]
    return (((g + g.T) / np.sqrt((difference**2).sum(-1)))[..., None] * difference).sum(1)


def test_the_step_whose_zero_gives_nan():
    ((kind, what),) = said(check_vjp, distances, distances_vjp, signature="(n,d)->(n,n)").values()
    assert kind == "non-finite"
    assert "NaN where an entry of `((x[:, None] - x[None]) ** 2).sum(-1)` is zero" in what


def test_tied_maxima():
    ((_, what),) = said(
        check_vjp, lambda x: jnp.max(x, 0), lambda g, x: g * (x == x.max(0)), signature="(n,m)->(m)"
    ).values()
    assert what.endswith("to each of several equal entries")


def test_what_is_wrong_in_a_few_instances_is_no_approximation():
    ((kind, _),) = said(
        check_vjp, jnp.sin, lambda g, x: g * np.cos(x) * (1 + 1e-5 * (x.sum() > 4)), signature="(n)->(n)"
    ).values()
    assert kind != "precision"


def test_a_result_that_is_backwards():
    def backwards(g, x, w):
        return np.array([g @ x[2 - k : len(x) - k] for k in range(3)])

    def filtered(x, w):
        return sum(w[k] * x[k : x.shape[0] - 2 + k] for k in range(3))

    asked: Any = {"signature": "(n+2),(3)->(n)"}
    assert said(check_vjp, filtered, backwards, "w", **asked) == {"w": ("layout", "returns the right result backwards")}


# ---- thresholds


def huber(x, y):
    r = x - y
    return jnp.where(jnp.abs(r) < 1.2, 0.5 * r * r, 1.2 * (jnp.abs(r) - 0.6)).sum()


def test_another_threshold_is_found_by_what_lies_between():
    def gradient(g, x, y):
        return g * np.where(np.abs(x - y) < 1.7, x - y, 1.2 * np.sign(x - y))

    kind, sentence = said(check_vjp, huber, gradient, wrt="x", signature="(n),(n)->()")["x"]
    assert kind == "constant"
    assert sentence.startswith("uses about 1.7 in place of 1.2 in `jnp.abs(r) < 1.2`")

    def clipped(x):
        return jnp.clip(x, -1.5, 2.5)

    kind, sentence = said(check_vjp, clipped, lambda g, x: g * ((x > -1.5) & (x < 3.2583)), signature="(n)->(n)")["x"]
    assert kind == "constant"
    assert sentence.startswith("uses about 3.2 in place of 2.5")


def test_few_infinities_do_not_hide_what_is_wrong_everywhere():
    def squared_too_late(g, x, y):
        return g * y / (x + y) ** 2 * np.exp(-np.abs(x))

    kind, sentence = said(check_vjp, jnp.arctan2, squared_too_late, "x1", signature="(n),(n)->(n)")["x1"]
    assert kind == "unexplained"
    assert sentence.startswith("is wrong in ")
    assert "; besides, it gives " in sentence


# ---- options


def softened(x, temperature):
    return temperature**2 * jnp.exp(x / temperature).sum()


def test_a_factor_may_be_an_option():
    found = said(
        check_vjp,
        softened,
        lambda g, x, temperature: g * np.exp(x / temperature),
        signature="(n)->()",
        static={"temperature": [0.5, 2.0, 4.0]},
    )
    assert found["x"] == ("factor", "returns 1/temperature times the right result")


def strided(x, w, stride, pad):
    return jax.lax.conv_general_dilated(x[None, None], w[None, None], (stride,), [(pad, pad)])[0, 0]


def cropped_at_one_end(g, x, w, stride, pad):
    dx = np.zeros(len(x) + 2 * pad)
    for i, sent in enumerate(g):
        dx[i * stride : i * stride + len(w)] += sent * w
    return dx[: len(x)]


def test_no_window_moves_by_the_value_of_another_option():
    shapes = {"signature": "(n),(f)->((n+2*pad-f)//stride+1)", "sizes": {"n": [2, 3], "f": [2, 3]}}
    options = {"stride": [1, 2], "pad": [0, 1]}
    kind, sentence = said(check_vjp, strided, cropped_at_one_end, "x", static=options, **shapes)["x"]
    assert kind == "index"
    assert sentence.startswith("ignores the padding in `")


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        ((1, 0, 1), "missing-term: it ignores the tangent dw"),
        ((1, 1, -1), "sign: it has the wrong sign in what comes of the tangent db"),
        ((2, 0, 1), "missing-term: it multiplies by 2 what comes of the tangent dx and ignores the tangent dw"),
    ],
)
def test_tangents_are_named(times, sentence, dtype):
    def layer(x, w, b):
        return jnp.tanh(x @ w + b)

    def forward(x, w, b, dx, dw, db):
        x, w, b, dx, dw, db = (v.astype(float) for v in (x, w, b, dx, dw, db))
        slope = 1 / np.cosh(x @ w + b) ** 2
        of_x, of_w, of_b = times
        return slope * (of_x * (dx @ w) + of_w * (x @ dw) + of_b * db)

    def in_its_dtype(*given):
        return forward(*given).astype(given[0].dtype)

    found = mismatch(check_jvp, layer, in_its_dtype, signature="(t,n),(n,m),(m)->(t,m)", dtypes=(dtype,))
    assert str(found.diagnosis) == sentence
