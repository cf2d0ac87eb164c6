"""Decide which files each level (safe, cold, unused, traced) leaves out or packs, and why; nothing is run."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from minreq.analyze.kinds import DOCS, SOURCES, TESTS, is_shared_object
from minreq.build.slim.cold import ColdSelection, select_cold
from minreq.build.slim.files import RemovedFile, Rule, TreeFile, folders_of
from minreq.build.slim.modulegraph import ModuleGraph
from minreq.config.levels import LEAVING_OUT, Level

#: Data of one AWS service, which botocore finds by name: ``botocore/data/s3/2006-03-01/service-2.json.gz``.
SERVICE_DATA = re.compile(r"(?P<data>(?:botocore|boto3|aiobotocore)/data)/(?P<service>[^/]+)/")
#: Data of all services. Without it every service fails in the same way, and no error says why.
_SHARED_SERVICE_DATA = re.compile(r"(?P<folder>(?:botocore|boto3|aiobotocore)/data)/[^/]+$")
#: A package with this call reads its own type stubs on import (``lazy_loader``).
_READS_STUBS = b"attach_stub"
#: Folders of scripts and headers; no import looks there.
_SCRIPT_FOLDERS = ("bin/", "include/")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSelection:
    """Which files of a lock are kept, cold or left out; sorted by path."""

    kept: tuple[TreeFile, ...]
    removed: tuple[RemovedFile, ...]
    #: With the level ``cold``: which files are packed. They are not among the kept ones.
    cold: ColdSelection | None = None


def select_files(
    files: Collection[TreeFile],
    level: Level,
    *,
    opened: Collection[str] = (),
    entry_points: Collection[str] = (),
    keep: Collection[str] = (),
    drop: Collection[str] = (),
    services: Collection[str] = (),
    warmed: Collection[str] = (),
) -> FileSelection:
    """Decide which of *files* the *level* leaves out.

    *opened* are the paths that the smoke opens. *entry_points* are modules that metadata names, and no source. *keep*
    and *drop* are patterns of paths, in which ``*`` matches any text; *keep* wins. *services* are the
    AWS services whose data stays. *warmed* are paths that are not to be cold.
    """
    depth = LEAVING_OUT.index(level) if level in LEAVING_OUT else 0
    graph = ModuleGraph(files)
    rules: dict[str, Rule] = {}
    for number, decide in enumerate((_safe, _unused, _traced), start=1):
        if depth >= number:
            remaining = [file for file in files if file.path not in rules]
            rules |= decide(remaining, graph, frozenset(opened), frozenset(entry_points))
    for file in files:
        service = SERVICE_DATA.match(file.path)
        is_needed = file.is_metadata or (service is not None and service["service"] in services)
        if is_needed or any(fnmatchcase(file.path, pattern) for pattern in keep):
            rules.pop(file.path, None)
        elif any(fnmatchcase(file.path, pattern) for pattern in drop):
            rules[file.path] = Rule.DROPPED
    ordered = sorted(files, key=lambda file: file.path)
    kept = tuple(file for file in ordered if file.path not in rules)
    cold = select_cold(kept, opened, keep=keep, warmed=warmed) if level == "cold" else None
    return FileSelection(
        kept=kept if cold is None else tuple(file for file in kept if file.path in cold.hot),
        removed=tuple(RemovedFile(file=file, rule=rules[file.path]) for file in ordered if file.path in rules),
        cold=cold,
    )


def _safe(
    files: Collection[TreeFile], graph: ModuleGraph, opened: frozenset[str], _entry_points: frozenset[str]
) -> Mapping[str, Rule]:
    """Leave out what no program reads, by the conventions of packaging."""
    stub_readers = {file.owner for file in files if _reads_stubs(file)}
    rule_of_folder = _unreferenced_convention_folders(files, graph, opened)
    found: dict[str, Rule] = {}
    for file in files:
        suffix = PurePosixPath(file.path).suffix
        if file.path in opened or file.is_metadata or file.is_licence:
            continue
        folder = next((each for each in folders_of(file.path) if each in rule_of_folder), None)
        if file.path.startswith(_SCRIPT_FOLDERS):
            found[file.path] = Rule.SCRIPTS
        elif folder is not None:
            found[file.path] = rule_of_folder[folder]
        elif suffix == ".pyi" and file.owner not in stub_readers:
            found[file.path] = Rule.STUBS
        elif suffix in SOURCES:
            found[file.path] = Rule.SOURCES
    return found


def _reads_stubs(file: TreeFile) -> bool:
    return file.path.endswith("__init__.py") and _READS_STUBS in file.source.read_bytes()


def _unreferenced_convention_folders(
    files: Collection[TreeFile], graph: ModuleGraph, opened: frozenset[str]
) -> Mapping[str, Rule]:
    """Return the folders of tests and docs that no module outside imports and the smoke does not open."""
    found = {
        folder: Rule.TESTS if name in TESTS else Rule.DOCS
        for file in files
        for folder in folders_of(file.path)
        if (name := folder.rpartition("/")[2].lower()) in TESTS | DOCS
    }
    if not found:
        return {}
    of_module = {module: _folders_among(file.path, found) for module, file in graph.files.items()}
    referenced = {
        folder
        for module in graph.files
        for name in graph.referenced_by(module)
        for folder in of_module[name] - of_module[module]
    }
    referenced |= {folder for path in opened for folder in _folders_among(path, found)}
    return {folder: rule for folder, rule in found.items() if folder not in referenced}


def _folders_among(path: str, folders: Collection[str]) -> frozenset[str]:
    return frozenset(folder for folder in folders_of(path) if folder in folders)


def _unused(
    files: Collection[TreeFile], graph: ModuleGraph, opened: frozenset[str], entry_points: frozenset[str]
) -> Mapping[str, Rule]:
    """Leave out folders with no file that the smoke opens and no module that a kept module graph."""
    paths = {file.path for file in files}
    roots = opened | {graph.files[name].path for name in entry_points if name in graph.files}
    reached = graph.reachable_from(roots & paths)
    reached |= graph.aliases_of(reached)
    reachable = {graph.files[module].path for module in reached}
    kept_folders = {folder for path in (opened | reachable) & paths for folder in folders_of(path)}
    # The system loads shared libraries; no source shows which folders it reads.
    native_folders = {folder for file in files if is_shared_object(file.path) for folder in folders_of(file.path)}
    code_folders = {
        folder for file in files if file.module is not None for folder in folders_of(file.path)
    } | native_folders
    found: dict[str, Rule] = {}
    for file in files:
        if file.is_metadata or file.is_licence:
            continue
        folder = next((each for each in folders_of(file.path) if each not in kept_folders), None)
        if folder is None or (folder in native_folders and not folder.rpartition("/")[2].isidentifier()):
            continue
        shared = _SHARED_SERVICE_DATA.match(file.path)
        if shared is not None and folder == shared["folder"]:
            continue
        service = SERVICE_DATA.match(file.path)
        if service is not None:
            found[file.path] = Rule.SERVICES
        else:
            found[file.path] = Rule.PACKAGES if folder in code_folders else Rule.DATA
    return found


def _traced(
    files: Collection[TreeFile], _graph: ModuleGraph, opened: frozenset[str], _entry_points: frozenset[str]
) -> Mapping[str, Rule]:
    """Leave out every file that the smoke did not open."""
    return {
        file.path: Rule.UNOPENED
        for file in files
        if file.path not in opened and not file.is_metadata and not file.is_licence
    }
