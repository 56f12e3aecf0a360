"""Judging one candidate in this process: what is asked of it, what comes back, and how it may misbehave."""

import random
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float
from scipy import special

import identities
from identities import CandidateMismatch, check, domains
from tests import mistakes


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def mismatch(candidate, against="squared_norm_jacobian", **options) -> CandidateMismatch:
    return mistakes.mismatch(check, candidate, against, **options)


def test_success_returns_the_verification():
    verdict = check(lambda x: 2 * x, "squared_norm_jacobian", dtypes=("float64", "float32"), shapes=3, instances=48)
    assert verdict.passed
    assert verdict.identity == "squared_norm_jacobian"
    # Three small shapes, and a larger one with a single instance of each regime.
    assert (verdict.shapes, verdict.instances) == (3 + 1, 2 * (3 * 48 + 6))
    assert set(verdict.errors["jacfwd"]) == {"float64", "float32"}
    assert verdict.warnings == ()


def test_failure_tells_everything():
    wrong = mismatch(lambda W, x: W.T, "matvec_jacobian_x")
    assert isinstance(wrong, AssertionError)
    assert (wrong.identity, wrong.dtype, wrong.diagnosis.kind) == ("matvec_jacobian_x", "float64", "shape")
    assert wrong.arguments["W"].shape == (2, 1), "the smallest shape for which the transpose differs"
    assert np.array_equal(wrong.expected, wrong.arguments["W"])
    assert np.array_equal(wrong.got, wrong.expected.T)
    message = str(wrong)
    assert "the derivative of matvec by x, of shape (n, m): ∂Wx/∂x = W" in message
    assert "it returns the transpose: it returns shape (m, n) where (n, m) is right" in message
    assert 'identities.check(<lambda>, "matvec_jacobian_x"' in message
    for name in ("W = [[", "x = [", "expected  [[", "got       [["):
        assert name in message


def test_the_counterexample_is_simple():
    wrong = mismatch(lambda delta, x: delta * np.exp(np.minimum(x, 1.5)), "exp_vjp")
    assert wrong.arguments["x"].shape == (1,)
    assert wrong.arguments["x"][0] == 2


def test_the_same_seed_gives_the_same_verdict():
    first, second = (mismatch(lambda x: x**2, seed=3) for _ in range(2))
    assert str(first) == str(second)


@pytest.mark.parametrize("arrays", ["numpy", "jax"])
def test_candidates_get_the_arrays_that_are_asked_for(arrays):
    seen = set()

    def candidate(x):
        seen.add((type(x).__module__.split(".")[0], str(x.dtype)))
        return 2 * x

    check(candidate, "squared_norm_jacobian", arrays=arrays, dtypes=("float64", "bfloat16"), shapes=2)
    assert seen == {("numpy" if arrays == "numpy" else "jaxlib", dtype) for dtype in ("float64", "bfloat16")}


@pytest.mark.parametrize("convert", [jnp.asarray, list, tuple, np.ndarray.tolist])
def test_candidates_may_return_arrays_and_lists(convert):
    assert check(lambda x: convert(2 * x), "squared_norm_jacobian").passed


def test_candidates_may_return_nested_lists():
    nested = [[1.0, 2.0], [3.0, 4.0]]
    assert check(lambda W, x: W.tolist(), "matvec_jacobian_x").passed
    assert mismatch(lambda x: nested, "squared_norm_hessian").got.tolist() == nested  # pyright: ignore[reportAttributeAccessIssue]


def test_arguments_in_another_order_go_by_their_names():
    assert check(lambda x, delta, W: np.outer(delta, x), "matvec_vjp_W").passed
    assert check(lambda a, b, c: np.outer(a, c), "matvec_vjp_W").passed


def bad_repr(x):
    class Strange:
        def __repr__(self):
            raise ValueError

    return Strange()


def too_long(x):
    raise ValueError("no " * 10_000)


_COIN = random.Random(0)

HOSTILE = {
    "none": (lambda x: None, "wrong-type", "returns None"),
    "string": (lambda x: "2x", "wrong-type", "returns a str"),
    "complex": (lambda x: 2 * x + 0j, "wrong-type", "complex128"),
    "objects": (lambda x: np.array([None] * len(x)), "wrong-type", "object"),
    "dict": (lambda x: {"x": 2 * x}, "wrong-type", "returns a dict"),
    "strange": (bad_repr, "wrong-type", "returns a Strange"),
    "ragged": (lambda x: [[1.0], [1.0, 2.0]], "wrong-type", "parts of different shapes"),
    "narrow": (lambda x: (2 * x).astype(np.float32), "precision", "returns float32 where the arguments are float64"),
    "scalar": (lambda x: np.array(2.0), "shape", "returns shape ()"),
    "nan": (lambda x: x * np.nan, "non-finite", "gives NaN"),
    "raises": (lambda x: 1 / 0, "raises", "raises ZeroDivisionError: division by zero (line "),
    "raises-much": (too_long, "raises", "raises ValueError: no no"),
    "exits": (lambda x: exit(3), "raises", "raises SystemExit: 3"),
    "too-few": (lambda: None, "raises", "takes (), and is called with the 1 arguments (x)"),
    "too-many": (lambda x, y, z: x, "raises", "takes (x, y, z), and is called with the 1 arguments (x)"),
    "random": (lambda x: x + random.random(), "nondeterministic", "different results"),
    "seldom": (lambda x: (4 if _COIN.random() < 0.03 else 3) * x, "nondeterministic", "different results"),
}


@pytest.mark.parametrize(("candidate", "kind", "words"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_candidates_get_a_clear_verdict(candidate, kind, words):
    wrong = mismatch(candidate, shapes=3, instances=32)
    assert wrong.diagnosis.kind == kind
    assert words in wrong.diagnosis.sentence
    assert len(str(wrong)) < 3000


def test_numbers_of_fewer_digits_than_their_dtype_has_are_told_apart_from_another_dtype():
    def through_bfloat16(delta, x):
        return (delta / np.cosh(x.astype(np.float32)) ** 2).astype(jnp.bfloat16).astype(np.float16)

    wrong = mismatch(through_bfloat16, "tanh_vjp", dtypes=("float16",), shapes=3, instances=64)
    assert wrong.diagnosis.kind == "precision"
    assert wrong.diagnosis.sentence == "has the digits of bfloat16 where the arguments are float16"


def doubled_in_place(x):
    return np.multiply(x, 2, out=x)


def test_writing_to_an_argument_is_a_warning_and_a_failure_only_where_that_is_asked_for():
    verdict = check(doubled_in_place, "squared_norm_jacobian", shapes=3, instances=32)
    assert verdict.passed
    assert verdict.warnings == ("writes to its argument x",)
    said = str(verdict).splitlines()
    assert said[0].startswith(f"{verdict.identity} is right in float64: {verdict.worst:.2g} units")
    assert said[1:] == ["  warning     it writes to its argument x"]
    wrong = mismatch(doubled_in_place, shapes=3, instances=32, strict=True)
    assert (wrong.diagnosis.kind, wrong.diagnosis.sentence) == ("mutates-arguments", "writes to its argument x")


def test_what_writes_to_its_argument_is_judged_by_its_values_all_the_same():
    wrong = mismatch(lambda x: np.multiply(x, 3, out=x), shapes=3, instances=32)
    assert (wrong.diagnosis.kind, wrong.diagnosis.factor) == ("factor", "3/2")


def test_settings_that_a_candidate_changes_are_restored():
    def candidate(x):
        jax.config.update("jax_enable_x64", False)
        jax.config.update("jax_default_matmul_precision", "bfloat16")
        np.seterr(all="raise")
        np.set_printoptions(precision=1)
        return 2 * x

    before = jax.config.jax_enable_x64, jax.config.jax_default_matmul_precision, np.geterr(), np.get_printoptions()  # pyright: ignore[reportAttributeAccessIssue]
    assert check(candidate, "squared_norm_jacobian", shapes=1, instances=4).passed
    after = jax.config.jax_enable_x64, jax.config.jax_default_matmul_precision, np.geterr(), np.get_printoptions()  # pyright: ignore[reportAttributeAccessIssue]
    assert before == after


def test_a_candidate_that_is_wrong_in_one_shape_only_is_found():
    wrong = mismatch(lambda x: 2 * x + (len(x) > 3) * 1e-9)
    assert wrong.arguments["x"].shape[0] > 3


def test_one_percent_is_found_in_float32_and_half_a_unit_is_not():
    scale = np.float32(1.01)
    wrong = mismatch(lambda delta, x: delta * np.cos(x) * scale, "sin_vjp", dtypes=("float32",))
    assert wrong.diagnosis.kind == "factor"
    assert wrong.diagnosis.factor == "1.01"
    assert check(lambda delta, x: delta * np.cos(x) * np.float64(1 + 3e-8), "sin_vjp", dtypes=("float32",)).passed


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_factors_are_named_in_low_precision_too(dtype):
    def halved(x, v):
        z = jax.nn.softmax(x)
        return z * (v - z @ v) / len(x) / 2

    wrong = mismatch(jax.jit(halved), "softmax_jvp", arrays="jax", dtypes=(dtype,))
    assert (wrong.diagnosis.kind, wrong.diagnosis.factor) == ("factor", "1/(2 n)")


def test_mistakes_in_the_call_are_explained():
    with pytest.raises(LookupError, match="did you mean squared_norm_jacobian"):
        check(abs, "squared_norm_jacobain")
    with pytest.raises(TypeError, match="a candidate is a function, got a float"):
        check(3.0, "squared_norm_jacobian")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match='arrays must be "numpy", "jax" or "torch"'):
        check(abs, "squared_norm_jacobian", arrays="cupy")
    with pytest.raises(ValueError, match="dtypes must be a list"):
        check(abs, "squared_norm_jacobian", dtypes="float64")


# Functions of one's own.


def loss(logits, y):
    return -(y * jax.nn.log_softmax(logits)).sum(-1).mean()


def test_a_gradient_of_a_function_of_ones_own():
    options = {"signature": "(b,k),(b,k)->()", "domains": {"y": domains.distribution}}
    assert identities.check_jacobian(loss, lambda logits, y: (softmax(logits) - y) / len(y), "logits", **options).passed
    with pytest.raises(CandidateMismatch) as caught:
        identities.check_jacobian(loss, lambda logits, y: softmax(logits) - y, "logits", **options)
    assert caught.value.identity == "loss_jacobian_logits"
    assert (caught.value.diagnosis.kind, caught.value.diagnosis.factor) == ("reduction", "b")
    assert "it sums over b where the function averages" in str(caught.value)


def test_shapes_may_come_from_annotations():
    def scaled(x: Float[Array, "n m"], s: Float[Array, ""], power=2) -> Float[Array, "n m"]:
        return x * s**power

    assert identities.check_vjp(scaled, lambda delta, x, s: delta * s**2, "x").passed
    assert identities.check_vjp(scaled, lambda delta, x, s: 2 * s * np.sum(delta * x), "s").passed
    assert identities.check_jvp(scaled, lambda x, s, dx: dx * s**2, "x").passed
    # By every floating-point argument, if nothing is said.
    assert identities.check_jvp(scaled, lambda x, s, dx, ds: dx * s**2 + 2 * x * s * ds).passed


def test_mistakes_in_the_description_are_explained():
    def f(x, y):
        return x @ y

    with pytest.raises(TypeError, match="annotate it with its shape"):
        identities.check_jacobian(f, f)
    with pytest.raises(ValueError, match=r'write it like "\(n,m\),\(m\)->\(n\)"'):
        identities.check_jacobian(f, f, signature="n,n->")
    with pytest.raises(ValueError, match=r"has 1 arguments; the function takes \(x, y\)"):
        identities.check_jacobian(f, f, signature="(n)->()")
    with pytest.raises(ValueError, match="has no argument 'z' to differentiate by"):
        identities.check_jacobian(f, f, "z", signature="(n),(n)->()")
    with pytest.raises(ValueError, match="has no argument 'z' to have a domain"):
        identities.check_jacobian(f, f, signature="(n),(n)->()", domains={"z": domains.positive})
    with pytest.raises(TypeError, match="must be written in JAX"):
        identities.check_jacobian(lambda x: np.sum(np.array(x)), f, signature="(n)->()")


def test_descriptions_that_do_not_fit_the_function_are_refused():
    def f(W, x):
        return W @ x

    def check(signature, function=f, wrt: Any = "x", **options):
        return identities.check_jacobian(function, lambda W, x: W, wrt, signature=signature, **options)

    with pytest.raises(
        ValueError, match=r"f returns shape \(6,\) for n = 6, m = 4, its signature says \(m,\) = \(4,\)"
    ):
        check("(n,m),(m)->(m)")
    with pytest.raises(TypeError, match="f does not take the shapes"):
        check("(n,m),(n)->(n)")
    with pytest.raises(TypeError, match="must return one array, it returns a tuple"):
        check("(n,m),(m)->(n)", function=lambda W, x: (W, x))
    with pytest.raises(ValueError, match="wrt is the name of an argument, or a tuple of different ones"):
        check("(n,m),(m)->(n)", wrt=("W", "W"))
    with pytest.raises(
        TypeError, match="has no option 'tolerance'; there are signature, domains, static, sizes, dtypes"
    ):
        check("(n,m),(m)->(n)", tolerance=1)
    with pytest.raises(TypeError, match=r"the domain of x must be one of identities\.domains"):
        check("(n,m),(m)->(n)", domains={"x": "positive"})


def test_names_of_cotangents_do_not_clash_with_those_of_arguments():
    def f(delta, x):
        return x * delta

    signature = "(n),(n)->(n)"
    assert identities.check_vjp(f, lambda g, delta, x: g * x, "delta", signature=signature).passed


def test_several_gradients_come_in_the_order_of_wrt_or_in_their_places():
    def scaled(x, s, w):
        return x * s * w

    options: dict[str, Any] = {"signature": "(n),(),(n)->(n)", "shapes": 2, "instances": 16}
    wrt = ("w", "x")
    assert identities.check_vjp(scaled, lambda d, x, s, w: (d * x * s, d * w * s), wrt, **options).passed
    assert identities.check_vjp(scaled, lambda d, x, s, w: (d * w * s, None, d * x * s), wrt, **options).passed


def test_a_candidate_that_raises_has_no_other_mistake():
    with pytest.raises(CandidateMismatch) as caught:
        identities.check_vjp(lambda x, w, b: x * w + b, lambda *given: 1 / 0, signature="(n),(),()->(n)", instances=8)
    assert {diagnosis.kind for diagnosis in caught.value.diagnoses.values()} == {"raises"}


# Where there is no derivative.


def relu_layer(W, x):
    return jax.nn.relu(W @ x)


def test_kinks_neither_count_nor_hide_what_does():
    signature = "(m,n),(n)->(m)"

    def right(delta, W, x):
        return np.outer(delta * (W @ x > 0), x)

    def clipped(delta, W, x):
        return np.outer(delta * (W @ x > 0), np.clip(x, -8, 8))

    assert identities.check_vjp(relu_layer, right, "W", signature=signature).passed
    with pytest.raises(CandidateMismatch, match="where an entry of x is larger in magnitude than 8"):
        identities.check_vjp(relu_layer, clipped, "W", signature=signature, instances=512)


def test_poles_do_not_count():
    with pytest.raises(CandidateMismatch) as caught:
        identities.check_jacobian(lambda x: jnp.log(x * x).sum(), lambda x: 1 / x, signature="(n)->()")
    assert caught.value.diagnosis.factor == "1/2"


def test_a_function_without_a_derivative_is_refused():
    with pytest.raises(ValueError, match=r"no finite and continuous derivative by x at .*; say with `domains`"):
        identities.check_jacobian(lambda x: jnp.sqrt(x).sum(), lambda x: 1 / x, signature="(n)->()")


def test_terms_that_cancel_to_nothing_leave_their_rounding():
    def normalise(x):
        return x / jnp.sqrt(x @ x)

    def backward(delta, x):
        r = np.sqrt(x @ x)
        return delta / r - x * (x @ delta) / r**3

    for dtype in ("float64", "float32"):
        needs = {"x": domains.nonzero}
        assert identities.check_vjp(normalise, backward, signature="(n)->(n)", domains=needs, dtypes=(dtype,)).passed


# Options of the catalog's own functions.


def gelu_by_erf(delta, x):
    return delta * (special.ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))


def test_who_does_not_take_an_option_is_judged_at_its_default():
    assert check(gelu_by_erf, "gelu_vjp").passed


def test_who_takes_an_option_is_judged_at_its_values():
    def whatever_is_asked(delta, x, approximate):
        return gelu_by_erf(delta, x)

    with pytest.raises(CandidateMismatch) as caught:
        check(whatever_is_asked, "gelu_vjp")
    assert caught.value.static == {"approximate": "tanh"}
