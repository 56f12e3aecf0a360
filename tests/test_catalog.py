"""The catalog: what it promises of every entry, and what an entry says of itself."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import catalog
from identities.catalog import find, jacobian, jvp
from identities.latex import plain
from identities.linear import matvec
from identities.oracle.draw.shapes import draw_shapes
from identities.oracle.draw.values import draw_values
from identities.sources import notes


def test_the_catalog_is_read_only():
    with pytest.raises(TypeError):
        catalog["matvec_jacobian_x"] = catalog["matvec_vjp_W"]  # pyright: ignore[reportIndexIssue]


def test_names_follow_from_function_kind_and_argument():
    for name, identity in catalog.items():
        assert name == identity.name == identity.closed_form.__name__
        stem = f"{identity.function.__name__}_{identity.kind}"
        full = f"{stem}_{'_'.join(identity.wrt)}"
        parameters = identity.signature.parameters
        arguments = [p.name for p in parameters if any(leaf.moves for leaf in p.leaves)]
        if len(parameters) == 1:
            assert name.startswith(stem), f"{name} should begin with {stem}"
        elif set(identity.wrt) == set(arguments):  # which need not be told one by one
            assert name in (stem, full), f"{name} should be {stem} or {full}"
        else:
            assert name.startswith(full), f"{name} should begin with {full}"


def test_of_several_gradients_the_catalog_writes_the_left_sides():
    solve = catalog["solve_vjp"]
    assert solve.wrt == ("A", "B")
    assert solve.statement == (
        r"\frac{\partial J}{\partial A} = -A^{-\top} \delta C^\top,"
        r"\quad \frac{\partial J}{\partial B} = A^{-\top} \delta"
    )
    assert plain(solve.statement) == "∂J/∂A = -A⁻ᵀ δ Cᵀ, ∂J/∂B = A⁻ᵀ δ"


def test_every_entry_is_documented_and_has_its_source():
    for identity in catalog.values():
        assert identity.closed_form.__doc__
        assert identity.function.__doc__
        assert identity.statement
        assert all(source.document and source.equation for source in identity.sources)


def test_every_equation_of_the_notes_is_there():
    cited = {source.equation for identity in catalog.values() for source in identity.sources}
    assert cited >= {*map(str, range(1, 9)), "definition", "chain rule", "regression"}


def test_elementwise_functions_come_in_three_kinds():
    jacobians = [i for i in catalog.values() if i.sources[0].equation == "4" and i.kind.name == "jacobian"]
    assert len(jacobians) >= 18
    for identity in jacobians:
        assert {f"{identity.function.__name__}_{kind}" for kind in ("vjp", "jvp")} <= set(catalog)


def test_a_notebook_shows_the_formula():
    latex = catalog["matvec_jacobian_x"]._repr_latex_()
    assert latex == r"$\displaystyle \frac{\partial Wx}{\partial x} = W$"


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(LookupError, match="did you mean matvec_jacobian_x"):
        find("matvec_jacobian")


def test_declarations_that_cannot_hold_are_refused():
    with pytest.raises(ValueError, match="matvec has no argument 'y'"):
        jacobian(matvec, wrt="y", states="", source=notes(1))
    with pytest.raises(TypeError, match=r"must take the arguments \(W, x, <any name>\)"):

        @jvp(matvec, wrt="x", states="", source=notes(1))
        def matvec_jvp_x(W, x):
            return W @ x

    with pytest.raises(ValueError, match="the catalog has an identity matvec_jacobian_x already"):

        @jacobian(matvec, wrt="x", states="", source=notes(1))
        def matvec_jacobian_x(W, x):
            return jnp.zeros_like(W)


def test_every_closed_form_can_be_imported_from_where_the_catalog_says():
    for identity in catalog.values():
        module = importlib.import_module(identity.closed_form.__module__)
        assert getattr(module, identity.name) is identity.closed_form
    with pytest.raises(AttributeError, match="has no attribute 'exp_jacobean'"):
        importlib.import_module("identities.elementwise").__getattr__("exp_jacobean")


def test_what_is_drawn_row_by_row_is_mapped_over_leading_axes():
    for identity in catalog.values():
        if not any("batch1" in a.forms[-1] and not a.domain.drawn.admits((2, 3)) for a in identity.arguments):
            continue
        (shape, *_) = draw_shapes(identity, 1, seed=0)
        batch = draw_values(identity, shape, "float32", 6, 0, ("ordinary",))
        rows = [jnp.asarray(values).reshape(2, 3, *values.shape[1:]) for values in batch.values()]
        at_once = identity.closed_form(*rows, **shape.static(identity))
        by_row = jax.vmap(jax.vmap(lambda *row, i=identity, s=shape: i.closed_form(*row, **s.static(i))))(*rows)
        for whole, mapped in zip(jax.tree.leaves(at_once), jax.tree.leaves(by_row), strict=True):
            np.testing.assert_allclose(whole, mapped, rtol=1e-6, err_msg=identity.name)
