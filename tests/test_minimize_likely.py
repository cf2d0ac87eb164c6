"""What a similar lock needed is a hint on what to try first: it saves runs, and decides nothing that is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import MakeWheelhouse
from packaging.utils import NormalizedName
from scenariorun import RecordingReporter, choices_of, list_first_stage_scenarios, open_scenario
from wheelhouse import SCENARIOS, Wheelhouse, load, write

from minreq.minimize import MinimalSet, minimize

pytestmark = pytest.mark.one_python

CAUGHT = """
explanation = "The root imports `late` with a handler, and then does not work without it."
requirements = ["app"]
[wheels]
late."1.0" = {}
[wheels.app."1.0"]
requires = ["late"]
[wheels.app."1.0".files]
"app/__init__.py" = '''
try:
    import late
except ImportError:
    late = None
late.__name__
'''
[smoke]
first = "import app"
groups.near.chat = "import app"
"""


def minimize_with(house: Wheelhouse, likely: frozenset[NormalizedName] | None) -> tuple[MinimalSet, RecordingReporter]:
    with open_scenario(house) as opened:
        reporter = RecordingReporter()
        choices = choices_of(house.scenario, opened.runner.closure.resolution, "auto")
        return minimize(opened.runner, replace(choices, likely=likely), reporter), reporter


@pytest.mark.parametrize("name", list_first_stage_scenarios("stages-change-an-answer", "two-behind-one-handler"))
def test_a_wrong_hint_changes_nothing(name: str, tmp_path: Path) -> None:
    house = write(load(SCENARIOS / f"{name}.toml"), tmp_path)
    everything = frozenset(house.projects) - {house.scenario.root}
    for likely in (everything, frozenset[NormalizedName]()):
        found, _ = minimize_with(house, likely)
        assert sorted(found.evidence) == sorted(house.scenario.kept)


def test_a_right_hint_saves_the_runs_that_found_it(make_wheelhouse: MakeWheelhouse) -> None:
    house = make_wheelhouse(CAUGHT)
    plain, reporter = minimize_with(house, None)
    assert plain.first_stage == {"late"}
    assert reporter.repeats == ["late is needed"]
    again, reporter = minimize_with(house, plain.first_stage)
    assert reporter.repeats == []
    assert again.evidence.keys() == plain.evidence.keys() == {"app", "late"}
    # The next lock gets the same hint.
    assert again.first_stage == plain.first_stage
