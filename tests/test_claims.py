"""What may be asked: several gradients and results, trees, integers, options, complex numbers, signatures."""

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Bool, Complex, Float, Int

from identities import check_hessian, check_jacobian, check_jvp, check_value, check_vjp, domains
from identities.dimensions import describe
from tests import mistakes

FEW: dict[str, Any] = {"shapes": 2, "instances": 16}
"""Enough of everything here, and quick."""


mismatch = functools.partial(mistakes.mismatch, **FEW)


# ---- several gradients


def affine(x, w, b):
    return x @ w + b


def affine_backward(delta, x, w, b):
    return delta @ w.T, x.T @ delta, delta.sum(0)


AFFINE = {"signature": "(k,n),(n,m),(m)->(k,m)"}


def test_several_gradients_come_as_a_tuple_in_the_order_of_wrt_or_as_a_dict_by_name():
    assert check_vjp(affine, affine_backward, **AFFINE, **FEW).passed, "by every argument, if nothing is said"
    two = check_vjp(affine, lambda *given: affine_backward(*given)[::-2], ("b", "x"), **AFFINE, **FEW)
    assert two.identity == "affine_vjp_b_x"
    by_name = check_vjp(
        affine, lambda *given: dict(zip("bwx", affine_backward(*given)[::-1], strict=True)), **AFFINE, **FEW
    )
    assert by_name.passed
    for one in (lambda *given: affine_backward(*given)[2], lambda *given: affine_backward(*given)[2:]):
        assert check_vjp(affine, one, "b", **AFFINE, **FEW).passed, "one may come bare or as a tuple of one"


def test_of_several_gradients_the_wrong_one_is_named():
    def averaged(delta, x, w, b):
        dx, dw, db = affine_backward(delta, x, w, b)
        return dx, dw, db / len(x)

    wrong = mismatch(check_vjp, affine, averaged, **AFFINE)
    assert wrong.leaf == "b"
    assert list(wrong.diagnoses) == ["b"]
    assert (wrong.diagnosis.kind, wrong.diagnosis.factor) == ("factor", "1/k")
    assert wrong.expected.shape == (1,)
    assert "b: it returns 1/k times the right result" in str(wrong)
    assert "for b" in str(wrong)


def test_each_wrong_gradient_has_a_diagnosis_of_its_own():
    def twice_wrong(delta, x, w, b):
        dx, dw, db = affine_backward(delta, x, w, b)
        return 2 * dx, dw, -db

    wrong = mismatch(check_vjp, affine, twice_wrong, **AFFINE)
    assert {leaf: found.factor for leaf, found in wrong.diagnoses.items()} == {"x": "2", "b": "-1"}
    assert "besides" in str(wrong)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda dx, dw, db: (dx, dw), "2 results where 3 are due"),
        (lambda dx, dw, db: {"x": dx, "w": dw}, "a dict of x, w where one of x, w, b is due"),
        (lambda dx, dw, db: dx, "a ndarray where (x, w, b) is due"),
    ],
)
def test_gradients_that_are_missing_are_counted(returned, words):
    wrong = mismatch(check_vjp, affine, lambda *given: returned(*affine_backward(*given)), **AFFINE)
    assert wrong.diagnosis.kind == "wrong-type"
    assert words in str(wrong)


def test_a_jvp_takes_a_tangent_for_each_argument_and_a_jacobian_has_one_for_each():
    def forward(x, w, b, dx, dw, db):
        return dx @ w + x @ dw + db

    assert check_jvp(affine, forward, **AFFINE, **FEW).passed
    wrong = mismatch(check_jvp, affine, lambda x, w, b, dx, dw, db: dx @ w + x @ dw, **AFFINE)
    assert wrong.diagnosis.kind == "missing-term"

    def jacobian(x, w, b):
        m = len(b)
        rows, columns = np.eye(len(x)), np.eye(m)
        return np.einsum("ac,nm->amcn", rows, w), np.broadcast_to(columns, (len(x), m, m))

    assert check_jacobian(affine, jacobian, ("x", "b"), **AFFINE, **FEW).passed


def cubic(x, y):
    return (x**2 * y).sum()


def test_a_hessian_by_two_arguments_is_a_tuple_of_tuples():
    def hessian(x, y):
        return (np.diag(2 * y), np.diag(2 * x)), (np.diag(2 * x), np.diag(0 * x))

    asked = {"signature": "(n),(n)->()"}
    assert check_hessian(cubic, hessian, **asked, **FEW).passed
    wrong = mismatch(check_hessian, cubic, lambda x, y: (hessian(x, y)[0], (np.diag(x), np.diag(0 * x))), **asked)
    assert list(wrong.diagnoses) == [wrong.leaf]
    assert wrong.diagnosis.factor == "1/2"


# ---- several results


def activations(x, w):
    z = x @ w
    return z, (z**2).sum(-1)


def activations_backward(delta0, delta1, x, w):
    d = delta0 + 2 * delta1[:, None] * (x @ w)
    return d @ w.T, x.T @ d


ACTIVATIONS = {"signature": "(t,c),(c,d)->(t,d),(t)"}


def test_a_vjp_of_several_results_takes_a_cotangent_for_each():
    assert check_vjp(activations, activations_backward, **ACTIVATIONS, **FEW).passed
    wrong = mismatch(check_vjp, activations, lambda d0, d1, x, w: activations_backward(d0, 0 * d1, x, w), **ACTIVATIONS)
    assert set(wrong.arguments) == {"delta0", "delta1", "x", "w"}
    assert set(wrong.diagnoses) == {"x", "w"}


def test_the_value_of_several_results_is_judged_each_by_itself():
    assert check_value(activations, lambda x, w: (x @ w, ((x @ w) ** 2).sum(-1)), **ACTIVATIONS, **FEW).passed
    wrong = mismatch(check_value, activations, lambda x, w: (x @ w, ((x @ w) ** 2).mean(-1)), **ACTIVATIONS)
    assert (list(wrong.diagnoses), wrong.diagnosis.factor) == (["result.1"], "1/d")


# ---- trees


class Named(NamedTuple):
    w: Float[Array, "n m"]
    b: Float[Array, " m"]


@dataclass
class Fields:
    w: Float[Array, "n m"]
    b: Float[Array, " m"]


class Keys(TypedDict):
    w: Float[Array, "n m"]
    b: Float[Array, " m"]


def of_named(p: Named, x: Float[Array, "k n"]) -> Float[Array, "k m"]:
    return x @ p.w + p.b


def of_fields(p: Fields, x: Float[Array, "k n"]) -> Float[Array, "k m"]:
    return x @ p.w + p.b


def of_keys(p: Keys, x: Float[Array, "k n"]) -> Float[Array, "k m"]:
    return x @ p["w"] + p["b"]


TREES = {"named tuple": (of_named, Named), "dataclass": (of_fields, Fields), "typed dict": (of_keys, dict)}


@pytest.mark.parametrize(("function", "make"), TREES.values(), ids=TREES)
def test_the_gradient_of_a_tree_is_a_tree_of_the_same_form(function, make):
    seen = set()

    def backward(delta, p, x):
        seen.add(type(p))
        w = p["w"] if make is dict else p.w
        return make(w=x.T @ delta, b=delta.sum(0)), delta @ w.T

    assert check_vjp(function, backward, **FEW).passed
    assert seen == {make}, "what the candidate gets is such a tree too"


TREE = {"signature": (({"w": "n m", "b": "m"}, "k n"), "k m")}


def test_an_array_within_a_tree_is_named():
    wrong = mismatch(
        check_vjp, of_keys, lambda delta, p, x: ({"w": x.T @ delta, "b": delta.mean(0)}, delta @ p["w"].T), **TREE
    )
    assert (list(wrong.diagnoses), wrong.diagnosis.factor) == (["p.b"], "1/k")
    assert {"delta", "p.w", "p.b", "x"} == set(wrong.arguments)


def test_a_tree_of_another_form_is_refused_with_what_is_due():
    wrong = mismatch(check_vjp, of_keys, lambda delta, p, x: ({"w": x.T @ delta}, delta @ p["w"].T), **TREE)
    assert "returns a dict of w where one of w, b is due" in str(wrong)


# ---- integers and booleans


def cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()


def cross_entropy_backward(delta, logits, labels):
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1
    return delta * p / len(labels)


LABELS = {"signature": "(b,k),(b)->()", "domains": {"labels": domains.index("k")}}


def test_integer_labels_are_drawn_from_their_domain_and_never_moved():
    seen = []

    def backward(delta, logits, labels):
        assert labels.dtype == np.int64
        seen.append((logits.shape[1], labels))
        return cross_entropy_backward(delta, logits, labels)

    assert check_vjp(cross_entropy, backward, **LABELS, **FEW).identity == "cross_entropy_vjp_logits"
    assert all(labels.min() >= 0 and labels.max() < k for k, labels in seen)
    assert any(labels.max() == k - 1 > 0 for k, labels in seen), "the last one too"
    assert any(len(set(labels)) < len(labels) for _, labels in seen), "repeated ones too"
    wrong = mismatch(check_vjp, cross_entropy, lambda d, x, y: cross_entropy_backward(d, x, y) * len(y), **LABELS)
    assert (wrong.diagnosis.kind, wrong.diagnosis.factor) == ("reduction", "b")


def test_none_is_right_for_integers_and_wrong_for_floating_point():
    def with_none(*given):
        return cross_entropy_backward(*given), None

    assert check_vjp(cross_entropy, with_none, **LABELS, **FEW).passed
    assert check_vjp(cross_entropy, with_none, ("logits", "labels"), **LABELS, **FEW).passed
    as_jax_has_it = check_vjp(cross_entropy, lambda d, *at: jax.vjp(cross_entropy, *at)[1](d), **LABELS, **FEW)
    assert as_jax_has_it.passed, "with an array of float0 for the labels"
    wrong = mismatch(check_vjp, cross_entropy, lambda *given: None, **LABELS)
    assert (wrong.diagnosis.kind, "returns None" in str(wrong)) == ("wrong-type", True)
    something = mismatch(
        check_vjp,
        cross_entropy,
        lambda d, x, y: (cross_entropy_backward(d, x, y), 1.0 * y),
        ("logits", "labels"),
        **LABELS,
    )
    assert "consists of integers: its gradient is None" in str(something)
    with pytest.raises(ValueError, match="labels consists of integers, which have no derivative"):
        check_vjp(cross_entropy, with_none, "labels", **LABELS)


def embed(w: Float[Array, "v c"], ids: Int[Array, " t"]) -> Float[Array, "t c"]:
    return w[ids]


def test_ids_that_are_repeated_tell_adding_from_writing():
    def backward(delta, w, ids):
        dw = np.zeros_like(w)
        np.add.at(dw, ids, delta)
        return dw

    def overwritten(delta, w, ids):
        dw = np.zeros_like(w)
        dw[ids] += delta
        return dw

    ids = {"domains": {"ids": domains.index("v")}}
    assert check_vjp(embed, backward, **ids, **FEW).passed
    wrong = mismatch(check_vjp, embed, overwritten, **ids)
    assert wrong.diagnosis.sentence.startswith(
        "keeps only the last of several contributions to one entry in `return w[ids]`"
    )
    with pytest.raises(ValueError, match=r"ids consists of integers: say with `domains` which"):
        check_vjp(embed, backward)


def masked(x: Float[Array, "t s"], mask: Bool[Array, "t s"]) -> Float[Array, ""]:
    return jnp.where(mask, x**2, 0).sum()


def test_booleans_come_as_booleans_and_both_are_tried():
    seen = set()

    def backward(delta, x, mask):
        seen.update((mask.dtype.name, bool(m)) for m in mask.ravel())
        return 2 * delta * x * mask

    assert check_vjp(masked, backward, **FEW).passed
    assert seen == {("bool", False), ("bool", True)}
    unmasked = mismatch(check_vjp, masked, lambda delta, x, mask: 2 * delta * x).diagnosis
    assert unmasked.kind == "missing-factor"
    assert "leaves out the condition of" in unmasked.sentence


def test_integers_lie_between_their_bounds_which_may_speak_of_dimensions():
    seen = []

    def rolled(x, by):
        return jnp.roll(x, by)

    def backward(delta, x, by):
        seen.append((len(x), int(by)))
        return np.roll(delta, -by)

    assert check_vjp(
        rolled, backward, signature="(n),()->(n)", domains={"by": domains.integers(-1, "n - 1")}, **FEW
    ).passed
    assert all(-1 <= by < n for n, by in seen)
    assert {-1, 0, 1} <= {by for _, by in seen}


# ---- options


def normalise(x, eps=1e-5, causal=False):
    y = x / jnp.sqrt((x * x).mean() + eps)
    return jnp.cumsum(y) if causal else y


def normalise_backward(delta, x, eps, causal):
    if causal:
        delta = np.cumsum(delta[::-1])[::-1]
    r = 1 / np.sqrt((x * x).mean() + eps)
    return r * delta - x * r**3 * (delta * x).mean()


def test_every_value_of_an_option_is_tried_and_a_failure_says_which():
    seen = set()

    def backward(delta, x, eps, causal):
        seen.add((eps, causal))
        return normalise_backward(delta, x, eps, causal)

    asked = {"signature": "(n)->(n)", "static": {"eps": [1e-5, 1e-2], "causal": [False, True]}}
    assert check_vjp(normalise, backward, **asked, **FEW).passed
    assert seen == {(eps, causal) for eps in (1e-5, 1e-2) for causal in (False, True)}
    wrong = mismatch(check_vjp, normalise, lambda d, x, eps, causal: normalise_backward(d, x, eps, False), **asked)
    assert wrong.static["causal"] is True
    assert "causal = True" in str(wrong)
    # A candidate that has no parameter of the name does not get the option.
    one = {"signature": "(n)->(n)", "static": {"eps": 1e-5, "causal": [False]}}
    assert check_vjp(normalise, lambda d, x: normalise_backward(d, x, 1e-5, False), **one, **FEW).passed


def thinned(x, stride):
    return x[:: stride[0], :: stride[1]]


def test_dimensions_speak_of_the_entries_of_an_option():
    def backward(delta, x, stride, other=1):
        dx = np.zeros_like(x)
        dx[:: stride[0], :: stride[other]][: delta.shape[0], : delta.shape[1]] = delta
        return dx

    def like_the_first(delta, x, stride):
        return backward(np.resize(delta, x[:: stride[0], :: stride[0]].shape), x, stride, other=0)

    asked = {"signature": "(n,m)->((n-1)//stride[0]+1,(m-1)//stride[1]+1)", **FEW}
    static = {"stride": [(2, 2), (2, 3)]}
    assert check_vjp(thinned, backward, static=static, **asked).passed
    assert mismatch(check_vjp, thinned, like_the_first, static=static, **asked).static == {"stride": (2, 3)}
    # Dimensions need not speak of all entries, and cannot speak of more than there are.
    assert check_vjp(thinned, backward, static={"stride": [(2, 3, 4)]}, **asked).passed
    for value in ((2,), "two"):
        with pytest.raises(ValueError, match=r"thinned: dimensions speak of stride\[\d\], and stride is"):
            check_vjp(thinned, backward, static={"stride": [(2, 2), value]}, **asked)


# ---- complex numbers


def length(z: Complex[Array, " n"]) -> Float[Array, ""]:
    return jnp.sqrt((jnp.abs(z) ** 2).sum())


def test_complex_gradients_follow_jax():
    assert check_vjp(length, lambda delta, z: delta * np.conj(z) / np.linalg.norm(z), **FEW).passed
    wrong = mismatch(check_vjp, length, lambda delta, z: delta * z / np.linalg.norm(z))
    assert wrong.diagnosis.kind == "conjugate"
    imaginary = mismatch(check_vjp, length, lambda delta, z: delta * z.real / np.linalg.norm(z) + 0j)
    got, expected = np.imag(imaginary.got), np.imag(imaginary.expected)
    assert got.any() != expected.any(), "the imaginary part is judged as the real one is"


def test_complex_arguments_of_a_signature_in_writing():
    def product(a, b):
        return a @ b

    of_a = {"a": domains.complex_numbers, "b": domains.complex_numbers}
    asked = {"signature": "(n,m),(m)->(n)", "domains": of_a, "dtypes": ("float32",)}
    assert check_vjp(product, lambda delta, a, b: (np.outer(delta, b), delta @ a), **asked, **FEW).passed
    assert check_jvp(product, lambda a, b, da, db: da @ b + a @ db, **asked, **FEW).passed


# ---- signatures


def test_sums_and_floor_divisions_of_dimensions():
    def convolve(x, w):
        n = x.shape[0] - w.shape[0] + 1
        return sum(w[i] * jax.lax.dynamic_slice(x, (i,), (n,)) for i in range(w.shape[0]))

    def backward(delta, x, w):
        assert len(delta) == len(x) - len(w) + 1 > 0, "shapes with a size below one are not drawn"
        return np.convolve(delta, w), np.array([delta @ x[i : i + len(delta)] for i in range(len(w))])

    assert check_vjp(convolve, backward, signature="(n),(k)->(n-k+1)", **FEW).passed

    def every_second(delta, x):
        dx = np.zeros_like(x)
        dx[::2] = delta
        return dx

    assert check_vjp(lambda x: x[::2], every_second, signature="(n)->((n+1)//2)", **FEW).passed


def test_six_names():
    def outer(x, y):
        return jnp.einsum("abc,def->abcdef", x, y)

    def backward(delta, x, y):
        return np.tensordot(delta, y, 3), np.tensordot(x, delta, 3)

    verdict = check_vjp(outer, backward, signature="(a,b,c),(d,e,f)->(a,b,c,d,e,f)", shapes=2, instances=8)
    assert verdict.passed


def test_leading_batch_axes():
    ranks = set()

    def backward(delta, x):
        ranks.add(x.ndim)
        return delta / np.cosh(x) ** 2

    assert check_vjp(jnp.tanh, backward, signature="(...,n)->(...,n)", shapes=4, instances=8).passed
    assert ranks == {1, 2, 3}, "with none, one and two"
    with pytest.raises(ValueError, match="stands for leading axes, and comes first in"):
        check_vjp(jnp.tanh, backward, signature="(n,...)->(n,...)")


def test_a_literal_one_is_an_axis():
    def columns(x):
        return x.sum(0, keepdims=True)

    def jacobian(x):
        return np.broadcast_to(np.eye(x.shape[1])[None, :, None, :], (1, x.shape[1], *x.shape))

    assert check_jacobian(columns, jacobian, signature="(n,m)->(1,m)", **FEW).passed
    wrong = mismatch(check_jacobian, columns, lambda x: jacobian(x)[0], signature="(n,m)->(1,m)")
    assert (wrong.diagnosis.kind, wrong.expected.shape) == ("shape", (1, 1, 1, 1))
    assert describe((1, "m", "n", "m")) in str(wrong)


@pytest.mark.parametrize(
    ("signature", "words", "at"),
    [
        ("(n,m),(m)->n", "the dimensions of an array stand in parentheses", 11),
        ("(n,m)(m)->(n)", "a comma separates arrays", 5),
        ("(n,m),(2m)->(n)", "'2m' is no dimension", 7),
        ("(n,m),(m/2)->(n)", "names, whole numbers, +, -, *, //, min, max and parentheses make one", 7),
        ("(n,m,(m)->(n)", "this parenthesis is not closed", 0),
    ],
)
def test_what_cannot_be_read_is_pointed_at(signature, words, at):
    with pytest.raises(ValueError, match="cannot be read") as caught:
        check_vjp(affine, affine_backward, signature=signature)
    assert words in str(caught.value)
    assert str(caught.value).endswith(f"\n  {signature}\n  {' ' * at}^")


# ---- domains


def test_cotangents_and_tangents_have_domains_by_their_names():
    positive = []

    def backward(delta0, delta1, x, w):
        positive.append((delta0 > 0).all())
        return activations_backward(delta0, delta1, x, w)

    assert check_vjp(activations, backward, **ACTIVATIONS, domains={"delta0": domains.positive}, **FEW).passed
    assert all(positive)

    def forward(x, y, dx, dy):
        assert (dy > 0).all()
        return (2 * x * y * dx + x**2 * dy).sum()

    assert check_jvp(cubic, forward, signature="(n),(n)->()", domains={"dy": domains.positive}, **FEW).passed
    with pytest.raises(ValueError, match="has no argument 'dz' to have a domain"):
        check_jvp(cubic, forward, signature="(n),(n)->()", domains={"dz": domains.positive})


@pytest.mark.parametrize("of_b", [{"p": {"b": domains.positive}}, {"p.b": domains.positive}], ids=["dict", "dotted"])
def test_a_part_of_a_tree_has_a_domain_by_a_dict_or_by_its_dotted_name(of_b):
    def backward(delta, p, x):
        assert (p["b"] > 0).all()
        return {"w": x.T @ delta, "b": delta.sum(0)}, delta @ p["w"].T

    assert check_vjp(of_keys, backward, **TREE, domains=of_b, **FEW).passed


def test_moved_arguments_stay_in_their_domain():
    # x**y has no derivative by y where x is negative, and zero belongs to the domain.
    closed = domains.Domain("no entry negative", lambda z: np.maximum(z, 0), lambda x: jnp.all(x >= 0))

    def backward(delta, x, y):
        assert (x >= 0).all()
        return delta * x**y * np.log(np.where(x > 0, x, 1))

    asked = {"signature": "(n),(n)->(n)", "domains": {"x": closed, "y": domains.positive}}
    verdict = check_vjp(lambda x, y: x**y, backward, "y", **asked, **FEW)
    assert verdict.passed
    assert (
        mismatch(check_vjp, lambda x, y: x**y, lambda d, x, y: 2 * backward(d, x, y), "y", **asked).diagnosis.factor
        == "2"
    )
