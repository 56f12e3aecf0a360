"""The examples in CONTRIBUTING.md, followed to the letter."""

import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

import identities.derivations.linear
import identities.linear
from identities import verify
from identities.catalog import _catalog
from identities.oracle.verdict.explain import explain

PAGE = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()


@pytest.fixture
def added():
    """Names of the identities that the page's code adds to the file that it names; the catalog forgets them again."""
    assert "Into `identities/linear.py`" in PAGE
    function, closed_form = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    contents: dict[str, Any] = dict(vars(identities.linear))
    before = set(_catalog)
    try:
        exec(function, contents)
        exec(closed_form, contents)
        yield [name for name in _catalog if name not in before]
    finally:
        for name in _catalog.keys() - before:
            del _catalog[name]


def test_the_example_adds_an_identity_that_holds(added):
    (name,) = added
    assert f"`identities verify {name}` and `pytest -k {name}`" in PAGE.replace("\n", " ")
    verdict = verify(name)
    assert verdict.passed, explain(verdict)
    assert verdict.bound_log10 is not None, "it is claimed to be exact"


def test_the_derivation_is_one_of_the_catalog():
    (example,) = re.findall(r"^    @derivation\n(?:    .*\n|\n(?=    ))+", PAGE, re.MULTILINE)
    assert textwrap.dedent(example) == inspect.getsource(identities.derivations.linear.squared_norm_jacobian)
