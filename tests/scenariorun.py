"""Runs a scenario as a lock would, with real children: resolution, closure, store, emulator, fixed point, proof."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, BinaryIO, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from folderindex import FolderIndex
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from wheelhouse import Scenario, Wheelhouse

from minreq import interpreter as runtime
from minreq.interpreter import Interpreter
from minreq.minimize import Minimum, Wishes, minimize
from minreq.minimize.laboratory import workplace
from minreq.minimize.observe import Laboratory
from minreq.minimize.select import loaded_files, requests, select
from minreq.model import Answer, Evidence, Group, Plan, Resolution, Script, Sdist, Selection, Wheel
from minreq.reporting import Reporter, Step
from minreq.requirements import StatedRequirement
from minreq.resolver import Demand, extend, resolve
from minreq.source.imports import StaticForecast
from minreq.wheels.closure import Closure
from minreq.wheels.store import Store

#: Seconds for one stage, unless the scenario says otherwise.
LIMIT = 60.0
#: Runs at a time.
JOBS = 2


@cache
def interpreter() -> Interpreter:
    """The interpreter that runs the tests."""
    return runtime.interpreter()


class Copier:
    """A source of archives that are files."""

    def __init__(self) -> None:
        #: File names in the order they were fetched.
        self.fetched: list[str] = []

    def download(self, wheel: Wheel | Sdist, to: BinaryIO) -> None:
        self.fetched.append(wheel.filename)
        with Path(url2pathname(urlsplit(wheel.url).path)).open("rb") as file:
            shutil.copyfileobj(file, to)


@dataclass(slots=True)
class Recorder(Reporter):
    """Remembers what it was told."""

    steps: list[Step] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    verdicts: dict[NormalizedName, Evidence | None] = field(default_factory=dict)
    #: Why traces were repeated.
    repeats: list[str] = field(default_factory=list)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came out of a scenario."""

    resolution: Resolution
    minimum: Minimum
    selection: Selection
    #: Archives that were fetched.
    fetched: frozenset[str]
    recorder: Recorder

    @property
    def kept(self) -> tuple[str, ...]:
        return tuple(each.candidate.name for each in self.selection.kept)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Name to reason."""
        return {each.candidate.name: each.reason for each in self.selection.left_out}


def demand_of(scenario: Scenario) -> Demand:
    """What the scenario asks to be resolved; what stands beside the root is made available."""
    asked = scenario.lock
    root = Requirement(scenario.root)
    host = interpreter().platform
    beside = [text for text in scenario.requirements if Requirement(text).name != root.name]
    return Demand(
        root=root,
        host=host,
        targets=(host,),
        available=(*_stated("--with", beside), *_stated("--include", asked.get("include", ()))),
        whole=_stated("--whole", asked.get("whole", ())),
        provided=_stated("--provided", asked.get("provided", ())),
    )


def wishes_of(scenario: Scenario, resolution: Resolution, settle: Literal["auto", "runs"]) -> Wishes:
    """What the user of the scenario decided beforehand."""
    asked = scenario.lock
    words = {canonicalize_name(Requirement(text).name): f"--whole {text}" for text in asked.get("whole", ())}
    words |= {canonicalize_name(name): f"--include {name}" for name in asked.get("include", ())}
    words[resolution.root] = "root"
    return Wishes(
        requested=requests(resolution, words),
        excluded=frozenset(map(canonicalize_name, asked.get("exclude", ()))),
        smallest=bool(asked.get("smallest")),
        settle=settle,
    )


def plan_of(house: Wheelhouse) -> Plan:
    """The program of the scenario alone, or its stages: ``first``, and a table of features for each group."""
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
class Opened:
    """A laboratory with what stands behind it."""

    house: Wheelhouse
    laboratory: Laboratory
    index: FolderIndex
    copier: Copier


@contextmanager
def opened(house: Wheelhouse, *, plan: Plan | None = None, jobs: int = JOBS) -> Iterator[Opened]:
    """Open a laboratory for what the scenario of *house* resolves to; the store stays beside it."""
    index, copier = FolderIndex(house), Copier()
    demand = demand_of(house.scenario)
    resolution = resolve(demand, index, StaticForecast(index))
    store = Store(house.folder / "store", copier)
    closure = Closure(resolution, index, store, partial(extend, demand=demand, index=index))
    initial = frozenset(wishes_of(house.scenario, resolution, "auto").requested) | resolution.provided
    limit = float(house.scenario.lock.get("limit", LIMIT))
    with workplace(
        interpreter(), plan or plan_of(house), closure, store, initial=initial, jobs=jobs, timeout=limit
    ) as laboratory:
        yield Opened(house=house, laboratory=laboratory, index=index, copier=copier)


def find(house: Wheelhouse, settle: Literal["auto", "runs"] = "auto") -> Found:
    """Do what a lock does with the scenario of *house*; the store is warm the second time."""
    with opened(house) as bench:
        closure, recorder = bench.laboratory.closure, Recorder()
        wishes = wishes_of(house.scenario, closure.resolution, settle)
        minimum = minimize(bench.laboratory, wishes, recorder)
        loaded = loaded_files(minimum.trace, bench.laboratory.world.places(bench.laboratory.scratch))
    selection = select(
        closure.resolution,
        minimum,
        size=closure.bytes,
        sources=closure.sources,
        import_map=closure.import_map,
        loaded=loaded,
        excluded=wishes.excluded,
    )
    return Found(
        resolution=closure.resolution,
        minimum=minimum,
        selection=selection,
        fetched=frozenset(bench.copier.fetched),
        recorder=recorder,
    )


def _stated(origin: str, texts: Iterable[str]) -> tuple[StatedRequirement, ...]:
    return tuple(StatedRequirement(requirement=Requirement(text), origin=f"{origin} {text}") for text in texts)
