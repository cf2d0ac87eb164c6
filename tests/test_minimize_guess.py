"""What an earlier lock shows is a guess for the next: it saves runs, and no byte of a lock depends on it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.utils import NormalizedName, canonicalize_name
from scenariorun import ScenarioResult, run_scenario
from wheelhouse import Wheelhouse, parse, write

from minreq.minimize.guess import Guess, guess_from
from minreq.smoke.run import Run

pytestmark = pytest.mark.one_python

SCENARIOS = Path(__file__).parent / "scenarios"
#: With a variable all scenarios that have a first stage, some twenty.
NAMES = (
    [path.stem for path in sorted(SCENARIOS.glob("*.toml")) if "\nfirst" in path.read_text("utf-8")]
    if "MINREQ_ALL_SCENARIOS" in os.environ
    else ["two-behind-one-handler"]
)
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


def test_all_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A right guess saves the runs of the first stage; after a wrong one, the lock is made without it."""
    locked = Locked(write(parse(ALL_KINDS), tmp_path), monkeypatch, [])
    plain = locked.lock()
    right = guess_from(plain.selection, "import")
    again = locked.lock(right)
    assert contents(again) == contents(plain)
