"""Write a tree: the selected files, placeholders, archives of cold files, compiled files, and each RECORD."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.analyze.kinds import is_shared_object
from minreq.build.slim import placeholders, strip as stripping
from minreq.build.slim.bytecode import TreeCompiler, compiled_path
from minreq.build.slim.coldarchives import ColdArchive, write_cold_files, write_runtime
from minreq.build.slim.files import TreeFile
from minreq.build.slim.placeholders import Placeholder
from minreq.build.slim.select import FileSelection
from minreq.build.slim.servecall import insert_call
from minreq.config.levels import Bytecode, Level

#: A wheel has this first line in scripts, and an installer puts the path of Python there. A build does not know it.
_WHEEL_SHEBANG = b"#!python"
_TREE_SHEBANG = b"#!/usr/bin/env python3"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFiles:
    """What was written in addition to the selected files; sizes in bytes."""

    #: By path, the bytes that ``strip`` removed.
    stripped: Mapping[str, int]
    placeholders: Mapping[str, Placeholder]
    #: By path, the distribution whose data of AWS services were left out.
    service_placeholders: Mapping[str, NormalizedName]
    #: The bytes of each compiled file.
    compiled: Mapping[str, int]
    #: The source of each compiled file.
    source_of: Mapping[str, str]
    #: The bytes of each source that a compiled file replaces.
    replaced_sources: Mapping[str, int]
    #: With the level ``cold``: the archives by path.
    archives: Mapping[str, ColdArchive] = field(default_factory=dict)


def write_tree(
    selection: FileSelection,
    folder: Path,
    *,
    level: Level,
    lock: str,
    mode: Bytecode,
    compiler: TreeCompiler,
    strip: Path | None,
    jobs: int,
) -> WrittenFiles:
    """Write *selection* into the empty *folder*; *strip* is the program, ``None`` to keep debug symbols."""
    for file in selection.kept:
        _copy_file(file, folder / file.path)
    stripped: dict[str, int] = {}
    if strip is not None:
        objects = [folder / file.path for file in selection.kept if is_shared_object(file.path.rpartition("/")[2])]
        saved = stripping.strip_files(strip, objects, jobs=jobs)
        stripped = {file.relative_to(folder).as_posix(): count for file, count in saved.items()}
    planned = placeholders.plan_placeholders(selection)
    for path, each in planned.items():
        _write_text(folder / path, placeholders.placeholder_source(each.rule))
    services = placeholders.plan_service_placeholders(selection)
    for path in services:
        _write_text(folder / path, "{}\n")
    if selection.removed:
        _write_text(folder / placeholders.FILE, placeholders.reporting_module(level, lock))
    archives: Mapping[str, ColdArchive] = {}
    runtime: tuple[str, ...] = ()
    if selection.cold is not None and selection.cold.cold:
        archives = write_cold_files(selection.cold, folder, jobs=jobs)
        runtime = write_runtime(folder)
        for package in selection.cold.packages:
            _insert_call(folder / package / "__init__.py")
    source_of, replaced_sources = _compile_tree(
        selection.kept, folder, runtime=runtime, mode=mode, compiler=compiler, jobs=jobs
    )
    return WrittenFiles(
        stripped=stripped,
        placeholders=planned,
        service_placeholders=services,
        compiled={path: folder.joinpath(path).stat().st_size for path in source_of},
        source_of=source_of,
        replaced_sources=replaced_sources,
        archives=archives,
    )


def owners_of_files(selection: FileSelection, written: WrittenFiles) -> Mapping[str, NormalizedName]:
    """Return the distribution of each file in a tree; files of the build itself are not included."""
    of_source = {file.path: file.owner for file in selection.kept}
    found = {path: owner for path, owner in of_source.items() if path not in written.replaced_sources}
    found |= {**_owners_of_placeholders(selection, written), **written.service_placeholders}
    found |= {path: archive.owner for path, archive in written.archives.items()}
    return found | {path: of_source[source] for path, source in written.source_of.items()}


def write_records(selection: FileSelection, written: WrittenFiles, folder: Path) -> None:
    """Rewrite the RECORD of each distribution to list the files that are there, with hash and size (PEP 376)."""
    by_owner: dict[NormalizedName, list[str]] = defaultdict(list)
    for path, owner in owners_of_files(selection, written).items():
        by_owner[owner].append(path)
    for file in selection.kept:
        if file.is_metadata and file.path.endswith(".dist-info/RECORD"):
            _write_text(folder / file.path, _record_rows(folder, by_owner[file.owner], file.path))


def _copy_file(file: TreeFile, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file.source, to)
    to.chmod(0o755 if file.executable else 0o644)
    if file.executable and file.path.startswith("bin/"):
        content = to.read_bytes()
        if content.startswith(_WHEEL_SHEBANG):
            to.write_bytes(_TREE_SHEBANG + content.removeprefix(_WHEEL_SHEBANG))


def _write_text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def _insert_call(file: Path) -> None:
    """Let the ``__init__`` *file* of a package serve its cold files."""
    changed = insert_call(file.read_bytes())
    if changed is None:
        raise AssertionError(f"{file} was selected to serve cold files, and cannot")
    file.write_bytes(changed)


def _compile_tree(
    kept: Iterable[TreeFile],
    folder: Path,
    *,
    runtime: Sequence[str],
    mode: Bytecode,
    compiler: TreeCompiler,
    jobs: int,
) -> tuple[dict[str, str], dict[str, int]]:
    """Compile the sources; return the source of each compiled file, and the bytes of each removed source.

    *runtime* are the sources of what serves cold files, which stay.
    """
    if mode == "none":
        return {}, {}
    beside = mode == "only"
    sources = [file.path for file in kept if file.module is not None and file.path.endswith(".py")]
    if beside and runtime:
        compiler.compile(folder, runtime, beside=False, jobs=jobs)
    failed = compiler.compile(folder, sources if beside else [*sources, *runtime], beside=beside, jobs=jobs)
    done = sorted({*sources} - {*failed})
    replaced_sources = {}
    if beside:
        for path in done:
            replaced_sources[path] = folder.joinpath(path).stat().st_size
            folder.joinpath(path).unlink()
    return {compiled_path(path, compiler.tag, beside=beside): path for path in done}, replaced_sources


def _owners_of_placeholders(selection: FileSelection, written: WrittenFiles) -> dict[str, NormalizedName]:
    by_module = {removed.file.module: removed.file.owner for removed in reversed(selection.removed)}
    found = {}
    for path, each in written.placeholders.items():
        module = each.module
        inside = (owner for name, owner in by_module.items() if name and (name + ".").startswith(module + "."))
        found[path] = by_module.get(module) or next(inside)
    return found


def _record_rows(folder: Path, paths: Iterable[str], record_path: str) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for path in sorted(paths):
        if path == record_path:
            writer.writerow([path, "", ""])
            continue
        content = folder.joinpath(path).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        writer.writerow([path, f"sha256={digest}", len(content)])
    return buffer.getvalue()
