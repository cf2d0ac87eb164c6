"""A proof hides the machine's own files, and keeps or names what supplies the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenariorun import open_scenario, run_scenario
from wheelhouse import SCENARIOS, load, parse, write

from minreq.minimize import machine
from minreq.minimize.certify import certify
from minreq.minimize.observe import observe_environment
from minreq.model import Failure
from minreq.reporting import Reporter
from minreq.smoke.isolation import choose_isolation
from minreq.smoke.machinefiles import find_machine_files

ZONES = "time zones"

#: A program that tells what it sees of the places in braces.
LOOKING = """
explanation = "A program looks at files of the machine."
requirements = ["app"]
program = '''
import locale, os
print(locale.setlocale(locale.LC_ALL, ""))
for path in {paths}:
    print(path, os.path.isfile(path), os.listdir(path) if os.path.isdir(path) else open(path).read())
    try:
        open(path + "/new" if os.path.isdir(path) else path, "w").close()
    except OSError as error:
        print(type(error).__name__)
'''
kept = ["app"]
dropped = []
[wheels]
app."1.0" = {}
"""

#: A program that dies as an interpreter does that finds no library.
DYING = """
explanation = "The interpreter finds its libraries by the cache of the loader."
requirements = ["app"]
program = '''
import os
if not os.path.isfile("/etc/ld.so.cache"):
    os._exit(127)
'''
kept = ["app"]
dropped = []
[wheels]
app."1.0" = {}
"""


@pytest.fixture(autouse=True)
def _isolates(tmp_path: Path) -> None:
    if not choose_isolation(tmp_path / "unpacked").kernel or ZONES not in find_machine_files():
        pytest.skip("the kernel cannot isolate here, or this machine has no time zones")


def test_a_run_sees_nothing_of_what_is_hidden(tmp_path: Path) -> None:
    """Folders are empty, files are none, and nothing can be written; the locale of every run stays."""
    paths = [str(path) for each in find_machine_files().values() for path in each]
    house = write(parse(LOOKING.replace("{paths}", repr(paths))), tmp_path / "house")
    with open_scenario(house) as opened:
        runner = opened.runner.hiding(opened.runner.machine_files)
        behaviour = observe_environment(runner, runner.initial, "hidden").behaviour
    (stage,) = behaviour.stages
    assert stage.status == "passed"
    assert stage.output[0] == "C.UTF-8"
    seen = [line for line in stage.output[1:] if line.startswith("/")]
    assert len(seen) == len(paths)
    assert all(line.endswith((" False []", " False ")) for line in seen)
    folders = [line for line in seen if line.endswith("[]")]
    assert stage.output.count("OSError") + stage.output.count("PermissionError") >= len(folders)


def test_what_other_machines_need_is_certified_without_these_files(tmp_path: Path) -> None:
    house = write(load(SCENARIOS / "zone-of-the-machine.toml"), tmp_path / "house")
    found = run_scenario(house)
    with open_scenario(house) as opened:
        certificate = certify(opened.runner, found.minimal_set, "subject", Reporter())
    results = {str(each.distribution): each.result for each in certificate.outcomes}
    assert isinstance(results["tzdata"], Failure)


def test_an_excluded_one_stays_out(tmp_path: Path) -> None:
    text = (SCENARIOS / "zone-of-the-machine.toml").read_text()
    found = run_scenario(write(parse(text.replace("[lock]", '[lock]\nexclude = ["tzdata"]')), tmp_path / "house"))
    assert found.kept == ("app",)
    assert any("tzdata can supply them: your options leave it out" in note for note in found.reporter.notes)


def test_an_interpreter_that_needs_the_cache_of_the_loader_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/etc/ld.so.cache").exists():
        pytest.skip("this machine has no such cache")
    monkeypatch.setattr(machine, "can_start", lambda *_: False)
    found = run_scenario(write(parse(DYING), tmp_path / "house"))
    assert found.kept == ("app",)
    assert not found.reporter.notes
