"""The notes as a chapter: what is computed for it when it is made."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import catalog
from identities.linear_regression import gradient_descent
from identities.report.page.chapter.chapter import chapter
from identities.report.page.chapter.descent import START, run
from identities.report.page.chapter.examples import X, Y
from identities.report.page.chapter.numbers import numbers
from identities.report.page.chapter.shapes import shapes_in_words
from identities.report.page.environment import render
from identities.report.page.verdict import verdict_of
from identities.report.rows import of_document


@pytest.fixture(scope="module")
def verdicts():
    return {name: verdict_of(identity, None) for name, identity in catalog.items()}


def test_every_number_of_the_notes_is_shown_and_the_same_records_give_the_same_bytes(verdicts):
    shown = chapter(verdicts)
    rows = of_document("Notes")
    numbers_shown = {number for row in rows if row.identity.name in shown["live"] for number in row.numbers}
    assert numbers_shown == {number for row in rows for number in row.numbers}
    assert set(shown["live"]) | {i.name for found in shown["rest"].values() for i in found} == {
        row.identity.name for row in rows
    }
    page = render("notes.html", **shown)
    assert all(f'id="{name}"' in page for name in shown["live"])
    assert render("notes.html", **chapter(verdicts)) == page


def test_the_path_is_the_run_and_shrinks_at_the_rate_of_the_theory():
    found = run()
    with jax.enable_x64(True):
        descent = gradient_descent(
            *(jnp.asarray(a, jnp.float64) for a in (X, Y)), theta0=jnp.asarray(START, jnp.float64)
        )
    assert len(found.path) == descent.steps + 1
    np.testing.assert_array_equal(found.path[-1], descent.theta)
    assert found.measured == pytest.approx(found.rate, rel=1e-6)
    bound = found.distances[0] * found.rate ** np.arange(len(found.path))
    assert (found.distances[found.distances > 1e-12] <= bound[found.distances > 1e-12]).all()


def test_numbers_and_shapes_in_words():
    assert numbers([[1, 0], [2, -3]]) == r"\begin{pmatrix} 1 & 0 \\ 2 & -3 \end{pmatrix}"
    assert numbers([0.5, -1e-9]) == r"\left( 0.500, 0.000 \right)"
    assert shapes_in_words(catalog["matvec_vjp_W"]) == (
        "delta has n entries, W is n by m, x has m entries; the result is n by m"
    )
    assert shapes_in_words(catalog["squared_norm_hessian"]) == "x has n entries; the result is n by n"
