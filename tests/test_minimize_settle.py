"""What is settled in which way: a separate run, the slowest, is for what no fork can settle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from packaging.utils import NormalizedName, canonicalize_name
from scenariorun import run_scenario
from wheelhouse import SCENARIOS, load, parse, write

from minreq.minimize import reference, settle as settle_module
from minreq.minimize.observe import Observation, observe_environment, observe_trace
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.trace import TraceQuestionHandler
from minreq.model import Difference, Script
from minreq.smoke.processes import MAIN
from minreq.smoke.results import StageResult
from minreq.smoke.run import Run


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The separate runs, by name."""
    names: list[str] = []

    def alone(runner: SmokeRunner, rest: Iterable[NormalizedName], name: str, *, seed: int) -> Observation:
        names.append(name)
        return observe_environment(runner, rest, name, seed=seed)

    monkeypatch.setattr(settle_module, "observe_environment", alone)
    return names


@pytest.fixture
def runs_without(monkeypatch: pytest.MonkeyPatch) -> list[tuple[NormalizedName, str]]:
    """The stages that ran without a distribution."""
    ran: list[tuple[NormalizedName, str]] = []
    run_scripts = Run.run_scripts

    def watched(
        self: Run, scripts: Sequence[Script], *, without: NormalizedName | None = None, template: str = MAIN
    ) -> tuple[StageResult, ...]:
        if without is not None:
            ran.extend((without, script.stage) for script in scripts)
        return run_scripts(self, scripts, without=without, template=template)

    monkeypatch.setattr(Run, "run_scripts", watched)
    return ran


def test_a_distribution_is_settled_in_the_group_that_asked(
    runs_without: list[tuple[NormalizedName, str]], runs: list[str], tmp_path: Path
) -> None:
    found = run_scenario(write(load(SCENARIOS / "difference-in-one-provider.toml"), tmp_path / "house"))
    assert found.kept == ("app", "colour")
    assert {stage for name, stage in runs_without if name == "colour"} == {"beta/chat", "beta/paint"}
    assert runs == []


def test_evidence_holds_where_less_was_asked_for_before(runs: list[str], tmp_path: Path) -> None:
    """Another trace is due once two can be left out, and the evidence of the first still holds."""
    found = run_scenario(write(load(SCENARIOS / "evidence-outlives-what-is-spared.toml"), tmp_path / "house"))
    assert found.kept == ("app", "needed")
    assert found.left_out.keys() == {"below", "first", "second"}
    assert runs == []


def test_only_groups_that_differ_run_again_for_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repeated: list[list[str]] = []

    def watched(runner: SmokeRunner, handler: TraceQuestionHandler, name: str, **rest: Any) -> Observation:
        if name == "control":
            repeated.append([group.name for group in runner.setup.plan.groups])
        return observe_trace(runner, handler, name, **rest)

    monkeypatch.setattr(reference, "observe_trace", watched)
    run_scenario(write(load(SCENARIOS / "difference-in-one-provider.toml"), tmp_path / "house"))
    assert repeated == [["beta"]]


#: Why `paint` fails cannot be seen from what it raises.
NAMES_NOBODY = """
explanation = "The failure of one provider names nobody."
requirements = ["app"]
[smoke]
first = "import app"
[smoke.groups.alpha]
chat = "import app"
[smoke.groups.beta]
paint = "import app; app.paint()"
[wheels.app."1.0"]
requires = ["colour"]
[wheels.app."1.0".files]
"app/__init__.py" = '''
def paint():
    found = True
    try:
        _colour()
    except Exception:
        found = False
    if not found:
        raise RuntimeError("in black and white")

def _colour():
    import colour
'''
[wheels]
colour."1.0" = {}
"""


@pytest.mark.parametrize(("settle", "groups"), [("auto", ["beta"]), ("runs", ["alpha", "beta"])])
def test_a_separate_run_has_the_groups_that_asked(
    settle: Literal["auto", "runs"], groups: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference runs everything."""
    ran: list[list[str]] = []

    def watched(runner: SmokeRunner, names: Iterable[NormalizedName], name: str, *, seed: int) -> Observation:
        ran.append([group.name for group in runner.setup.plan.groups])
        return observe_environment(runner, names, name, seed=seed)

    monkeypatch.setattr(settle_module, "observe_environment", watched)
    found = run_scenario(write(parse(NAMES_NOBODY), tmp_path / "house"), settle)
    assert found.kept == ("app", "colour")
    # Twice, since a failure that names nobody has to repeat.
    assert ran == [groups, groups]


DIFFERS_IN_ONE_GROUP = """
explanation = "Without `soft`, which the import asks for, one of three groups prints something else."
requirements = ["app"]
[wheels]
soft."1.0" = {}
[wheels.app."1.0"]
requires = ["soft"]
[wheels.app."1.0".files]
"app/__init__.py" = '''
try:
    import soft
    text = "soft"
except ImportError:
    text = "hard"
'''
[smoke]
first = "import app"
groups.a.chat = "import app"
groups.m.chat = "import app; print(app.text)"
groups.z.chat = "import app"
"""


def test_a_difference_is_looked_for_where_a_trace_showed_it(
    runs_without: list[tuple[NormalizedName, str]], tmp_path: Path
) -> None:
    """The other groups passed in that trace, so no fork runs them again without the distribution."""
    found = run_scenario(write(parse(DIFFERS_IN_ONE_GROUP), tmp_path)).minimal_set.evidence
    soft = found[canonicalize_name("soft")]
    assert isinstance(soft, Difference)
    assert (soft.stage, soft.what, soft.with_it, soft.without_it) == ("m/chat", "output", "soft", "hard")
    assert runs_without == [("soft", "m/chat")]
