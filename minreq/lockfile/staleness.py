"""Decides whether a lock is stale, from values alone, without a run or a resolution."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from minreq.lockfile.edits import find_edits
from minreq.lockfile.requirements import DEFAULT_NAME
from minreq.model import EMPTY, Lock, Platform

# These markers change with every update of the kernel or of Python.
_VOLATILE_MARKERS = frozenset({"implementation_version", "platform_release", "platform_version", "python_full_version"})

_PROJECT = "--project"
#: What an input of that name has become, where the name says too little.
_INPUT_SENTENCES = {"environment": "the environment variables that the profile sets for the smoke have changed"}


def find_reasons(
    lock: Lock,
    *,
    text: str,
    filename: str = DEFAULT_NAME,
    command: str,
    default_root: str,
    platforms: Sequence[Platform],
    inputs: Mapping[str, str],
    withdrawn_files: Mapping[str, str] = EMPTY,
) -> tuple[str, ...]:
    """Return the reasons why *lock* is stale, a sentence each; empty if it is not. A newer release is no reason.

    *text* is the requirements file on disk, named *filename*; *lock* comes from the evidence beside it. *command*,
    *platforms* and *inputs* are the current ones, in the form of the fields of ``Lock``. *default_root* is the root of
    a command that names none. *withdrawn_files* has the state of pinned files by name: ``yanked: broken``.
    """
    before, after = _options(lock.command), _options(command)
    root, other_root = (_read_root(each, default_root) for each in (before, after))
    other = [f"the lock is for {root}, not for {other_root}"] if root != other_root else []
    options = (*other, *_changed_options(before, after))
    return (
        *options,
        *_changed_platforms(lock, platforms),
        # Another root explains that all inputs are others, and other options that other stages run.
        *(() if other else _changed_inputs(lock.inputs, inputs, members=not options)),
        *(edit.sentence for edit in find_edits(lock, text, filename=filename)),
        *(f"{filename} is {state}" for filename, state in sorted(withdrawn_files.items())),
    )


def _read_root(options: Mapping[str, Sequence[str]], default: str) -> str:
    """Return the root that a command line names: a requirement, or the folder of a project."""
    if project := options.get(_PROJECT):
        return f"the project in {project[0]}"
    # The first word is the command.
    return next(iter(options[""][1:]), default)


def _changed_options(before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for option in sorted((before.keys() | after.keys()) - {"", _PROJECT}):
        if option not in after:
            yield f"the lock was made with {_join_words(option, before[option])}, which is no longer set"
        elif option not in before:
            yield f"the lock was made without {_join_words(option, after[option])}"
        elif before[option] != after[option]:
            old_words, new_words = _join_words(option, before[option]), _join_words(option, after[option])
            yield f"the lock was made with {old_words}, not {new_words}"


def _options(command: str) -> dict[str, tuple[str, ...]]:
    """Return the values of each option; the key "" has the words before the first option: command and root."""
    options: dict[str, list[str]] = {"": []}
    option = ""
    for token in shlex.split(command):
        if token.startswith("-"):
            option, _, value = token.partition("=")
            options.setdefault(option, []).extend([value] if value else [])
        else:
            options[option].append(token)
    return {option: tuple(values) for option, values in options.items()}


def _join_words(option: str, values: Sequence[str]) -> str:
    return " ".join(part for part in (option, *values) if part)


def _changed_platforms(lock: Lock, platforms: Sequence[Platform]) -> Iterator[str]:
    """Yield changes of platforms. Added and removed platforms are changes of the command."""
    before = {platform.name: platform for platform in lock.platforms}
    for platform in platforms:
        if (old := before.get(platform.name)) is None:
            continue
        names = sorted((old.markers.keys() | platform.markers.keys()) - _VOLATILE_MARKERS)
        for name in names:
            if (was := old.markers.get(name)) != (now := platform.markers.get(name)):
                yield f"{name} of platform {platform.name} was {was} and is {now}"
        # A newer glibc has more tags but installs the same wheels, so this compares wheels and not tags.
        for kept in lock.selection.kept:
            if not any(wheel.tags.intersection(platform.tags) for wheel in kept.candidate.wheels):
                yield f"no pinned wheel of {kept.candidate.name} fits platform {platform.name} any more"


def _changed_inputs(old: Mapping[str, str], new: Mapping[str, str], *, members: bool) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys() if members else old.keys() & new.keys()):
        if name not in new:
            yield f"{name} is gone"
        elif name not in old:
            yield f"{name} is new"
        elif old[name] != new[name]:
            yield _INPUT_SENTENCES.get(name, f"{name} has changed")
