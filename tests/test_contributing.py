"""The example in CONTRIBUTING.md, followed to the letter."""

import re
from pathlib import Path
from typing import Any

import pytest

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
