"""The way from a code base to the providers it uses, and from there to what a lock is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from packaging.utils import canonicalize_name

from minreq.config import Settings
from minreq.errors import ArchiveUnreadable, NothingSeen, NothingToScan, UnknownModels
from minreq.index.client import IndexClient
from minreq.profiles import loading, planning, usage as guides
from minreq.reporting import Reporter, Step
from minreq.resolver import resolve
from minreq.scan import naming, scan
from minreq.scan.usage import Usage
from minreq.source.imports import StaticForecast
from minreq.task import demand as demanding, task as preparing
from minreq.wheels.store import Store


def usage(settings: Settings, reporter: Reporter) -> Usage:
    """Return which providers and features of the root the paths of *settings* use.

    Only where the name of a model has no prefix is an index asked, for the table of the version that would be locked.
    Raises ``NothingToScan``, ``ScanInterrupted``, and what a resolution raises.
    """
    root = canonicalize_name(settings.root.name)
    profile = loading.find(root, settings.profiles)
    guide = guides.guide(profile) if profile else None
    if profile is None or guide is None:
        raise NothingToScan(settings.root.name, "nothing is known of how programs use it; give a script with --smoke")
    for path in settings.scan:
        if not path.exists():
            raise NothingToScan(str(path), "there is no such file or folder")
    reporter.began(Step.SCAN)
    findings = scan(settings.scan, guide.vocabulary, jobs=settings.jobs, progress=reporter.scanned)

    @cache
    def models() -> Mapping[str, str]:
        return _models(settings, guide, reporter)

    found = naming.usage(findings, guide.vocabulary, models)
    return replace(
        found,
        named=planning.to_be_named(profile, found.providers, found.features),
        uncovered=planning.uncovered(profile, found.providers, found.features),
    )


def applied(settings: Settings, reporter: Reporter) -> Settings:
    """Return *settings* with the providers and features that its paths use, and without the paths.

    Raises ``UnknownModels`` unless they are allowed, ``NothingSeen``, and what `usage` does.
    """
    if not settings.scan:
        return settings
    found = usage(settings, reporter)
    for skipped in found.skipped:
        reporter.note(f"{skipped.file} {skipped.why}: passed over")
    calls = [f"{each.place}: {each.seen}: the model {each.why}" for each in found.unknown]
    if calls and not settings.allow_unknown:
        raise UnknownModels(calls)
    for call in calls:
        reporter.note(f"unknown: {call}")
    providers = dict.fromkeys((*settings.providers, *found.providers))
    if not providers:
        raise NothingSeen([str(path) for path in settings.scan], found.files)
    for feature in found.uncovered:
        reporter.note(f"{feature} is used, and no smoke of {', '.join(found.providers)} covers it")
    # Who names features wants those alone.
    features = settings.features or ((planning.DEFAULT, *found.named) if found.named else ())
    return replace(settings, providers=tuple(providers), features=features, scan=(), allow_unknown=False)


def _models(settings: Settings, guide: guides.Guide, reporter: Reporter) -> Mapping[str, str]:
    """Read the table of models out of the root's wheel, by range requests."""
    task = preparing.task(replace(settings, providers=(), smokes=(), features=(), scan=()))
    index_settings = preparing.index_settings(settings.index, task.files)
    with IndexClient(index_settings, settings.cache_dir / "index") as index:
        store = Store(settings.cache_dir / "wheels", index, fetched=reporter.fetched)
        demand = demanding.demand(task, index_settings, store)
        wheel = resolve(demand, index, StaticForecast(index)).pins[task.subject].wheel
        content = index.read(wheel, [guide.models]).get(guide.models)
    try:
        table = json.loads(content or b"{}")
        return {name: str(entry[guide.provider]) for name, entry in table.items() if guide.provider in entry}
    except (ValueError, TypeError, AttributeError) as error:
        raise ArchiveUnreadable(wheel.filename, wheel.url, f"{guide.models}: {error}") from error
