"""Derivations: what is true of those that the catalog has, and what is said of one with a mistake in it.

That every line of them holds is tested with their identities, in test_identities.py.
"""

import json
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import DerivationMismatch, catalog, check_derivation, verify
from identities.cli import main
from identities.derivation import derivation, derivative, equation, function, misprint
from identities.derivations import declared, names
from identities.latex import plain
from identities.oracle.derivation import claims, judge_lines, outline
from identities.oracle.run.programs import cpu
from identities.oracle.verdict.explain import explain
from identities.oracle.verdict.plan import Plan
from identities.oracle.verdict.verification import LineVerdict
from identities.oracle.verify import inquiry_of
from tests.altered import broken

NAMES = names()
FEW = Plan(("float64",), 2, 16, 0, cpu())


@pytest.fixture
def declare(monkeypatch) -> Callable:
    """`derivation`, for derivations of a test's own beside those of the catalog."""
    monkeypatch.setattr("identities.derivation._derivations", {})
    return derivation


def judged(name: str) -> tuple[LineVerdict, ...]:
    found = declared(catalog[name])
    assert found is not None
    return judge_lines(found, inquiry_of(catalog[name], FEW))


@pytest.mark.parametrize("name", NAMES)
def test_every_gradient_is_derived_and_every_line_can_be_read(name):
    found = declared(catalog[name])
    assert found is not None
    lines = outline(found)
    of_derivative = [claim for line, claim in zip(lines, claims(found), strict=True) if line.of == "derivative"]
    assert {leaf.name for claim in of_derivative for leaf in claim.leaves} == {
        leaf.name for leaf in found.identity.leaves
    }
    for line in lines:
        assert not re.search(r"[\\{}]", plain(line.latex)), line.latex
        assert line.code


def test_every_line_renders_as_mathml():
    converter = pytest.importorskip("latex2mathml.converter", reason="latex2mathml is not installed")
    for name in NAMES:
        found = declared(catalog[name])
        assert found is not None
        for line in outline(found):
            shown = re.sub(r"<[^>]+>", "", converter.convert(line.latex))
            assert "\\" not in shown, line.latex


def test_what_the_notes_ask_for_is_derived():
    """Numbers (1) to (8), the chain rule and the regression."""
    cited = {source.equation for name in NAMES for source in catalog[name].sources if source.document == "Notes"}
    assert cited >= {*map(str, range(1, 9)), "chain rule", "regression"}


def test_a_wrong_line_is_found_and_named(declare):
    @declare
    def mean_squared_error_jacobian_theta(theta, X, Y):
        n, r = X.shape[0], Y - X @ theta
        right = -2 / n * r @ X
        yield function(r"J", r @ r / n)
        yield function(r"J", r @ r)
        yield derivative(r"\theta'", right)
        yield derivative(r"\theta'", -right, "sign")
        yield derivative(r"\theta'", right / 2, "factor")
        yield derivative(r"\theta'", right * n, "lost")
        yield derivative(r"\theta'", right + 2 / n * Y @ X, "term")
        yield derivative(r"\theta'", right * (1 + 1e-12), "digit")
        yield derivative(r"\theta'", jnp.sum(right), "shape")
        yield derivative(r"\theta'", jnp.where(theta > 0, right, jnp.nan), "NaN")
        yield equation(r"X^\top r = -\frac{n}{2} \theta'", r @ X, -n / 2 * right)
        yield equation(r"X^\top r = \frac{n}{2} \theta'", r @ X, n / 2 * right)

    verdicts = judged("mean_squared_error_jacobian_theta")
    assert [verdict.number for verdict in verdicts if verdict.passed] == [1, 3, 11]
    kinds = {v.number: v.mismatch.diagnosis.kind for v in verdicts if v.mismatch}
    assert {kinds[4], kinds[12]} == {"sign"}
    assert (kinds[5], kinds[6], kinds[9]) == ("factor", "reduction", "shape")
    wrong = verdicts[3].mismatch
    assert wrong is not None
    assert (wrong.line, wrong.label) == (4, "sign")
    assert wrong.arguments.keys() == {"theta", "X", "Y"}
    assert "line 4, θ', is the derivative" in str(wrong)


def test_of_several_gradients_the_line_is_about_one(declare):
    @declare
    def solve_vjp(delta, A, B):
        W = jnp.linalg.solve(A.T, delta)
        yield derivative(r"B'", W, by="B")
        yield derivative(r"B'", -W, by="B")
        yield derivative(r"A'", -W @ B.T, by="A")

    first, second, third = judged("solve_vjp")
    assert first.passed
    assert second.mismatch is not None
    assert second.mismatch.diagnosis.kind == "sign"
    assert third.mismatch is not None


def test_the_misprint_of_the_notes_fails_for_the_reason_that_is_known():
    (lost,) = [verdict for verdict in judged("mean_squared_error_jacobian_theta") if verdict.line.misprint]
    assert lost.holds
    assert not lost.passed
    assert lost.mismatch is not None
    assert "n times the right result" in lost.mismatch.diagnosis.sentence


@pytest.fixture
def doubtful(declare) -> None:
    """A derivation with a line that is wrong, and a misprint that is none."""

    @declare
    def squared_norm_jacobian(x):
        yield derivative(r"3 x^\top", 3 * x, "miscounted")
        yield misprint(derivative(r"2 x^\top", 2 * x))


def test_a_wrong_line_and_a_misprint_that_is_right_fail_the_identity(doubtful):
    verdict = verify("squared_norm_jacobian", dtypes=["float64"], shapes=1, instances=8)
    assert not verdict.passed
    assert verdict.counterexample is None
    assert [line.holds for line in verdict.derivation] == [False, False]
    text = explain(verdict)
    assert "the derivation of squared_norm_jacobian is wrong in float64: it returns 3/2 times the right result" in text
    assert "line 1, 3 xᵀ, is the derivative" in text
    assert "line 2, 2 xᵀ, is right, and is said to be a misprint" in text


def test_the_command_line_says_so_too(doubtful, capsys):
    assert main(["verify", "squared_norm_jacobian", "--shapes", "1", "--instances", "8"]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "it returns 3/2 times the right result" in out
    assert main(["show", "squared_norm_jacobian", "--derivation"]) == 1
    out = capsys.readouterr().out
    assert "1  3 xᵀ\n   miscounted\n       3 * x\n   WRONG: it returns 3/2 times the right result" in out
    assert "and is said to be a MISPRINT" in out


def test_a_changed_copy_of_an_identity_has_no_derivation(doubtful):
    assert declared(catalog["squared_norm_jacobian"])
    assert declared(broken("squared_norm_jacobian", lambda x: 2 * x)) is None


def test_records_have_every_line(tmp_path):
    file = tmp_path / "verdicts.json"
    asked = ["mean_squared_error_jacobian_theta", "exp_vjp"]
    assert main(["verify", *asked, "--shapes", "1", "--instances", "8", "--json", str(file)]) == 0
    derived, without = json.loads(file.read_text())
    assert "derivation" not in without
    assert {tuple(line) for line in derived["derivation"]} == {
        ("latex", "code", "of", "by", "misprint", "note", "passed", "error", "diagnosis")
    }
    (lost,) = [line for line in derived["derivation"] if line["misprint"]]
    assert (lost["passed"], lost["code"], lost["of"]) == (False, "2 * r @ -X", "derivative")
    assert all(
        line["passed"] and line["error"] <= 8 and not line["diagnosis"]
        for line in derived["derivation"]
        if line is not lost
    )


def test_show_prints_a_derivation_and_says_where_there_is_one(capsys):
    assert main(["show", "matvec_jacobian_x", "--derivation"]) == 0
    out = capsys.readouterr().out
    assert "1  z_i = Σ_k W_ik x_k\n   entry i of the product\n       jnp.sum(W * x, axis=1)\n   right, " in out
    assert '       I = jnp.eye(x.shape[0])\n       jnp.einsum("ik,kj->ij", W, I)\n' in out
    assert main(["show", "matvec_jacobian_x"]) == 0
    assert "identities show matvec_jacobian_x --derivation" in capsys.readouterr().out
    with pytest.raises(SystemExit) as exit_:
        main(["show", "exp_vjp", "--derivation"])
    assert exit_.value.code == 2
    assert "exp_vjp has no derivation; those that have one are composition_jacobian_x, " in capsys.readouterr().err


# Derivations that make no sense.


def test_a_derivation_has_the_name_and_the_arguments_of_an_identity(declare):
    def squared_norm_jacobean(x):
        yield derivative(r"2 x^\top", 2 * x)

    with pytest.raises(LookupError, match="did you mean squared_norm_jacobian"):
        declare(squared_norm_jacobean)

    def squared_norm_jacobian(y):
        yield derivative(r"2 y^\top", 2 * y)

    with pytest.raises(TypeError, match=r"must take the arguments \(x\)"):
        declare(squared_norm_jacobian)


def test_lines_are_yielded_one_by_one_and_once(declare):
    def squared_norm_jacobian(x):
        for _ in range(2):
            yield derivative(r"2 x^\top", 2 * x)

    with pytest.raises(TypeError, match="squared_norm_jacobian: lines are yielded one by one"):
        declare(squared_norm_jacobian)

    def squared_norm_hessian(x):
        yield derivative(r"2 I", 2 * jnp.eye(len(x)))

    declare(squared_norm_hessian)
    with pytest.raises(ValueError, match="squared_norm_hessian has a derivation already"):
        declare(squared_norm_hessian)


def test_a_line_about_nothing_is_refused(declare):
    @declare
    def solve_vjp(delta, A, B):
        yield derivative(r"A'", A)

    with pytest.raises(ValueError, match="solve_vjp, line 1: say of which result it is, by=A or by=B"):
        judged("solve_vjp")

    @declare
    def squared_norm_jacobian(x):
        yield equation(r"x \otimes x = x \otimes x", jnp.kron(x, x), jnp.kron(x, x))

    with pytest.raises(
        ValueError, match=r"line 1: sides of an equation have dimensions of the arguments, n; at n = 101"
    ):
        judged("squared_norm_jacobian")


# ---- derivations of one's own

NOTES = [
    ("the loss, differentiated", jax.jit(jax.grad(lambda theta, X, Y: jnp.mean((Y - X @ theta) ** 2)))),
    ("chain rule", lambda theta, X, Y: 2 / len(Y) * (Y - X @ theta) @ (-X)),
    ("as printed", lambda theta, X, Y: 2 * (Y - X @ theta) @ (-X)),
    ("sign taken out", lambda theta, X, Y: -2 * (Y - X @ theta) @ X),
]
SHAPES = "(p),(n,p),(n)->(p)"


def test_the_notes_lose_their_1_over_n_in_the_third_line():
    with pytest.raises(DerivationMismatch) as caught:
        check_derivation(NOTES, signature=SHAPES)
    wrong = caught.value
    assert (wrong.line, wrong.label) == (3, "as printed")
    assert (wrong.diagnosis.kind, wrong.diagnosis.factor) == ("factor", "n")
    assert "line 3, as printed, equals the one before" in str(wrong)


def test_a_right_derivation_passes():
    mended = [*NOTES[:2], lambda theta, X, Y: -2 / len(Y) * (Y - X @ theta) @ X]
    assert check_derivation(mended, signature=SHAPES).passed


def test_lines_that_are_random_or_ragged_are_named():
    with pytest.raises(DerivationMismatch) as caught:
        check_derivation([lambda x: x + np.random.rand(*x.shape), lambda x: x], signature="(n)->(n)")
    assert (caught.value.line, caught.value.diagnosis.kind) == (1, "nondeterministic")
    with pytest.raises(DerivationMismatch) as caught:
        check_derivation([lambda x: x[x > 0], lambda x: x], signature="(n)->(n)")
    assert (caught.value.line, caught.value.diagnosis.kind) == (1, "shape")


def test_a_line_that_raises_is_named_even_if_it_is_the_first():
    with pytest.raises(DerivationMismatch) as caught:
        check_derivation([lambda x: x[7], lambda x: x], signature="(n)->()")
    assert (caught.value.line, caught.value.diagnosis.kind) == (1, "raises")
    with pytest.raises(ValueError, match="two lines or more"):
        check_derivation([lambda x: x], signature="(n)->()")
