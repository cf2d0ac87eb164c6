"""The way from a profile to what each of its providers needs: measured together, kept by the hash of what was run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.config import Settings
from minreq.errors import NoProviders, ProjectNotFound, ResolutionFailure
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.lock import resolve
from minreq.lock.resolve import Mapped
from minreq.minimize import Wishes, minimize
from minreq.minimize.laboratory import workplace
from minreq.minimize.observe import Laboratory
from minreq.minimize.select import requests
from minreq.model import Difference, Evidence, Failure, Plan, Resolution
from minreq.profiles import loading, planning
from minreq.profiles.loading import Profile
from minreq.providers.needs import Base, Measured, Need, Needs, Part, Records
from minreq.providers.provision import Provision, provisions
from minreq.reporting import Reporter, Step
from minreq.task import task as preparing
from minreq.task.task import Task
from minreq.wheels.closure import Closure


def measure(settings: Settings, reporter: Reporter) -> Needs:
    """Return what the providers of *settings* need beside the import of the root, all of them if none is named.

    What was measured before for the same distributions, scripts and interpreter is not measured again. Of a provider
    that cannot be had beside the root the reason is told. Raises ``NoProviders`` and every branch of ``MinreqError``
    that a lock raises but ``ProofFailed``.
    """
    task = preparing.task(replace(settings, smokes=(), scan=()))
    profile = task.profile
    if profile is None:
        raise NoProviders(settings.root.name, loading.roots())
    index_settings = preparing.index_settings(task.settings.index, task.files)
    with IndexClient(index_settings, settings.cache_dir / "index") as index:
        mapped, impossible = _mapped(task, profile, index, index_settings, reporter)
        version = mapped.resolution.pins[task.subject].version
        asked = settings.providers or [provider.name for provider in profile.providers]
        plan = planning.plan(profile, asked, settings.features or None, [], version)
        groups = tuple(group for group in plan.groups if group.name not in impossible)
        base, found = _measured(task, mapped, replace(plan, groups=groups), reporter)
    found += [
        Measured(provider=group.name, failure=impossible[group.name])
        for group in plan.groups
        if group.name in impossible
    ]
    return Needs(
        root=task.subject,
        version=version,
        platform=task.host,
        base=base.parts,
        providers=tuple(_need(task, profile, each, version) for each in sorted(found, key=lambda each: each.provider)),
    )


def _mapped(
    task: Task, profile: Profile, index: IndexClient, index_settings: IndexSettings, reporter: Reporter
) -> tuple[Mapped, Mapping[str, str]]:
    """Map the root with all providers that can be had beside it; return also why the others cannot, by name.

    The root is what it is without any of them: none makes it older for all. And all of them count, whoever is asked
    for: else versions would depend on that.
    """
    settings = task.settings
    alone = resolve.resolved(_with(task, settings.root, ()), index, index_settings)
    root = Requirement(f"{settings.root.name}=={alone.pins[task.root].version}")
    root.extras = settings.root.extras
    everybody = tuple(provider.name for provider in profile.providers)
    possible: tuple[str, ...] = ()
    impossible: dict[str, str] = {}
    try:
        return resolve.mapped(_with(task, root, everybody), index, index_settings, reporter), impossible
    except (ResolutionFailure, ProjectNotFound):
        for each in everybody:
            why = _impossible(_with(task, root, (*possible, each)), index, index_settings)
            if why is None:
                possible += (each,)
            else:
                impossible[each] = why
    return resolve.mapped(_with(task, root, possible), index, index_settings, reporter), impossible


def _impossible(task: Task, index: IndexClient, index_settings: IndexSettings) -> str | None:
    """Return why what *task* asks for cannot be had, ``None`` where it can."""
    try:
        resolve.resolved(task, index, index_settings)
    except (ResolutionFailure, ProjectNotFound) as error:
        return str(error)
    return None


def _with(task: Task, root: Requirement, providers: tuple[str, ...]) -> Task:
    return replace(task, settings=replace(task.settings, root=root, providers=providers))


def _measured(task: Task, mapped: Mapped, plan: Plan, reporter: Reporter) -> tuple[Base, list[Measured]]:
    """Return what the first stage of *plan* needs, and what each of its groups does; run is what no record tells."""
    records = Records(
        folder=task.settings.cache_dir / "providers",
        common=_common(task, mapped.resolution),
        inputs=planning.inputs(plan),
        stages=frozenset(script.stage for group in plan.groups for script in group.scripts),
    )
    base = records.base()
    known = {group.name: records.provider(group.name) for group in plan.groups}
    found = [each for each in known.values() if each is not None]
    # What may ask for distributions of its own takes longest, and so goes first.
    own = {provider.name for provider in (task.profile.providers if task.profile else ()) if provider.requirements}
    missing = tuple(
        sorted((group for group in plan.groups if known[group.name] is None), key=lambda each: each.name not in own)
    )
    if base is not None and not missing:
        return base, found
    with workplace(
        task.interpreter,
        plan,
        mapped.closure,
        mapped.store,
        initial=frozenset({task.root}) | mapped.resolution.provided,
        jobs=task.settings.jobs,
        timeout=task.settings.timeout,
        require_sandbox=task.settings.require_sandbox,
        reporter=reporter,
    ) as laboratory:
        if base is None:
            base = _base(laboratory, mapped.resolution, reporter)
            records.keep(base)
        for extra in base.extras:
            mapped.closure.take(Requirement(extra))
        reporter.began(Step.TRACE, f"{len(missing)} providers")
        waiting = laboratory.running(replace(plan, groups=missing))

        def told(provision: Provision) -> None:
            """Keep it at once: an interrupt then loses only what is still being measured."""
            each = _as_kept(mapped.closure, provision)
            found.append(each)
            if not each.failure:
                records.keep(each)

        provisions(waiting, base.names, base.declined, known=told, reporter=reporter)
    return base, found


def _base(laboratory: Laboratory, resolution: Resolution, reporter: Reporter) -> Base:
    """Return what the first stage alone needs, as a lock of it would keep it."""
    plan, closure = laboratory.world.plan, laboratory.closure
    wishes = Wishes(requested=requests(resolution, {resolution.root: "root"}))
    minimum = minimize(laboratory.running(replace(plan, groups=())), wishes, reporter)
    needs = sorted(frozenset(minimum.evidence) | laboratory.initial)
    return Base(
        parts=tuple(_part(closure, name) for name in needs),
        declined=frozenset(minimum.trace.answers).difference(needs),
        extras=tuple(sorted({closure.resolution.extras[name] for name in needs if name in closure.resolution.extras})),
    )


def _as_kept(closure: Closure, found: Provision) -> Measured:
    parts = tuple(_part(closure, name, _why(evidence)) for name, evidence in sorted(found.needs.items()))
    return Measured(provider=found.provider, parts=parts, features=found.features, failure=found.failure)


def _need(task: Task, profile: Profile, found: Measured, version: Version) -> Need:
    """Return *found* with what the profile says of that provider and that *version*."""
    (provider,) = (each for each in profile.providers if each.name == found.provider)
    more = {each.name for each in planning.offered(profile, provider) if not each.default}
    features = task.settings.features or None
    return Need(
        provider=found.provider,
        parts=found.parts,
        features=found.features,
        more=tuple(sorted(more.difference(found.features))),
        skipped=planning.skipped(profile, [found.provider], features, version),
        failure=found.failure,
    )


def _part(closure: Closure, name: NormalizedName, why: str = "") -> Part:
    return Part(name=name, version=closure.candidate(name).version, bytes=closure.bytes(name), why=why)


def _common(task: Task, resolution: Resolution) -> Mapping[str, object]:
    """Return what decides every result beside the scripts: distributions, start-up files accepted, interpreter."""
    return {
        "python": str(task.interpreter.platform.python_version),
        "tags": str(task.interpreter.platform.tags[0]),
        # Whoever asks for one that is refused does without it, or fails.
        "allow_pth": sorted(resolution.pins.keys() & {*task.settings.allow_pth}),
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
