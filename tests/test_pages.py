"""Pages and charts: their content, and, where there is a Chromium, their behaviour."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from browser import BROWSER, DESKTOP, DRIVER, PHONE, Page, Screen, opened

from minreq.analyze.kinds import Kind
from minreq.build.slim.files import Rule
from minreq.pages.flame import FlameNode, ImportPage
from minreq.pages.plot import Bar, Line, render_bars, render_lines
from minreq.pages.treemap import COLOURS, Tile, render_page


def tiles(*files: tuple[str, str, int]) -> Iterable[Tile]:
    return (Tile(place=tuple(path.split("/")), kind=kind, bytes=size) for path, kind, size in files)


PAGE = render_page(
    "A <tree>",
    [("All of it.", False), ("Over budget.", True), (f"SHA-256 {'0123456789abcdef' * 4}", False)],
    tiles(
        ("big/code/a.py", "code", 4000),
        ("big/code/b.py", "code", 2000),
        ("big/data.bin", "data", 1000),
        ("small/only/one/</script><b>.py", "code", 500),
    ),
    table=[("step", "bytes"), ("tests", "1,234")],
)


def data(text: str) -> dict[str, Any]:
    match = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert match
    found: dict[str, Any] = json.loads(match[1])
    return found


def test_the_page_has_the_tree_and_loads_no_other_file() -> None:
    found = data(PAGE)
    assert found["kinds"] == ["code", "data"]
    assert found["root"] == [
        "all",
        7500,
        [
            ["big", 7000, [["code", 6000, [["a.py", 4000, 0], ["b.py", 2000, 0]]], ["data.bin", 1000, 1]]],
            # Folders with nothing but one folder in them are one; and no name ends the script.
            ["small/only/one/<", 500, [["script><b>.py", 500, 0]]],
        ],
    ]
    assert "<title>A &lt;tree&gt;</title>" in PAGE
    assert not re.search(r"(?:src|href)=(?!\"#)|url\(|@import|fetch\(|https?:", PAGE)


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_each_kind_has_a_colour_of_its_own() -> None:
    """The same on every page, under white text that can be read."""
    assert set(COLOURS) == {kind.value for kind in Kind} | {rule.value for rule in Rule}
    assert len(set(COLOURS.values())) == len(COLOURS)
    assert min(1.05 / (luminance(colour) + 0.05) for colour in COLOURS.values()) >= 4.5
    page = data(render_page("x", [], tiles(("a", "left out: docs", 2), ("b", "docs", 1))))
    assert page["colours"] == [COLOURS["docs"], COLOURS["docs"]]


needs_browser = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="there is no Chromium with its driver (Debian: chromium, chromium-driver)"
)
NAMES = "#rows td:first-child"


def shown(page: Page) -> list[str]:
    """Wait until the page is drawn, and return the names in the table."""
    page.run("return new Promise(requestAnimationFrame).then(() => true)")
    return page.texts(NAMES)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pages") / "page.html"
    made.write_text(PAGE)
    return made


@needs_browser
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_zooms_sorts_and_filters(file: Path, screen: Screen) -> None:
    with opened(file, screen) as page:
        assert page.texts("#facts .bad") == ["Over budget."]
        # As the terminal does: rounded, and not up.
        assert page.run("return [0, 1, 719023, 1 << 20].map(short)") == ["0 KiB", "1 KiB", "702 KiB", "1.0 MiB"]
        assert page.texts("#table th, #table td") == (["step", "bytes", "tests", "1,234"])
        assert shown(page) == ["big", "small/only/one/<"]
        # A folder of the map, at its heading; a touch for a phone.
        page.tap("#map .group")
        assert (shown(page), page.texts("#path button")) == (["code", "data.bin"], ["all", "/ big"])
        page.run("element('what').value = 'files'; element('what').dispatchEvent(new Event('change'))")
        assert shown(page) == ["code/a.py", "code/b.py", "data.bin"]
        page.click("th[data-key=size] button")
        assert shown(page) == ["data.bin", "code/b.py", "code/a.py"]
        page.click("th[data-key=name] button")
        assert shown(page) == ["code/a.py", "code/b.py", "data.bin"]
        assert page.run("return document.querySelector('th[data-key=name]').getAttribute('aria-sort')") == "ascending"
        page.write("#filter", "B.PY")
        assert (shown(page), page.texts("#count")) == (["code/b.py"], ["1 row, 2,000 bytes"])
        page.click("#path button")
        assert page.texts("#path button") == ["all"]
        # What is not in this place but below it can be gone to.
        page.run("element('what').value = 'here'")
        page.write("#filter", "b.py")
        assert (shown(page), page.texts("#count")) == ([], ["0 rows, 0 bytes; 1 file below it"])
        page.click("#count button")
        assert (shown(page), page.texts("#count")) == (["big/code/b.py"], ["1 row, 2,000 bytes"])
        # Nothing has to be moved aside to be read, and what is touched is as high as a finger wants it.
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")
        assert page.run("return document.querySelector('#path button').offsetHeight") >= 36


@needs_browser
def test_a_keyboard_is_enough(file: Path) -> None:
    with opened(file, DESKTOP) as page:
        focus = "const at = document.activeElement; return at.title ? at.title.split('\\n')[0] : at.textContent"
        page.press("Tab")
        assert page.run(focus) == "Skip to the table of files"
        page.press("Tab", "Tab")
        assert page.run(focus) == "big"
        page.press("Enter")
        assert shown(page) == ["code", "data.bin"]
        # The focus is in the new map, and not lost.
        assert page.run(focus) == "big/code"
        page.press("Enter")
        assert shown(page) == ["a.py", "b.py"]
        page.press("Escape", "Escape")
        assert (shown(page), page.run(focus)) == (["big", "small/only/one/<"], "big")


@needs_browser
def test_tab_stops_once_in_the_map_and_once_in_the_table(file: Path) -> None:
    """Arrow keys move within; otherwise a page of a real layer has hundreds of stops."""
    with opened(file, DESKTOP) as page:
        stops = (
            "return [...document.querySelectorAll('#map button, #rows button')].filter(e => e.tabIndex === 0).length"
        )
        assert page.run(stops) == 2
        page.press("Tab", "Tab", "Tab", "ArrowDown")
        focus = "return document.activeElement.title.split('\\n')[0]"
        assert page.run(focus) == "big/code"
        page.press("ArrowLeft")
        assert page.run(focus) == "big"
        page.press("ArrowLeft")
        assert (page.run(focus), page.run(stops)) == ("big", 2)


def imports_page() -> str:
    def node(name: str, microseconds: int, size: int, *children: FlameNode) -> FlameNode:
        return FlameNode(name=name, place="p:1", microseconds=microseconds, bytes=size, children=children)

    inside = [node("a.b", 4000, 90), node("a.c", 2000, 10), node("a.tiny", 1, 0)]
    page = ImportPage(
        title="`import a` loads 4 modules", nodes=[node("a", 9000, 100, *inside)], heading=["ms"], rows=[["9.0"]]
    )
    return render_page("x", [], tiles(("a", "code", 1)), imports=page)


def test_the_page_has_the_imports_that_can_be_seen() -> None:
    assert data(PAGE)["imports"] is None
    found = data(imports_page())["imports"]
    inside = [["a.b", "p:1", 4000, 90, []], ["a.c", "p:1", 2000, 10, []]]
    assert found["root"] == ["all", "", 9000, 100, [["a", "p:1", 9000, 100, inside]]]
    assert (found["heading"], found["rows"]) == (["ms"], [["9.0"]])


@needs_browser
def test_the_flame_graph_shows_time_and_memory_and_zooms(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(imports_page())
    with opened(file, DESKTOP) as page:
        shown = "return [...document.querySelectorAll('#flame button')].map(e => [e.innerText, e.offsetWidth])"
        found = page.run(shown)
        assert [text for text, _ in found] == ["all 9.0 ms", "a 9.0 ms", "a.b 4.0 ms", "a.c 2.0 ms"]
        assert found[1][1] / found[2][1] == pytest.approx(9 / 4, rel=0.02)
        page.click("#units button[value='3']")
        assert page.texts("#flame button") == ["all 0.0 MB", "a 0.0 MB", "a.b 0.0 MB", "a.c 0.0 MB"]
        assert page.run(shown)[2][1] / page.run(shown)[3][1] == pytest.approx(9, rel=0.02)
        page.click("#flame button:nth-child(3)")
        assert page.texts("#flame button") == ["a.b 0.0 MB"]
        page.press("Escape")
        assert len(page.texts("#flame button")) == 4
        assert page.texts("#import-lines th, #import-lines td") == ["ms", "9.0"]
    with opened(tmp_path / "page.html", PHONE) as page:
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_a_chart_names_what_it_draws() -> None:
    text = render_bars(
        "<sizes>", ["a", "b"], [Bar(label="1.0", parts=(3_000_000, 1_000_000)), Bar(label="2.0", parts=(0, 0))]
    )
    assert "&lt;sizes&gt;" in text
    heights = [float(each) for each in re.findall(r'height="([\d.]+)" fill="#(?:2a6f97|e07a3f)"><title>', text)]
    assert heights[0] == pytest.approx(3 * heights[1], rel=0.01)
    assert render_bars("none", [], []).endswith("</svg>\n")


def test_a_line_has_a_gap_where_it_has_no_value() -> None:
    text = render_lines(
        "sizes", ["1", "2", "3", "4"], [Line(name="<a>", values=(1_000_000, None, 2_000_000, 3_000_000))]
    )
    [line] = re.findall(r'<path d="([^"]+)" fill="none"', text)
    assert re.sub(r"[^ML]", "", line) == "MML"
    titles = re.findall(r"<title>(.+?)</title></circle>", text)
    assert titles == [
        f"&lt;a&gt;, {place}" for place in ("1: 1,000,000 bytes", "3: 2,000,000 bytes", "4: 3,000,000 bytes")
    ]
    assert render_lines("none", [], []).endswith("</svg>\n")
