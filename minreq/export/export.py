"""Export a lock on disk: write it in the format of another tool."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from packaging.requirements import InvalidRequirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq import interpreter as runtime
from minreq.config import STDOUT
from minreq.config.exports import ExportSettings, default_output
from minreq.counts import pluralize
from minreq.errors import LockEdited, OutputUnwritable, PinnedFilesMissing
from minreq.export import vex
from minreq.export.advisories import read_advisories
from minreq.export.builds import read_build
from minreq.export.statements import find_statements
from minreq.index.client import IndexClient
from minreq.lockfile import cyclonedx, dockerfile, edits, pdm, pex, pylock, reading, uv, writing
from minreq.lockfile.pinnedfiles import choose_file, find_pinned_files
from minreq.lockfile.requirements import pinned_files as files
from minreq.model import Candidate, Lock, Metadata, Sdist, Wheel
from minreq.model.parsing import parse_requirement, parse_version
from minreq.reporting import Reporter, Step
from minreq.sdists.builder import SdistBuilder
from minreq.system import temporary
from minreq.task import fromlock, task
from minreq.wheels import repacking
from minreq.wheels.store import Store

_LOG = logging.getLogger(__name__)

#: The requirements file in a wheelhouse.
REQUIREMENTS = "requirements.txt"

_WHEELHOUSE_HEAD = """\
# Made by minreq from {lock}: its distributions, as wheels beside this file. Wheels that required a left-out
# distribution were repacked without this requirement, under the local version +{label}. Installers such as pip and uv
# need no option and no index:
#
#    pip install -r {folder}/{name}
#
--no-index
--find-links .
--require-hashes
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """The result of an export."""

    lock: Lock
    #: ``-``: nothing is written.
    output: Path
    #: The content of the file; a wheelhouse has none.
    text: str = ""
    #: The file names of repacked wheels; only a wheelhouse has some.
    repacked: tuple[str, ...] = ()


def export(settings: ExportSettings, reporter: Reporter) -> ExportResult:
    """Write the lock on disk in the format of *settings*.

    Raises ``LockEdited`` when the file does not install what was proven, ``PinnedFilesMissing``, ``OutputUnwritable``
    and, for formats that need files, the index failures.
    """
    lock = read_proven_lock(settings.lock)
    output, made_from = settings.output, settings.lock.name
    if settings.format == "wheelhouse":
        return _write_wheelhouse(lock, settings, reporter)
    is_printed = output == STDOUT
    filename = default_output(settings.format, settings.lock).name if is_printed else output.name
    text = _render(lock, settings, reporter, made_from=made_from, filename=filename)
    if not is_printed:
        writing.write_files({output: text})
    return ExportResult(lock=lock, output=output, text=text)


def _render(lock: Lock, settings: ExportSettings, reporter: Reporter, *, made_from: str, filename: str) -> str:
    match settings.format:
        case "pylock":
            text = pylock.render(lock, _find_urls(lock, settings, reporter), made_from=made_from, filename=filename)
        case "uv-excludes":
            text = uv.render_excludes(lock, made_from=made_from, filename=filename)
        case "pdm":
            text = pdm.render_settings(lock, made_from=made_from)
        case "pex":
            text = pex.render_arguments(made_from=made_from)
        case "dockerfile":
            text = dockerfile.render(lock, made_from=made_from, filename=filename)
        case "vex" | "openvex":
            text = _render_vex(lock, settings, made_from=made_from)
        case "cyclonedx":
            text = cyclonedx.render(lock, _read_metadata(lock, settings, reporter), made_from=made_from)
        case _:
            overridden = {canonicalize_name(each.name) for each in fromlock.read_command(lock).get("overrides", ())}
            text = uv.render_settings(lock, overridden=overridden, made_from=made_from)
    return text


def _render_vex(lock: Lock, settings: ExportSettings, *, made_from: str) -> str:
    advisories = [each for path in settings.advisories for each in read_advisories(path)]
    tree = read_build(settings.build, settings.lock) if settings.build is not None else None
    statements = find_statements(lock, advisories, tree)
    if settings.build is not None:
        # What a build left out is in any other installation of the lock.
        made_from = settings.build.resolve().name
    if settings.format == "openvex":
        return vex.render_openvex(lock, statements, made_from=made_from)
    return vex.render_cyclonedx(statements, made_from=made_from)


def read_proven_lock(path: Path) -> Lock:
    """Return the lock on disk; raises ``LockEdited`` when the file installs something else than the evidence says."""
    text = reading.read_text(path, "lock")
    lock = reading.read_evidence(path)
    if found := [edit.sentence for edit in edits.find_edits(lock, text, filename=path.name) if edit.installs]:
        raise LockEdited(str(path), found)
    return lock


def _find_urls(lock: Lock, settings: ExportSettings, reporter: Reporter) -> Mapping[str, str]:
    """Return the URLs of the pinned files, from the index: a lock in a repository does not name one."""
    reporter.began(Step.MAP, pluralize(len(lock.selection.kept), "pinned distribution"))
    urls: dict[str, str] = {}
    missing: list[str] = []
    with IndexClient(task.read_index_settings(settings.index), settings.cache_dir / "index") as index:
        index.prefetch(kept.candidate.name for kept in lock.selection.kept)
        for kept in lock.selection.kept:
            pairs = zip(files(kept.candidate), find_pinned_files(index, kept.candidate), strict=True)
            for file, at_index in pairs:
                if at_index is None:
                    missing.append(f"{file.filename} is gone from the index")
                else:
                    urls[file.filename] = at_index.url
    if missing:
        raise PinnedFilesMissing(str(settings.lock), missing)
    return urls


def _read_metadata(lock: Lock, settings: ExportSettings, reporter: Reporter) -> Mapping[NormalizedName, Metadata]:
    """Return the metadata of the kept wheels that the index still has."""
    reporter.began(Step.MAP, pluralize(len(lock.selection.kept), "pinned distribution"))
    with IndexClient(task.read_index_settings(settings.index), settings.cache_dir / "index") as index:
        index.prefetch(kept.candidate.name for kept in lock.selection.kept)
        wheels = {
            file.name: file
            for kept in lock.selection.kept
            for file in find_pinned_files(index, kept.candidate)
            if isinstance(file, Wheel)
        }
        index.prefetch_metadata(wheels.values())
        return {name: index.metadata(wheel) for name, wheel in wheels.items()}


def _write_wheelhouse(lock: Lock, settings: ExportSettings, reporter: Reporter) -> ExportResult:
    """Write every kept wheel, repacked where needed, and a requirements file into a folder."""
    output = settings.output
    _check_folder(output)
    with IndexClient(task.read_index_settings(settings.index), settings.cache_dir / "index") as index:
        store = Store(settings.cache_dir / "wheels", index, on_fetched=reporter.fetched, on_damage=reporter.note)
        reporter.began(Step.MAP, pluralize(len(lock.selection.kept), "pinned distribution"))
        builder = partial(_make_builder, settings, index, store, reporter)
        archives = _fetch_archives(lock, settings, index, store, builder)
    reporter.began(Step.WRITE)
    parent = output.absolute().parent
    writing.make_folder(parent, output)
    temporary.remove_abandoned(parent)
    try:
        with temporary.make_temporary_folder(parent) as folder:
            new_folder = folder / output.name
            new_folder.mkdir()
            new_folder.chmod(0o755)
            repacked = _fill_wheelhouse(new_folder, lock, archives, made_from=settings.lock.name)
            if output.exists():
                # The old wheelhouse is removed with the temporary folder.
                output.replace(folder / "previous")
            new_folder.replace(output)
            _LOG.info("wrote %s", output)
    except OSError as error:
        raise OutputUnwritable(output, error.strerror or str(error)) from error
    return ExportResult(lock=lock, output=output, repacked=tuple(sorted(repacked)))


def _fill_wheelhouse(
    folder: Path, lock: Lock, archives: Mapping[NormalizedName, tuple[Path, ...]], *, made_from: str
) -> list[str]:
    """Write wheels and the requirements file into *folder*; return the names of the repacked wheels."""
    requires = {name: repacking.declared_requirements(paths[0]) for name, paths in archives.items()}
    extras = _requested_extras(lock, requires)
    pins = {each.candidate.name: each.candidate.version for each in lock.selection.kept}
    relax = partial(
        repacking.relax_requirement, pins=pins, environments=[dict(platform.markers) for platform in lock.platforms]
    )
    wheels: dict[NormalizedName, list[Path]] = {}
    repacked: list[str] = []
    for name, paths in archives.items():
        relaxed = [relax(each, extras=extras.get(name, frozenset())) for each in requires[name]]
        is_unchanged = tuple(relaxed) == requires[name]
        for archive in paths:
            wheel = (
                Path(shutil.copyfile(archive, folder / archive.name))
                if is_unchanged
                else repacking.repack(archive, folder, [each for each in relaxed if each is not None])
            )
            wheels.setdefault(name, []).append(wheel)
            repacked += [] if is_unchanged else [wheel.name]
    head = _WHEELHOUSE_HEAD.format(lock=made_from, label=repacking.LABEL, folder=folder.name, name=REQUIREMENTS)
    (folder / REQUIREMENTS).write_text(head + "".join(_requirement_lines(wheels)), "utf-8")
    return repacked


def _check_folder(output: Path) -> None:
    """Refuse to replace anything but an empty folder or a wheelhouse of minreq."""
    if not output.exists():
        return
    if not output.is_dir():
        raise OutputUnwritable(output, "it is a file, and a wheelhouse is a folder")
    known = {REQUIREMENTS}
    foreign = sorted(each.name for each in output.iterdir() if each.suffix != ".whl" and each.name not in known)
    if foreign or (any(output.iterdir()) and not (output / REQUIREMENTS).is_file()):
        raise OutputUnwritable(output, f"it holds {', '.join(foreign[:3]) or 'wheels'}, and not a wheelhouse of minreq")


def _fetch_archives(
    lock: Lock, settings: ExportSettings, index: IndexClient, store: Store, builder: Callable[[], SdistBuilder]
) -> Mapping[NormalizedName, tuple[Path, ...]]:
    """Return the archives that an installer takes on the platforms of the lock; the store is searched first."""
    found: dict[NormalizedName, tuple[Path, ...]] = {}
    faults: list[str] = []
    for kept in lock.selection.kept:
        candidate = kept.candidate
        file_for_platform = {platform.name: choose_file(candidate, platform) for platform in lock.platforms}
        faults += [
            f"no pinned file of {candidate.name} fits {name}"
            for name, file in file_for_platform.items()
            if file is None
        ]
        paths: dict[str, Path] = {}
        for file in file_for_platform.values():
            if file is None:
                continue
            at_index = file if store.holds_intact(file) else _find_at_index(index, candidate, file)
            if at_index is None:
                faults.append(f"{file.filename} is gone from the index")
            elif file.filename not in paths:
                paths[file.filename] = _fetch_wheel(at_index, store, builder)
        found[candidate.name] = tuple(paths[name] for name in sorted(paths))
    if faults:
        raise PinnedFilesMissing(str(settings.lock), faults)
    return found


def _make_builder(settings: ExportSettings, index: IndexClient, store: Store, reporter: Reporter) -> SdistBuilder:
    return SdistBuilder(
        interpreter=runtime.find_interpreter(Path(settings.interpreter) if settings.interpreter else None),
        settings=task.read_index_settings(settings.index),
        index=index,
        store=store,
        require_sandbox=settings.require_sandbox,
        note=reporter.note,
    )


def _find_at_index(index: IndexClient, candidate: Candidate, file: Wheel | Sdist) -> Wheel | Sdist | None:
    offered = zip(files(candidate), find_pinned_files(index, candidate), strict=True)
    return next((at_index for each, at_index in offered if each.filename == file.filename), None)


def _fetch_wheel(file: Wheel | Sdist, store: Store, builder: Callable[[], SdistBuilder]) -> Path:
    """Return the archive of a wheel; where the lock has a source distribution, build it."""
    if isinstance(file, Wheel):
        return store.fetch(file)
    return store.fetch(builder().build(file))


def _requested_extras(
    lock: Lock, requires: Mapping[NormalizedName, tuple[str, ...]]
) -> Mapping[NormalizedName, frozenset[str]]:
    """Return the extras that the user, or any kept distribution, requests of each project.

    An extra counts even if only another extra requests it. That looks at more requirements than needed, and changes
    none that holds.
    """
    found: dict[NormalizedName, set[str]] = {}
    texts = [*lock.root_requirements, *(each for lines in requires.values() for each in lines)]
    for text in texts:
        try:
            requirement = parse_requirement(text)
        except InvalidRequirement:
            continue
        if requirement.extras:
            found.setdefault(canonicalize_name(requirement.name), set()).update(requirement.extras)
    return {name: frozenset(extras) for name, extras in found.items()}


def _requirement_lines(wheels: Mapping[NormalizedName, list[Path]]) -> Iterator[str]:
    for name in sorted(wheels):
        version = _version_of_wheel(wheels[name][0])
        hashes = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels[name])
        yield " \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{each}" for each in hashes)]) + "\n"


def _version_of_wheel(path: Path) -> Version:
    return parse_version(path.name.split("-")[1])
