"""Whether a lock still says what would be asked for today; decided from values alone, without a run or a resolution."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from minreq.lockfile.edits import edits
from minreq.lockfile.requirements import DEFAULT_NAME
from minreq.model import EMPTY, Lock, Platform

# They move with every update of a kernel or a patch release of Python.
_PASSING_MARKERS = frozenset({"implementation_version", "platform_release", "platform_version", "python_full_version"})


def reasons(
    lock: Lock,
    *,
    text: str,
    filename: str = DEFAULT_NAME,
    command: str,
    platforms: Sequence[Platform],
    inputs: Mapping[str, str],
    withdrawn: Mapping[str, str] = EMPTY,
) -> tuple[str, ...]:
    """Return why *lock* is stale, a sentence each; empty when it is not. A newer release is no reason.

    *text* is the requirements file on disk, named *filename*; *lock* is what the evidence beside it says. *command*,
    *platforms* and *inputs* are today's, of the kind the lock holds. *withdrawn* tells of pinned files by name:
    ``yanked: broken``.
    """
    options = tuple(_moved_options(lock.command, command))
    return (
        *options,
        *_moved_platforms(lock, platforms),
        # That other stages run follows from other options.
        *_moved_inputs(lock.inputs, inputs, members=not options),
        *(edit.sentence for edit in edits(lock, text, filename=filename)),
        *(f"{filename} is {state}" for filename, state in sorted(withdrawn.items())),
    )


def _moved_options(old: str, new: str) -> Iterator[str]:
    before, after = _options(old), _options(new)
    for option in sorted(before.keys() | after.keys()):
        if option not in after:
            yield f"the lock was made with {_spelled(option, before[option])}, which is no longer asked for"
        elif option not in before:
            yield f"the lock was made without {_spelled(option, after[option])}"
        elif before[option] != after[option]:
            yield f"the lock was made with {_spelled(option, before[option])}, not {_spelled(option, after[option])}"


def _options(command: str) -> dict[str, tuple[str, ...]]:
    """The values of each option; "" is what stands before the first one: the command and the root."""
    options: dict[str, list[str]] = {"": []}
    option = ""
    for token in shlex.split(command):
        if token.startswith("-"):
            option, _, value = token.partition("=")
            options.setdefault(option, []).extend([value] if value else [])
        else:
            options[option].append(token)
    return {option: tuple(values) for option, values in options.items()}


def _spelled(option: str, values: Sequence[str]) -> str:
    return " ".join(part for part in (option, *values) if part)


def _moved_platforms(lock: Lock, platforms: Sequence[Platform]) -> Iterator[str]:
    """Platforms that came or went stand in the command already."""
    before = {platform.name: platform for platform in lock.platforms}
    for platform in platforms:
        if (old := before.get(platform.name)) is None:
            continue
        names = sorted((old.markers.keys() | platform.markers.keys()) - _PASSING_MARKERS)
        for name in names:
            if (was := old.markers.get(name)) != (now := platform.markers.get(name)):
                yield f"{name} of platform {platform.name} was {was} and is {now}"
        # A newer glibc has more tags and installs the same wheels, so the wheels are asked and not the tags.
        for kept in lock.selection.kept:
            if not any(wheel.tags.intersection(platform.tags) for wheel in kept.candidate.wheels):
                yield f"no pinned wheel of {kept.candidate.name} fits platform {platform.name} any more"


def _moved_inputs(old: Mapping[str, str], new: Mapping[str, str], *, members: bool) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys() if members else old.keys() & new.keys()):
        if name not in new:
            yield f"{name} is gone"
        elif name not in old:
            yield f"{name} is new"
        elif old[name] != new[name]:
            yield f"{name} has changed"
