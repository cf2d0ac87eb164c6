"""What no trace shows is found by runs in environments, and by few of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import NormalizedName
from scenariorun import ScenarioResult, run_scenario
from wheelhouse import SCENARIOS, load, parse, write

from minreq.errors import ExcludedIsNeeded
from minreq.minimize import environments
from minreq.minimize.observe import Observation, observe_environment
from minreq.minimize.runner import SmokeRunner
from minreq.smoke.isolation import choose_isolation
from minreq.smoke.machinefiles import find_machine_files
from minreq.smoke.run import Run

#: A program that counts folders; the text of the difference names none of them.
COUNTED = """
explanation = "A program counts the folders beside it that have a certain file."
requirements = ["app"]
program = "import app; print(app.COUNT)"
kept = ["app", "plugin"]
dropped = ["a", "b", "c", "d", "e", "f"]
[wheels.app."1.0"]
requires = ["a", "b", "c", "d", "e", "f", "plugin"]
[wheels.app."1.0".files]
"app/__init__.py" = '''
from pathlib import Path
COUNT = len(list(Path(__file__).parent.parent.glob("*/card.txt")))
'''
[wheels.plugin."1.0"]
files = { "plugin/card.txt" = "" }
[wheels]
a."1.0" = {}
b."1.0" = {}
c."1.0" = {}
d."1.0" = {}
e."1.0" = {}
f."1.0" = {}
"""

#: As above with two that count, and a failure if one of them is missing.
NEEDED = COUNTED.replace(
    "COUNT = len", "assert Path(__file__).parent.parent.joinpath('plugin').exists(), 'no card'\nCOUNT = len"
)


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[NormalizedName]]:
    """The sets that ran in environments."""
    found: list[frozenset[NormalizedName]] = []

    def watched(runner: SmokeRunner, names: Iterable[NormalizedName], name: str, **rest: Any) -> Observation:
        found.append(frozenset(names))
        return observe_environment(runner, names, name, **rest)

    monkeypatch.setattr(environments, "observe_environment", watched)
    return found


@pytest.fixture
def hides(tmp_path: Path) -> bool:
    """Whether a proof hides files of the machine."""
    return choose_isolation(tmp_path / "unpacked").kernel and bool(find_machine_files())


def locked(text: str, folder: Path) -> ScenarioResult:
    return run_scenario(write(parse(text), folder / "house"))


def test_what_the_difference_names_is_tried_first(
    sets: list[frozenset[NormalizedName]], *, hides: bool, tmp_path: Path
) -> None:
    """The set, once more to see that it does the same, and the set with what was missing.

    Where the kernel isolates, the first of each two of a set is without the files of the machine.
    """
    found = run_scenario(write(load(SCENARIOS / "prefix-scan.toml"), tmp_path / "house"))
    assert found.kept == ("app", "app-plugin")
    proofs = 2 if hides else 1
    assert sorted(map(sorted, sets)) == [["app"], ["app"], *[["app", "app-plugin"]] * proofs]
    assert [each.question for each in found.selection.kept if each.candidate.name == "app-plugin"] == [None]


def test_one_of_many_is_found_by_halving(sets: list[frozenset[NormalizedName]], *, hides: bool, tmp_path: Path) -> None:
    found = locked(COUNTED, tmp_path)
    assert found.kept == ("app", "plugin")
    # The last: the set that was found. Before: 1, 2 and 4 of seven others, then halves of the rest.
    assert len(sets) <= (9 if hides else 8)
    assert sets[-1] == {"app", "plugin"}


def test_an_excluded_one_that_makes_a_difference_stays_out(tmp_path: Path) -> None:
    found = locked(COUNTED.replace("[wheels.app.", '[lock]\nexclude = ["plugin"]\n[wheels.app.', 1), tmp_path)
    assert found.kept == ("app",)
    assert found.minimal_set.degraded.keys() == {"plugin"}


def test_an_excluded_one_that_is_needed_is_an_error(tmp_path: Path) -> None:
    text = NEEDED.replace("[wheels.app.", '[lock]\nexclude = ["plugin"]\n[wheels.app.', 1)
    with pytest.raises(ExcludedIsNeeded, match="plugin"):
        locked(text, tmp_path)


def test_with_smallest_a_difference_keeps_nothing(tmp_path: Path) -> None:
    found = locked(COUNTED.replace("[wheels.app.", "[lock]\nsmallest = true\n[wheels.app.", 1), tmp_path)
    assert found.kept == ("app",)
    assert found.left_out["plugin"] == "degraded: output of smoke/program differs"


@pytest.mark.parametrize(
    "more",
    [
        "",
        "import uuid; print(uuid.uuid4().hex, uuid.uuid4(), object())",
        "import time; print(time.strftime('%Y-%m-%dT%H:%M:%SZ'), time.strftime('/%Y%m%d/'))",
    ],
)
def test_where_nothing_differs_a_lock_takes_three_runs(
    more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference is one of them: it takes the place of a trace that accepts everything.

    Identifiers that are new in each run need no other run, nor does a clock that shows the date.
    """
    names: list[str] = []
    enter = Run.__enter__

    def watched(self: Run) -> Run:
        names.append(self._name)
        return enter(self)

    monkeypatch.setattr(Run, "__enter__", watched)
    scenario = load(SCENARIOS / "lazy-attribute.toml")
    run_scenario(write(replace(scenario, program=f"{scenario.program}\n{more}"), tmp_path / "house"))
    assert sorted(names) == ["proof-1", "reference", "trace"]


def test_only_a_group_that_no_trace_passes_is_searched_in_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other group is traced, and its distributions are settled by forks."""
    groups: list[list[str]] = []

    def watched(runner: SmokeRunner, names: Iterable[NormalizedName], name: str, **rest: Any) -> Observation:
        if not {"app", "base", "chat-client", "needed", "app-libs"} <= {*names}:
            groups.append([group.name for group in runner.setup.plan.groups])
        return observe_environment(runner, names, name, **rest)

    monkeypatch.setattr(environments, "observe_environment", watched)
    found = run_scenario(write(load(SCENARIOS / "one-group-cannot-be-traced.toml"), tmp_path / "house"))
    methods = {name: getattr(why, "method", "") for name, why in found.minimal_set.evidence.items()}
    assert methods == {"app": "", "app-libs": "run", "base": "fork", "chat-client": "fork", "needed": "run"}
    # Beside the set that lacks what no trace shows, and its check.
    assert ["beta"] in groups
