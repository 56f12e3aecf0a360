"""Identities of the catalog with something changed, and some beside it, for what the oracle must say of them."""

import contextlib
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

from identities import Identity, catalog
from identities.catalog import vjp
from identities.domains import Domain
from identities.sources import notes


def broken(name: str, closed_form: Callable[..., Any]) -> Identity:
    """The identity with another closed form."""
    return replace(catalog[name], closed_form=closed_form)


def with_domains(identity: Identity, domains: Mapping[str, Domain]) -> Identity:
    """The identity with other domains for some of its arguments, which nobody checks then."""
    parameters = tuple(
        replace(p, leaves=tuple(replace(leaf, domain=domains.get(leaf.name, leaf.domain)) for leaf in p.leaves))
        for p in identity.parameters
    )
    unchecked = {name: inspect.unwrap(getattr(identity, name)) for name in ("function", "closed_form")}
    return replace(identity, parameters=parameters, **unchecked)


@contextlib.contextmanager
def own_catalog() -> Iterator[dict[str, Identity]]:
    """A catalog of one's own, for what is declared in this context."""
    own: dict[str, Identity] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module("identities.catalog"), "_catalog", own)
        yield own


def sum_times_vector(A: Float[Array, "n m"], B: Float[Array, "n m"], x: Float[Array, " m"]) -> Float[Array, " n"]:
    """z = (A + B) x."""
    return (A + B) @ x


def of_two_gradients() -> Identity:
    """An identity whose closed form gives two arrays."""
    with own_catalog() as own:

        @vjp(sum_times_vector, wrt=("x", "A"), states=(r"(A + B)^\top \delta", r"\delta x^\top"), source=notes(2))
        def sum_times_vector_vjp_x_A(delta, A, B, x):
            """The cotangent pulled back, shape (m,), and its outer product with the vector, shape (n, m)."""
            return A.T @ delta + B.T @ delta, jnp.outer(delta, x)

    return own["sum_times_vector_vjp_x_A"]
