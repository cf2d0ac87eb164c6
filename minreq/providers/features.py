"""Split a plan by feature, and keep what each feature was measured to add, for later locks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.model import Group, Lock, Plan, Platform
from minreq.profiles import planner
from minreq.profiles.loader import Profile
from minreq.profiles.planner import DEFAULT
from minreq.providers.cache import MeasurementCache, ProviderRecord
from minreq.providers.needs import FeatureAddition

_SEPARATOR = ":"


def split_by_feature(plan: Plan, profile: Profile) -> Plan:
    """Return *plan* with a group of its own for each feature that does not run by default: ``openai:text``."""
    opt_in = {each.name for each in profile.features if not each.default}
    return replace(plan, groups=tuple(part for group in plan.groups for part in _split(group, opt_in)))


def split_name(group: str) -> tuple[str, str]:
    """Return the provider and the feature of the group called *group*; "" for the default features."""
    provider, _, feature = group.partition(_SEPARATOR)
    return provider, feature


def group_name(provider: str, feature: str) -> str:
    """Return the name of the group for *feature* of *provider*."""
    return f"{provider}{_SEPARATOR}{feature}"


def group_of_stage(stage: str, profile: Profile, *, by_feature: bool) -> str:
    """Return the name of the group that *stage* (``openai/text``) of an unsplit plan runs in."""
    provider, _, feature = stage.partition("/")
    is_own = by_feature and any(each.name == feature and not each.default for each in profile.features)
    return group_name(provider, feature) if is_own else provider


def list_opt_in_features(profile: Profile, providers: Sequence[str], named: Sequence[str]) -> tuple[str, ...]:
    """Return the features of *providers* that do not run by default; of them only those that the user *named*."""
    known = named or [each.name for each in profile.features]
    return planner.opt_in_features(profile, providers, known)


def open_release_cache(
    folder: Path, profile: Profile, root: NormalizedName, version: Version, platform: Platform
) -> MeasurementCache:
    """Return the records of what features add, for one release of the root whatever else is installed."""
    providers = [each.name for each in profile.providers]
    plan = planner.make_plan(profile, providers, [DEFAULT, *list_opt_in_features(profile, providers, ())], [], version)
    plan = split_by_feature(plan, profile)
    return MeasurementCache(
        folder=_records(folder),
        common={
            "root": f"{root}=={version}",
            "python": str(platform.python_version),
            "tags": str(platform.tags[0]),
        },
        inputs=planner.input_digests(plan),
        stages=frozenset(script.stage for group in plan.groups for script in group.scripts),
    )


def read_additions(folder: Path, profile: Profile, lock: Lock) -> tuple[FeatureAddition, ...]:
    """Return what each feature that *lock* does not cover would add to it, as far as *folder* has it measured."""
    root = planner.find_root(profile, lock.resolution)
    if root is None:
        return ()
    version = lock.resolution.pins[root].version
    names = {stage.partition("/")[0] for stage in lock.stages}
    features = {each.name: each for each in profile.features}
    not_run = [
        FeatureAddition(
            feature=feature,
            release=f"{root}=={version}",
            providers=tuple(
                each.name
                for each in profile.providers
                if each.name in names and planner.supports_feature(each, features[feature], version)
            ),
            distributions=None,
        )
        for feature in planner.features_not_run(profile, lock.stages, version)
    ]
    if not not_run or not _records(folder).is_dir():
        # Nothing was measured: the key of a record, which takes a tenth of a second, is not needed.
        return tuple(not_run)
    cache = open_release_cache(folder, profile, root, version, lock.proven_on)
    kept = {each.candidate.name for each in lock.selection.kept}
    return tuple(_add_measured(each, cache, kept) for each in not_run)


def _add_measured(
    addition: FeatureAddition, cache: MeasurementCache, kept: AbstractSet[NormalizedName]
) -> FeatureAddition:
    records = [cache.read_provider(group_name(provider, addition.feature)) for provider in addition.providers]
    if None in records:
        return addition
    parts = {part.name: part for record in records if record for part in record.parts if part.name not in kept}
    return replace(addition, distributions=tuple(parts[name] for name in sorted(parts)))


def subtract_default(records: Sequence[ProviderRecord]) -> list[ProviderRecord]:
    """Return *records*, those of features without what the default features of the provider need."""
    found = []
    known = {each.provider: {part.name for part in each.parts} for each in records}
    for record in records:
        provider, feature = split_name(record.provider)
        default = known.get(provider, set()) if feature else set()
        found.append(replace(record, parts=tuple(part for part in record.parts if part.name not in default)))
    return found


def write_additions(cache: MeasurementCache, records: Iterable[ProviderRecord]) -> None:
    """Write those *records* of features that were measured, for `read_additions` of any lock of the release."""
    for record in records:
        if split_name(record.provider)[1] and record.features and not record.failure:
            cache.write(record)


def _records(folder: Path) -> Path:
    return folder / "features"


def _split(group: Group, opt_in: AbstractSet[str]) -> Iterator[Group]:
    default = tuple(each for each in group.scripts if each.stage.partition("/")[2] not in opt_in)
    if default:
        yield replace(group, scripts=default)
    for script in group.scripts:
        feature = script.stage.partition("/")[2]
        if feature in opt_in:
            name = group_name(group.name, feature)
            yield Group(name=name, scripts=(replace(script, stage=f"{name}/{feature}"),))
