"""The formula sheets in docs/, which are made from the catalog."""

import re
from pathlib import Path

import pytest

from identities import catalog
from identities.cli import main
from identities.oracle.reference.unit import TOLERANCE
from identities.report.sheet import sheet

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize(("file", "document"), [("matrix_cookbook.md", "Matrix Cookbook"), ("giles.md", "Giles")])
def test_a_sheet_is_in_step_with_the_catalog(file: str, document: str):
    page = (DOCS / file).read_text()
    errors = dict(re.findall(r"^\|.*\| \[(\w+)\]\(.*\| ([\w.]+) \|$", page, re.MULTILINE))
    listed = {name for name, identity in catalog.items() if any(s.document == document for s in identity.sources)}
    assert errors.keys() == listed, f'make it anew: identities sheet "{document}" > docs/{file}'
    assert all(error == "exact" or float(error) <= TOLERANCE for error in errors.values())
    assert page == sheet(document, errors), f'make it anew: identities sheet "{document}" > docs/{file}'


def test_links_lead_to_the_files_of_the_formulas_and_to_no_line():
    page = (DOCS / "matrix_cookbook.md").read_text()
    links = re.findall(r"\[(\w+)\]\((\S+)\)", page)
    assert links
    for name, file in links:
        assert f"\ndef {name}(" in (DOCS / file).read_text()


def test_the_sheet_of_an_unknown_document_names_the_others(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["sheet", "Cookbook"])
    assert exit_.value.code == 2
    assert "no identity is from 'Cookbook'; the documents are 'Notes', 'Matrix Cookbook'" in capsys.readouterr().err
