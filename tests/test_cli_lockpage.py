"""`minreq lock --html`: the content of the page, and its behaviour if there is a Chromium."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from browser import BROWSER
from samplelock import LOCK, with_selection
from test_cli import FakeEngine
from test_pages import data

from minreq.cli import lockpage, main
from minreq.cli.lockbudget import read_budget
from minreq.config import Settings
from minreq.lockfile import evidence
from minreq.lockfile.difference import LockDifference
from minreq.model import BuildForecast, Lock, Selection
from minreq.reporting import Reporter, Step

PAGE = lockpage.render_page(LOCK, read_budget(LOCK))


def test_it_holds_every_distribution_with_its_evidence() -> None:
    entries = {each["name"]: each for each in data(PAGE)["entries"]}
    everything = [each.candidate.name for each in LOCK.selection.kept]
    everything += [each.candidate.name for each in LOCK.selection.left_out]
    assert entries.keys() == {*everything}
    boto3, warned, spared = entries["boto3"], entries["charset-normalizer"], entries["hf-xet"]
    assert (boto3["kind"], boto3["providers"], boto3["via"]) == ("failure", ["bedrock"], ["litellm"])
    assert ["error", "ModuleNotFoundError: No module named 'boto3'"] in boto3["evidence"]
    assert boto3["chain"] == [["litellm/llms/bedrock/base_aws_llm.py:73", "<module> litellm"]]
    assert boto3["askers"] == [["litellm/llms/bedrock/base_aws_llm.py:73", "imports boto3 (bedrock/chat)"]]
    assert ["without it", "RequestsDependencyWarning: no character detection (requests)"] in warned["evidence"]
    assert (spared["kind"], spared["why"]) == ("out", "never asked for")
    assert "boto3" in entries["litellm"]["imports"]


def test_it_says_how_the_lock_fits() -> None:
    assert "184,440,000 bytes with bytecode, estimated." in PAGE
    assert "About 77,704,000 of the 262,144,000 bytes of AWS Lambda left, bytecode included." in PAGE
    measured = tuple(replace(each, compiled=each.sources * 4) for each in LOCK.selection.kept)
    lock = with_selection(LOCK, measured, LOCK.selection.left_out)
    page = lockpage.render_page(lock, read_budget(lock, build=BuildForecast(slim="cold", bytes=190_000_123)))
    assert "Over the 262,144,000 bytes of AWS Lambda by 40,456,000 bytes, bytecode included." in page
    assert "minreq build --slim cold makes a tree of about 190,000,000 bytes." in page


def test_it_is_one_file_that_asks_for_nothing_else() -> None:
    assert not re.search(r"(?:src|href)=(?!\"#)|url\(|@import|fetch\(|https?://(?!www\.w3\.org/2000/svg)", PAGE)
    assert "{{" not in PAGE


def test_it_is_written_beside_the_lock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lock.html"
    assert (
        main(["lock", "-p", "openai", "-o", str(tmp_path / "lock.txt"), "--html", str(file)], engine=FakeEngine()) == 0
    )
    assert file.read_text("utf-8") == PAGE
    assert f"Wrote {file}" in capsys.readouterr().err.replace("\n", "")


def test_it_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["lock", "-p", "openai", "--html", "-"], engine=FakeEngine()) == 0
    assert capsys.readouterr().out == PAGE
    assert main(["lock", "-p", "openai", "--html", "-", "-o", "-"], engine=FakeEngine()) == 2
    assert "--html - and --output - both print to standard output" in capsys.readouterr().err


@pytest.mark.parametrize("other", ["--check", "--dry-run"])
def test_what_writes_nothing_writes_no_page(other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lock.html"
    assert main(["lock", "-p", "openai", other, "--html", str(file)], engine=FakeEngine()) == 2
    assert "--html" in capsys.readouterr().err
    assert not file.exists()


def test_changes_from_the_previous_lock_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A distribution that is needed now, and one that is no longer declared."""
    kept, left_out = LOCK.selection.kept, LOCK.selection.left_out
    now = replace(LOCK, selection=Selection(kept=kept, left_out=left_out[:1]))
    needed = replace(left_out[0], candidate=kept[0].candidate)
    before = replace(LOCK, selection=Selection(kept=kept[1:], left_out=(needed, *left_out)))

    class Again(FakeEngine):
        def lock(self, settings: Settings, reporter: Reporter) -> Lock:
            made = super().lock(settings, reporter)
            reporter.began(Step.WRITE)
            return made

        def read_previous_evidence(self, settings: Settings) -> str | None:
            return evidence.dump(before) if settings.output.name == "lock.txt" else None

        def compare_with_previous(self, before: str | None, lock: Lock) -> LockDifference | None:
            assert lock is LOCK
            return super().compare_with_previous(before, now)

    assert main(["lock", "-p", "openai", "-o", str(tmp_path / "lock.txt")], engine=Again()) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert f"Left out by the previous lock, needed now: {kept[0].candidate.name} " in said
    gone = ", ".join(each.candidate.name for each in left_out[1:])
    assert f"Left out by the previous lock, no longer declared: {gone} " in said


#: Run in the page after its own script; what it collects is compared.
_CHECK = """
const seen = {};
const at = (box, name) => element(box).querySelector(`[data-name="${name}"]`);
const press = (one, key) => one.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
seen.tiles = element("map").querySelectorAll(".tile").length;
seen.nodes = [...element("graph").querySelectorAll(".node")].map(node => node.dataset.name).sort();
seen.edges = element("graph").querySelectorAll("path").length;
seen.before = element("details").className;
at("map", "boto3").click();
seen.title = element("details").querySelector("h2").textContent;
seen.evidence = element("details").textContent.includes("No module named 'boto3'");
seen.place = location.hash;
seen.chosen = at("graph", "boto3").classList.contains("chosen");
seen.importers = element("graph").querySelectorAll("path.to").length;
seen.link = [...element("details").querySelectorAll(".links button")].map(one => one.textContent);
element("details").querySelector(".links button").click();
seen.followed = element("details").querySelector("h2").textContent;
press(document.body, "Escape");
seen.closed = element("details").className;
element("choices").querySelector("[value=openai]").click();
seen.openai = element("chosen").textContent;
seen.dim = [...element("map").querySelectorAll(".dim")].map(one => one.dataset.name);
seen.stops = element("graph").querySelectorAll("[tabindex='0']").length;
at("graph", "litellm").focus();
press(at("graph", "litellm"), "ArrowRight");
seen.right = document.activeElement.dataset.name;
press(document.activeElement, "ArrowLeft");
seen.left = document.activeElement.dataset.name;
element("filter").value = "never"; element("filter").oninput();
seen.filtered = [...element("rows").querySelectorAll("button")].map(one => one.textContent);
seen.fits = element("graph").scrollWidth <= element("graph").clientWidth;
seen.wide = document.documentElement.scrollWidth <= innerWidth;
const told = document.createElement("pre");
told.id = "seen"; told.textContent = JSON.stringify(seen);
document.body.append(told);
"""


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_click_shows_the_evidence(tmp_path: Path, width: int) -> None:
    """By mouse and by keys, on a desktop and at the width of a phone."""
    assert BROWSER is not None
    file = tmp_path / "lock.html"
    file.write_text(PAGE.replace("drawDetails(); mark();\n</script>", f"drawDetails(); mark();\n{_CHECK}</script>"))
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
    kept = sorted(each.candidate.name for each in LOCK.selection.kept)
    assert json.loads(match[1]) == {
        "tiles": len(kept) + len(LOCK.selection.left_out),
        "nodes": kept,
        "edges": 6,
        "before": "empty",
        "title": "boto3 1.43.0",
        "evidence": True,
        "place": "#boto3",
        "chosen": True,
        "importers": 1,
        "link": ["litellm"],
        "followed": "litellm 1.106.2",
        "closed": "empty",
        "openai": "openai needs 5 of 6 kept distributions, 132,300,000 bytes unpacked.",
        "dim": ["boto3"],
        "stops": 1,
        "right": "boto3",
        "left": "litellm",
        "filtered": ["hf-xet (left out)"],
        "fits": True,
        "wide": True,
    }
