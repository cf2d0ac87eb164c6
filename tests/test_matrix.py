"""`minreq matrix` as a user meets it: releases by columns, one file for each cell, tables and a page."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from browser import BROWSER, DESKTOP, DRIVER, PHONE, opened
from commanding import Done, Project, project
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from minreq import api, errors
from minreq.config.matrix import matrix_settings, read_matrix_file
from minreq.config.settings import format_command
from minreq.errors import CellsCollide, ExtraMissing, InvalidOptions, NoVersion, OutputUnwritable
from minreq.interpreter import host_platform
from minreq.lock import lock
from minreq.matrix import engines, run
from minreq.matrix.cells import Cell, CellJob, Column, check_collisions, choose_releases, make_cells
from minreq.matrix.files import pack_files, unpack_files
from minreq.matrix.matrix import plan_jobs
from minreq.matrix.results import CellResult, Part, ResultFolder, compare, find_changes
from minreq.providers import measure
from minreq.providers.needs import Measurement, NeededDistribution, ProviderNeeds

#: Processes of every worker: the same on each Python.
one_python = pytest.mark.one_python

SCENARIO = """
explanation = "The need of `app` grows with 1.2, and 2.0 does not work."
requirements = ["app"]
program = "import app"
[wheels]
app."1.0" = { requires = ["needed", "unused"], files = { "app/__init__.py" = "import needed" } }
app."1.1" = { requires = ["needed", "unused"], files = { "app/__init__.py" = "import needed" }, yanked = true }
app."1.2" = { requires = ["needed", "late"], files = { "app/__init__.py" = "import needed, late" } }
app."2.0" = { requires = ["needed"], files = { "app/__init__.py" = "import needed, forgotten" } }
needed."1.0" = {}
unused."1.0" = {}
late."1.0" = {}
"""
FILE = """
root = "app"
last = 3
smoke = ["work/smoke.py"]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    own = project(SCENARIO, tmp_path_factory.mktemp("matrix"))
    (own.folder.parent / "app.toml").write_text(FILE)
    return own


@pytest.fixture(scope="module")
def filled(made: Project) -> Done:
    return made.minreq("matrix", "../app.toml", "-j", "2", "--json", "--html", "minreq-matrix/page.html")


def rows(done: Done) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(done.out)["cells"]
    return found


def test_each_release_has_a_row(filled: Done) -> None:
    assert filled.status == 0, filled.err
    found = rows(filled)
    assert [(each["version"], each["status"], each["kept"]) for each in found] == [
        ("1.0", "done", 2),
        ("1.2", "done", 3),
        ("2.0", "failed", None),
    ]
    assert [each["declared"] for each in found] == [3, 3, None]
    # A release that fails for its own reason is a result.
    assert (found[2]["reason"], "forgotten" in found[2]["sentence"]) == ("module", True)
    assert (found[1]["compared_with"], found[1]["added"], found[1]["dropped"]) == ("1.0", "late", "")
    assert "3 of 3" in filled.err


def test_the_folder_has_a_file_for_each_cell_and_the_tables(made: Project, filled: Done) -> None:
    folder = made.folder / "minreq-matrix"
    cells = sorted(path.stem for path in (folder / "cells").iterdir())
    assert cells == sorted(each["cell"] for each in rows(filled))
    one = json.loads((folder / "cells" / f"{rows(filled)[0]['cell']}.json").read_text())
    assert "needed==1.0" in one["requirements"]
    lines = [json.loads(line) for line in (folder / "table.jsonl").read_text().splitlines()]
    assert lines == rows(filled)
    with (folder / "table.csv").open(newline="") as file:
        assert [row["kept"] for row in csv.DictReader(file)] == ["2", "3", ""]


@one_python
def test_what_is_there_is_not_filled_again(made: Project, filled: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    done = made.minreq("matrix", "../app.toml", "-j", "2", "--json")
    assert (done.status, json.loads(done.out)["reused"]) == (0, 3)
    assert rows(done) == rows(filled)
    for name in [each for each in os.environ if each.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    again = api.matrix(
        made.folder.parent / "app.toml", output=made.folder / "minreq-matrix", index_url=made.wheelhouse.url
    )
    assert ([each.status for each in again.results], again.reused) == (["done", "done", "failed"], 3)
    # A cell that is damaged is no result.
    file = made.folder / "minreq-matrix" / "cells" / f"{rows(filled)[1]['cell']}.json"
    file.write_text(file.read_text()[:100])
    done = made.minreq("matrix", "../app.toml", "-j1")
    assert "3 cells: 1 filled now, 2 there before, 1 failed" in done.out


def test_what_decides_a_result_names_its_file(made: Project, tmp_path: Path) -> None:
    def keys(**flags: Any) -> list[str]:
        index = {"index_url": made.wheelhouse.url, "cache_dir": tmp_path}
        values = {"roots": (Requirement("app<2"),), "smokes": (made.folder / "smoke.py",), **index, **flags}
        return [each.key for each in plan_jobs(matrix_settings(values, {}), processes=1)]

    plain = keys()
    assert len(set(plain)) == 2
    assert keys(jobs=7, timeout=3.0, output=tmp_path / "elsewhere") == plain
    (tmp_path / "smoke.py").write_text("import needed\n")
    others: list[dict[str, Any]] = [
        {"smokes": (tmp_path / "smoke.py",)},
        {"build": "safe"},
        {"include": (canonicalize_name("needed"),)},
        {"index_url": f"{made.wheelhouse.url}/"},
    ]
    found = [key for each in others for key in keys(**each)]
    assert len({*plain, *found}) == 10


@one_python
def test_a_killed_matrix_goes_on_where_it_stopped(made: Project, filled: Done, tmp_path: Path) -> None:
    del filled
    (tmp_path / "slow.py").write_text("import time, app\ntime.sleep(0.5)\n")
    arguments = ("matrix", "--root", "app<2", "--smoke", str(tmp_path / "slow.py"), "-j1", "-o", str(tmp_path / "o"))
    command, environment = made.command(*arguments), made.environment()
    with subprocess.Popen(
        command, cwd=made.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(b"1 of 2"):
                process.send_signal(signal.SIGTERM)
                break
        process.stderr.read()
    assert process.returncode == 130
    assert len((tmp_path / "o" / "table.csv").read_text().splitlines()) == 2
    done = made.minreq(*arguments)
    assert (done.status, "1 filled now, 1 there before" in done.out) == (0, True)


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (errors.IndexUnreachable("https://example.com", "no route"), "unfinished", "index-unreachable"),
        (OSError(28, "No space left on device"), "unfinished", "system"),
        (KeyError("x"), "unfinished", "defect"),
        (errors.SmokeFailed("import", "ValueError: x", ""), "failed", "baseline"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_only_the_release_itself_makes_a_failure_a_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, status: str, reason: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(lock, "lock_in_session", fail)
    found = run.run_cell(job(tmp_path, "1"))
    assert (found.status, found.reason) == (status, reason)


@one_python
def test_a_build_has_the_bytes_of_its_tree(made: Project, tmp_path: Path) -> None:
    flags = {"roots": (Requirement("app==1.0"),), "smokes": (made.folder / "smoke.py",), "build": "safe"}
    index = {"index_url": made.wheelhouse.url, "cache_dir": tmp_path}
    (planned,) = plan_jobs(matrix_settings({**flags, **index}, {}), processes=1)
    found = run.run_cell(planned)
    assert (found.status, found.level, len(found.kept)) == ("done", "safe", 2), found.sentence
    assert (found.built_bytes or 0) > found.kept_bytes
    assert not list(tmp_path.glob("**/tree"))


def needed(name: str) -> NeededDistribution:
    return NeededDistribution(name=canonicalize_name(name), version=Version("1"), bytes=5)


def measured(*names: str, failure: str = "", features: tuple[str, ...] = ("chat",)) -> ProviderNeeds:
    distributions = tuple(map(needed, names))
    return ProviderNeeds(
        provider="p", distributions=distributions, features=features, more=(), skipped=(), failure=failure
    )


@pytest.mark.parametrize(
    ("providers", "status", "kept"),
    [
        ([measured("a", "b"), measured("b", "c")], ("done", ""), ["a", "b", "c", "root"]),
        ([measured("a"), measured(failure="it fails")], ("failed", "not-measured"), []),
        ([measured(features=())], ("failed", "skipped"), []),
    ],
    ids=["both", "failure", "skipped"],
)
def test_a_measurement_is_the_union_of_its_providers(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    providers: list[ProviderNeeds],
    status: tuple[str, str],
    kept: list[str],
) -> None:
    found = Measurement(
        root=canonicalize_name("root"),
        version=Version("1"),
        platform=host_platform(),
        base=(needed("root"),),
        providers=tuple(providers),
    )
    monkeypatch.setattr(measure, "measure_in_session", lambda *_: found)
    result = run.run_cell(replace(job(tmp_path, "1"), kind="measure"))
    assert (result.status, result.reason) == status
    assert [each.name for each in result.kept] == kept


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--root", "litellm", "-p", "openai", "-p", "opnai"], 2, "'opnai'"),
        (["--root", "app", "--root", "app==2.0", "--smoke", "smoke.py"], 2, "app 2.0 smoke is in the matrix twice"),
        (["--root", "app"], 2, "nothing to run: name --providers"),
        (["../app.toml", "--measure", "--build", "safe"], 2, "are two questions; give one"),
        (["--root", "app>5", "--smoke", "smoke.py"], 4, "no version of app"),
        (["--root", "app", "--smoke", "smoke.py", "--scheduler", "tcp://127.0.0.1:9", "-j", "2"], 2, "give one"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_is_wrong_ends_before_a_cell_runs(
    made: Project, tmp_path: Path, arguments: list[str], status: int, sentence: str
) -> None:
    done = made.minreq("matrix", *arguments, "-o", str(tmp_path / "out"))
    assert (done.status, sentence in done.err) == (status, True), done.err
    assert not (tmp_path / "out").exists()


def releases(*versions: str, yanked: str = "") -> Any:
    """Releases by version: only whether a file is yanked counts."""
    return {Version(each): (SimpleNamespace(yanked="broken" if each == yanked else None),) for each in versions}


@pytest.mark.parametrize(
    ("root", "last", "one_per", "chosen"),
    [
        ("app", None, "release", ["1.2.1"]),
        ("app>=1.1", None, "release", ["1.1", "1.2.0", "1.2.1"]),
        ("app", 2, "release", ["1.2.0", "1.2.1"]),
        ("app", None, "minor", ["1.0", "1.1", "1.2.1"]),
        ("app", 2, "minor", ["1.1", "1.2.1"]),
        # Whoever names a release wants it.
        ("app==1.1.5", None, "release", ["1.1.5"]),
        ("app==1.1.*", None, "release", ["1.1"]),
    ],
)
def test_the_releases_that_become_rows(root: str, last: int | None, one_per: Any, chosen: list[str]) -> None:
    known = releases("1.0", "1.1", "1.1.5", "1.2.0", "1.2.1", "1.3rc1", "1.2.2", yanked="1.1.5")
    found = choose_releases(
        Requirement(root), known, last=last, one_per=one_per, known_bad=frozenset({Version("1.2.2")})
    )
    assert [*map(str, found)] == chosen


def test_a_root_without_releases_names_the_newest() -> None:
    with pytest.raises(NoVersion, match=r"the newest that can be used is 1\.1"):
        choose_releases(Requirement("app>2"), releases("1.0", "1.1"), last=None, one_per="release")


def test_every_combination_is_a_cell(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text(
        'root = ["a[x]>=1", "b"]\nproviders = [["openai"], ["openai", "bedrock"]]\nfeatures = ["chat"]\njobs = 3\n'
        'python = ["3.12", "./py/bin/python"]\nplatform = "lambda-python3.12-arm64"\noutput = "o"\n'
    )
    settings = matrix_settings({"cache_dir": tmp_path}, read_matrix_file(file))
    assert (settings.processes, settings.output, settings.shared.features) == (3, tmp_path / "o", ("chat",))
    assert settings.pythons == ("3.12", str(tmp_path / "py/bin/python"))
    cells = [cell for _, cell in make_cells([(settings.roots[0], [Version("1"), Version("2")])], settings)]
    assert len(cells) == 8
    assert cells[0].title == "a 1 openai Python 3.12 lambda-python3.12-arm64"
    assert str(cells[0].requirement) == "a[x]==1"
    # Neighbours share the release: what one worker has read, the next cell needs.
    assert [str(each.version) for each in cells] == ["1"] * 4 + ["2"] * 4


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('providers = ["openai"]', "providers: is not an array of arrays of strings"),
        ("root = 3", "root: is neither a string nor an array of strings"),
        ('provider = [["openai"]]', "provider: unknown key"),
        ("last = 0", "last: '0' is not a whole number above zero"),
        ('one-per = "major"', "one-per: 'major' is not one of release, minor"),
        ("dry-run = true", "dry-run: unknown key"),
    ],
)
def test_a_wrong_file_names_the_key(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(InvalidOptions, match=re.escape(fault)):
        read_matrix_file(tmp_path / "m.toml")


def result(version: str, *kept: str, status: Any = "done", key: str = "") -> CellResult:
    parts = tuple(
        Part(name=canonicalize_name(name), version=Version(number), bytes=10, kind="failure")
        for name, _, number in (each.partition("=") for each in kept)
    )
    root = canonicalize_name("app")
    return CellResult(key=key or version, root=root, version=Version(version), kind="lock", status=status, kept=parts)


def job(folder: Path, key: str) -> CellJob:
    settings = matrix_settings({"cache_dir": folder, "smokes": (Path("x.py"),)}, {}).shared
    cell = Cell(root=canonicalize_name("app"), version=Version("1"), column=Column())
    return CellJob(cell=cell, kind="lock", level="safe", settings=settings, key=key)


def test_changes_are_those_since_the_last_release_that_worked() -> None:
    first, broken, last = (
        result("1", "app=1", "a=1", "b=1"),
        result("2", status="failed"),
        result("3", "app=3", "a=2", "c=1"),
    )
    changes = compare(first, last)
    assert (changes.added, changes.dropped, changes.moved, changes.before) == (("c",), ("b",), ("a",), "1")
    assert [*find_changes([first, broken, last])] == ["3"]


def test_an_unfinished_result_is_filled_again(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path / "out")
    folder.prepare()
    for status in ("done", "failed", "unfinished"):
        folder.write(result("1", status=status, key=status))
    assert folder.read("done") == result("1", key="done")
    assert folder.read("failed") is not None
    assert folder.read("unfinished") is None
    assert folder.read("absent") is None
    # A file under the name of another cell is not its result.
    os.rename(tmp_path / "out/cells/done.json", tmp_path / "out/cells/other.json")  # noqa: PTH104
    assert folder.read("other") is None


def test_outputs_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OutputUnwritable, match=r"cannot write .*file/out: Not a directory"):
        ResultFolder(file / "out").prepare()
    with pytest.raises(OutputUnwritable, match=r"there is no folder .*absent"):
        ResultFolder(tmp_path / "out").prepare(tmp_path / "absent/page.html")


@pytest.mark.parametrize("is_option", [True, False], ids=["option", "variable"])
def test_a_scheduler_needs_dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_option: bool) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:9")
    flags = {"cache_dir": tmp_path, "smokes": (Path("x.py"),)}
    settings = matrix_settings(flags | ({"scheduler": "tcp://127.0.0.1:9"} if is_option else {}), {})
    given = "--scheduler" if is_option else "with DASK_SCHEDULER_ADDRESS"
    expected = rf"`minreq matrix {given}` needs the module distributed; .* '\.\[dask\]' .*; or use .* \(-j N\)$"
    with pytest.raises(ExtraMissing, match=expected), engines.choose_engine(settings, 1, print):
        pass
    # Whoever wants processes of this machine gets them, whatever the variable says.
    with engines.choose_engine(replace(settings, scheduler=None, processes=3), 3, print) as engine:
        assert engine.slots == 3


def test_two_cells_with_one_file_are_refused(tmp_path: Path) -> None:
    jobs = [(Requirement(root), job(tmp_path, "same")) for root in ("app", "app==1")]
    with pytest.raises(CellsCollide, match="by the roots app and app==1"):
        check_collisions(jobs)


def test_files_go_to_another_machine(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "profile/smokes").mkdir(parents=True)
    (here / "profile/smokes/chat.py").write_text("chat")
    (here / "smoke.py").write_text("smoke")
    names = {
        "smokes": (here / "smoke.py",),
        "profiles": (here / "profile",),
        "constraints": (here / "smoke.py", "https://x/c"),
    }
    settings = matrix_settings({"cache_dir": tmp_path, **names}, {}).shared
    moved = unpack_files(settings, pack_files(settings), there)
    assert [each.read_text() for each in moved.smokes] == ["smoke"]
    assert (moved.profiles[0] / "smokes/chat.py").read_text() == "chat"
    assert moved.constraints[1] == "https://x/c"
    # A lock of the worker names the same command.
    assert format_command(moved) == format_command(settings)


def test_what_cannot_go_to_another_machine(tmp_path: Path) -> None:
    flags = {"smokes": (Path("pytest -q"),), "smoke_files": (Path("a/b.txt"),), "find_links": ("wheels",)}
    with pytest.raises(InvalidOptions) as raised:
        pack_files(matrix_settings({"cache_dir": tmp_path, **flags}, {}).shared)
    assert len(raised.value.faults) == 3


needs_browser = pytest.mark.skipif(BROWSER is None or DRIVER is None, reason="there is no Chromium with its driver")


@needs_browser
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_shows_the_map_and_the_evidence(made: Project, filled: Done, screen: Any) -> None:
    del filled
    with opened(made.folder / "minreq-matrix/page.html", screen) as page:
        assert page.texts("#map tbody th") == ["app 2.0", "app 1.2", "app 1.0"]
        assert page.texts("#map td button")[0] == "failed"
        page.click("#choices button:nth-child(2)")
        assert [each.split()[0] for each in page.texts("#map td button")] == ["failed", "3", "2"]
        labels = "[...document.querySelectorAll('#plot text[text-anchor=end]:not([transform])')]"
        assert page.run(f"return {labels}.map(each => each.textContent)") == ["0", "1", "2", "3"]
        page.run("document.querySelector('#map td button').focus()")
        page.press("ArrowDown", "Enter")
        assert page.texts("#details h2") == ["app 1.2, smoke"]
        assert page.texts("#details h3")[0] == "Kept since app 1.0: 1 more"
        page.press("Escape")
        assert page.run("return document.activeElement.dataset.place") == "1/0"
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")
        assert page.run("return document.querySelectorAll('#plot circle').length") == 2
