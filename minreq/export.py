"""The way of the data through an export: one lock on disk, written as another tool reads it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq import interpreter as runtime
from minreq.config.exports import ExportSettings
from minreq.config.settings import read_command
from minreq.errors import LockEdited, OutputUnwritable, PinnedFilesMissing
from minreq.index import sdist as building
from minreq.index.client import IndexClient
from minreq.lockfile import edits, pinned, pylock, reading, uv, writing
from minreq.lockfile.requirements import pinned as files
from minreq.model import Candidate, Lock, Sdist, Wheel
from minreq.reporting import Reporter, Step
from minreq.system import temporary
from minreq.task import task
from minreq.wheels import repacking
from minreq.wheels.store import Store

#: The file in a wheelhouse that names what is to be installed from it.
REQUIREMENTS = "requirements.txt"

_WHEELHOUSE_HEAD = """\
# Made by minreq from {lock}: the same distributions as wheels beside this file. Those that declared what is left out
# declare it no more, and have the local version +{label}. pip, uv and whatever calls them need no option and no index:
#
#    pip install -r {folder}/{name}
#
--no-index
--find-links .
--require-hashes
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written."""

    lock: Lock
    output: Path
    #: Wheels that were made anew, by file name; of a wheelhouse alone.
    repacked: tuple[str, ...] = ()


def export(settings: ExportSettings, reporter: Reporter) -> Exported:
    """Write the lock on disk in the format asked for.

    Raises ``LockEdited`` where it is not what was proven, ``PinnedFilesMissing``, ``OutputUnwritable`` and, where files
    are asked for, the index failures.
    """
    lock = proven(settings.lock)
    output, made_from = settings.output, settings.lock.name
    if settings.format == "wheelhouse":
        return _wheelhouse(lock, settings, reporter)
    if settings.format == "pylock":
        text = pylock.render(lock, _urls(lock, settings, reporter), made_from=made_from, filename=output.name)
    elif settings.format == "uv-excludes":
        text = uv.excludes(lock, made_from=made_from, filename=output.name)
    else:
        overridden = {canonicalize_name(each.name) for each in read_command(lock.command).get("overrides", ())}
        text = uv.settings(lock, overridden=overridden, made_from=made_from)
    writing.write({output: text})
    return Exported(lock=lock, output=output)


def proven(path: Path) -> Lock:
    """Return the lock on disk; raises ``LockEdited`` where the file installs something else than the evidence says."""
    text = reading.read_text(path, "lock")
    lock = reading.read_evidence(path)
    if found := [edit.sentence for edit in edits.edits(lock, text, filename=path.name) if edit.installs]:
        raise LockEdited(str(path), found)
    return lock


def _urls(lock: Lock, settings: ExportSettings, reporter: Reporter) -> Mapping[str, str]:
    """Ask the index where the pinned files are: a committed lock names no index."""
    reporter.began(Step.MAP, f"{len(lock.selection.kept)} pinned distributions")
    urls: dict[str, str] = {}
    gone: list[str] = []
    with IndexClient(task.index_settings(settings.index), settings.cache_dir / "index") as index:
        index.prefetch(kept.candidate.name for kept in lock.selection.kept)
        for kept in lock.selection.kept:
            pairs = zip(files(kept.candidate), pinned.offered(index, kept.candidate), strict=True)
            for file, there in pairs:
                if there is None:
                    gone.append(f"{file.filename} is gone from the index")
                else:
                    urls[file.filename] = there.url
    if gone:
        raise PinnedFilesMissing(str(settings.lock), gone)
    return urls


def _wheelhouse(lock: Lock, settings: ExportSettings, reporter: Reporter) -> Exported:
    """Put every kept wheel, or what it becomes, into a folder with a requirements file."""
    output = settings.output
    _check_folder(output)
    with IndexClient(task.index_settings(settings.index), settings.cache_dir / "index") as index:
        store = Store(settings.cache_dir / "wheels", index, fetched=reporter.fetched)
        reporter.began(Step.MAP, f"{len(lock.selection.kept)} pinned distributions")
        archives = _archives(lock, settings, index, store)
    reporter.began(Step.WRITE)
    parent = _parent(output)
    temporary.sweep(parent)
    try:
        with temporary.folder(parent) as folder:
            made = folder / output.name
            made.mkdir()
            made.chmod(0o755)
            repacked = _fill(made, lock, archives, made_from=settings.lock.name)
            if output.exists():
                # It goes with the temporary folder, once the new one has its place.
                output.replace(folder / "previous")
            made.replace(output)
    except OSError as error:
        raise OutputUnwritable(output, error.strerror or str(error)) from error
    return Exported(lock=lock, output=output, repacked=tuple(sorted(repacked)))


def _fill(
    folder: Path, lock: Lock, archives: Mapping[NormalizedName, tuple[Path, ...]], *, made_from: str
) -> list[str]:
    """Write wheels and requirements into *folder*, which will have its name; return the wheels that were made anew."""
    requires = {name: repacking.declared(paths[0]) for name, paths in archives.items()}
    extras = _extras(lock, requires)
    pins = {each.candidate.name: each.candidate.version for each in lock.selection.kept}
    relax = partial(repacking.relaxed, pins=pins, environments=[dict(platform.markers) for platform in lock.platforms])
    wheels: dict[NormalizedName, list[Path]] = {}
    repacked: list[str] = []
    for name, paths in archives.items():
        kept = [relax(each, extras=extras.get(name, frozenset())) for each in requires[name]]
        same = tuple(kept) == requires[name]
        for archive in paths:
            put = (
                Path(shutil.copyfile(archive, folder / archive.name))
                if same
                else repacking.repack(archive, folder, [each for each in kept if each is not None])
            )
            wheels.setdefault(name, []).append(put)
            repacked += [] if same else [put.name]
    head = _WHEELHOUSE_HEAD.format(lock=made_from, label=repacking.LABEL, folder=folder.name, name=REQUIREMENTS)
    (folder / REQUIREMENTS).write_text(head + "".join(_lines(wheels)), "utf-8")
    return repacked


def _check_folder(output: Path) -> None:
    """Refuse what would be lost: only an empty folder, or a wheelhouse of ours, is replaced."""
    if not output.exists():
        return
    if not output.is_dir():
        raise OutputUnwritable(output, "it is a file, and a wheelhouse is a folder")
    known = {REQUIREMENTS}
    strange = sorted(each.name for each in output.iterdir() if each.suffix != ".whl" and each.name not in known)
    if strange or (any(output.iterdir()) and not (output / REQUIREMENTS).is_file()):
        raise OutputUnwritable(output, f"it holds {', '.join(strange[:3]) or 'wheels'}, and not a wheelhouse of minreq")


def _parent(output: Path) -> Path:
    try:
        output.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(output, error.strerror or str(error)) from error
    return output.absolute().parent


def _archives(
    lock: Lock, settings: ExportSettings, index: IndexClient, store: Store
) -> Mapping[NormalizedName, tuple[Path, ...]]:
    """The archives that an installer takes on the platforms of the lock; what the store holds is asked of nobody."""
    found: dict[NormalizedName, tuple[Path, ...]] = {}
    faults: list[str] = []
    for kept in lock.selection.kept:
        candidate = kept.candidate
        wanted = {platform.name: pinned.fitting(candidate, platform) for platform in lock.platforms}
        faults += [f"no pinned file of {candidate.name} fits {name}" for name, file in wanted.items() if file is None]
        paths: dict[str, Path] = {}
        for file in wanted.values():
            if file is None:
                continue
            there = file if store.holds(file) else _located(index, candidate, file)
            if there is None:
                faults.append(f"{file.filename} is gone from the index")
            elif file.filename not in paths:
                paths[file.filename] = _wheel(there, settings, store)
        found[candidate.name] = tuple(paths[name] for name in sorted(paths))
    if faults:
        raise PinnedFilesMissing(str(settings.lock), faults)
    return found


def _located(index: IndexClient, candidate: Candidate, file: Wheel | Sdist) -> Wheel | Sdist | None:
    offered = zip(files(candidate), pinned.offered(index, candidate), strict=True)
    return next((there for each, there in offered if each.filename == file.filename), None)


def _wheel(file: Wheel | Sdist, settings: ExportSettings, store: Store) -> Path:
    """The archive of a wheel, built where the lock has a source."""
    archive = store.archive(file)
    if isinstance(file, Wheel):
        return archive
    interpreter = runtime.interpreter(Path(settings.interpreter) if settings.interpreter else None)
    index_settings = task.index_settings(settings.index)
    refusal = building.refusal(file, index_settings, (interpreter.platform,))
    if refusal is not None:
        raise refusal
    folder = archive.parent / "built"
    built = building.build(file, archive, python=interpreter.executable, to=folder, settings=index_settings)
    return folder / built.filename


def _extras(lock: Lock, requires: Mapping[NormalizedName, tuple[str, ...]]) -> Mapping[NormalizedName, frozenset[str]]:
    """The extras of kept projects that kept ones, or the user, ask for; to a fixed point would only find more of them.

    An extra that is only asked for by an extra counts too: more is looked at then, which changes nothing that holds.
    """
    found: dict[NormalizedName, set[str]] = {}
    texts = [lock.root, *(each for lines in requires.values() for each in lines)]
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.extras:
            found.setdefault(canonicalize_name(requirement.name), set()).update(requirement.extras)
    return {name: frozenset(extras) for name, extras in found.items()}


def _lines(wheels: Mapping[NormalizedName, list[Path]]) -> Iterator[str]:
    for name in sorted(wheels):
        version = _version(wheels[name][0])
        hashes = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels[name])
        yield " \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{each}" for each in hashes)]) + "\n"


def _version(path: Path) -> Version:
    return Version(path.name.split("-")[1])
