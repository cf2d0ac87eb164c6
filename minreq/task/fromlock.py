"""Reads a lock on disk, and finds again what ran when it was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, takewhile
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.config.settings import parse_command
from minreq.errors import (
    EvidenceUnreadable,
    LockMissing,
    SmokeFileMissing,
    SmokeFileUnusable,
    SmokeMissing,
    SmokeUnusable,
)
from minreq.lockfile import evidence as evidence_file, reading
from minreq.lockfile.pinnedfiles import Installation
from minreq.model import Command, Lock, Member, Metadata, Plan, Resolution, Wheel
from minreq.profiles import loader, planner
from minreq.system import regularfile
from minreq.task import smokefiles, task
from minreq.wheels.closure import Closure
from minreq.wheels.store import Store


def read_lock(file: Path) -> tuple[Lock, str]:
    """Return the lock in *file*, read from its evidence, and the text of *file*.

    Raises ``LockMissing`` and ``EvidenceUnreadable``.
    """
    return reading.read_evidence(file), reading.read_text(file, "lock")


def read_options(file: Path) -> Mapping[str, Any]:
    """Return the options that made the lock in *file*, by field of ``Settings``; nothing if its evidence is unreadable.

    Options of the machine (paths that were absolute, interpreter, index) are not recorded.
    """
    try:
        lock = reading.read_evidence(file)
        options = read_command(lock)
    except (LockMissing, EvidenceUnreadable):
        return {}
    return {"root": Requirement(lock.resolution.root), **options} if "project" not in options else options


def read_plan(lock: Lock, file: Path, moved: Sequence[Path] = (), moved_files: Sequence[Path] = ()) -> Plan:
    """Return the plan of the *lock* in *file*, from the command that made it.

    *moved* are the new places of scripts, *moved_files* those of the files of the smoke. Raises
    ``EvidenceUnreadable``, ``SmokeMissing`` and ``SmokeFileMissing``.
    """
    options = read_command(lock, file)
    smokes = [_find_smoke(smoke, lock, file, moved) for smoke in options.get("smokes", ())]
    profile = find_profile(lock, file)
    pins = lock.resolution.pins
    root = next((name for name in _roots(lock, options) if profile and name in profile.roots), lock.resolution.root)
    version = pins[root if root in pins else lock.resolution.root].version
    files = smokefiles.locate_files(
        options.get("smoke_files", ()), lambda path: _find_smoke_file(path, lock, file, moved_files)
    )
    return planner.make_plan(
        profile,
        options.get("providers", ()),
        options.get("features") or None,
        smokes,
        version,
        files=files,
        included=options.get("include", ()),
    )


def require_places(lock: Lock, file: Path, moved: Sequence[Path], moved_files: Sequence[Path]) -> None:
    """Check that each new place is there and has the name of a script, or a file of the smoke, of the *lock* in *file*.

    Without this check a misspelled place would be ignored. Raises ``SmokeUnusable`` and ``SmokeFileUnusable``.
    """
    options = read_command(lock, file)
    for path in moved:
        if path.name not in {each.name for each in options.get("smokes", ())}:
            raise SmokeUnusable(
                str(path), f"{file} has no script of this name; `minreq lock --smoke` adds one to a lock"
            )
        if not (regularfile.is_file(path) or task.is_command(path)):
            raise SmokeUnusable(str(path), "there is no such file")
    for path in moved_files:
        if path.name not in {each.name for each in options.get("smoke_files", ())}:
            raise SmokeFileUnusable(str(path), f"the smoke of {file} has no file of this name")
        if not path.exists():
            raise SmokeFileUnusable(str(path), "there is no such file or folder")


def find_profile(lock: Lock, file: Path) -> loader.Profile | None:
    """Return the profile of the roots of the *lock* in *file*; raise ``ProfileInvalid``."""
    options = read_command(lock, file)
    folders = [_find_folder(each, lock, file) for each in options.get("profiles", ())]
    return next(
        (found for root in _roots(lock, options) if (found := loader.find_profile(root, folders)) is not None), None
    )


def read_command(lock: Lock, file: Path | None = None) -> Mapping[str, Any]:
    """Return the options of the command that made the *lock* in *file*; raise ``EvidenceUnreadable``."""
    try:
        return parse_command(lock.command)
    except ValueError as error:
        name = "the evidence" if file is None else evidence_file.evidence_path(file).name
        raise EvidenceUnreadable(name, "command", str(error)) from error


def _roots(lock: Lock, options: Mapping[str, Any]) -> list[NormalizedName]:
    return [lock.resolution.root, *(canonicalize_name(each.name) for each in options.get("also", ()))]


def _find_folder(recorded: Path, lock: Lock, file: Path) -> Path:
    """Find a profile folder of the user: at the recorded path, beside the lock, or where the lock was made."""
    return next((each for place in _places(lock, file) if (each := place / recorded).is_dir()), recorded)


def _find_smoke(recorded: Path, lock: Lock, file: Path, moved: Sequence[Path]) -> Path | Command:
    """Find a script of the user: in *moved*, at the recorded path, beside the lock, or where the lock was made."""
    for path in (*_match_moved(recorded, moved), *(place / recorded for place in _places(lock, file))):
        if regularfile.is_file(path):
            return path.absolute()
    if task.is_command(recorded):
        return _find_command(recorded, lock, file)
    raise SmokeMissing(str(recorded), str(file))


def _find_smoke_file(recorded: Path, lock: Lock, file: Path, moved: Sequence[Path]) -> Path:
    """Find a file or folder of the smoke: in *moved*, at the recorded path, beside the lock, or where it was made."""
    for path in (*_match_moved(recorded, moved), *(place / recorded for place in _places(lock, file))):
        if path.exists():
            return path
    raise SmokeFileMissing(str(recorded), str(file))


def _match_moved(recorded: Path, moved: Sequence[Path]) -> list[Path]:
    """Return those of *moved* that may be *recorded*: of the same name, the one with the most equal folders first."""

    def count_equal_parts(path: Path) -> int:
        pairs = zip(reversed(path.parts), reversed(recorded.parts), strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    return sorted((path for path in moved if path.name == recorded.name), key=count_equal_parts, reverse=True)


def _find_command(recorded: Path, lock: Lock, file: Path) -> Command:
    """Return the command line in the folder with the proven files, else in one that has files of these names."""
    _, beside_lock, origin = _places(lock, file)
    commands = [task.make_command(recorded, place) for place in (origin, beside_lock, Path())]
    same = (each for each in commands if planner.command_digest(each) in lock.inputs.values())
    named = (each for each in commands if planner.named_files(each))
    return next(chain(same, named, commands))


def _places(lock: Lock, file: Path) -> tuple[Path, Path, Path]:
    """Return the working directory, the folder of the lock, and the folder where the lock was made.

    The last one follows from the output of the command (``-o locks/a.txt``); else it is the folder of the lock.
    """
    output = read_command(lock, file).get("output", Path(file.name))
    absolute = file.absolute()
    depth = len(output.parts)
    inside = ".." not in output.parts and absolute.parts[-depth:] == output.parts
    return Path(), file.parent, absolute.parents[depth - 1] if inside else file.parent


def read_allowed_pth(lock: Lock) -> tuple[NormalizedName, ...]:
    """Return the distributions with accepted ``.pth`` files (``--allow-pth``) in the command of *lock*."""
    return tuple(read_command(lock).get("allow_pth", ()))


def make_closure(lock: Lock, installation: Installation, store: Store) -> Closure:
    """Return *installation* as a closure that reads no wheels."""
    names = frozenset(installation.candidates)
    resolution = Resolution(
        pins=installation.candidates, root=lock.resolution.root, provided=lock.resolution.provided & names
    )
    return Closure(resolution, _UnreadWheels(), store, lambda grown, _requirement: grown)


class _UnreadWheels:
    """A wheel reader that reads nothing: a run without a finder never asks which distribution has a module."""

    def members(self, wheel: Wheel) -> tuple[Member, ...]:  # noqa: ARG002 - the protocol of the closure
        """Return nothing."""
        return ()

    def metadata(self, wheel: Wheel) -> Metadata:
        """Return the name and version in the file name."""
        return Metadata(name=wheel.name, version=wheel.version)

    def read(self, wheel: Wheel, paths: Iterable[str]) -> Mapping[str, bytes]:  # noqa: ARG002 - as above
        """Return nothing."""
        return {}
