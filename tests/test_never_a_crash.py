"""Whatever the description and whatever comes back: a verdict, or a message that says what to do."""

import importlib
import pickle
import traceback
from dataclasses import replace
from random import Random

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Array, Float

import identities
from identities import CandidateMismatch, DerivationMismatch, domains
from tests import fuzz, hostile
from tests.altered import with_domains


def refused(check, *given, **asked) -> CandidateMismatch:
    with pytest.raises(CandidateMismatch) as caught:
        check(*given, **asked)
    return whole(caught.value)


def whole(mismatch: CandidateMismatch) -> CandidateMismatch:
    """A verdict that is printed, that travels between processes, and that no explanation has come to grief over."""
    again = pickle.loads(pickle.dumps(mismatch))
    assert str(again) == str(mismatch)
    assert type(again) is type(mismatch)
    for name, diagnosis in mismatch.diagnoses.items():
        assert diagnosis.failure is None, f"the explanation of {name!r} failed:\n{diagnosis.failure}"
        assert str(again.diagnoses[name]) == str(diagnosis)
    return mismatch


# What has once ended in a traceback of the oracle's own.


@pytest.mark.parametrize("wrong", [lambda delta, inp: delta * inp, lambda delta, inp: delta * jax.nn.sigmoid(inp)])
def test_a_gelu_of_ones_own_with_another_argument(wrong):
    def gelu(inp: Float[Array, " n"]) -> Float[Array, " n"]:
        return jax.nn.gelu(inp, approximate=False)

    assert refused(identities.check_vjp, gelu, wrong, shapes=3, instances=8).diagnosis.kind


def test_a_gelu_that_is_none():
    def gelu(inp, *, power=2):
        return (inp["w"] ** power).sum()

    wrong = refused(
        identities.check_vjp,
        gelu,
        lambda delta, inp: {"w": delta * inp["w"] + 1},
        signature=(({"w": "n m"},), ""),
        static={"power": [2, 3]},
        shapes=3,
        instances=8,
    )
    assert wrong.diagnosis.kind


def test_a_wrong_result_with_five_axes():
    def scaled(x, w):
        return x * w[:, None, None, None]

    wrong = refused(
        identities.check_vjp,
        scaled,
        lambda delta, x, w: (delta * w[:, None, None, None] + x, (delta * x).sum((0, 2, 3, 4))),
        signature="(b,c,d,h,w),(c)->(b,c,d,h,w)",
        shapes=3,
        instances=8,
    )
    assert wrong.leaf == "x"


def test_a_wrong_strided_convolution():
    def convolved(x, w):
        return jax.lax.conv_general_dilated(x, w, (2, 2), "VALID")

    def backward(delta, x, w):
        # The kernel is 2 by 2 and the stride is 2: every entry has one window. Here its rows are swapped.
        dx = np.einsum("nfhw,fcij->nchiwj", delta, w[:, :, ::-1]).reshape(x.shape)
        windows = x.reshape(*x.shape[:2], delta.shape[2], 2, delta.shape[3], 2)
        return dx, np.einsum("nfhw,nchiwj->fcij", delta, windows)

    signature = "(n,c,2*h,2*w),(f,c,2,2)->(n,f,h,w)"
    wrong = refused(identities.check_vjp, convolved, backward, signature=signature, shapes=3, instances=8)
    assert list(wrong.diagnoses) == ["x"]


def test_noise_where_the_gradient_is_zero():
    def layer_norm(x):
        centred = x - x.mean(-1, keepdims=True)
        return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)

    def noise(delta, x):
        return 1e-3 * np.sin(1e6 * (delta + x))

    wrong = refused(
        identities.check_vjp,
        layer_norm,
        noise,
        signature="(b,c)->(b,c)",
        sizes={"c": 1},
        dtypes=("float32",),
        shapes=3,
        instances=8,
    )
    assert wrong.diagnosis.kind


def test_domains_that_admit_no_shape_are_refused():
    def product(A, B):
        return A @ B

    tall = {"A": domains.full_column_rank, "B": domains.full_column_rank}
    with pytest.raises(ValueError, match=r"no shape can be drawn for product.*A \(n, n\+1\)"):
        identities.check_vjp(product, lambda *_: None, signature="(n,n+1),(n+1,m)->(n,m)", domains=tall)


def test_verifying_what_admits_no_shape_is_refused():
    nowhere = replace(domains.real, admits=lambda shape: False)
    with pytest.raises(ValueError, match=r"no shape can be drawn for exp_vjp.*x \(n,\)"):
        identities.verify(with_domains(identities.catalog["exp_vjp"], {"x": nowhere}))


def test_mismatches_travel_between_processes():
    refused(identities.check, lambda x: x, "squared_norm_jacobian", shapes=2, instances=8)
    lines = [("first", lambda x: x.sum()), ("second", lambda x: x.sum()), ("third", lambda x: x.mean())]
    wrong = refused(identities.check_derivation, lines, signature="(n)->()", shapes=2, instances=8)
    assert isinstance(wrong, DerivationMismatch)
    again = pickle.loads(pickle.dumps(wrong))
    assert (again.line, again.label) == (wrong.line, wrong.label) == (3, "third")


def test_an_explanation_that_fails_leaves_the_verdict(monkeypatch):
    def failing(*given, **asked):
        raise KeyError("a name of its own")

    monkeypatch.setattr(importlib.import_module("identities.oracle.diagnosis.diagnose"), "_explained", failing)
    with pytest.raises(CandidateMismatch) as caught:
        identities.check(lambda x: x + 1, "squared_norm_jacobian", shapes=2, instances=8)
    diagnosis = caught.value.diagnosis
    assert diagnosis.kind == "unexplained"
    assert "the explanation itself failed with KeyError: 'a name of its own'" in diagnosis.sentence
    assert "in failing" in (diagnosis.failure or "")
    assert pickle.loads(pickle.dumps(caught.value)).diagnosis == diagnosis


@pytest.mark.parametrize("kind", ["jacobian", "hessian"])
def test_matrices_of_complex_derivatives_are_refused(kind):
    given = {"signature": "(n)->()", "domains": {"z": domains.complex_numbers}}
    with pytest.raises(ValueError, match="z consists of complex numbers: ask for products with it, by check_vjp"):
        getattr(identities, f"check_{kind}")(lambda z: jnp.sum(jnp.abs(z) ** 2), lambda z: z, **given)


def test_results_of_integers_and_booleans():
    def signs(x):
        return x * 2, x > 0, jnp.argmax(x)

    asked = {"signature": "(n)->(n),(n),()", "shapes": 2, "instances": 8}
    assert identities.check_value(signs, lambda x: (x * 2, x > 0, np.argmax(x)), **asked).passed
    wrong = refused(identities.check_value, signs, lambda x: (x * 2, x < 0, np.argmin(x)), **asked)
    assert list(wrong.diagnoses) == ["result.1", "result.2"]


def test_a_function_without_arguments_is_refused():
    with pytest.raises(ValueError, match="takes no arrays: there is nothing to try it with"):
        identities.check_value(lambda: jnp.ones(2), lambda: jnp.ones(2), signature=((), "2"))


# And whatever has not: random functions and candidates.


@given(seed=st.integers(0, 2**32 - 1))
@hypothesis.settings(max_examples=5)
def test_nothing_but_a_verdict_or_a_message_comes_back(seed: int):
    judged(Random(seed))


def judged(random: Random) -> CandidateMismatch | identities.Verification | ValueError | TypeError:
    """A verdict on a random candidate; or the message of whoever refuses the description."""
    asked = fuzz.described(random)
    names = tuple("abc"[i] for i in asked.wrt)
    by = () if asked.kind == "value" else (names,)
    try:
        return getattr(identities, f"check_{asked.kind}")(
            asked.function, hostile.candidate(asked, random), *by, **asked.asked
        )
    except CandidateMismatch as mismatch:
        return whole(mismatch)
    except (ValueError, TypeError) as error:
        # Only what the oracle says itself is a message, and only of the description.
        last = traceback.extract_tb(error.__traceback__)[-1]
        if "/identities/" not in last.filename or not str(last.line).startswith("raise"):
            raise AssertionError(f"an error that nobody has meant, for {asked}") from error
        return error
