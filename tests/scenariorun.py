"""Run a scenario as a lock would, with real child processes: resolution, closure, store, emulator, search, proof."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, BinaryIO, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from folderindex import FolderIndex
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from wheelhouse import SCENARIOS, Scenario, Wheelhouse

from minreq import interpreter as runtime
from minreq.interpreter import Interpreter
from minreq.minimize import MinimalSet, UserChoices, minimize
from minreq.minimize.guess import Guess
from minreq.minimize.runner import SmokeRunner, open_runner
from minreq.minimize.select import declined_questions, loaded_files, request_evidence, select
from minreq.model import Answer, Evidence, Group, Plan, Resolution, Script, Sdist, Selection, Wheel
from minreq.reporting import Reporter, Step
from minreq.requirements import UserRequirement
from minreq.resolver import ResolverInput, extend, resolve
from minreq.source.imports import StaticImportFinder
from minreq.task.smoketools import resolve_tools
from minreq.wheels.closure import Closure
from minreq.wheels.store import Store

#: Seconds for one stage, unless the scenario says otherwise.
LIMIT = 60.0
#: Runs at a time.
JOBS = 2


@cache
def interpreter() -> Interpreter:
    """The interpreter that runs the tests."""
    return runtime.find_interpreter()


class FileDownloader:
    """Downloads archives from files."""

    def __init__(self) -> None:
        #: File names in the order of the downloads.
        self.fetched: list[str] = []

    def download(self, wheel: Wheel | Sdist, to: BinaryIO) -> None:
        self.fetched.append(wheel.filename)
        with Path(url2pathname(urlsplit(wheel.url).path)).open("rb") as file:
            shutil.copyfileobj(file, to)


@dataclass(slots=True)
class RecordingReporter(Reporter):
    """Records all that is reported."""

    steps: list[Step] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    verdicts: dict[NormalizedName, Evidence | None] = field(default_factory=dict)
    #: Why traces were repeated.
    repeats: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def began(self, step: Step, detail: str = "") -> None:  # noqa: ARG002 - The seam has it.
        self.steps.append(step)

    def answered(self, answer: Answer) -> None:
        with self._lock:
            self.answers.append(answer)

    def settled(self, name: NormalizedName, evidence: Evidence | None) -> None:
        with self._lock:
            self.verdicts[name] = evidence

    def repeated(self, why: str) -> None:
        self.repeats.append(why)

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """The result of a scenario."""

    resolution: Resolution
    minimal_set: MinimalSet
    selection: Selection
    #: Archives that were fetched.
    fetched: frozenset[str]
    reporter: RecordingReporter

    @property
    def kept(self) -> tuple[str, ...]:
        return tuple(each.candidate.name for each in self.selection.kept)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Name to reason."""
        return {each.candidate.name: each.reason for each in self.selection.left_out}


def resolver_input_of(scenario: Scenario) -> ResolverInput:
    """Return what the scenario has resolved; its requirements beside the root are made available."""
    settings = scenario.lock
    root = Requirement(scenario.root)
    host = interpreter().platform
    beside = [text for text in scenario.requirements if Requirement(text).name != root.name]
    return ResolverInput(
        root=root,
        host=host,
        targets=(host,),
        available=(
            *_user_requirements("--with", beside),
            *_user_requirements("--include", settings.get("include", ())),
        ),
        whole=_user_requirements("--whole", settings.get("whole", ())),
        provided=_user_requirements("--provided", settings.get("provided", ())),
    )


def choices_of(scenario: Scenario, resolution: Resolution, settle: Literal["auto", "runs"]) -> UserChoices:
    """Return what the user of the scenario decides before anything runs."""
    settings = scenario.lock
    origins = {canonicalize_name(Requirement(text).name): f"--whole {text}" for text in settings.get("whole", ())}
    origins |= {canonicalize_name(name): f"--include {name}" for name in settings.get("include", ())}
    origins[resolution.root] = "root"
    return UserChoices(
        requested=request_evidence(resolution, origins),
        excluded=frozenset(map(canonicalize_name, settings.get("exclude", ()))),
        smallest=bool(settings.get("smallest")),
        portable=bool(settings.get("portable")),
        settle=settle,
    )


def plan_of(house: Wheelhouse) -> Plan:
    """Return the plan of the scenario: its program, or its stages, ``first`` and a table of features for each group."""
    smoke: Mapping[str, Any] = house.scenario.smoke
    addresses = {"MINREQ_HTTP": "{http}", "MINREQ_HTTPS": "{https}"}
    if not smoke:
        script = Script(stage="smoke/program", file=house.program, environment=addresses)
        return Plan(environment={}, first=None, groups=(Group(name="smoke", scripts=(script,)),))
    folder = house.folder / "smokes"

    def script_of(stage: str, text: str) -> Script:
        file = folder / f"{stage.replace('/', '_')}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return Script(stage=stage, file=file, environment=addresses)

    groups = (
        Group(name=group, scripts=tuple(script_of(f"{group}/{feature}", text) for feature, text in features.items()))
        for group, features in smoke.get("groups", {}).items()
    )
    first = script_of("import", smoke["first"]) if "first" in smoke else None
    return Plan(environment=smoke.get("environment", {}), first=first, groups=tuple(groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenScenario:
    """A scenario with an open runner, and what the runner reads."""

    house: Wheelhouse
    runner: SmokeRunner
    index: FolderIndex
    downloader: FileDownloader


@contextmanager
def open_scenario(house: Wheelhouse, *, plan: Plan | None = None, jobs: int = JOBS) -> Iterator[OpenScenario]:
    """Resolve the scenario of *house* and open a runner for it; the store stays in the same folder."""
    index, downloader = FolderIndex(house), FileDownloader()
    inputs = resolver_input_of(house.scenario)
    resolution = resolve(inputs, index, StaticImportFinder(index))
    allowed = map(canonicalize_name, house.scenario.lock.get("allow-pth", ()))
    store = Store(house.folder / "store", downloader, allow_pth=allowed)
    more = partial(extend, inputs=inputs, index=index)
    closure = Closure(resolution, index, store, more)
    initial = frozenset(choices_of(house.scenario, resolution, "auto").requested) | resolution.provided
    limit = float(house.scenario.lock.get("limit", LIMIT))
    tools = resolve_tools(resolution, map(Requirement, house.scenario.lock.get("tools", ())), more)
    with (
        tools.place(closure, store) as places,
        open_runner(
            interpreter(),
            plan or plan_of(house),
            closure,
            store,
            initial=initial,
            jobs=jobs,
            timeout=limit,
            tools=places,
        ) as runner,
    ):
        yield OpenScenario(house=house, runner=runner, index=index, downloader=downloader)


def list_first_stage_scenarios(*some: str) -> list[str]:
    """Return *some* of the scenarios that have a first stage; all, some twenty, with ``MINREQ_ALL_SCENARIOS``."""
    if "MINREQ_ALL_SCENARIOS" not in os.environ:
        return [*some]
    return [path.stem for path in sorted(SCENARIOS.glob("*.toml")) if "\nfirst" in path.read_text("utf-8")]


def run_scenario(
    house: Wheelhouse, settle: Literal["auto", "runs"] = "auto", guess: Guess | None = None
) -> ScenarioResult:
    """Do what a lock does with the scenario of *house*; a second call finds the wheels in the store."""
    with open_scenario(house) as opened:
        closure, reporter = opened.runner.closure, RecordingReporter()
        choices = replace(choices_of(house.scenario, closure.resolution, settle), guess=guess)
        minimal_set = minimize(opened.runner, choices, reporter)
        path_map = opened.runner.setup.make_path_map(opened.runner.scratch)
        loaded = loaded_files(minimal_set, path_map)
        declined = declined_questions(closure.resolution, minimal_set, path_map)
    selection = select(
        closure.resolution,
        minimal_set,
        size=closure.installed_bytes,
        source_bytes=closure.source_bytes,
        import_map=closure.import_map,
        loaded=loaded,
        excluded=choices.excluded,
        declined=declined,
    )
    return ScenarioResult(
        resolution=closure.resolution,
        minimal_set=minimal_set,
        selection=selection,
        fetched=frozenset(opened.downloader.fetched),
        reporter=reporter,
    )


def _user_requirements(origin: str, texts: Iterable[str]) -> tuple[UserRequirement, ...]:
    return tuple(UserRequirement(requirement=Requirement(text), origin=f"{origin} {text}") for text in texts)
