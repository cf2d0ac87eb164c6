"""A lock on disk read back: what it says, what ran when it was made, and what a run of it again needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name

from minreq.config.settings import read_command
from minreq.errors import EvidenceUnreadable, SmokeMissing
from minreq.index import sdist as building
from minreq.index.settings import IndexSettings
from minreq.interpreter import Interpreter
from minreq.lockfile import evidence as evidence_file, reading
from minreq.lockfile.pinned import Installation
from minreq.model import Command, Lock, Member, Metadata, Plan, Resolution, Sdist, Wheel
from minreq.profiles import loading, planning
from minreq.task import task
from minreq.wheels.closure import Closure
from minreq.wheels.store import Store


def read(file: Path) -> tuple[Lock, str]:
    """Return what the lock *file* says, with its evidence, and its text.

    Raises ``LockMissing`` and ``EvidenceUnreadable``.
    """
    return reading.read_evidence(file), reading.read_text(file, "lock")


def plan(lock: Lock, file: Path, moved: Sequence[Path] = ()) -> Plan:
    """Return what ran when the *lock* in *file* was made, from the command that made it.

    *moved* are scripts that may not be where they were. Raises ``EvidenceUnreadable`` and ``SmokeMissing``.
    """
    told = _told(lock, file)
    smokes = [_smoke(smoke, lock, file, moved) for smoke in told.get("smokes", ())]
    found = profile(lock, file)
    subject = next((root for root in _roots(lock, told) if found and root in found.roots), lock.resolution.root)
    version = lock.resolution.pins[subject].version
    return planning.plan(found, told.get("providers", ()), told.get("features") or None, smokes, version)


def profile(lock: Lock, file: Path) -> loading.Profile | None:
    """Return what is known of the roots of the *lock* in *file*; raises ``ProfileInvalid``."""
    told = _told(lock, file)
    folders = [_folder(each, lock, file) for each in told.get("profiles", ())]
    return next((found for root in _roots(lock, told) if (found := loading.find(root, folders)) is not None), None)


def _told(lock: Lock, file: Path) -> Mapping[str, Any]:
    try:
        return read_command(lock.command)
    except ValueError as error:
        name = evidence_file.beside(file).name
        raise EvidenceUnreadable(name, "command", str(error)) from error


def _roots(lock: Lock, told: Mapping[str, Any]) -> list[NormalizedName]:
    return [lock.resolution.root, *(canonicalize_name(each.name) for each in told.get("also", ()))]


def _folder(recorded: Path, lock: Lock, file: Path) -> Path:
    """Return where a profile of the user is now: as recorded, beside the lock, or where that was made."""
    return next((each for place in _places(lock, file) if (each := place / recorded).is_dir()), recorded)


def _smoke(recorded: Path, lock: Lock, file: Path, moved: Sequence[Path]) -> Path | Command:
    """Return where a script of the user is now: as told, as recorded, beside the lock, or where that was made."""
    told = [path for path in moved if path.name == recorded.name]
    for path in (*told, *(place / recorded for place in _places(lock, file))):
        if path.is_file():
            return path.absolute()
    if len(str(recorded).split()) > 1:
        return _command(recorded, lock, file)
    raise SmokeMissing(str(recorded), str(file))


def _command(recorded: Path, lock: Lock, file: Path) -> Path | Command:
    """Return the command line where it finds the files it was proven with, else some of that name."""
    _, beside, made = _places(lock, file)
    found = [task.smoke_at(recorded, place) for place in (made, beside, Path())]
    commands = [each for each in found if isinstance(each, Command)]
    same = (each for each in commands if planning.command_digest(each) in lock.inputs.values())
    named = (each for each in commands if planning.named_files(each))
    return next(chain(same, named, found))


def _places(lock: Lock, file: Path) -> tuple[Path, Path, Path]:
    """Return where the user is, where the lock lies, and where it was made.

    The last is known where it was written somewhere below that (``-o locks/a.txt``).
    """
    output = _told(lock, file).get("output", Path(file.name))
    absolute = file.absolute()
    below = len(output.parts)
    inside = ".." not in output.parts and absolute.parts[-below:] == output.parts
    return Path(), file.parent, absolute.parents[below - 1] if inside else file.parent


def allowed_pth(lock: Lock) -> tuple[NormalizedName, ...]:
    """Return the distributions whose start-up files were accepted when *lock* was made (``--allow-pth``)."""
    return tuple(read_command(lock.command).get("allow_pth", ()))


def closure(lock: Lock, installation: Installation, store: Store) -> Closure:
    """Return what *installation* installs, as a closure in which nothing is looked for."""
    names = frozenset(installation.candidates)
    resolution = Resolution(
        pins=installation.candidates, root=lock.resolution.root, provided=lock.resolution.provided & names
    )
    return Closure(resolution, _Unread(), store, lambda grown, _requirement: grown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds a wheel again, as an installer does."""

    interpreter: Interpreter
    settings: IndexSettings
    store: Store

    def build(self, sdist: Sdist) -> Wheel:
        """Fetch *sdist*, check its hash, build it; raises ``NoWheel`` where building is not allowed."""
        refusal = building.refusal(sdist, self.settings, (self.interpreter.platform,))
        if refusal is not None:
            raise refusal
        archive = self.store.archive(sdist)
        to = archive.parent / "built"
        return building.build(sdist, archive, python=self.interpreter.executable, to=to, settings=self.settings)


class _Unread:
    """The wheels of a closure in which nothing is looked for: a run without a finder asks nobody who owns a module."""

    def members(self, wheel: Wheel) -> tuple[Member, ...]:  # noqa: ARG002 - as the closure asks it
        """Return nothing."""
        return ()

    def metadata(self, wheel: Wheel) -> Metadata:
        """Return what the file name says."""
        return Metadata(name=wheel.name, version=wheel.version)

    def read(self, wheel: Wheel, paths: Iterable[str]) -> Mapping[str, bytes]:  # noqa: ARG002 - as above
        """Return nothing."""
        return {}
