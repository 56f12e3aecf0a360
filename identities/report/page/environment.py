"""The templates, and what they may use of this package."""

import functools
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import identities
from identities.oracle.reference.unit import TOLERANCE
from identities.report.page.code import highlighted
from identities.report.page.mathml import breakable, is_wide, mathml
from identities.report.page.words import anchor_of, numbers_of, words_of
from identities.report.tables import shapes_of

STATIC = files("identities.report.page") / "static"
"""The files that a site has beside its pages."""


def render(template: str, **values: Any) -> str:
    """A page. `root` is the way from it to the site's folder: empty, or `../`."""
    return _environment().get_template(template).render(values)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("identities.report.page"),
        autoescape=True,
        undefined=StrictUndefined,  # a slip in a template is an error, not a hole in a page
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(math=mathml, formula=breakable, python=highlighted)
    environment.tests["wide"] = is_wide
    environment.globals.update(
        version=identities.__version__,
        root="",
        tolerance=TOLERANCE,
        anchor=anchor_of,
        numbers=numbers_of,
        shapes=shapes_of,
        words=words_of,
    )
    return environment
