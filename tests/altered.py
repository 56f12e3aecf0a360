"""Identities of the catalog with something changed, for what the oracle must say of them."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from identities import Identity, catalog
from identities.domains import Domain


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
