"""The way from a profile to what each of its providers needs: measured together, kept by the hash of what was run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq import demanding, preparing
from minreq.closure import Closure
from minreq.config import Settings
from minreq.errors import NoProviders
from minreq.forecast import StaticForecast
from minreq.index.client import IndexClient
from minreq.lockfile import writing
from minreq.lockfile.codec import Codec
from minreq.minimizing import Wishes, minimize
from minreq.model import Difference, Evidence, Failure, Plan, Platform, Resolution
from minreq.observing import Laboratory
from minreq.preparing import Task
from minreq.profiles import loading, planning
from minreq.profiles.loading import Profile
from minreq.profiles.planning import Skipped
from minreq.provision import Provision, provisions
from minreq.reporting import Reporter, Step
from minreq.resolver import extend, resolve
from minreq.selecting import requests
from minreq.store import Store
from minreq.workplace import workplace

#: Part of what results are kept by: another way of measuring makes other results.
_METHOD = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A distribution that is needed."""

    name: NormalizedName
    version: Version
    #: Unpacked bytes of its wheel.
    bytes: int
    #: Why, for a person; "" for what the import of the root needs.
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a provider needs beside the import of the root."""

    provider: str
    #: Sorted by name.
    parts: tuple[Part, ...]
    features: tuple[str, ...]
    #: Features that have calls for it and run only when they are named.
    more: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    #: Why it could not be measured, "" if it was.
    failure: str

    @property
    def bytes(self) -> int:
        """Unpacked, of all parts."""
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What was measured."""

    root: NormalizedName
    version: Version
    platform: Platform
    #: What `import` of the root needs, the root included.
    base: tuple[Part, ...]
    #: Sorted by provider.
    providers: tuple[Need, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """What the first stage needs, as it is kept."""

    parts: tuple[Part, ...]
    #: What it asked for and does without.
    declined: frozenset[NormalizedName]

    @property
    def names(self) -> frozenset[NormalizedName]:
        """The distributions it needs."""
        return frozenset(part.name for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What a provider needs beside that, as it is kept."""

    provider: str
    parts: tuple[Part, ...]
    features: tuple[str, ...]
    failure: str = ""


_CODEC = Codec({})


def measure(settings: Settings, reporter: Reporter) -> Needs:
    """Return what the providers of *settings* need beside the import of the root, all of them if none is named.

    What was measured before for the same distributions, scripts and interpreter is not measured again. Raises
    ``NoProviders`` and every branch of ``MinreqError`` that a lock raises but ``ProofFailed``.
    """
    task = preparing.task(replace(settings, smokes=(), scan=()))
    profile = task.profile
    if profile is None:
        raise NoProviders(settings.root.name, loading.roots())
    # Resolved for all of them, whoever is asked for: else versions would depend on that.
    everybody = tuple(provider.name for provider in profile.providers)
    asked = settings.providers or everybody
    task = replace(task, settings=replace(task.settings, providers=everybody))
    index_settings = preparing.index_settings(task.settings.index, task.files)
    with IndexClient(index_settings, settings.cache_dir / "index") as index:
        store = Store(
            settings.cache_dir / "wheels",
            index,
            fetched=reporter.fetched,
            allow_pth=settings.allow_pth,
            remarked=reporter.note,
        )
        demand = demanding.demand(task, index_settings, store)
        reporter.began(Step.RESOLVE)
        resolution = resolve(demand, index, StaticForecast(index))
        reporter.resolved(resolution)
        reporter.began(Step.MAP)
        closure = Closure(resolution, index, store, partial(extend, demand=demand, index=index))
        reporter.mapped({name: closure.bytes(name) for name in resolution.pins})
        version = resolution.pins[task.subject].version
        plan = planning.plan(profile, asked, settings.features or None, [], version)
        records = _Records(
            folder=settings.cache_dir / "providers",
            common=_common(task, resolution),
            inputs=planning.inputs(plan),
            stages=frozenset(script.stage for group in plan.groups for script in group.scripts),
        )
        known = {group.name: records.provider(group.name) for group in plan.groups}
        base = records.base()
        missing = tuple(group for group in plan.groups if known[group.name] is None)
        if base is not None and not base.names <= resolution.pins.keys():
            base = None  # An extra supplied something, and has to do so again.
        if base is None or missing:
            with workplace(
                task.interpreter,
                plan,
                closure,
                store,
                initial=frozenset({task.root}) | resolution.provided,
                jobs=settings.jobs,
                timeout=settings.timeout,
                require_sandbox=settings.require_sandbox,
                reporter=reporter,
            ) as laboratory:
                base = base or _base(laboratory, resolution, reporter)
                records.keep(base)
                reporter.began(Step.TRACE, f"{len(missing)} providers")
                for each in provisions(_with(laboratory, replace(plan, groups=missing)), base.names, base.declined):
                    known[each.provider] = found = _measured(closure, each)
                    if not found.failure:
                        records.keep(found)
        return Needs(
            root=task.subject,
            version=version,
            platform=task.host,
            base=base.parts,
            providers=tuple(
                _need(task, profile, found, version) for _, found in sorted(known.items()) if found is not None
            ),
        )


def _base(laboratory: Laboratory, resolution: Resolution, reporter: Reporter) -> _Base:
    """Return what the first stage alone needs, as a lock of it would keep it."""
    plan = laboratory.world.plan
    wishes = Wishes(requested=requests(resolution, {resolution.root: "root"}))
    minimum = minimize(_with(laboratory, replace(plan, groups=())), wishes, reporter)
    needs = frozenset(minimum.evidence) | laboratory.initial
    parts = tuple(_part(laboratory.closure, name) for name in sorted(needs))
    return _Base(parts=parts, declined=frozenset(minimum.trace.answers) - needs)


def _with(laboratory: Laboratory, plan: Plan) -> Laboratory:
    return replace(laboratory, world=replace(laboratory.world, plan=plan))


def _measured(closure: Closure, found: Provision) -> _Measured:
    parts = tuple(_part(closure, name, _why(evidence)) for name, evidence in sorted(found.needs.items()))
    return _Measured(provider=found.provider, parts=parts, features=found.features, failure=found.failure)


def _need(task: Task, profile: Profile, found: _Measured, version: Version) -> Need:
    """Return *found* with what the profile says of that provider and that *version*."""
    (provider,) = (each for each in profile.providers if each.name == found.provider)
    more = {each.name for each in planning.offered(profile, provider) if not each.default}
    features = task.settings.features or None
    return Need(
        provider=found.provider,
        parts=found.parts,
        features=found.features,
        more=tuple(sorted(more - {*found.features})),
        skipped=planning.skipped(profile, [found.provider], features, version),
        failure=found.failure,
    )


def _part(closure: Closure, name: NormalizedName, why: str = "") -> Part:
    return Part(name=name, version=closure.candidate(name).version, bytes=closure.bytes(name), why=why)


def _common(task: Task, resolution: Resolution) -> Mapping[str, object]:
    """Return what decides every result: the distributions, the interpreter, the way of measuring."""
    return {
        "method": _METHOD,
        "python": str(task.interpreter.platform.python_version),
        "tags": str(task.interpreter.platform.tags[0]),
        "pins": {name: str(pin.wheel.sha256 or pin.wheel.filename) for name, pin in resolution.pins.items()},
    }


def _why(evidence: Evidence) -> str:
    """Return the evidence as a sentence."""
    match evidence:
        case Failure():
            return f"{evidence.stage} fails without it: {evidence.error.splitlines()[0]}"
        case Difference():
            return f"{evidence.what} of {evidence.stage} differs without it"
        case _:
            return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    """What was measured, a file each, named by the hash of what it came from."""

    folder: Path
    common: Mapping[str, object]
    #: Digests of the scripts by stage, and of what all stages share.
    inputs: Mapping[str, str]
    stages: frozenset[str]

    def provider(self, name: str) -> _Measured | None:
        """Return what was measured of the provider called *name*, ``None`` where nothing was."""
        found: _Measured | None = self._read(_Measured, self._file(name))
        return found

    def base(self) -> _Base | None:
        """Return what was measured of the first stage, ``None`` where nothing was."""
        found: _Base | None = self._read(_Base, self._file(""))
        return found

    def keep(self, found: _Measured | _Base) -> None:
        """Write *found* for the next time."""
        kind, name = (_Base, "") if isinstance(found, _Base) else (_Measured, found.provider)
        self.folder.mkdir(parents=True, exist_ok=True)
        writing.write({self._file(name): json.dumps(_CODEC.encode(kind, found), indent=1) + "\n"})

    @staticmethod
    def _read(kind: type, file: Path) -> Any:
        with suppress(OSError, ValueError):  # Malformed is a ValueError too: it is measured again.
            return _CODEC.decode(kind, json.loads(file.read_text("utf-8")))
        return None

    def _file(self, provider: str) -> Path:
        """Where the record of a *provider* lies, of the first stage without one."""
        wanted = {
            name: digest
            for name, digest in self.inputs.items()
            if name not in self.stages or name.startswith(f"{provider}/")
        }
        text = json.dumps([provider, wanted, self.common], sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
