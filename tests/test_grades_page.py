"""`identities check --html`: the verdicts on a class as one file, which loads nothing and trusts nobody."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from identities import cli_check
from identities.cli import main
from identities.report.page.grades import legible
from tests.pages import HOSTILE, STUDENTS, make_report

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """What a page consists of: its elements, each with its attributes, and its text."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def attributes(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]


@pytest.fixture(scope="module")
def html(tmp_path_factory) -> str:
    return make_report(tmp_path_factory.mktemp("class")).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_every_verdict_leads_to_its_mistake(page):
    ids, links = page.attributes("id"), page.attributes("href")
    assert len(set(ids)) == len(ids)
    assert {link.removeprefix("#") for link in links} <= set(ids)
    mistakes = [name for name in ids if name.startswith("mistake-")]
    assert len(mistakes) == 3
    assert all(links.count(f"#{mistake}") == 2 for mistake in mistakes)  # from the class, and from the file


def test_a_mistake_has_its_sentence_its_line_and_its_smallest_case(page, html):
    said = " ".join(page.text.split())
    assert "it treats mean = x.mean() (line 10) as a constant" in said
    assert "lab.py, line 10 9 scale = 2 10 mean = x.mean() 11 return scale * (x - mean)" in said
    assert "<mark>x.mean()</mark>" in html
    assert "it returns 1/2 times the right result" in said
    assert "delta = [2.]x = [1.]expected[4.] got[2.]" in said
    assert "--only square_backward --dtypes float64" in said
    assert "centred_bakward is not asked for by" in said
    assert "2 of 6 functions are right" in said


def test_files_are_called_by_what_tells_them_apart(html):
    assert re.findall(r'<h2 id="file-\d">(.*)</h2>', html) == ["ada.py", "&lt;b&gt;eve.py", "bob.py"]


def test_what_candidates_write_is_text(page):
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "link", "iframe", "b", "i"}
    assert HOSTILE.replace("`", "")[:60] in page.text
    assert all(link.startswith("#") for link in page.attributes("href"))
    assert not page.attributes("src")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    (policy,) = (value for value in page.attributes("content") if "default-src" in value)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_characters_that_are_not_seen_are_spelled_out():
    assert legible({"got": ["a\u202eb\x00\ud800\n", 1.5, None]}) == {"got": ["a\\u202eb\\x00\\ud800\n", 1.5, None]}


def test_the_catalog_shows_the_formula_that_is_right(tmp_path):
    (tmp_path / "mine.py").write_text("def square_vjp(delta, x): return delta * x")
    main(["check", str(tmp_path / "mine.py"), "--html", str(tmp_path / "page.html"), "--shapes", "1"])
    html = (tmp_path / "page.html").read_text()
    assert "<math" in html
    assert "0 of 1 functions are right, by\nthe catalog" in html
    assert 'id="class"' not in html


@pytest.mark.parametrize(
    ("name", "said"), [("no/page.html", "there is no folder for"), ("", "is a folder; name a file")]
)
def test_what_cannot_be_written_is_said_before_the_work(tmp_path, monkeypatch, capsys, name, said):
    monkeypatch.setattr(cli_check, "grade_files", lambda *_: pytest.fail("it has begun to work"))
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(SystemExit, match="2"):
        main(["check", str(tmp_path / "mine.py"), "--html", str(tmp_path / name)])
    assert said in capsys.readouterr().err


def test_without_the_extra_it_is_said_which_command_installs_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    for name in [name for name in sys.modules if name.startswith("identities.report.page")]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(SystemExit, match="2"):
        main(["check", str(tmp_path / "mine.py"), "--html", str(tmp_path / "page.html")])
    assert re.search(r"jinja2 is not installed: .*identities\[page\]", capsys.readouterr().err)
    assert not (tmp_path / "page.html").exists()


def test_names_are_not_what_places_in_the_page_are_called_by(page):
    written = "".join(page.attributes("id") + page.attributes("href"))
    assert not any(Path(name).stem in written for name in STUDENTS)
