"""The site and the report of a check as a browser shows them, headless Chromium by Playwright."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pages import make_report
from tests.pages.site import VERIFIED

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")

QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]

LOOK = (Path(__file__).parent / "pages" / "look.js").read_text()

WIDE, TELEPHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def report(tmp_path_factory) -> Path:
    return make_report(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


class Watched:
    """A page, and all that went wrong in it: what the console says, and what it asks of others than its own folder."""

    def __init__(self, browser: Any, folder: Path, **options: Any):
        self.root = folder.as_uri() + "/"
        self.page = browser.new_page(viewport=options.pop("viewport", WIDE), **options)
        self.trouble: list[str] = []
        self.page.on("console", lambda message: self.trouble.append(message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", lambda request: request.url.startswith(self.root) or self.trouble.append(request.url))

    def open(self, path: str) -> Any:
        self.page.goto(self.root + path)
        return self.page


@pytest.fixture
def opened(browser, request) -> Iterator[Any]:
    """Opens a page of a folder; in the end, nothing may have gone wrong in any."""
    watched: list[Watched] = []

    def open_(folder: Path, path: str, **options: Any) -> Any:
        watched.append(Watched(browser, folder, **options))
        return watched[-1].open(path)

    yield open_
    trouble = [said for each in watched for said in each.trouble]
    for each in watched:
        each.page.close()
    assert not trouble


PAGES = ["index.html", "sources.html", "notes.html", *(f"identities/{name}.html" for name in VERIFIED)]


@pytest.mark.parametrize("path", [*PAGES, "report.html"])
def test_a_page_is_well_set_on_a_screen_and_on_a_telephone_in_the_dark(path, opened, request):
    folder = report_or_site(path, request)
    page = opened(folder, path)
    assert page.evaluate(LOOK) == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.set_viewport_size(TELEPHONE)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != paper
    assert page.evaluate(LOOK) == []


def report_or_site(path: str, request: pytest.FixtureRequest) -> Path:
    if path == "report.html":
        return request.getfixturevalue("report").parent
    return request.getfixturevalue("site")


def test_search_filters_and_the_address(site, opened):
    page = opened(site, "index.html")
    found, search = page.locator("#found .name"), page.get_by_role("searchbox", name="Search")
    everything = page.locator("#all .entry").count()
    for asked, first in {
        "log det": "log_determinant",
        "trace inverse": "trace_inverse",
        "layer norm dx": "layer_norm_vjp",
        "(92)": "",
        "softmax": "softmax",
    }.items():
        search.fill(asked)
        assert 0 < found.count() < everything
        assert found.first.inner_text().startswith(first.split("_")[0])
    page.get_by_label("Kind").select_option("hessian")
    assert set(page.locator("#found .entry").evaluate_all("all => all.map(e => e.dataset.kind)")) == {"hessian"}
    kept, names = page.url, found.all_inner_texts()
    assert "q=softmax" in kept
    assert "kind=hessian" in kept
    again = opened(site, kept.removeprefix(site.as_uri() + "/"))
    assert again.locator("#found .name").all_inner_texts() == names
    assert again.get_by_role("searchbox", name="Search").input_value() == "softmax"
    search.fill("no such thing")
    assert found.count() == 0
    assert page.get_by_role("status").inner_text()


def test_what_is_found_leads_to_its_page(site, opened):
    page = opened(site, "index.html#q=softmax_vjp")
    page.locator("#found").get_by_role("link", name="softmax_vjp", exact=True).first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "softmax_vjp"
    assert "from identities.softmax import softmax_vjp" in page.get_by_role("main").inner_text()
    assert "identities verify softmax_vjp" in page.get_by_role("main").inner_text()
    assert page.get_by_role("img").count() == 2  # the pattern and the errors
    page.get_by_role("navigation", name="Site").get_by_role("link", name="The notes").click()
    assert page.get_by_role("heading", level=1).inner_text() == "The notes, executed"


def test_the_keyboard_gets_everywhere(site, opened):
    page = opened(site, "index.html")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    assert skip.evaluate("link => link === document.activeElement && link.getBoundingClientRect().left >= 0")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("squared norm")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "kind"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("/")  # in a list of choices, a slash is a slash
    assert page.evaluate("document.activeElement.name") == "kind"


def test_without_javascript_there_is_all_but_the_search(site, opened):
    page = opened(site, "index.html", java_script_enabled=False)
    assert page.locator(".entry:visible").count() == len(list((site / "identities").iterdir()))
    assert not page.get_by_role("search").is_visible()
    page.get_by_role("link", name="squared_norm_jacobian", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "squared_norm_jacobian"


@pytest.mark.parametrize(("path", "most"), [("index.html", 12), ("notes.html", 10), ("report.html", 4)])
def test_on_paper_it_is_a_few_pages(path, most, opened, request):
    page = opened(report_or_site(path, request), path)
    pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4", prefer_css_page_size=True)))
    assert 0 < pages <= most
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation", name="Site").is_visible()


def test_the_notes_show_verdicts_a_derivation_and_a_descent(site, opened):
    page = opened(site, "notes.html")
    shown = page.locator("#mean_squared_error_jacobian_theta")
    assert "verified float64" in shown.inner_text()
    assert "n times the right result" in shown.locator(".misprint").inner_text()
    assert "not verified" in page.locator("#matvec_jacobian_x").inner_text()
    assert page.get_by_role("img", name="Distance to the closed form, by step").is_visible()
    rows = dict(
        page.locator("#descent ~ table tr").evaluate_all("all => all.map(r => [...r.cells].map(c => c.innerText))")
    )
    assert rows["the rate of the run"] == next(rate for said, rate in rows.items() if "theory" in said)


def test_a_report_leads_from_the_class_to_a_mistake(report, opened):
    page = opened(report.parent, "report.html")
    assert page.title().startswith("3 files, judged")  # no candidate has changed it
    assert page.locator("script, img, iframe").count() == 0
    page.get_by_role("region", name="The class").get_by_role("link", name="detached").press("Enter")
    mistake = page.locator("article:target")
    assert mistake.get_by_role("heading").inner_text() == "centred_backward is wrong in float64"
    assert mistake.locator("mark").inner_text() == "x.mean()"
    mistake.get_by_role("link", name="Back to the class").click()
    assert page.url.endswith("#class")
