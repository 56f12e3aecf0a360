"""The site as files: what every page says, where its links lead, and what cannot be made."""

import json
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest

import identities
from identities import catalog
from identities.cli import main
from identities.report.page.mathml import breakable, mathml
from tests.pages.site import VERIFIED, of_few_only


def test_every_statement_is_typeset_and_none_shows_latex():
    for identity in catalog.values():
        for latex in (*identity.equations, *([identity.saves] if identity.saves else [])):
            for typeset in map(str, (mathml(latex), breakable(latex))):
                assert typeset.startswith("<math"), latex
                assert not re.search(r"[\\{}$]|mathvariant=\"monospace", re.sub(r"<[^>]*>", "", typeset)), latex


def test_a_formula_that_may_break_says_the_same():
    def text(typeset: object) -> str:
        return re.sub(r"<[^>]*>|\s", "", str(typeset))

    parts = 0
    for identity in catalog.values():
        for latex in identity.equations:
            assert text(breakable(latex)) == text(mathml(latex))
            parts += breakable(latex).count("<math")
    assert parts > 2 * len(catalog)
    assert breakable(r"a = (b + c)^+ - d \text{ where it is}").count("<math") == 6


def test_every_identity_has_its_page_with_its_code(site):
    for name, identity in catalog.items():
        page = (site / "identities" / f"{name}.html").read_text(encoding="utf-8")
        assert f"from {identity.closed_form.__module__} import {name}" in re.sub(r"<[^>]*>", "", page)
        assert ("not verified" in page) == (name not in VERIFIED)
        assert "#L" not in page, "links survive a change of line numbers"
    shown = (site / "index.html").read_text(encoding="utf-8")
    assert all(f'href="identities/{name}.html"' in shown for name in catalog)


def test_errata_are_marked_with_what_is_printed(site):
    by_document = (site / "sources.html").read_text(encoding="utf-8")
    errata = {s.erratum for identity in catalog.values() for s in identity.sources if s.erratum}
    assert by_document.count("rratum") >= len(errata) > 0


def test_no_link_is_dead(site):
    ids: dict[str, set[str]] = {}
    links: dict[str, set[str]] = {}
    for file in site.rglob("*.html"):
        html = file.read_text(encoding="utf-8")
        ids[file.as_uri()] = set(re.findall(r'\bid="([^"]+)"', html))
        links[file.as_uri()] = set(re.findall(r'\b(?:href|src)="([^"]+)"', html))
    for page, found in links.items():
        for link in found:
            target, place = urldefrag(urljoin(page, link))
            assert Path(unquote(target.removeprefix("file://"))).is_file(), f"{link} of {page}"
            assert not place or place in ids[target], f"{link} of {page}"


def test_the_same_verdicts_give_the_same_bytes(site, tmp_path, capsys):
    with of_few_only():
        assert main(["page", str(tmp_path / "again"), "--json", str(site.parent / "verdicts.json")]) == 0
    assert f"{len(VERIFIED)} of {len(catalog)} identities verified" in capsys.readouterr().out
    files = sorted(file.relative_to(site) for file in site.rglob("*") if file.is_file())
    assert files == sorted(f.relative_to(tmp_path / "again") for f in (tmp_path / "again").rglob("*") if f.is_file())
    assert all((site / file).read_bytes() == (tmp_path / "again" / file).read_bytes() for file in files)


def refused(capsys, *arguments: object) -> str:
    with pytest.raises(SystemExit) as exit_:
        main(["page", *map(str, arguments)])
    assert exit_.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": "0.0.1"}, f"was verified by version 0.0.1, and this is {identities.__version__}"),
        ({"version": None}, "was verified by version none"),
        ({"identity": "gone_jacobian"}, "the catalog has no identity 'gone_jacobian'"),
        ({"digest": "0" * 16}, "has changed since"),
    ],
)
def test_verdicts_of_another_version_are_refused(changed, said, site, tmp_path, capsys):
    records = json.loads((site.parent / "verdicts.json").read_text())
    (tmp_path / "old.json").write_text(json.dumps([{**records[0], **changed}]))
    message = refused(capsys, tmp_path / "site", "--json", tmp_path / "old.json")
    assert said in message
    assert "makes it anew" in message


def test_what_is_no_verdicts_and_no_folder_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("text")
    assert "is no JSON" in refused(capsys, tmp_path / "site", "--json", tmp_path / "file")
    (tmp_path / "list.json").write_text("[1]")
    assert "holds no verdicts" in refused(capsys, tmp_path / "site", "--json", tmp_path / "list.json")
    assert "none.json" in refused(capsys, tmp_path / "site", "--json", tmp_path / "none.json")
    assert "is a file: a site is a folder" in refused(capsys, tmp_path / "file")
    assert "Not a directory" in refused(capsys, tmp_path / "file" / "site")


def test_without_the_extra_it_says_how_to_install_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "identities.report.page.site", None)
    assert "pip install 'identities[page]'" in refused(capsys, tmp_path / "site")
