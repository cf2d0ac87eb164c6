"""What is settled by which means: a run of its own, the dearest, is for what nothing else can tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from laboratory import find
from packaging.utils import NormalizedName
from wheelhouse import SCENARIOS, load, parse, write

from minreq.minimize import baseline, settle as settling
from minreq.minimize.observe import Laboratory, Observation, observe_alone, observe_with
from minreq.minimize.trace import Trace
from minreq.model import Script
from minreq.smoke.processes import MAIN
from minreq.smoke.results import StageResult
from minreq.smoke.running import Run


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs of their own, by name."""
    names: list[str] = []

    def alone(laboratory: Laboratory, rest: Iterable[NormalizedName], name: str) -> Observation:
        names.append(name)
        return observe_alone(laboratory, rest, name)

    monkeypatch.setattr(settling, "observe_alone", alone)
    return names


@pytest.fixture
def asides(monkeypatch: pytest.MonkeyPatch) -> list[tuple[NormalizedName, str]]:
    """The stages that ran without a distribution."""
    ran: list[tuple[NormalizedName, str]] = []
    run = Run.run

    def watched(
        self: Run, scripts: Sequence[Script], *, without: NormalizedName | None = None, template: str = MAIN
    ) -> tuple[StageResult, ...]:
        if without is not None:
            ran.extend((without, script.stage) for script in scripts)
        return run(self, scripts, without=without, template=template)

    monkeypatch.setattr(Run, "run", watched)
    return ran


def test_what_one_provider_asks_for_is_tried_with_that_provider(
    asides: list[tuple[NormalizedName, str]], runs: list[str], tmp_path: Path
) -> None:
    found = find(write(load(SCENARIOS / "difference-in-one-provider.toml"), tmp_path / "house"))
    assert found.kept == ("app", "colour")
    assert {stage for name, stage in asides if name == "colour"} == {"beta/chat", "beta/paint"}
    assert runs == []


def test_evidence_holds_where_less_was_asked_for_before(runs: list[str], tmp_path: Path) -> None:
    """Another trace is due once two can be left out, and nothing of the first has to be tried again."""
    found = find(write(load(SCENARIOS / "evidence-outlives-what-is-spared.toml"), tmp_path / "house"))
    assert found.kept == ("app", "needed")
    assert found.left_out.keys() == {"below", "first", "second"}
    assert runs == []


def test_noise_is_looked_for_where_something_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repeated: list[list[str]] = []

    def watched(laboratory: Laboratory, oracle: Trace, name: str, **rest: Any) -> Observation:
        if name == "baseline-again":
            repeated.append([group.name for group in laboratory.world.plan.groups])
        return observe_with(laboratory, oracle, name, **rest)

    monkeypatch.setattr(baseline, "observe_with", watched)
    find(write(load(SCENARIOS / "difference-in-one-provider.toml"), tmp_path / "house"))
    assert repeated == [["beta"]]


#: Why `paint` fails cannot be seen from what it raises.
BLAMELESS = """
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
def test_a_run_of_its_own_is_of_who_asked(
    settle: Literal["auto", "runs"], groups: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference runs everything."""
    ran: list[list[str]] = []

    def watched(laboratory: Laboratory, names: Iterable[NormalizedName], name: str) -> Observation:
        ran.append([group.name for group in laboratory.world.plan.groups])
        return observe_alone(laboratory, names, name)

    monkeypatch.setattr(settling, "observe_alone", watched)
    found = find(write(parse(BLAMELESS), tmp_path / "house"), settle)
    assert found.kept == ("app", "colour")
    # Twice, since a failure that names nobody has to repeat.
    assert ran == [groups, groups]
