"""Measure what each provider of a profile needs; the results are cached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.config import Settings
from minreq.counts import pluralize
from minreq.errors import NoProfile, ProjectNotFound, ResolutionFailure
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.lock import LockSession, resolve
from minreq.lock.resolve import ResolvedTask
from minreq.minimize import UserChoices, minimize
from minreq.minimize.runner import SmokeRunner, open_runner
from minreq.minimize.select import request_evidence
from minreq.model import Difference, Evidence, Failure, Plan, Resolution
from minreq.profiles import loader, planner
from minreq.profiles.loader import Profile
from minreq.profiles.planner import DEFAULT
from minreq.providers import features
from minreq.providers.allproviders import ProviderEvidence, find_provider_needs
from minreq.providers.cache import BaseRecord, MeasurementCache, ProviderRecord
from minreq.providers.needs import Measurement, NeededDistribution, ProviderNeeds
from minreq.reporting import Reporter, Step
from minreq.task.task import Task, prepare_task, read_index_settings
from minreq.wheels.closure import Closure


def measure(settings: Settings, reporter: Reporter) -> Measurement:
    """Return what the providers of *settings* need; see `measure_in_session`."""
    with LockSession() as session:
        return measure_in_session(settings, reporter, session)


def measure_in_session(settings: Settings, reporter: Reporter, session: LockSession) -> Measurement:
    """Return what the providers of *settings*, or else all providers, need in addition to the import.

    Results are cached; the cache key is the distributions, the scripts, the interpreter and minreq itself. A provider
    that cannot be resolved with the root has the reason as its failure. Raises ``NoProfile``, and what a lock raises
    but ``ProofFailed``.
    """
    task = prepare_task(replace(settings, smokes=(), scan=()), reporter)
    profile = task.profile
    if profile is None:
        raise NoProfile(settings.root.name, loader.bundled_roots())
    requested = settings.providers or [provider.name for provider in profile.providers]
    # This reports unknown names before anything is fetched.
    planner.make_plan(profile, requested, settings.features or None, [])
    if settings.by_feature:
        opt_in = features.list_opt_in_features(profile, requested, settings.features)
        settings = replace(settings, features=(DEFAULT, *opt_in))
        task = replace(task, settings=replace(task.settings, features=settings.features))
    index_settings = read_index_settings(task.settings.index, task.files)
    index = session.open_index(index_settings, settings.cache_dir / "index", None)
    resolved, unresolvable = _resolve(task, index, index_settings, reporter, session)
    version = resolved.resolution.pins[task.profiled_root].version
    plan = planner.make_plan(profile, requested, settings.features or None, [], version)
    if settings.by_feature:
        plan = features.split_by_feature(plan, profile)
    failures = {
        group.name: unresolvable[provider]
        for group in plan.groups
        if (provider := features.split_name(group.name)[0]) in unresolvable
    }
    groups = tuple(group for group in plan.groups if group.name not in failures)
    base, records = _measure_plan(task, resolved, replace(plan, groups=groups), reporter)
    records += [ProviderRecord(provider=name, failure=failure) for name, failure in failures.items()]
    skipped = planner.skipped_calls(profile, requested, settings.features or None, version)
    names = {group.name for group in plan.groups}
    records += [
        ProviderRecord(provider=name)
        for name in {features.group_of_stage(each.stage, profile, by_feature=settings.by_feature) for each in skipped}
        if name not in names
    ]
    if settings.by_feature:
        records = features.subtract_default(records)
        cache = features.open_release_cache(settings.cache_dir, profile, task.profiled_root, version, task.host)
        features.write_additions(cache, records)
    records.sort(key=lambda each: each.provider)
    return Measurement(
        root=task.profiled_root,
        version=version,
        platform=task.host,
        base=base.parts,
        providers=tuple(_provider_needs(task, profile, record, version) for record in records),
    )


def _resolve(
    task: Task,
    index: IndexClient,
    index_settings: IndexSettings,
    reporter: Reporter,
    session: LockSession,
) -> tuple[ResolvedTask, Mapping[str, str]]:
    """Resolve the root with all providers that can be resolved with it; also return why the others cannot, by name.

    The root is resolved without providers first and then stays at that version, so that no provider makes it older
    for all. All providers take part, whichever the user names: else versions would depend on the names.
    """
    settings = task.settings
    alone = resolve.resolve_pins(_with(task, settings.root, ()), index, index_settings, session)
    root = Requirement(f"{settings.root.name}=={alone.pins[task.root].version}")
    root.extras = settings.root.extras
    names = tuple(provider.name for provider in (task.profile.providers if task.profile else ()))
    resolvable: tuple[str, ...] = ()
    unresolvable: dict[str, str] = {}
    try:
        return resolve.resolve_task(_with(task, root, names), index, index_settings, reporter, session), unresolvable
    except (ResolutionFailure, ProjectNotFound):
        for name in names:
            why = _why_unresolvable(_with(task, root, (*resolvable, name)), index, index_settings, session)
            if why is None:
                resolvable += (name,)
            else:
                unresolvable[name] = why
    return resolve.resolve_task(_with(task, root, resolvable), index, index_settings, reporter, session), unresolvable


def _why_unresolvable(
    task: Task, index: IndexClient, index_settings: IndexSettings, session: LockSession
) -> str | None:
    """Return why *task* cannot be resolved, ``None`` where it can."""
    try:
        resolve.resolve_pins(task, index, index_settings, session)
    except (ResolutionFailure, ProjectNotFound) as error:
        return str(error)
    return None


def _with(task: Task, root: Requirement, providers: tuple[str, ...]) -> Task:
    """Return *task* with other roots and *providers*, and with those features that these providers know."""
    unknown = planner.uncovered_features(task.profile, providers, task.settings.features) if task.profile else ()
    known = tuple(each for each in task.settings.features if each == DEFAULT or each not in unknown)
    return replace(task, settings=replace(task.settings, root=root, providers=providers, features=known))


def _measure_plan(
    task: Task, resolved: ResolvedTask, plan: Plan, reporter: Reporter
) -> tuple[BaseRecord, list[ProviderRecord]]:
    """Return what the first stage of *plan* needs, and what each group needs; only what has no record runs."""
    cache = MeasurementCache(
        folder=task.settings.cache_dir / "providers",
        common=_common_inputs(task, resolved.resolution),
        inputs=planner.input_digests(plan),
        stages=frozenset(script.stage for group in plan.groups for script in group.scripts),
    )
    base = cache.read_base()
    cached = {group.name: cache.read_provider(group.name) for group in plan.groups}
    records = [each for each in cached.values() if each is not None]
    # Providers that have requirements of their own take longest, and so go first.
    own = {provider.name for provider in (task.profile.providers if task.profile else ()) if provider.requirements}
    missing = sorted(
        (group for group in plan.groups if cached[group.name] is None),
        key=lambda each: features.split_name(each.name)[0] not in own,
    )
    if base is not None and not missing:
        return base, records
    with open_runner(
        task.interpreter,
        plan,
        resolved.closure,
        resolved.store,
        initial=frozenset({task.root}) | resolved.resolution.provided,
        jobs=task.settings.jobs,
        timeout=task.settings.timeout,
        require_sandbox=task.settings.require_sandbox,
        reporter=reporter,
    ) as runner:
        if base is None:
            base = _measure_base(runner, resolved.resolution, reporter)
            cache.write(base)
        for extra in base.extras:
            resolved.closure.add_extra(Requirement(extra))
        reporter.began(Step.TRACE, pluralize(len(missing), "provider"))

        def keep(found: ProviderEvidence) -> None:
            """Write each record at once: an interrupt then loses only what is still being measured."""
            record = _provider_record(resolved.closure, found)
            records.append(record)
            if not record.failure:
                cache.write(record)

        rest = runner.with_plan(replace(plan, groups=tuple(missing)))
        find_provider_needs(rest, base.names, base.declined, report=keep, reporter=reporter)
    return base, records


def _measure_base(runner: SmokeRunner, resolution: Resolution, reporter: Reporter) -> BaseRecord:
    """Return what the first stage alone needs, as a lock of it would keep it."""
    plan, closure = runner.setup.plan, runner.closure
    choices = UserChoices(requested=request_evidence(resolution, {resolution.root: "root"}))
    minimal_set = minimize(runner.with_plan(replace(plan, groups=())), choices, reporter)
    needs = sorted(frozenset(minimal_set.evidence) | runner.initial)
    return BaseRecord(
        parts=tuple(_needed(closure, name) for name in needs),
        declined=frozenset(minimal_set.trace.answers).difference(needs),
        extras=tuple(sorted({closure.resolution.extras[name] for name in needs if name in closure.resolution.extras})),
    )


def _provider_record(closure: Closure, found: ProviderEvidence) -> ProviderRecord:
    parts = tuple(
        _needed(closure, name, describe_evidence(evidence)) for name, evidence in sorted(found.evidence.items())
    )
    return ProviderRecord(provider=found.provider, parts=parts, features=found.features, failure=found.failure)


def _provider_needs(task: Task, profile: Profile, record: ProviderRecord, version: Version) -> ProviderNeeds:
    """Return *record* with what the profile has about that provider and that *version* of the root."""
    name, feature = features.split_name(record.provider)
    (provider,) = (each for each in profile.providers if each.name == name)
    more = {each.name for each in planner.supported_features(profile, provider) if not each.default}
    requested = ((feature or DEFAULT,) if task.settings.by_feature else task.settings.features) or None
    return ProviderNeeds(
        provider=name,
        feature=feature,
        distributions=record.parts,
        features=record.features,
        more=tuple(sorted(more.difference(record.features))),
        skipped=planner.skipped_calls(profile, [name], requested, version),
        failure=record.failure,
    )


def _needed(closure: Closure, name: NormalizedName, why: str = "") -> NeededDistribution:
    version = closure.candidate(name).version
    return NeededDistribution(name=name, version=version, bytes=closure.installed_bytes(name), why=why)


def _common_inputs(task: Task, resolution: Resolution) -> Mapping[str, object]:
    """Return what, with the scripts, decides every result: distributions, accepted start-up files, interpreter."""
    return {
        "python": str(task.interpreter.platform.python_version),
        "tags": str(task.interpreter.platform.tags[0]),
        # A provider that asks for a distribution whose start-up file is refused does without it, or fails.
        "allow_pth": sorted(resolution.pins.keys() & {*task.settings.allow_pth}),
        "pins": {name: str(pin.wheel.sha256 or pin.wheel.filename) for name, pin in resolution.pins.items()},
    }


def describe_evidence(evidence: Evidence) -> str:
    """Return *evidence* as a sentence; "" for a request."""
    match evidence:
        case Failure():
            return f"{evidence.stage} fails without it: {evidence.error.splitlines()[0]}"
        case Difference():
            return f"{evidence.what} of {evidence.stage} differs without it"
        case _:
            return ""
