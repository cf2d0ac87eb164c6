"""Pages and pictures: what is in them, and, where there is a Chromium, what they do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from minreq.pages.plot import Bar, bars
from minreq.pages.treemap import Tile, page

#: Where the browser is, if anywhere.
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def tiles(*files: tuple[str, str, int]) -> Iterable[Tile]:
    return (Tile(place=tuple(path.split("/")), kind=kind, bytes=size) for path, kind, size in files)


PAGE = page(
    "A <tree>",
    [("All of it.", False), ("Over budget.", True)],
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


def test_the_page_holds_the_tree_and_asks_for_nothing_else() -> None:
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
    assert not re.search(r"(?:src|href)=|url\(|@import|fetch\(|https?:", PAGE)


#: Run in the page after its own script; what it collects is compared.
_CHECK = """
const seen = {};
const click = text => [...document.querySelectorAll("#map .tile")].find(tile => tile.title.startsWith(text)).click();
const names = () => [...document.querySelectorAll("#rows tr")].map(row => row.cells[0].textContent);
seen.start = names();
seen.facts = [...document.querySelectorAll("#facts .bad")].map(each => each.textContent.trim());
seen.labels = document.querySelectorAll("#map .tile span").length > 0;
click("big\\n");
seen.zoomed = names();
seen.place = element("path").textContent;
element("what").value = "files"; element("what").onchange();
seen.files = names();
document.querySelector("th[data-key=name]").click();
seen.sorted = names();
element("filter").value = "B.PY"; element("filter").oninput();
seen.filtered = names();
seen.count = element("count").textContent;
dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
seen.back = element("path").textContent;
seen.wide = document.documentElement.scrollWidth <= innerWidth;
const told = document.createElement("pre");
told.id = "seen"; told.textContent = JSON.stringify(seen);
document.body.append(told);
"""


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
@pytest.mark.parametrize("width", [1280, 390])
def test_it_zooms_sorts_and_filters(tmp_path: Path, width: int) -> None:
    assert BROWSER is not None
    file = tmp_path / "page.html"
    file.write_text(PAGE.replace("go(place);\n</script>", f"go(place);\n{_CHECK}</script>"))
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, f"--window-size={width},800", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    match = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, done.stdout[-2000:]
    assert json.loads(match[1].replace("&lt;", "<").replace("&gt;", ">")) == {
        "start": ["big", "small/only/one/<"],
        "facts": ["Over budget."],
        "labels": True,
        "zoomed": ["code", "data.bin"],
        "place": "all/ big",
        "files": ["code/a.py", "code/b.py", "data.bin"],
        "sorted": ["code/a.py", "code/b.py", "data.bin"],
        "filtered": ["code/b.py"],
        "count": "1 rows, 2,000 bytes",
        "back": "all",
        "wide": True,
    }


def test_a_plot_says_what_it_draws() -> None:
    text = bars("<sizes>", ["a", "b"], [Bar(label="1.0", parts=(3_000_000, 1_000_000)), Bar(label="2.0", parts=(0, 0))])
    assert "&lt;sizes&gt;" in text
    heights = [float(each) for each in re.findall(r'height="([\d.]+)" fill="#(?:2a6f97|e07a3f)"><title>', text)]
    assert heights[0] == pytest.approx(3 * heights[1], rel=0.01)
    assert bars("none", [], []).endswith("</svg>\n")
