"""The oracle: what it draws, what it reports, and how it fails."""

import dataclasses
import itertools
import pickle
import subprocess
import sys
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from identities import CandidateMismatch, DerivationMismatch, catalog, check, check_derivation, check_jacobian, verify
from identities.catalog import jacobian
from identities.domains import Domain, Drawn, full_column_rank, full_row_rank, invertible
from identities.latex import plain
from identities.options import Choice
from identities.oracle.draw.shapes import Shape, admitted, draw_shapes
from identities.oracle.draw.values import draw_values, exact_half_width
from identities.oracle.verdict.explain import command, explain
from identities.oracle.verdict.verification import Verification
from identities.oracle.verify import verify_each
from identities.sources import notes
from tests.altered import broken, own_catalog, with_domains

cheaply: dict[str, Any] = {"shapes": 2, "instances": 32}


def test_shapes_are_tall_wide_square_and_single():
    drawn = draw_shapes(catalog["matvec_jacobian_x"], 4, seed=3)
    shapes = [tuple(dict(shape.sizes).values()) for shape in drawn]
    assert shapes[0][0] > shapes[0][1]
    assert shapes[1][0] < shapes[1][1]
    assert shapes[2][0] == shapes[2][1] > 1
    assert shapes[3] == (1, 1)


def test_more_shapes_are_all_different_and_depend_on_the_seed():
    drawn = draw_shapes(catalog["composition_jacobian_x"], 20, seed=0)
    assert len(set(drawn)) == 20
    assert drawn == draw_shapes(catalog["composition_jacobian_x"], 20, seed=0)
    assert drawn != draw_shapes(catalog["composition_jacobian_x"], 20, seed=1)


def test_rows_come_in_both_forms():
    assert {shape.form for shape in draw_shapes(catalog["vecmat_jacobian_x"], 4, 0)} == {0, 1}


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_drawn_values_lie_in_their_domains(dtype):
    for identity in catalog.values():
        # The sizes of all identities are few, tall or wide, so that what is called here is compiled once.
        dims = identity.dimensions
        tall, wide = (Shape(tuple(zip(dims, sizes, strict=False))) for sizes in ((6, 5, 4, 3, 2), (2, 3, 4, 5, 6)))
        of_options = draw_shapes(identity, 1, seed=0)[0] if identity.options else None
        shape = of_options or (tall if admitted(identity, tall) else wide)
        batch = draw_values(identity, shape, dtype, 20, seed=0)
        for a in identity.arguments:
            assert batch[a.name].shape[1:] == shape.of(a)
            for value in batch[a.name][::5]:
                domain = a.domain.at(dict(shape.sizes))
                assert domain.contains(jnp.asarray(value.astype(np.float32))), (identity.name, a.name)


def test_the_verdict_counts_what_was_tried():
    verdict = verify("softmax_jacobian", dtypes=["float64", "float32"], shapes=3, instances=40)
    assert verdict.passed
    assert verdict.counterexample is None
    assert (verdict.shapes, verdict.instances) == (3, 3 * 2 * 40)
    assert set(verdict.errors) == {"jacfwd", "jacrev", "differences"}
    assert 0 < verdict.errors["jacfwd"]["float32"] < 8
    assert verdict.bound_log10 is None


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("determinant_vjp", 0),  # a determinant is beyond the largest number of float16, and some cofactors are
        ("determinant_jacobian", 0),  # all of the derivative is, and so is its product with a random line
        ("matvec_vjp_W", 1),  # differences of values that are zero only because their terms cancel
        ("grpo_loss_vjp", 7),  # a ratio that float16 rounds to the other side of its clip
    ],
)
def test_float16_is_verified_where_it_is_hard(name, seed):
    assert verify(name, dtypes=("float16",), instances=512, seed=seed).passed


def test_a_matrix_over_which_lapack_fails_has_a_neighbour():
    small = np.array([[[-2.0, 2, 0, -2], [0, 2, 2, 2], [2, 0, -2, 0], [2, 2, 1, -2]]])
    (made,) = invertible.project(small)
    assert np.linalg.matrix_rank(made) == 4


def test_an_exact_identity_comes_with_its_bound():
    verdict = verify("matvec_vjp_W", dtypes=["float64"], shapes=1, instances=10)
    # A product of two draws is of degree two.
    assert verdict.bound_log10 == pytest.approx(10 * np.log10(2 / (2 * exact_half_width("float64") + 1)))
    assert verdict.errors["jacrev"]["float64"] == 0


def test_the_same_seed_gives_the_same_verdict():
    one, two, other = (verify("gelu_jacobian", seed=seed, **cheaply) for seed in (5, 5, 6))
    assert one.errors == two.errors != other.errors


def test_verify_leaves_jax_as_it_was():
    verify("exp_jvp", **cheaply)
    assert jnp.ones(1).dtype == jnp.float32
    assert jax.config.jax_default_matmul_precision is None  # pyright: ignore[reportAttributeAccessIssue]


def test_a_wrong_claim_fails_with_the_smallest_counterexample():
    verdict = verify(broken("matvec_jacobian_x", lambda W, x: W + (W.shape[0] > 1) * jnp.outer(W[:, 0], x)), **cheaply)
    assert not verdict.passed
    assert not verdict.agrees("jacfwd")
    failure = verdict.counterexample
    assert failure is not None
    assert failure.arguments["W"].shape == (2, 1)  # at n = 1 the claim is right
    np.testing.assert_array_equal(failure.expected, failure.arguments["W"])
    assert np.abs(failure.got - failure.expected).max() > 0
    text = explain(verdict, plain(catalog["matvec_jacobian_x"].statement))
    assert "matvec_jacobian_x is not what jacfwd says: ∂Wx/∂x = W" in text
    assert command(verdict) in text


def test_the_simplest_values_are_shown():
    verdict = verify(broken("squared_norm_jacobian", lambda x: 3 * x), **cheaply)
    assert verdict.counterexample is not None
    assert abs(verdict.counterexample.arguments["x"]) == [1.0]


def test_a_result_of_another_shape_fails_even_if_it_broadcasts():
    verdict = verify(broken("squared_norm_jacobian", lambda x: 2 * x[None]), **cheaply)
    assert not verdict.passed
    assert "of another shape" in explain(verdict)
    assert not verify(broken("squared_norm_hessian", lambda x: jnp.full((1, 1), 2.0, x.dtype)), **cheaply).passed


def test_small_mistakes_are_shown_with_all_their_digits():
    verdict = verify(broken("exp_jvp", lambda x, v: jnp.exp(x) * v * (1 + 1e-7)), dtypes=["float64"], **cheaply)
    expected, got = explain(verdict).split("expected")[1].split("got")
    assert expected.strip() != got.split("repeat")[0].strip()


@pytest.mark.parametrize("name", ["fractional_max_pool_vjp_x", "top_k_gating_vjp"])
def test_comparisons_that_rounding_turns_hide_no_mistake(name):
    def an_eighth_too_large(*given, **options):
        return jax.tree.map(lambda gradient: gradient * 1.125, catalog[name].closed_form(*given, **options))

    assert not verify(broken(name, an_eighth_too_large), dtypes=["bfloat16"]).passed


@pytest.mark.parametrize("wrong", [jnp.nan, jnp.inf])
def test_what_is_not_finite_fails(wrong):
    verdict = verify(broken("exp_jacobian", lambda x: jnp.diag(jnp.exp(x)) * wrong), **cheaply)
    assert verdict.errors["jacfwd"]["float64"] == np.inf


def test_the_order_of_many_is_kept():
    names = ["softmax_vjp", "matvec_jacobian_x", "softmax_jvp"]
    verdicts = list(verify_each([catalog[name] for name in names], **cheaply))
    assert sorted(v.identity for v in verdicts) == sorted(names)
    assert all(isinstance(v, Verification) and v.passed for v in verdicts)


def test_verdicts_travel_between_processes():
    verdict = verify(broken("exp_jvp", lambda x, v: -jnp.exp(x) * v), **cheaply)
    assert explain(pickle.loads(pickle.dumps(verdict))) == explain(verdict)


@pytest.fixture
def mismatches() -> list[CandidateMismatch]:
    """What is thrown for a wrong candidate, and for a wrong line of a derivation."""
    with pytest.raises(CandidateMismatch) as candidate:
        check(lambda x: 3 * x, "squared_norm_jacobian", **cheaply)
    lines = [lambda x: 2 * x, ("doubled once more", lambda x: x + x), ("wrong", lambda x: 2 * x * x)]
    with pytest.raises(DerivationMismatch) as line:
        check_derivation(lines, signature="(n)->(n)", **cheaply)
    return [candidate.value, line.value]


def test_mismatches_travel_between_processes(mismatches: list[CandidateMismatch]):
    copies = [pickle.loads(pickle.dumps(mismatch)) for mismatch in mismatches]
    for mismatch, again in zip(mismatches, copies, strict=True):
        assert type(again) is type(mismatch)
        assert str(again) == str(mismatch)
        assert again.diagnosis == mismatch.diagnosis
        assert again.diagnoses == mismatch.diagnoses
        assert (again.dtype, again.leaf, again.static) == (mismatch.dtype, mismatch.leaf, mismatch.static)
        np.testing.assert_array_equal(again.expected, mismatch.expected)
        np.testing.assert_array_equal(again.got, mismatch.got)
    line = copies[-1]
    assert isinstance(line, DerivationMismatch)
    assert (line.line, line.label) == (3, "wrong")


nowhere = Domain("an array that does not exist", lambda z: z, lambda x: jnp.array(True), admits=lambda shape: False)


@pytest.mark.parametrize("judge", [verify, lambda identity: check(identity.closed_form, identity)])
def test_an_empty_verdict_is_refused(judge):
    with pytest.raises(ValueError, match=r"no shape can be drawn for matvec_jacobian_x: .* W \(n, m\), x \(m,\)"):
        judge(with_domains(catalog["matvec_jacobian_x"], {"W": nowhere}))


@pytest.mark.parametrize(
    ("signature", "domains", "arguments"),
    [
        ("(n,n+1)->()", {"X": full_column_rank}, r"X \(n, n\+1\)"),
        ("(n-n,m)->()", {}, r"X \(n-n, m\)"),
        ("(n,n+1)->()", {"X": full_row_rank.drawn_so(Drawn(largest=1))}, r"X \(n, n\+1\)"),
    ],
)
def test_a_function_that_takes_no_array_at_all_is_refused(signature, domains, arguments):
    with pytest.raises(ValueError, match=f"no shape can be drawn .*{arguments}"):
        check_jacobian(lambda X: jnp.sum(X * X), lambda X: 2 * X, signature=signature, domains=domains)


def test_every_choice_of_an_option_is_tried():
    tried = set()

    def running(
        x: Float[Array, " n"],
        reverse: Annotated[bool, Choice(False, True)],
        scale: Annotated[str, Choice("one", "two", "three")],
    ) -> Float[Array, " n"]:
        """Sums from either end, times something."""
        return ["one", "two", "three"].index(scale) * jnp.cumsum(x[::-1] if reverse else x)

    with own_catalog() as own:

        @jacobian(running, wrt="x", states="T", source=notes(1))
        def running_jacobian_x(x, reverse, scale):
            """A triangle of ones, with its columns in reverse or not."""
            tried.add((reverse, scale))
            lower = jnp.tril(jnp.ones((len(x), len(x)), x.dtype))
            return ["one", "two", "three"].index(scale) * (lower[:, ::-1] if reverse else lower)

    identity = own["running_jacobian_x"]
    assert verify(identity, shapes=1, instances=8).passed
    every = set(itertools.product((False, True), ("one", "two", "three")))
    assert tried == every
    for wrong in every - {(False, "one"), (True, "one")}:  # which are zero

        def but_once(x, reverse, scale, wrong=wrong):
            right = running_jacobian_x(x, reverse, scale)
            return 2 * right if (reverse, scale) == wrong else right

        verdict = verify(dataclasses.replace(identity, closed_form=but_once), shapes=1, instances=8)
        assert verdict.counterexample is not None
        assert verdict.counterexample.static == dict(zip(("reverse", "scale"), wrong, strict=True))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dtypes": ["float63"]}, "dtypes must be a list of some of .*float64.* got .*float63"),
        ({"dtypes": "float64"}, "dtypes must be a list of some of"),
        ({"dtypes": []}, "dtypes must be a list of some of"),
        ({"shapes": 0}, "shapes must be at least 1, got 0"),
        ({"instances": -1}, "instances must be at least 1, got -1"),
        ({"device": "abacus"}, "there is no 'abacus' device here; JAX sees"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        verify("exp_jvp", **options)


def test_an_unknown_name_is_refused():
    with pytest.raises(LookupError, match="did you mean exp_jacobian"):
        verify("exp_jacobean")


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{\partial Wx}{\partial x} = W", "∂Wx/∂x = W"),
        (r"\frac{1}{2 \sqrt{x}}", "1/(2 √x)"),
        (r"(\hat{y} - y)^\top", "(ŷ - y)ᵀ"),
        (r"\frac{\partial}{\partial x} \lVert x \rVert^2 = 2 x^\top", "∂/∂x ‖x‖² = 2 xᵀ"),
    ],
)
def test_formulas_read_in_plain_text(latex, text):
    assert plain(latex) == text


def test_importing_the_package_is_light():
    program = (
        "import sys, identities; assert not {'hypothesis', 'pytest', 'rich', 'identities.derivations'} & "
        "set(sys.modules); "
        "import jax; assert not jax.config.jax_enable_x64; "
        "from jax._src import xla_bridge; assert not xla_bridge._backends"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
