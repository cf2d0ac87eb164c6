"""A set that is tested again, by runs alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import NormalizedName, canonicalize_name
from samplelock import KEPT, candidate
from scenariorun import OpenScenario, RecordingReporter, choices_of, open_scenario
from wheelhouse import SCENARIOS, parse, write

from minreq.errors import RunsDisagree, SmokeNotDeterministic
from minreq.minimize import MinimalSet, certify as certify_module, minimize
from minreq.minimize.certify import certify, subject_digest
from minreq.minimize.observe import PROOF_SEED, Observation, observe_environment
from minreq.minimize.plain import compare_with_hooked
from minreq.minimize.runner import SmokeRunner
from minreq.model import Behaviour, Difference, Evidence, Failure, Outcome, StageBehaviour
from minreq.reporting import Step
from minreq.smoke.isolation import SANDBOX_VARIABLE

pytestmark = pytest.mark.one_python

ORDER_MATTERS = """
explanation = "The second feature imports `second` unless the first has run."
requirements = ["app"]
[wheels.app."1.0"]
requires = ["second"]
files = { "app/__init__.py" = "mode = 'slow'" }
[wheels]
second."1.0" = {}
[smoke]
first = "import app"
[smoke.groups.g]
a = "import app; app.mode = 'fast'"
b = '''
import app
if app.mode == "slow":
    import second
'''
"""


@contextmanager
def minimized(text: str, folder: Path) -> Iterator[tuple[OpenScenario, MinimalSet]]:
    with open_scenario(write(parse(text), folder / "house")) as opened:
        choices = choices_of(opened.house.scenario, opened.runner.closure.resolution, "auto")
        yield opened, minimize(opened.runner, choices, RecordingReporter())


def scenario(name: str) -> str:
    return (SCENARIOS / f"{name}.toml").read_text()


def test_every_row_has_its_failure_or_difference(tmp_path: Path) -> None:
    """So has what the user requested, such as the root."""
    with minimized(scenario("two-differences"), tmp_path) as (opened, minimal_set):
        recorder = RecordingReporter()
        certificate = certify(opened.runner, minimal_set, "digest", recorder)
    assert certificate.subject == "digest"
    results = {outcome.distribution: outcome.result for outcome in certificate.outcomes}
    assert list(results) == sorted(minimal_set.evidence)
    app, first, second = (results[canonicalize_name(name)] for name in ("app", "first", "second"))
    assert isinstance(app, Failure)
    assert "No module named 'app'" in app.error
    assert isinstance(first, Difference)
    assert (first.what, first.with_it, first.without_it) == ("output", "fast", "slow")
    assert isinstance(second, Difference)
    assert second.what == "warnings"
    assert recorder.steps == [Step.CERTIFY]


def test_features_run_in_other_orders(tmp_path: Path) -> None:
    with minimized(scenario("stages-tell-who-asked"), tmp_path) as (opened, minimal_set):
        certificate = certify(opened.runner, minimal_set, "", RecordingReporter())
    assert certificate.orders == ("features in reverse order", "features twice in one process")
    assert certificate.notes == ()


def test_a_set_that_works_in_one_order_alone_is_refused(tmp_path: Path) -> None:
    with (
        minimized(ORDER_MATTERS, tmp_path) as (opened, minimal_set),
        pytest.raises(RunsDisagree, match=r"features in reverse order: status of g/b .*'second'"),
    ):
        certify(opened.runner, minimal_set, "", RecordingReporter())


def test_notes_name_what_differs_from_run_to_run(tmp_path: Path) -> None:
    with minimized(scenario("unsteady-output-is-noise"), tmp_path) as (opened, minimal_set):
        certificate = certify(opened.runner, minimal_set, "", RecordingReporter())
    assert any("differ from run to run with nothing left out" in note for note in certificate.notes)


def test_a_digest_is_a_difference_here_too(tmp_path: Path) -> None:
    with minimized(scenario("digest-that-is-steady"), tmp_path) as (opened, minimal_set):
        certificate = certify(opened.runner, minimal_set, "", RecordingReporter())
    (result,) = [each.result for each in certificate.outcomes if each.distribution == "fast"]
    assert isinstance(result, Difference)
    assert result.what == "output"


def test_other_orders_run_with_other_hash_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reference and set: a set must not depend on the order of hashes."""
    seeds: list[tuple[str, int]] = []

    def watched(runner: SmokeRunner, names: Iterable[NormalizedName], name: str, **rest: Any) -> Observation:
        seeds.append((name, rest["seed"]))
        return observe_environment(runner, names, name, **rest)

    with minimized(scenario("order-of-a-set"), tmp_path) as (opened, minimal_set):
        monkeypatch.setattr(certify_module, "observe_environment", watched)
        certify(opened.runner, minimal_set, "", RecordingReporter())
    assert len({*seeds[:2]}) == 2
    assert PROOF_SEED not in dict(seeds).values()
    assert 0 not in dict(seeds).values()


#: `app` does without `early` where something has loaded `ssl` before it, as minreq's hook does.
HOOK_HIDES_A_NEED = """
explanation = "`app` needs `early` only where nothing has loaded `ssl` yet."
requirements = ["app"]
program = "import app; print('done')"
[wheels.app."1.0"]
requires = ["early", "unused"]
files = { "app/__init__.py" = '''
import sys
if "ssl" not in sys.modules:
    import early
''' }
[wheels]
early."1.0" = {}
unused."1.0" = {}
"""
#: What each program sees of minreq's hook.
SIGHTS = {
    "modules": "any(name.startswith('_minreq') for name in sys.modules)",
    "warnings": "warnings._showwarnmsg.__module__",
    "logging": "logging.Logger.handle.__module__",
    "os": "type(os.waitpid).__name__",
}


def sight_scenario(*programs: str) -> str:
    """Return a scenario with a feature for each of *programs*."""
    features = "\n".join(f"f{number} = {program!r}" for number, program in enumerate(programs))
    return f"""
explanation = "Programs that look at the process they run in."
requirements = ["app"]
[wheels.app."1.0"]
requires = ["unused"]
[wheels]
unused."1.0" = {{}}
[smoke]
first = "import app; print('first')"
[smoke.groups.g]
{features}
"""


def test_what_the_hook_changes_is_noted(tmp_path: Path) -> None:
    """In any process, whatever is installed: the lock stands, and a note says what the hook changes."""
    programs = (f"import app, logging, os, sys, warnings; print({sight})" for sight in SIGHTS.values())
    with minimized(sight_scenario(*programs), tmp_path) as (opened, minimal_set):
        if not opened.runner.setup.isolation.kernel:
            pytest.skip("only the kernel can isolate a run without hook")
        certificate = certify(opened.runner, minimal_set, "", RecordingReporter())
    assert certificate.plain_stages == ("import", "g/f0", "g/f1", "g/f2", "g/f3")
    assert certificate.notes == tuple(
        f"without minreq's hook: output of g/f{number} was {hooked!r} and is {plain!r}; with nothing left out, too"
        for number, (hooked, plain) in enumerate(
            (
                ("True", "False"),
                ("_minreq_record", "warnings"),
                ("_minreq_record", "logging"),
                ("function", "builtin_function_or_method"),
            )
        )
    )


def test_a_need_that_the_hook_hides_is_a_disagreement(tmp_path: Path) -> None:
    with minimized(HOOK_HIDES_A_NEED, tmp_path) as (opened, minimal_set):
        assert "early" not in minimal_set.evidence
        if not opened.runner.setup.isolation.kernel:
            pytest.skip("only the kernel can isolate a run without hook")
        with pytest.raises(RunsDisagree) as caught:
            certify(opened.runner, minimal_set, "", RecordingReporter())
    assert any(
        "without minreq's hook: status of smoke/program was 'passed' and is "
        "\"ModuleNotFoundError: No module named 'early'\"" in sentence
        for sentence in caught.value.sentences
    )


def test_nothing_runs_without_hook_where_only_the_hook_isolates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SANDBOX_VARIABLE, "hooks")
    with minimized(sight_scenario("import app"), tmp_path) as (opened, minimal_set):
        certificate = certify(opened.runner, minimal_set, "", RecordingReporter())
    assert certificate.plain_stages == ()
    assert certificate.notes == ("nothing ran without minreq's hook: here only the hook isolates",)


def test_a_plain_run_compares_what_both_runs_show() -> None:
    """Where a stage warns, stderr shows the warning in a plain run alone; a fork goes on after its first stage."""

    def compare(hooked: StageBehaviour, plain: StageBehaviour, first: StageBehaviour | None = None) -> list[str]:
        stages = (hooked,) if first is None else (first, hooked)
        found = compare_with_hooked(Behaviour(stages=stages), Behaviour(stages=(plain,)))
        return [each.what for each in found]

    stage = StageBehaviour(stage="g/a", status="passed", output=("a",), errors=("b",))
    assert compare(stage, stage) == []
    assert compare(stage, replace(stage, output=("b",), errors=())) == ["output", "errors"]
    warns = replace(stage, warnings=("UserWarning: w (f.py)",))
    assert compare(warns, replace(stage, errors=("b", "f.py:1: UserWarning: w"))) == []
    assert compare(warns, replace(stage, status="ValueError: x")) == ["status"]
    first = StageBehaviour(stage="import", status="passed", output=("first",))
    assert compare(stage, replace(stage, output=("first", "a")), first) == []
    assert compare(stage, stage, first) == []
    assert compare(stage, replace(stage, output=("a", "last")), first) == ["output"]


def untrue(minimal_set: MinimalSet, evidence: Evidence) -> MinimalSet:
    return replace(minimal_set, evidence={**minimal_set.evidence, evidence.distribution: evidence})


def test_false_evidence_is_an_error(tmp_path: Path) -> None:
    """A failure that does not happen, a difference that is a failure, another difference than that of the evidence."""
    third, second, app = map(canonicalize_name, ("third", "second", "app"))
    failure = Failure(distribution=third, stage="smoke/program", error="ModuleNotFoundError: third", method="fork")
    difference = Difference(distribution=app, stage="smoke/program", what="logs", with_it="", without_it="x")
    with minimized(scenario("two-differences"), tmp_path) as (opened, minimal_set):
        altered = untrue(untrue(untrue(minimal_set, failure), difference), replace(difference, distribution=second))
        with pytest.raises(RunsDisagree) as caught:
            certify(opened.runner, altered, "", RecordingReporter())
    of_app, of_second, of_third = caught.value.sentences
    assert "in a clean environment without it smoke/program fails: ModuleNotFoundError: No module named 'app'" in of_app
    assert of_second.endswith("without it the smoke passes, and warnings of smoke/program differ")
    assert of_third == (
        "third: the evidence says that without it smoke/program fails (ModuleNotFoundError: third), as a fork showed; "
        "in a clean environment without it the smoke passes and behaves the same"
    )


def test_a_result_that_does_not_repeat_is_the_fault_of_the_smoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeated run agrees with the evidence: the error names the smoke, not a defect of minreq."""
    seen: list[str] = []
    real = certify_module._CertifyRuns.test_without

    def outcome(self: certify_module._CertifyRuns, name: NormalizedName) -> Outcome:
        seen.append(name)
        return Outcome(distribution=name) if seen.count(name) == 1 and name == "first" else real(self, name)

    monkeypatch.setattr(certify_module._CertifyRuns, "test_without", outcome)
    with (
        minimized(scenario("two-differences"), tmp_path) as (opened, minimal_set),
        pytest.raises(
            SmokeNotDeterministic, match=r"first: the evidence says .* passes and behaves the same; another such run"
        ),
    ):
        certify(opened.runner, minimal_set, "", RecordingReporter())
    assert seen.count("first") == 2


def test_the_subject_is_what_was_run() -> None:
    candidates = [kept.candidate for kept in KEPT]
    assert subject_digest(candidates, {"a": "1"}) == subject_digest(candidates[::-1], {"a": "1"})
    others = (
        subject_digest(candidates[1:], {"a": "1"}),
        subject_digest([candidate("boto3", "1.43.1"), *candidates[1:]], {"a": "1"}),
        subject_digest(candidates, {"a": "2"}),
    )
    assert len({subject_digest(candidates, {"a": "1"}), *others}) == 4
