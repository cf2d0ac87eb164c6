"""A set that is checked anew, by runs alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from laboratory import Opened, Recorder, opened, wishes_of
from packaging.utils import NormalizedName, canonicalize_name
from samplelock import KEPT, candidate
from wheelhouse import SCENARIOS, parse, write

from minreq.errors import RunsDisagree, SmokeUnsteady
from minreq.minimize import Minimum, certify as certifying, minimize
from minreq.minimize.certify import certify, subject
from minreq.model import Difference, Evidence, Failure, Outcome
from minreq.reporting import Step

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
def found(text: str, folder: Path) -> Iterator[tuple[Opened, Minimum]]:
    with opened(write(parse(text), folder / "house")) as bench:
        wishes = wishes_of(bench.house.scenario, bench.laboratory.closure.resolution, "auto")
        yield bench, minimize(bench.laboratory, wishes, Recorder())


def scenario(name: str) -> str:
    return (SCENARIOS / f"{name}.toml").read_text()


def test_every_row_has_its_failure_or_difference(tmp_path: Path) -> None:
    """Also what was asked for, the root for one."""
    with found(scenario("two-differences"), tmp_path) as (bench, minimum):
        recorder = Recorder()
        certificate = certify(bench.laboratory, minimum, "digest", recorder)
    assert certificate.subject == "digest"
    results = {outcome.distribution: outcome.result for outcome in certificate.outcomes}
    assert list(results) == sorted(minimum.evidence)
    app, first, second = (results[canonicalize_name(name)] for name in ("app", "first", "second"))
    assert isinstance(app, Failure)
    assert "No module named 'app'" in app.error
    assert isinstance(first, Difference)
    assert (first.what, first.with_it, first.without_it) == ("output", "fast", "slow")
    assert isinstance(second, Difference)
    assert second.what == "warnings"
    assert recorder.steps == [Step.CERTIFY]


def test_features_run_in_other_orders(tmp_path: Path) -> None:
    with found(scenario("stages-tell-who-asked"), tmp_path) as (bench, minimum):
        certificate = certify(bench.laboratory, minimum, "", Recorder())
    assert certificate.orders == ("features in reverse order", "features twice in one process")
    assert certificate.notes == ()


def test_a_set_that_works_in_one_order_alone_is_refused(tmp_path: Path) -> None:
    with (
        found(ORDER_MATTERS, tmp_path) as (bench, minimum),
        pytest.raises(RunsDisagree, match=r"features in reverse order: status of g/b .*'second'"),
    ):
        certify(bench.laboratory, minimum, "", Recorder())


def test_what_an_unsteady_smoke_does_is_named(tmp_path: Path) -> None:
    with found(scenario("unsteady-output-is-noise"), tmp_path) as (bench, minimum):
        certificate = certify(bench.laboratory, minimum, "", Recorder())
    assert any("differ from run to run with nothing left out" in note for note in certificate.notes)


def untrue(minimum: Minimum, evidence: Evidence) -> Minimum:
    return replace(minimum, evidence={**minimum.evidence, evidence.distribution: evidence})


def test_evidence_that_is_not_true_is_a_defect(tmp_path: Path) -> None:
    """A failure that does not happen, a difference that is a failure, another difference than the one told."""
    third, second, app = map(canonicalize_name, ("third", "second", "app"))
    failure = Failure(distribution=third, stage="smoke/program", error="ModuleNotFoundError: third", method="fork")
    difference = Difference(distribution=app, stage="smoke/program", what="logs", with_it="", without_it="x")
    with found(scenario("two-differences"), tmp_path) as (bench, minimum):
        told = untrue(untrue(untrue(minimum, failure), difference), replace(difference, distribution=second))
        with pytest.raises(RunsDisagree) as caught:
            certify(bench.laboratory, told, "", Recorder())
    of_app, of_second, of_third = caught.value.sentences
    assert "in a clean environment without it smoke/program fails: ModuleNotFoundError: No module named 'app'" in of_app
    assert of_second.endswith("without it the smoke passes, and warnings of smoke/program differ")
    assert of_third == (
        "third: the evidence says that without it smoke/program fails (ModuleNotFoundError: third), as a fork showed; "
        "in a clean environment without it the smoke passes and behaves the same"
    )


def test_a_run_that_does_otherwise_only_once_is_the_smoke_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made again it agrees with the evidence: the smoke is named, and no defect of minreq."""
    seen: list[str] = []
    real = certifying._Certifier.outcome

    def outcome(self: certifying._Certifier, name: NormalizedName) -> Outcome:
        seen.append(name)
        return Outcome(distribution=name) if seen.count(name) == 1 and name == "first" else real(self, name)

    monkeypatch.setattr(certifying._Certifier, "outcome", outcome)
    with (
        found(scenario("two-differences"), tmp_path) as (bench, minimum),
        pytest.raises(
            SmokeUnsteady, match=r"first: the evidence says .* passes and behaves the same; another such run"
        ),
    ):
        certify(bench.laboratory, minimum, "", Recorder())
    assert seen.count("first") == 2


def test_the_subject_is_what_was_run() -> None:
    candidates = [kept.candidate for kept in KEPT]
    assert subject(candidates, {"a": "1"}) == subject(candidates[::-1], {"a": "1"})
    others = (
        subject(candidates[1:], {"a": "1"}),
        subject([candidate("boto3", "1.43.1"), *candidates[1:]], {"a": "1"}),
        subject(candidates, {"a": "2"}),
    )
    assert len({subject(candidates, {"a": "1"}), *others}) == 4
