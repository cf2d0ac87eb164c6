"""Finds the providers that a code base uses, and adds them to the settings of a lock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from packaging.utils import canonicalize_name

from minreq.config import Settings
from minreq.errors import ArchiveUnreadable, NoProviderUsed, NothingToScan, UnknownModels
from minreq.index.client import IndexClient
from minreq.profiles import loader, planner, scanprofile
from minreq.reporting import Reporter, Step
from minreq.resolver import resolve
from minreq.scan.providers import find_usage
from minreq.scan.reader import scan_paths
from minreq.scan.usage import Usage
from minreq.source.imports import StaticImportFinder
from minreq.task.resolverinput import make_resolver_input
from minreq.task.task import prepare_task, read_index_settings
from minreq.wheels.store import Store


def scan_usage(settings: Settings, reporter: Reporter) -> Usage:
    """Return the providers and features of the root that the code in the paths of *settings* uses.

    If a model name has no prefix, this reads the table of models from the wheel of the root, through the index.
    Raises ``NothingToScan``, ``ScanInterrupted``, and what a resolution raises.
    """
    root = canonicalize_name(settings.root.name)
    profile = loader.find_profile(root, settings.profiles)
    scan_profile = scanprofile.load_scan_profile(profile) if profile else None
    if profile is None or scan_profile is None:
        raise NothingToScan(settings.root.name, "no profile knows how programs use it; name a script with --smoke")
    for path in settings.scan:
        if not path.exists():
            raise NothingToScan(str(path), "there is no such file or folder")
    reporter.began(Step.SCAN)
    findings = scan_paths(settings.scan, scan_profile.rules, jobs=settings.jobs, progress=reporter.scanned)

    @cache
    def models() -> Mapping[str, str]:
        return _read_model_table(settings, scan_profile, reporter)

    usage = find_usage(findings, scan_profile.rules, models)
    return replace(
        usage,
        opt_in_features=planner.opt_in_features(profile, usage.providers, usage.features),
        uncovered_features=planner.uncovered_features(profile, usage.providers, usage.features),
    )


def apply_scan(settings: Settings, reporter: Reporter) -> Settings:
    """Replace the paths to scan in *settings* by the providers and features that the code uses.

    Raises ``UnknownModels`` unless they are allowed, ``NoProviderUsed``, and what `scan_usage` raises.
    """
    if not settings.scan:
        return settings
    usage = scan_usage(settings, reporter)
    for skipped in usage.skipped:
        reporter.note(f"{skipped.file} {skipped.reason}: passed over")
    calls = [f"{each.place}: {each.description}: the model {each.reason}" for each in usage.unknown]
    if calls and not settings.allow_unknown:
        raise UnknownModels(calls)
    for call in calls:
        reporter.note(f"unknown: {call}")
    providers = dict.fromkeys((*settings.providers, *usage.providers))
    if not providers:
        raise NoProviderUsed([str(path) for path in settings.scan], usage.files)
    for feature in usage.uncovered_features:
        reporter.note(f"the code uses {feature}, but no smoke of {', '.join(usage.providers)} covers it")
    # Features on the command line replace the found ones.
    features = settings.features or ((planner.DEFAULT, *usage.opt_in_features) if usage.opt_in_features else ())
    return replace(settings, providers=tuple(providers), features=features, scan=(), allow_unknown=False)


def _read_model_table(
    settings: Settings, scan_profile: scanprofile.ScanProfile, reporter: Reporter
) -> Mapping[str, str]:
    """Read the table of models from the wheel of the root, by range requests."""
    task = prepare_task(replace(settings, providers=(), smokes=(), smoke_files=(), features=(), scan=()), reporter)
    index_settings = read_index_settings(settings.index, task.files)
    with IndexClient(index_settings, settings.cache_dir / "index") as index:
        store = Store(settings.cache_dir / "wheels", index, on_fetched=reporter.fetched, on_damage=reporter.note)
        resolver_input = make_resolver_input(task, index, index_settings, store, reporter)
        wheel = resolve(resolver_input, index, StaticImportFinder(index)).pins[task.profiled_root].wheel
        content = index.read(wheel, [scan_profile.models_file]).get(scan_profile.models_file)
    try:
        table = json.loads(content or b"{}")
        return {
            name: str(entry[scan_profile.provider_key])
            for name, entry in table.items()
            if scan_profile.provider_key in entry
        }
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ArchiveUnreadable(wheel.filename, wheel.url, f"{scan_profile.models_file}: {error}") from error
