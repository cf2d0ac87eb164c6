"""Scenarios of trace, settling, proof and comparison: each file is one rule, with the reason why it exists."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import scenariotable
from _pytest.mark import ParameterSet
from scenariorun import ScenarioResult, run_scenario
from wheelhouse import SCENARIOS, Scenario, Wheelhouse, load, write

from minreq import errors
from minreq.model import Failure, QuestionKind
from minreq.smoke import isolation

Method = Literal["auto", "runs"]


PATHS = sorted(SCENARIOS.glob("*.toml"))


def params() -> Iterator[ParameterSet]:
    for path in PATHS:
        defect = load(path).lock.get("defect")
        yield pytest.param(path, id=path.stem, marks=[pytest.mark.xfail(reason=defect)] if defect else [])


@pytest.mark.parametrize("settle", ["auto", pytest.param("runs", marks=pytest.mark.one_python)])
@pytest.mark.parametrize("path", list(params()))
def test_scenario(
    path: Path, settle: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Both methods find the expected set; the first one, on every fourth scenario, twice with the same evidence.

    On the oldest Python once: that a repetition is equal does not depend on the version.
    """
    scenario = load(path)
    if scenario.lock.get("hooks_only"):
        # With isolation by namespaces, nothing that the run writes outlives it; without them, what is in this folder.
        request.addfinalizer(lambda: remove_markers(tmp_path))
        monkeypatch.setenv(isolation.SANDBOX_VARIABLE, "hooks")
    if scenario.lock.get("kernel_isolation") and not isolation.choose_isolation(tmp_path / "unpacked").kernel:
        pytest.skip("the kernel cannot isolate here")
    if not all(Path(path).exists() for path in scenario.lock.get("machine_files", ())):
        pytest.skip("this machine lacks the files that the scenario hides")
    assert scenario.explanation
    house = write(scenario, tmp_path / "house")
    if "error" in scenario.lock:
        check_error(house, settle)
        return
    found = run_scenario(house, settle)
    check(scenario, found)
    if settle == "auto" and PATHS.index(path) % 4 == 0 and sys.version_info >= (3, 11):
        again = run_scenario(house, settle)
        assert again.selection == found.selection
        assert again.fetched == frozenset()


def remove_markers(folder: Path) -> None:
    """Remove the files that runs below *folder* have left for the next ones."""
    for marker in Path("/dev/shm").glob(f"{str(folder).replace('/', '-')}*"):  # noqa: S108
        marker.unlink()


def check(scenario: Scenario, found: ScenarioResult) -> None:
    """Compare with what the scenario expects."""
    expected = scenario.lock
    assert found.kept == tuple(sorted(scenario.kept))
    assert tuple(found.left_out) == tuple(sorted(scenario.dropped))
    kinds = {each.candidate.name: each.evidence.kind for each in found.selection.kept}
    assert {name: kinds[name] for name in expected.get("evidence", {})} == expected.get("evidence", {})
    # What is there from the start is not asked for by being listed.
    asked = [each.question for each in found.selection.kept if each.evidence.kind == "request"]
    assert all(question is None or question.need is not QuestionKind.LIST for question in asked)
    failures = {each.candidate.name: each.evidence for each in found.selection.kept}
    for name, error in expected.get("errors", {}).items():
        evidence = failures[name]
        assert isinstance(evidence, Failure)
        assert evidence.error == error
    for name, reason in expected.get("reasons", {}).items():
        assert found.left_out[name].startswith(reason)
    providers = {each.candidate.name: list(each.providers) for each in found.selection.kept}
    assert {name: providers[name] for name in expected.get("providers", {})} == expected.get("providers", {})
    for part in expected.get("notes", ()):
        assert any(part in note for note in found.reporter.notes)
    if "extras" in expected:
        assert dict(found.resolution.extras) == expected["extras"]


def check_error(house: Wheelhouse, settle: Method) -> None:
    """The scenario ends in the error it names."""
    expected = house.scenario.lock
    with pytest.raises(errors.MinreqError) as caught:
        run_scenario(house, settle)
    assert type(caught.value).__name__ == expected["error"]
    for part in expected["says"]:
        assert part in str(caught.value)


def test_every_scenario_is_in_the_table() -> None:
    """Once, with its result; `python tests/scenariotable.py > docs/scenarios.md` writes the page again."""
    listed = [name for names in scenariotable.CASES.values() for name in names]
    assert len(listed) == len({*listed})
    assert (Path(__file__).parents[1] / "docs" / "scenarios.md").read_text() == scenariotable.page()
