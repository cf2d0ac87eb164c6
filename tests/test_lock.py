"""A whole lock in this process: settings in, files out, on an index that is a folder, with real children."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeWheelhouse
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from scenariorun import RecordingReporter
from wheelhouse import Wheelhouse

from minreq import errors
from minreq.config import STDOUT, IndexOptions, Settings, VerifySettings
from minreq.lock.lock import lock
from minreq.lockfile import evidence
from minreq.lockfile.requirements import parse
from minreq.model import BuildForecast, Difference, Lock
from minreq.reporting import Step
from minreq.verify.verify import verify

SCENARIO = """
explanation = "One distribution is needed, one makes a difference, one is optional, one is never asked for."
requirements = ["app"]
[wheels.app."1.0"]
requires = ["needed", "detector", "optional", "unused"]
[wheels.app."1.0".files]
"app/__init__.py" = '''
import warnings
import needed
try:
    import optional
except ImportError:
    optional = None
try:
    import detector
except ImportError:
    warnings.warn("no detector")
'''
[wheels]
detector."1.0" = {}
needed."1.0" = {}
optional."1.0" = {}
unused."1.0" = {}
"""

#: The same index later: newer releases of a kept one and of the root.
LATER = (
    SCENARIO
    + """
needed."2.0" = {}
detector."2.0" = {}
optional."2.0" = {}
"""
)

LAMBDA = "lambda-python3.12-x86_64"

#: What runs a smoke; none of it happens when nothing has changed.
RUNS = {Step.REFERENCE, Step.TRACE, Step.SETTLE, Step.COMPARE, Step.PROVE}

#: Makes settings for a lock of a wheelhouse.
MakeSettings = Callable[..., Settings]


@pytest.fixture(autouse=True)
def _no_pip_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that the machine says of indexes."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def make_settings(tmp_path: Path) -> MakeSettings:
    """Settings with a store, an output and a smoke below the folder of the test."""
    smoke = tmp_path / "check.py"
    smoke.write_text("import app\n")

    def settings(house: Wheelhouse, **options: Any) -> Settings:
        common: dict[str, Any] = {
            "root": Requirement("app"),
            "smokes": (smoke,),
            "output": tmp_path / "requirements-minimal.txt",
            "cache_dir": tmp_path / "cache",
            "index": IndexOptions(index_url=house.url),
            "jobs": 2,
            "timeout": 60.0,
        }
        return Settings(**{**common, **options})

    return settings


def names(made: Lock) -> list[str]:
    return [each.candidate.name for each in made.selection.kept]


def versions(made: Lock) -> dict[str, str]:
    return {name: str(pin.version) for name, pin in made.resolution.pins.items()}


def written(settings: Settings) -> dict[str, bytes]:
    """The lock and its evidence, as far as they are there."""
    files = (settings.output, evidence.evidence_path(settings.output))
    return {file.name: file.read_bytes() for file in files if file.exists()}


def test_lock(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """Kept distributions are pinned and hashed, left-out ones are named, and the evidence is beside the lock."""
    house = make_wheelhouse(SCENARIO)
    settings, recorder = make_settings(house), RecordingReporter()
    made = lock(settings, recorder)
    assert names(made) == ["app", "detector", "needed"]
    assert {each.candidate.name: each.evidence.kind for each in made.selection.kept} == {
        "app": "request",
        "detector": "difference",
        "needed": "failure",
    }
    assert [each.candidate.name for each in made.selection.left_out] == ["optional", "unused"]
    text = settings.output.read_text()
    options = [line for line in text.splitlines() if line.startswith("--")]
    assert options[0] == "--require-hashes"
    for name in names(made):
        (archive,) = house.of(name)
        assert f"{name}==1.0" in text
        assert f"sha256:{archive.sha256}" in text
    assert "unused==" not in text
    file = evidence.evidence_path(settings.output)
    assert evidence.dump(evidence.load(file.read_text(), filename=file.name)) == file.read_text()
    assert recorder.steps[0] is Step.RESOLVE
    assert recorder.steps[-1] is Step.WRITE
    assert recorder.steps.index(Step.PROVE) > recorder.steps.index(Step.REFERENCE)


def test_all_wheels_are_fetched(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """The reference has the whole closure: what a distribution changes without an import is not seen otherwise."""
    settings = make_settings(make_wheelhouse(SCENARIO))
    lock(settings, RecordingReporter())
    fetched = {path.name.partition("-")[0] for path in settings.cache_dir.rglob("*.whl")}
    assert fetched == {"app", "detector", "needed", "optional", "unused"}


def test_second_lock_runs_nothing(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """Nothing changed: the same lock, the same bytes, and no run."""
    settings = make_settings(make_wheelhouse(SCENARIO))
    made, before = lock(settings, RecordingReporter()), written(settings)
    recorder = RecordingReporter()
    assert evidence.dump(lock(settings, recorder)) == evidence.dump(made)
    assert written(settings) == before
    assert not RUNS & {*recorder.steps}


def test_equal_inputs_give_equal_bytes(
    make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """Another place, a cold store and the reference method: the requirements are the same bytes."""
    house = make_wheelhouse(SCENARIO)
    one = make_settings(house)
    (tmp_path / "elsewhere").mkdir()
    two = make_settings(
        house, output=tmp_path / "elsewhere" / one.output.name, cache_dir=tmp_path / "elsewhere" / "cache"
    )
    lock(one, RecordingReporter())
    lock(two, RecordingReporter())
    assert written(one) == written(two)


def test_changed_smoke_runs_again(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """A lock proven by another script proves nothing about this one."""
    settings = make_settings(make_wheelhouse(SCENARIO))
    lock(settings, RecordingReporter())
    settings.smokes[0].write_text("import app, optional\n")
    recorder = RecordingReporter()
    assert "optional" in names(lock(settings, recorder))
    assert RUNS & {*recorder.steps}


def test_changed_lock_is_made_again(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """Somebody edited the file: it is no longer what was proven."""
    settings = make_settings(make_wheelhouse(SCENARIO))
    lock(settings, RecordingReporter())
    before = written(settings)
    lines = settings.output.read_text().splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith("needed=="))
    end = next(number for number in range(start + 1, len(lines) + 1) if not "".join(lines[number : number + 1]).strip())
    settings.output.write_text("".join(lines[:start] + lines[end:]))
    recorder = RecordingReporter()
    lock(settings, recorder)
    assert RUNS & {*recorder.steps}
    assert written(settings) == before


@pytest.mark.parametrize("options", [{"dry_run": True}, {"output": STDOUT}], ids=["dry-run", "stdout"])
def test_nothing_is_written(
    options: dict[str, Any],
    make_wheelhouse: MakeWheelhouse,
    make_settings: MakeSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dry run and a lock for standard output leave no file."""
    monkeypatch.chdir(tmp_path)
    settings, recorder = make_settings(make_wheelhouse(SCENARIO), **options), RecordingReporter()
    before = {path for path in tmp_path.iterdir() if path.name != "cache"}
    assert names(lock(settings, recorder)) == ["app", "detector", "needed"]
    assert {path for path in tmp_path.iterdir() if path.name != "cache"} == before
    assert Step.WRITE not in recorder.steps


def test_over_budget(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """A lock over budget is not written; the old one stays, and the error names the largest distributions.

    A budget counts compiled files, unless the installer writes none. What was compiled once for its size is known.
    """
    settings, recorder = make_settings(make_wheelhouse(SCENARIO)), RecordingReporter()
    made = lock(replace(settings, budget=10**6), recorder).selection
    assert Step.COMPILE in recorder.steps
    assert made.installed_bytes > made.bytes
    lock(replace(settings, budget=made.bytes, bytecode="none"), RecordingReporter())
    before = written(settings)
    recorder = RecordingReporter()
    forecast = BuildForecast(slim="cold", bytes=123)
    with pytest.raises(errors.OverBudget) as caught:
        lock(replace(settings, budget=made.installed_bytes - 1), recorder, lambda _lock, _settings: forecast)
    assert (caught.value.size, caught.value.budget) == (made.installed_bytes, made.installed_bytes - 1)
    assert (caught.value.slim, caught.value.build) == ("cold", 123)
    assert (caught.value.is_compiled, caught.value.is_measured) == (True, True)
    assert caught.value.largest[0].startswith("app ")
    assert len(caught.value.largest) == 3
    assert written(settings) == before
    assert Step.COMPILE not in recorder.steps


def test_unproven_platform(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """The smoke runs on the host; a lock for another platform has to be accepted as unproven."""
    settings = make_settings(make_wheelhouse(SCENARIO), platforms=(LAMBDA,))
    with pytest.raises(errors.PlatformUnproven, match=LAMBDA):
        lock(settings, RecordingReporter())
    assert written(settings) == {}
    made = lock(replace(settings, allow_unproven=True), RecordingReporter())
    assert [platform.name for platform in made.platforms] == [LAMBDA]
    assert made.proven_on.name == "host"
    assert len(written(settings)) == 2


def test_dependencies_of_one_platform(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """A pin has wheels for the platforms that require it; installers on the others skip its line."""
    machine = platform.machine()
    target = "lambda-python3.12-arm64" if machine != "aarch64" else "lambda-python3.12-x86_64"
    foreign = "aarch64" if machine != "aarch64" else "x86_64"
    house = make_wheelhouse(
        f"""
        explanation = ""
        requirements = ["app"]
        program = "import app"
        [wheels]
        here."1.0" = {{ tag = "host" }}
        there."1.0" = {{ tag = "cp312-cp312-manylinux2014_{foreign}" }}
        [wheels.app."1.0"]
        requires = ["here ; platform_machine == '{machine}'", "there ; platform_machine == '{foreign}'"]
        files = {{ "app/__init__.py" = "import here" }}
        """
    )
    there = Requirement(f"there ; platform_machine == '{foreign}'")
    settings = replace(make_settings(house), platforms=(target,), allow_unproven=True, whole=(there,))
    made = lock(settings, RecordingReporter())
    assert sorted(kept.candidate.name for kept in made.selection.kept) == ["app", "here", "there"]
    markers = {pin.name: pin.marker for pin in parse(settings.output.read_text()).pins}
    assert markers == {
        "app": None,
        "here": f'platform_machine == "{machine}"',
        "there": f'platform_machine == "{foreign}"',
    }


def test_failing_smoke_leaves_the_old_lock(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """Until the new one is proven nothing is written."""
    settings = make_settings(make_wheelhouse(SCENARIO))
    lock(settings, RecordingReporter())
    before = written(settings)
    settings.smokes[0].write_text("import app; raise SystemExit('broken')\n")
    with pytest.raises(errors.SmokeFailed, match="SystemExit: broken"):
        lock(settings, RecordingReporter())
    assert written(settings) == before


def test_existing_pins_stay(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """Newer releases move nothing, neither what is kept nor what is left out; ``-U`` moves all, ``-P`` one."""
    first = make_settings(make_wheelhouse(SCENARIO))
    lock(first, RecordingReporter())
    later = make_settings(make_wheelhouse(LATER))
    before = written(first)
    old = dict.fromkeys(["app", "detector", "needed", "optional", "unused"], "1.0")
    recorder = RecordingReporter()
    assert versions(lock(later, recorder)) == old
    assert written(later) == before
    assert not RUNS & {*recorder.steps}
    one = lock(replace(later, upgrade_packages=(canonicalize_name("needed"),)), RecordingReporter())
    assert versions(one) == {**old, "needed": "2.0"}
    assert versions(lock(later, RecordingReporter())) == {**old, "needed": "2.0"}
    every = lock(replace(later, upgrade=True), RecordingReporter())
    assert versions(every) == {**old, "needed": "2.0", "detector": "2.0", "optional": "2.0"}


def test_lock_without_evidence_still_holds_its_pins(
    make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings
) -> None:
    """The evidence was lost: the pins of the file are preferred, what was left out may move, and it is proven again."""
    settings = make_settings(make_wheelhouse(SCENARIO))
    lock(settings, RecordingReporter())
    evidence.evidence_path(settings.output).unlink()
    recorder = RecordingReporter()
    made = lock(make_settings(make_wheelhouse(LATER)), recorder)
    assert versions(made) == {"app": "1.0", "detector": "1.0", "needed": "1.0", "optional": "2.0", "unused": "1.0"}
    assert RUNS & {*recorder.steps}


def test_two_smokes(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings, tmp_path: Path) -> None:
    """Each smoke is a group of its own, and all of them decide."""
    other = tmp_path / "more.py"
    other.write_text("import optional\n")
    settings = make_settings(make_wheelhouse(SCENARIO))
    made = lock(replace(settings, smokes=(*settings.smokes, other)), RecordingReporter())
    assert names(made) == ["app", "detector", "needed", "optional"]
    assert len(made.stages) == 2


def test_choices_of_the_user_decide(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """``--include``, ``--exclude``, ``--smallest`` and ``--whole`` have their effect."""
    house = make_wheelhouse(SCENARIO)
    unused, detector = canonicalize_name("unused"), canonicalize_name("detector")
    included = lock(make_settings(house, include=(unused,), exclude=(detector,)), RecordingReporter())
    assert names(included) == ["app", "needed", "unused"]
    assert {each.candidate.name: each.reason for each in included.selection.left_out}[detector] == "excluded"
    smallest = lock(make_settings(house, smallest=True, whole=(Requirement("optional"),)), RecordingReporter())
    assert names(smallest) == ["app", "needed", "optional"]
    (degraded,) = (each for each in smallest.selection.left_out if each.degraded)
    assert degraded.candidate.name == "detector"


def test_noise_is_recorded_by_name_alone(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """The lock has the names of noise and not its text, which would change the bytes of each lock."""
    settings = make_settings(make_wheelhouse(SCENARIO))
    settings.smokes[0].write_text("import app, os; print(os.urandom(8).hex())\n")
    made = lock(settings, RecordingReporter())
    (stage,) = made.stages
    assert made.noise == (f"output of {stage}",)
    assert made.behaviour.stages[0].output == ()
    data = json.loads(evidence.evidence_path(settings.output).read_text())
    assert data


INCLUDED = """
explanation = "A distribution that nothing imports, and that cannot be imported without another one."
requirements = ["app"]
[wheels.app."1.0"]
requires = ["idle"]
[wheels.idle."1.0"]
requires = ["deep", "extra", "broken"]
[wheels.idle."1.0".files]
"idle/__init__.py" = "import deep\\ntry:\\n    import extra\\nexcept ImportError:\\n    pass\\n"
"idle_too.py" = "import broken"
"_space/part.py" = "raise OSError('never')"
[wheels]
deep."1.0" = {}
extra."1.0" = {}
broken."1.0" = { files = { "broken.py" = "1 / 0" } }
"""


def test_what_is_included_can_be_imported(make_wheelhouse: MakeWheelhouse, make_settings: MakeSettings) -> None:
    """Each top-level module of it ends as on a full install; what that takes is kept, with evidence of its own."""
    settings = make_settings(make_wheelhouse(INCLUDED), include=(canonicalize_name("idle"),))
    made = lock(settings, RecordingReporter())
    kept = {each.candidate.name: each.evidence for each in made.selection.kept}
    assert set(kept) == {"app", "idle", "deep", "broken"}
    assert made.stages == ("smoke/check.py", "include/idle")
    for name in ("deep", "broken"):
        found = kept[canonicalize_name(name)]
        assert isinstance(found, Difference)
        assert found.stage == "include/idle"
    output = made.behaviour.stages[1].output
    assert output == (
        "_space.part OSError never",
        "idle is imported",
        "idle_too ZeroDivisionError division by zero",
    )
    assert lock(replace(settings, check=True), RecordingReporter()).stages == made.stages
    assert (
        verify(
            VerifySettings(lock=settings.output, cache_dir=settings.cache_dir, index=settings.index),
            RecordingReporter(),
        ).stages
        == made.stages
    )
