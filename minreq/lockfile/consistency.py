"""Checks that the parts of a lock fit together: in evidence that somebody edited, they may not."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.requirements import InvalidRequirement

from minreq.lockfile.codec import DecodeError
from minreq.model import Lock
from minreq.model.parsing import parse_requirement, shorten

#: The markers of a platform that every lock has and that commands read.
_MARKERS = ("platform_machine", "platform_python_implementation", "python_version", "sys_platform")


def check(lock: Lock) -> None:
    """Raise ``DecodeError`` where a part of *lock* names what is not in another part, or is no requirement."""
    resolution = lock.resolution
    for key, text in _requirements(lock):
        _check_requirement(key, text)
    named = {
        "root": {resolution.root},
        "whole": resolution.whole,
        "provided": resolution.provided,
        "requires": resolution.requires.keys(),
        "extras": resolution.extras.keys(),
    }
    for key, names in named.items():
        if unknown := sorted(names - resolution.pins.keys()):
            raise DecodeError(f"resolution.{key}", f"{shorten(unknown[0])} is not in the selection")
    if not lock.platforms:
        raise DecodeError("platforms", "is empty")
    for index, kept in enumerate(lock.selection.kept):
        if kept.candidate.sdist is None and not kept.candidate.wheels:
            raise DecodeError(f"selection.kept[{index}].candidate.wheels", "is empty")
    platforms = {f"platforms[{index}]": platform for index, platform in enumerate(lock.platforms)}
    for key, platform in {"proven_on": lock.proven_on, **platforms}.items():
        if missing := [name for name in _MARKERS if name not in platform.markers]:
            raise DecodeError(f"{key}.markers", f"{missing[0]} is missing")


def _check_requirement(key: str, text: str) -> None:
    try:
        parse_requirement(text)
    except InvalidRequirement as error:
        raise DecodeError(key, " ".join(str(error).split())) from error


def _requirements(lock: Lock) -> Iterator[tuple[str, str]]:
    yield from (("root", each) for each in lock.root_requirements)
    for name, extra in sorted(lock.resolution.extras.items()):
        yield f"resolution.extras.{name}", extra
    for index, kept in enumerate(lock.selection.kept):
        if kept.extra is not None:
            yield f"selection.kept[{index}].extra", kept.extra
