"""From a profile and what a user asks for to the plan of a smoke."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.errors import UnknownFeature, UnknownProvider
from minreq.model import EMPTY, Command, Group, Plan, Script
from minreq.profiles.loading import Call, Feature, Profile, Provider

#: Among the names of features: those that run when none is named.
DEFAULT = "default"

#: What a user's own smoke is told: where the emulator listens.
_ADDRESSES: Mapping[str, str] = {"MINREQ_HTTP": "{http}", "MINREQ_HTTPS": "{https}"}
#: A command runs where the user's files are, several times at once: what pytest remembers would be in the way.
_FOR_COMMANDS: Mapping[str, str] = {**_ADDRESSES, "PYTEST_ADDOPTS": "-p no:cacheprovider"}
#: Runs a command line.
_COMMAND = Path(__file__).parent / "commands" / "smoke_command.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A call that is left out, since the release of the root cannot do it."""

    stage: str
    call: str
    #: A sentence for a person.
    reason: str


def plan(
    profile: Profile | None,
    providers: Sequence[str],
    features: Sequence[str] | None,
    smokes: Sequence[Path | Command],
    version: Version | None = None,
) -> Plan:
    """What to run: a group per provider, sorted by name, then one per smoke of the user.

    *features* are what runs of each provider; ``None``, or `DEFAULT` among them, means those that run unasked.
    *version* is the release of the root: calls it cannot do are left out, see `skipped`; with ``None`` all that some
    release cannot do are left out.
    Raises `UnknownProvider` and `UnknownFeature`.
    """
    groups = [_group(provider, wanted, version) for provider, wanted in _wanted(profile, providers, features)]
    return Plan(
        environment=profile.environment if profile else EMPTY,
        first=Script(stage="import", file=profile.first) if profile else None,
        groups=(*(group for group in groups if group.scripts), *_own(smokes)),
    )


def available(
    profile: Profile, root: NormalizedName, providers: Sequence[str], features: Sequence[str] | None
) -> tuple[Requirement, ...]:
    """What is resolved with *root* so that it, *providers* and *features* can ask for it; raises as `plan` does."""
    wanted = _wanted(profile, providers, features)
    found = {str(each): each for provider, _ in wanted for each in provider.requirements}
    found |= {str(each): each for _, wanted_of in wanted for feature in wanted_of for each in feature.requirements}
    found |= {str(each): each for each in profile.undeclared.get(root, ())}
    return tuple(found[text] for text in sorted(found))


def to_be_named(profile: Profile, providers: Sequence[str], features: Iterable[str]) -> tuple[str, ...]:
    """Those of *features* that one of *providers* has calls for, and that run only when they are named; sorted."""
    there = {each.name: each for each in _of_all(profile, providers)}
    return tuple(sorted({name for name in features if name in there and not there[name].default}))


def uncovered(profile: Profile, providers: Sequence[str], features: Iterable[str]) -> tuple[str, ...]:
    """Those of *features* that none of *providers* has calls for, sorted."""
    return tuple(sorted({*features} - {each.name for each in _of_all(profile, providers)}))


def _of_all(profile: Profile, providers: Sequence[str]) -> list[Feature]:
    found = [provider for name in providers for provider in _named(profile, name)]
    return [feature for provider in found for feature in offered(profile, provider)]


def skipped(
    profile: Profile, providers: Sequence[str], features: Sequence[str] | None, version: Version
) -> tuple[Skipped, ...]:
    """The calls a plan for *version* leaves out; raises `UnknownProvider` and `UnknownFeature`."""
    return tuple(
        Skipped(stage=f"{provider.name}/{feature.name}", call=call.name, reason=reason)
        for provider, wanted in _wanted(profile, providers, features)
        for feature in wanted
        for call in provider.calls
        if _made(call, feature) and (reason := _unable(provider, call, feature, version)) is not None
    )


def without_template(plan: Plan) -> Plan:
    """*plan* with the first stage as the beginning of every group, for what does not survive a fork."""
    first = plan.first
    if first is None:
        return plan
    groups = tuple(
        replace(group, scripts=(replace(first, stage=f"{group.name}/{first.stage}"), *group.scripts))
        for group in plan.groups
    )
    return replace(plan, first=None, groups=groups)


def with_own(plan: Plan, smokes: Sequence[Path | Command]) -> Plan:
    """*plan* and the smokes of the user; a script with the name of one of the plan is that one."""
    known = {script.file.name for group in plan.groups for script in group.scripts}
    new = [each for each in smokes if isinstance(each, Command) or each.name not in known]
    return replace(plan, groups=(*plan.groups, *_own(new)))


def inputs(plan: Plan) -> Mapping[str, str]:
    """The SHA-256 of everything that decides what *plan* does, by name: when one of them differs, a lock is stale."""
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
    return dict(sorted(found.items()))


def _wanted(
    profile: Profile | None, providers: Sequence[str], features: Sequence[str] | None
) -> list[tuple[Provider, list[Feature]]]:
    """The providers, each with those of the features that it has calls for."""
    found = {provider.name: provider for name in providers for provider in _named(profile, name)}
    of_each = {name: offered(profile, provider) for name, provider in found.items()} if profile else {}
    known = {feature.name for each in of_each.values() for feature in each}
    for name in features or ():
        if found and name not in known | {DEFAULT}:
            raise UnknownFeature(name, tuple(sorted(found)), tuple(sorted(known)))
    unasked = features is None or DEFAULT in features
    return [
        (found[name], [each for each in of_each[name] if (unasked and each.default) or each.name in (features or ())])
        for name in sorted(found)
    ]


def _named(profile: Profile | None, name: str) -> list[Provider]:
    """The provider called *name*, or all that have it as an alias: ``google`` is two."""
    providers = profile.providers if profile else ()
    found = [provider for provider in providers if name.lower() == provider.name]
    found = found or [provider for provider in providers if name.lower() in provider.aliases]
    if not found:
        raise UnknownProvider(name, tuple(provider.name for provider in providers))
    return found


def offered(profile: Profile, provider: Provider) -> list[Feature]:
    """The features that *provider* has calls for, in the order they run."""
    return [feature for feature in profile.features if any(_made(call, feature) for call in provider.calls)]


def _group(provider: Provider, features: Sequence[Feature], version: Version | None) -> Group:
    scripts = []
    for feature in features:
        calls = [
            _told(call)
            for call in provider.calls
            if _made(call, feature) and _unable(provider, call, feature, version) is None
        ]
        environment = {**provider.environment, "MINREQ_CALLS": json.dumps(calls, sort_keys=True)}
        if calls:
            stage = f"{provider.name}/{feature.name}"
            scripts.append(Script(stage=stage, file=feature.file, environment=environment))
    return Group(name=provider.name, scripts=tuple(scripts))


def _unable(provider: Provider, call: Call, feature: Feature, version: Version | None) -> str | None:
    """Why *version* cannot make *call* for *feature*, ``None`` when it can; an unknown version can the least."""
    if call.versions and (version is None or not call.versions.contains(version, prereleases=True)):
        return call.reason
    for cannot in provider.cannot:
        meant = not cannot.features or feature.name in cannot.features
        named = not cannot.calls or call.name in cannot.calls
        if meant and named and (version is None or cannot.versions.contains(version, prereleases=True)):
            return cannot.reason
    return None


def _made(call: Call, feature: Feature) -> bool:
    return call.kind == feature.calls and (not call.features or feature.name in call.features)


def _told(call: Call) -> dict[str, object]:
    """*call* as its script reads it."""
    return {
        "name": call.name,
        "model": call.model,
        "arguments": call.arguments,
        "variables": dict(call.variables),
        "files": dict(call.files),
        "expected": call.expected,
    }


def _own(smokes: Sequence[Path | Command]) -> Iterable[Group]:
    """A group for each script of the user; a file name that comes again is counted."""
    seen: dict[str, int] = {}
    for smoke in smokes:
        title = shlex.join(smoke.words) if isinstance(smoke, Command) else smoke.name
        count = seen[title] = seen.get(title, 0) + 1
        name = f"smoke/{title}" if count == 1 else f"smoke/{title}#{count}"
        if isinstance(smoke, Command):
            arguments = (str(smoke.folder), *smoke.words)
            script = Script(
                stage=name, file=_COMMAND, environment=_FOR_COMMANDS, arguments=arguments, folder=smoke.folder
            )
        else:
            script = Script(stage=name, file=smoke, environment=_ADDRESSES)
        yield Group(name=name, scripts=(script,))


def command_digest(command: Command) -> str:
    """Return the digest, as `inputs` has it, of a command line with the files it names."""
    files = {name: _file_digest(file) for name, file in named_files(command).items()}
    return _digest([files, dict(_FOR_COMMANDS), command.words])


def named_files(command: Command) -> Mapping[str, Path]:
    """Return by name the files, and those of Python in the folders, that a command line names; sorted."""
    named = [command.folder / word for word in command.words if not word.startswith("-")]
    files = {file for path in named for file in (path.rglob("*.py") if path.is_dir() else [path])}
    return {os.path.relpath(file, command.folder): file for file in sorted(files) if file.is_file()}


def _digest(content: object) -> str:
    if isinstance(content, Mapping):
        content = dict(content)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _file_digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
