"""Makes the plan of a smoke from a profile and the choices of the user."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq.errors import UnknownFeature, UnknownProvider
from minreq.model import EMPTY, Command, Group, Plan, Resolution, Script
from minreq.profiles.loader import Call, Feature, Profile, Provider
from minreq.system import regularfile

#: Stands for the features that run when the user names none.
DEFAULT = "default"

#: Environment variables with the addresses of the emulator, for the user's own smoke.
_EMULATOR_VARIABLES: Mapping[str, str] = {"MINREQ_HTTP": "{http}", "MINREQ_HTTPS": "{https}"}
#: A command runs in the user's folder, several times at once, so pytest must not write its cache there.
_COMMAND_VARIABLES: Mapping[str, str] = {**_EMULATOR_VARIABLES, "PYTEST_ADDOPTS": "-p no:cacheprovider"}
#: The same, and the plug-in that reports each test; a run without it does not have the module.
_TESTING_VARIABLES = {**_COMMAND_VARIABLES, "PYTEST_ADDOPTS": "-p no:cacheprovider -p _minreq_pytest_plugin"}
#: The scripts that run a command line, and that import a distribution.
_COMMAND_SCRIPT = Path(__file__).parent / "commands" / "smoke_command.py"
_INCLUDED_SCRIPT = Path(__file__).parent / "commands" / "smoke_included.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedCall:
    """A call that the plan leaves out, because the release of the root does not support it."""

    stage: str
    call: str
    #: A sentence for the user.
    reason: str


def make_plan(
    profile: Profile | None,
    providers: Sequence[str],
    features: Sequence[str] | None,
    smokes: Sequence[Path | Command],
    version: Version | None = None,
    *,
    files: Mapping[str, Path] = MappingProxyType({}),
    included: Iterable[NormalizedName] = (),
) -> Plan:
    """Return the plan: a group for each provider, sorted by name, then one for each smoke of the user.

    A last group imports each of the *included* distributions, which the user keeps: nothing else may do so.

    *features* are the features that run; ``None``, or `DEFAULT` among them, means those that run by default. *version*
    is the release of the root: the plan leaves out the calls it does not support, see `skipped_calls`. With ``None``
    the plan leaves out all calls that some release does not support. *files* are for the working directory, by name.
    Raises `UnknownProvider` and `UnknownFeature`.
    """
    groups = [
        _provider_group(provider, selected, version)
        for provider, selected in _select_features(profile, providers, features)
    ]
    return Plan(
        environment=profile.environment if profile else EMPTY,
        first=Script(stage="import", file=profile.first) if profile else None,
        groups=(*(group for group in groups if group.scripts), *_user_groups(smokes), *_included_groups(included)),
        files=files,
    )


def _included_groups(included: Iterable[NormalizedName]) -> Iterator[Group]:
    """Yield a group for each distribution, whose script imports each of its modules in a process of its own."""
    for name in sorted(included):
        script = Script(stage=f"include/{name}", file=_INCLUDED_SCRIPT, environment={"MINREQ_INCLUDED": name})
        yield Group(name=script.stage, scripts=(script,))


def make_command_plan(command: Command, environment: Mapping[str, str]) -> Plan:
    """Return the plan that runs *command* alone, with a plug-in for pytest that reports each test."""
    stage = shlex.join(command.words)
    script = Script(
        stage=stage,
        file=_COMMAND_SCRIPT,
        environment=_TESTING_VARIABLES,
        arguments=(str(command.folder), *command.words),
        folder=command.folder,
    )
    return Plan(environment=environment, first=None, groups=(Group(name=stage, scripts=(script,)),))


def extra_requirements(
    profile: Profile, root: NormalizedName, providers: Sequence[str], features: Sequence[str] | None
) -> tuple[Requirement, ...]:
    """Return what is resolved with *root* for *providers* and *features*. Raises what `make_plan` raises."""
    selected = _select_features(profile, providers, features)
    found = {str(each): each for provider, _ in selected for each in provider.requirements}
    found |= {str(each): each for _, chosen in selected for feature in chosen for each in feature.requirements}
    found |= {str(each): each for each in profile.undeclared.get(root, ())}
    return tuple(found[text] for text in sorted(found))


def opt_in_features(profile: Profile, providers: Sequence[str], features: Iterable[str]) -> tuple[str, ...]:
    """Return those of *features* that a smoke of *providers* covers only when the user names them; sorted."""
    available = {each.name: each for each in _all_features(profile, providers)}
    return tuple(sorted({name for name in features if name in available and not available[name].default}))


def uncovered_features(profile: Profile, providers: Sequence[str], features: Iterable[str]) -> tuple[str, ...]:
    """Return those of *features* that no smoke of *providers* covers, sorted."""
    return tuple(sorted({*features} - {each.name for each in _all_features(profile, providers)}))


def find_root(profile: Profile, resolution: Resolution) -> NormalizedName | None:
    """Return the root of *profile* that *resolution* has, ``None`` where it has none."""
    return next((name for name in profile.roots if name in resolution.pins), None)


def root_version(profile: Profile, resolution: Resolution) -> Version | None:
    """Return the version of the root of *profile* in *resolution*, ``None`` where it is not there."""
    root = find_root(profile, resolution)
    return None if root is None else resolution.pins[root].version


def supports_feature(provider: Provider, feature: Feature, version: Version | None) -> bool:
    """Whether *version* supports a call of *provider* for *feature*."""
    return any(
        _belongs_to(call, feature) and _reason_unsupported(provider, call, feature, version) is None
        for call in provider.calls
    )


def features_not_run(profile: Profile, stages: Iterable[str], version: Version | None) -> tuple[str, ...]:
    """Return the features of the providers of *stages* (``openai/chat``) that no stage runs; sorted.

    Features that *version* of the root does not support are left out.
    """
    known = {provider.name: provider for provider in profile.providers}
    found: set[str] = set()
    run: set[str] = set()
    for stage in stages:
        name, _, feature = stage.partition("/")
        if name in known:
            run.add(feature)
            found |= {each.name for each in profile.features if supports_feature(known[name], each, version)}
    return tuple(sorted(found - run))


def distributions_of_features_not_run(
    profile: Profile, stages: Iterable[str], version: Version | None
) -> Mapping[NormalizedName, tuple[str, ...]]:
    """Return the distributions that `features_not_run` bring, each with those features, sorted."""
    not_run = features_not_run(profile, stages, version)
    found: dict[NormalizedName, list[str]] = {}
    for feature in sorted(profile.features, key=lambda each: each.name):
        if feature.name in not_run:
            for name in feature.keeps.union(canonicalize_name(each.name) for each in feature.requirements):
                found.setdefault(name, []).append(feature.name)
    return {name: tuple(features) for name, features in sorted(found.items())}


def _all_features(profile: Profile, providers: Sequence[str]) -> list[Feature]:
    found = [provider for name in providers for provider in _find_providers(profile, name)]
    return [feature for provider in found for feature in supported_features(profile, provider)]


def skipped_calls(
    profile: Profile, providers: Sequence[str], features: Sequence[str] | None, version: Version
) -> tuple[SkippedCall, ...]:
    """Return the calls that a plan for *version* leaves out. Raises `UnknownProvider` and `UnknownFeature`."""
    return tuple(
        SkippedCall(stage=f"{provider.name}/{feature.name}", call=call.name, reason=reason)
        for provider, selected in _select_features(profile, providers, features)
        for feature in selected
        for call in provider.calls
        if _belongs_to(call, feature) and (reason := _reason_unsupported(provider, call, feature, version)) is not None
    )


def without_template(plan: Plan) -> Plan:
    """Return *plan* with the first stage at the beginning of each group, for code that does not survive a fork."""
    first = plan.first
    if first is None:
        return plan
    groups = tuple(
        replace(group, scripts=(replace(first, stage=f"{group.name}/{first.stage}"), *group.scripts))
        for group in plan.groups
    )
    return replace(plan, first=None, groups=groups)


def with_user_smokes(plan: Plan, smokes: Sequence[Path | Command], files: Mapping[str, Path]) -> Plan:
    """Return *plan* with the smokes and *files* of the user, without scripts whose names are in the plan already."""
    known = {script.file.name for group in plan.groups for script in group.scripts}
    new = [each for each in smokes if isinstance(each, Command) or each.name not in known]
    return replace(plan, groups=(*plan.groups, *_user_groups(new)), files={**plan.files, **files})


def input_digests(plan: Plan) -> Mapping[str, str]:
    """Return the SHA-256 of each input of *plan*, by name. A lock is stale when one of them differs."""
    found = {"environment": _digest(plan.environment)}
    if plan.first:
        # The scripts of a profile share modules in their folder.
        folder = plan.first.file.parent
        found.update((f"{folder.parent.name}/{file.name}", _file_digest(file)) for file in folder.glob("*.py"))
    for script in (script for group in plan.groups for script in group.scripts):
        if script.folder is not None:
            command = Command(words=script.arguments[1:], folder=script.folder)
            found[script.stage] = command_digest(command)
            continue
        content = "" if plan.first and script.file.parent == plan.first.file.parent else _file_digest(script.file)
        found[script.stage] = _digest([content, dict(script.environment), script.arguments])
    found.update((f"smoke-file/{name}", _file_digest(file)) for name, file in plan.files.items())
    return dict(sorted(found.items()))


def _select_features(
    profile: Profile | None, providers: Sequence[str], features: Sequence[str] | None
) -> list[tuple[Provider, list[Feature]]]:
    """Return the providers, each with the selected features that it has calls for."""
    found = {provider.name: provider for name in providers for provider in _find_providers(profile, name)}
    features_of = {name: supported_features(profile, provider) for name, provider in found.items()} if profile else {}
    known = {feature.name for each in features_of.values() for feature in each}
    for name in features or ():
        if found and name not in known | {DEFAULT}:
            some = tuple(sorted(found)) if profile and len(found) < len(profile.providers) else ()
            raise UnknownFeature(name, some, tuple(sorted(known)))
    use_defaults = features is None or DEFAULT in features
    return [
        (
            found[name],
            [each for each in features_of[name] if (use_defaults and each.default) or each.name in (features or ())],
        )
        for name in sorted(found)
    ]


def _find_providers(profile: Profile | None, name: str) -> list[Provider]:
    """Return the provider called *name*, or all with that alias: two providers have the alias ``google``."""
    providers = profile.providers if profile else ()
    found = [provider for provider in providers if name.lower() == provider.name]
    found = found or [provider for provider in providers if name.lower() in provider.aliases]
    if not found:
        raise UnknownProvider(name, tuple(provider.name for provider in providers))
    return found


def supported_features(profile: Profile, provider: Provider) -> list[Feature]:
    """Return the features that *provider* has calls for, in the order in which they run."""
    return [feature for feature in profile.features if any(_belongs_to(call, feature) for call in provider.calls)]


def _provider_group(provider: Provider, features: Sequence[Feature], version: Version | None) -> Group:
    scripts = []
    for feature in features:
        calls = [
            _to_json(call)
            for call in provider.calls
            if _belongs_to(call, feature) and _reason_unsupported(provider, call, feature, version) is None
        ]
        environment = {**provider.environment, "MINREQ_CALLS": json.dumps(calls, sort_keys=True)}
        if calls:
            stage = f"{provider.name}/{feature.name}"
            scripts.append(Script(stage=stage, file=feature.file, environment=environment))
    return Group(name=provider.name, scripts=tuple(scripts))


def _reason_unsupported(provider: Provider, call: Call, feature: Feature, version: Version | None) -> str | None:
    """Return why *version* does not support *call* for *feature*, ``None`` where it does.

    Of an unknown version only what all releases support is expected.
    """
    if call.versions and (version is None or not call.versions.contains(version, prereleases=True)):
        return call.reason
    for limitation in (*provider.limitations, *feature.limitations):
        has_feature = not limitation.features or feature.name in limitation.features
        has_call = not limitation.calls or call.name in limitation.calls
        if has_feature and has_call and (version is None or limitation.versions.contains(version, prereleases=True)):
            return limitation.reason
    return None


def _belongs_to(call: Call, feature: Feature) -> bool:
    return call.kind == feature.calls and (not call.features or feature.name in call.features)


def _to_json(call: Call) -> dict[str, object]:
    """Return *call* as the script reads it."""
    return {
        "name": call.name,
        "model": call.model,
        "arguments": call.arguments,
        "variables": dict(call.variables),
        "files": dict(call.files),
        "expected": call.expected,
    }


def _user_groups(smokes: Sequence[Path | Command]) -> Iterable[Group]:
    """Yield a group for each smoke of the user. A second smoke of one name gets ``#2``."""
    counts: dict[str, int] = {}
    for smoke in smokes:
        title = shlex.join(smoke.words) if isinstance(smoke, Command) else smoke.name
        count = counts[title] = counts.get(title, 0) + 1
        name = f"smoke/{title}" if count == 1 else f"smoke/{title}#{count}"
        if isinstance(smoke, Command):
            arguments = (str(smoke.folder), *smoke.words)
            script = Script(
                stage=name,
                file=_COMMAND_SCRIPT,
                environment=_COMMAND_VARIABLES,
                arguments=arguments,
                folder=smoke.folder,
            )
        else:
            script = Script(stage=name, file=smoke, environment=_EMULATOR_VARIABLES)
        yield Group(name=name, scripts=(script,))


def command_digest(command: Command) -> str:
    """Return the digest of a command line and the files it names, as in `input_digests`."""
    files = {name: _file_digest(file) for name, file in named_files(command).items()}
    return _digest([files, dict(_COMMAND_VARIABLES), command.words])


def named_files(command: Command) -> Mapping[str, Path]:
    """Return the files that a command line names, and the Python files in the folders it names, by name; sorted."""
    named = [command.folder / word for word in command.words if not word.startswith("-")]
    files = {file for path in named for file in (path.rglob("*.py") if regularfile.is_folder(path) else [path])}
    return {os.path.relpath(file, command.folder): file for file in sorted(files) if regularfile.is_file(file)}


def _digest(content: object) -> str:
    if isinstance(content, Mapping):
        content = dict(content)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _file_digest(file: Path) -> str:
    return hashlib.sha256(regularfile.read_whole(file)).hexdigest()
