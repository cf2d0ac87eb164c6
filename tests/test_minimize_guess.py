"""What an earlier lock shows is a guess for the next: it saves runs, and no byte of a lock depends on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from packaging.utils import NormalizedName, canonicalize_name
from samplelock import LOCK
from scenariorun import ScenarioResult, list_first_stage_scenarios, run_scenario
from wheelhouse import SCENARIOS, Scenario, Wheelhouse, load, parse, write

from minreq.minimize.compare import Deviation
from minreq.minimize.guess import Guess, guess_from, read_guess
from minreq.model import Difference, Selection
from minreq.smoke.run import Run

pytestmark = pytest.mark.one_python

ALL_KINDS = """
explanation = "The root fails without `late`, warns without `soft`, and a feature needs `hinted`; each has a handler."
requirements = ["app"]
[wheels]
late."1.0" = {}
soft."1.0" = {}
hinted."1.0" = {}
other."1.0" = {}
[wheels.app."1.0"]
requires = ["late", "soft", "hinted", "other"]
[wheels.app."1.0".files]
"app/__init__.py" = '''
import warnings
try:
    import late
except ImportError as error:
    cause = error
else:
    cause = None
if cause:
    raise RuntimeError("no late") from cause
try:
    import soft
except ImportError:
    warnings.warn("install soft")
try:
    import hinted
except ImportError:
    pass
try:
    import other
except ImportError:
    pass
'''
"app/feature.py" = "import hinted"
[smoke]
first = "import app"
groups.near.chat = "import app.feature"
"""
ONE_OF_TWO = """
explanation = "The root uses `first`, else `second`, which nothing else catches. A trace finds that `second` does."
requirements = ["app"]
[wheels]
first."1.0" = {}
second."1.0" = {}
[wheels.app."1.0"]
requires = ["first", "second"]
[wheels.app."1.0".files]
"app/__init__.py" = '''
try:
    import first
except ImportError:
    import second
'''
[smoke]
first = "import app"
groups.near.chat = "import app"
"""


@dataclass(slots=True)
class Locked:
    """Makes locks of one scenario, and remembers the runs of each."""

    house: Wheelhouse
    patch: pytest.MonkeyPatch
    runs: list[str]

    def lock(self, guess: Guess | None = None) -> ScenarioResult:
        self.runs.clear()
        begin = Run.__init__

        def counted(run: Run, setup: object, name: str, **more: object) -> None:
            self.runs.append(name)
            begin(run, setup, name, **more)  # type: ignore[arg-type]

        with self.patch.context() as patch:
            patch.setattr(Run, "__init__", counted)
            return run_scenario(self.house, guess=guess)


def contents(result: ScenarioResult) -> tuple[object, ...]:
    """What goes into the lock and its evidence."""
    found = result.minimal_set
    return result.selection, found.evidence, found.degraded, found.passed_without, found.noise, found.proof.behaviour


def names(*texts: str) -> frozenset[NormalizedName]:
    return frozenset(map(canonicalize_name, texts))


def with_difference(selection: Selection, stage: str, with_it: str, without_it: str) -> Selection:
    """Return *selection* with other facts in its difference."""
    kept = (
        replace(each, evidence=replace(each.evidence, stage=stage, with_it=with_it, without_it=without_it))
        if isinstance(each.evidence, Difference)
        else each
        for each in selection.kept
    )
    return replace(selection, kept=tuple(kept))


@pytest.fixture
def make_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Scenario], Locked]:
    return lambda scenario: Locked(write(scenario, tmp_path), monkeypatch, [])


def test_a_right_guess_saves_runs_and_a_wrong_one_changes_nothing(make_locked: Callable[[Scenario], Locked]) -> None:
    locked = make_locked(parse(ALL_KINDS))
    plain = locked.lock()
    assert sorted(locked.runs) == ["first-stage", "first-stage", "proof-1", "reference", "trace"]
    right = guess_from(plain.selection, "import")
    warning = Deviation(stage="import", what="warnings", first="", second="UserWarning: install soft (app/__init__.py)")
    assert right == Guess(failing=names("late"), differing={canonicalize_name("soft"): warning}, hinted=names("hinted"))
    # A difference in a feature, in numbers alone, or that does not name its cause: no first trace could show it.
    for changed in (("near/chat", "", "soft"), ("import", "soft 1", "soft 2"), ("import", "", "gone")):
        assert guess_from(with_difference(plain.selection, *changed), "import") is None
    # What nothing asks for is neither right nor wrong.
    again = locked.lock(replace(right, failing=names("late", "gone")))
    assert (sorted(locked.runs), again.reporter.repeats) == (["proof-1", "reference", "trace"], [])
    assert contents(again) == contents(plain)
    wrong = {
        "nothing": Guess(),
        "another text": replace(right, differing={canonicalize_name("soft"): replace(warning, second="soft")}),
        "an extra": replace(right, extras=frozenset({"app[more]"})),
        "one too many": replace(right, hinted=names("hinted", "other")),
    }
    for what, guess in wrong.items():
        found = locked.lock(guess)
        assert found.reporter.repeats[0] == "the last lock does not show what this one needs", what
        assert contents(found) == contents(plain), what


@pytest.mark.parametrize(
    "guess", [Guess(hinted=names("first")), Guess(failing=names("first"))], ids=["needed", "fails without it"]
)
def test_a_guess_from_another_smoke_chooses_nothing(guess: Guess, make_locked: Callable[[Scenario], Locked]) -> None:
    """Another smoke may have needed `first` itself. Both sets would be minimal, but only one is that of this smoke."""
    locked = make_locked(parse(ONE_OF_TWO))
    plain = locked.lock()
    assert plain.kept == ("app", "second")
    assert contents(locked.lock(guess)) == contents(plain)


@pytest.mark.parametrize("name", list_first_stage_scenarios("stages-change-an-answer", "two-behind-one-handler"))
def test_scenarios(name: str, make_locked: Callable[[Scenario], Locked]) -> None:
    locked = make_locked(load(SCENARIOS / f"{name}.toml"))
    plain = locked.lock()
    everything = Guess(hinted=frozenset(plain.resolution.pins) - {plain.resolution.root})
    own = guess_from(plain.selection, "import")
    extras = frozenset(plain.resolution.extras.values())
    for guess in (own and replace(own, extras=extras), Guess(), replace(everything, extras=extras)):
        assert contents(locked.lock(guess)) == contents(plain)


def test_a_lock_with_noise_lets_expect_nothing() -> None:
    """Noise would have to be told from a deviation, by runs that a lock without a guess does not make."""
    assert LOCK.noise
    assert read_guess(LOCK) is None
    # What nothing asks for with a handler is accepted without a guess.
    assert read_guess(replace(LOCK, noise=())) == Guess(extras=frozenset({"litellm[mcp]"}))
