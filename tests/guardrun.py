"""Run the smoke of a scenario on the lock alone, as a program in production: with the guard, without minreq's hook."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

from samplelock import LOCK
from scenariorun import ScenarioResult, interpreter, plan_of
from wheelhouse import Scenario, Wheelhouse

from minreq.guard.render import FILENAME, render_guard
from minreq.smoke.isolation import choose_isolation
from minreq.smoke.start import Access, start_isolated

#: Runs the scripts of a stage after each other, as a smoke does; a script may end by itself.
_PROGRAM = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
import minreq_guard
for script in sys.argv[1:]:
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ended:
        assert not ended.code, ended.code
print("ended")
"""


def can_run_alone(scenario: Scenario, found: ScenarioResult) -> bool:
    """Whether the guard of the lock has anything to tell apart, and the smoke needs neither emulator nor tools.

    The guard knows no place of a stage that cannot be traced: what that asks for it reports.
    """
    is_asked = any(each.askers for each in found.selection.left_out)
    is_traced = not any("fails or differs in a trace" in note for note in found.reporter.notes)
    has_emulator = "MINREQ_HTTP" in repr((scenario.program, scenario.smoke, scenario.releases))
    return (
        is_asked and is_traced and not has_emulator and not {"limit", "machine_files", "tools"} & scenario.lock.keys()
    )


def read_misses(house: Wheelhouse, found: ScenarioResult) -> list[str]:
    """Return what the guard of the lock reports while the smoke runs, for each group of stages.

    The smoke passed on this lock, so each report is wrong.
    """
    folder = house.folder / "guarded"
    folder.joinpath("smoke").mkdir(parents=True)
    writable = house.folder / "written"
    lock = replace(LOCK, selection=found.selection, resolution=found.resolution)
    folder.joinpath(FILENAME).write_text(render_guard(lock, filename="lock.txt"))
    plan = plan_of(house)
    unpacked = house.folder / "store" / "unpacked"
    names = {each.candidate.name for each in found.selection.kept} | found.resolution.provided
    for name in sorted(names):
        tree = unpacked / str(found.resolution.pins[name].wheel.sha256)
        shutil.copytree(tree / "lib", folder, dirs_exist_ok=True)
    python = interpreter()
    isolation = choose_isolation(unpacked, installations=python.folders)
    reports = []
    for number, group in enumerate(plan.groups):
        own = writable / str(number)
        own.mkdir(parents=True)
        scripts = [each.file for each in (plan.first, *group.scripts) if each is not None]
        # In the evidence the scripts of a smoke are in this folder.
        copies = [folder / "smoke" / script.name for script in scripts]
        for script, copy in zip(scripts, copies, strict=True):
            copy.write_bytes(script.read_bytes())
        process = start_isolated(
            isolation,
            [str(python.base_executable), "-I", "-S", "-B", "-c", _PROGRAM, str(folder), *map(str, copies)],
            Access(writable=own, readable=(folder,)),
            environment={"HOME": str(own), "PYTHONHASHSEED": "0", **plan.environment},
            folder=own,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        out, err = process.communicate(timeout=60)
        assert out.splitlines()[-1:] == ["ended"], err
        reports += [line for line in err.splitlines() if line.startswith("minreq-miss ")]
    return reports
