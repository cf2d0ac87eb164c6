"""The pages in light and dark, on a phone and on a desk, by keyboard and on paper: what axe-core and a look find.

The content of each page is in the tests of its command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from browser import BROWSER, DESKTOP, DRIVER, Page, opened
from test_cli_lockpage import PAGE as LOCK_PAGE
from test_pages import imports_page, tiles

from minreq.pages import heatmap, treemap

pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="there is no Chromium with its driver (Debian: chromium, chromium-driver)"
)
_STEPS = [
    ("step", "bytes", "files", "risk", "why"),
    ("unreached packages", "2,157,180", "266", "low", "no source that is kept names them"),
]


def build_page() -> str:
    files = [(f"package{number}/module{number}.py", "code", 9000 - 700 * number) for number in range(9)]
    gone = ("package1/data/table.bin", treemap.LEFT_OUT + "unopened files", 5000)
    facts = [("12,345 bytes in 10 files.", False), ("Over the budget.", True)]
    return treemap.render_page("demo, --slim unused", facts, tiles(*files, gone), table=_STEPS)


def matrix_page() -> str:
    def cell(size: int, failure: str = "") -> heatmap.HeatCell:
        row = heatmap.Row(name="needed", version="1.0", bytes=size, kind="kept", why="the smoke fails without it")
        values = (None, None) if failure else (size, 1)
        return heatmap.HeatCell(values=values, facts=(("kept", "1"),), failure=failure, rows=(row,))

    measures = [heatmap.Measure(name="bytes of the lock", is_size=True), heatmap.Measure(name="distributions")]
    releases, columns = ["demo 1.0", "demo 1.1", "demo 2.0"], [f"provider{number}" for number in range(9)]
    cells: list[list[heatmap.HeatCell | None]]
    cells = [[cell(2_000_000 * (row + 1) + column * 90_000) for column in range(9)] for row in range(2)]
    cells.append([cell(0, "The smoke fails."), *[None] * 8])
    facts = [("18 cells done.", False), ("1 failed.", True)]
    return heatmap.render_page("demo", facts, measures=measures, releases=releases, columns=columns, cells=cells)


#: For each page a click that opens what is closed at first.
PAGES: Mapping[str, tuple[str, str]] = {
    "lock": (LOCK_PAGE, "element('choices').lastChild.click(); element('map').querySelector('.tile').click()"),
    "analysis": (imports_page(), "element('flame').querySelectorAll('button')[1].click()"),
    "build": (build_page(), "element('map').querySelector('.more, .group').click()"),
    "matrix": (matrix_page(), "element('map').querySelectorAll('button')[1].click()"),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, Path]]:
    folder = tmp_path_factory.mktemp("pages")
    for name, (text, _) in PAGES.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    with opened(folder / "lock.html", DESKTOP) as page:
        yield page, folder


#: The rows that do not end where their table ends.
_NARROW = """
const right = one => one.getBoundingClientRect().right;
return [...document.querySelectorAll("main tr")].filter(row => row.checkVisibility())
  .filter(row => Math.abs(right(row) - right(row.closest("table"))) > 2).map(row => row.textContent)
"""


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(browser: tuple[Page, Path], name: str) -> None:
    """As it opens, and with what a click shows; in light and dark, on a phone and on a desk."""
    page, folder = browser
    page.emulate()
    page.open(folder / f"{name}.html")
    for width in (390, 1440):
        for dark in (False, True):
            page.emulate(width=width, dark=dark)
            assert (width, dark, page.faults()) == (width, dark, [])
            assert page.run("return document.documentElement.scrollWidth <= innerWidth")
            assert page.run(_NARROW) == []
    page.run(PAGES[name][1])
    assert page.faults() == []
    page.emulate(width=390)
    assert page.faults("color-contrast") == []


#: What is cut off or has to be scrolled, in a tile of a map or an ellipsis nothing is lost: the table has it.
_CUT = """
return [...document.querySelectorAll("main, main *")].filter(one => !one.closest(".tile, .frame, .node, select"))
  .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== "visible")
  .map(one => one.id || one.className || one.tagName)
"""


@pytest.mark.parametrize("name", PAGES)
def test_paper_is_light_and_nothing_is_cut_off(browser: tuple[Page, Path], name: str) -> None:
    page, folder = browser
    page.emulate()
    page.open(folder / f"{name}.html")
    page.run(PAGES[name][1])
    # The width of A4 without its margins.
    page.emulate(width=702, dark=True, media="print")
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("return document.documentElement.scrollWidth") <= 702
    assert page.run(_CUT) == []
    assert page.run("return getComputedStyle(document.activeElement).boxShadow") == "none"
    assert (
        page.run("return [...document.querySelectorAll('main *')].map(e => getComputedStyle(e).position)").count(
            "fixed"
        )
        == 0
    )
    # On the screen it is as it was.
    page.emulate()
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run("return document.body.className") == ""


_FOCUSED = """
const at = document.activeElement;
return at === document.body ? ["", ""] : [at.outerHTML.slice(0, 120), getComputedStyle(at).outlineStyle];
"""


@pytest.mark.parametrize("name", PAGES)
def test_tab_begins_at_a_link_past_the_map_and_ends_after_the_page(browser: tuple[Page, Path], name: str) -> None:
    page, folder = browser
    page.emulate()
    page.open(folder / f"{name}.html")
    page.press("Tab")
    assert page.run("return document.activeElement.className") == "skip"
    assert page.run("return document.activeElement.getBoundingClientRect().top") >= 0
    found: list[list[str]] = []
    while not found or (found[-1][0] and len(found) < 30):
        page.press("Tab")
        found.append(page.run(_FOCUSED))
    stops = [text for text, _ in found]
    assert 3 < len(stops) < 30
    assert len({*stops}) == len(stops)
    assert [(text, ring) for text, ring in found if text and ring != "solid"] == []
    page.open(folder / f"{name}.html")
    page.press("Tab", "Enter", "Tab")
    assert page.run("return document.activeElement.closest('table') !== null")


@pytest.mark.parametrize("name", ["lock", "matrix"])
def test_the_focus_goes_into_the_evidence_and_back(browser: tuple[Page, Path], name: str) -> None:
    page, folder = browser
    page.emulate()
    page.open(folder / f"{name}.html")
    page.run("document.querySelector('#map button').focus()")
    page.press("Enter")
    assert page.run("return document.activeElement.matches('#details h2')")
    page.press("Escape")
    assert page.run("return document.activeElement === document.querySelector('#map button')")
    # Where the button that opened it was drawn anew, the focus goes to the map.
    page.press("Enter")
    page.run("drawMap(); mark()")
    page.press("Escape")
    assert page.run("return document.activeElement.closest('#map') !== null")


def test_escape_in_the_filter_empties_it_and_leaves_the_evidence_open(browser: tuple[Page, Path]) -> None:
    page, folder = browser
    page.emulate()
    page.open(folder / "lock.html")
    page.run("document.querySelector('#map button').click()")
    page.write("#filter", "boto3")
    page.press("Escape")
    assert page.run("return [element('filter').value, element('details').className]") == ["", ""]
    page.press("Escape")
    assert page.run("return element('details').className") == "empty"
