"""Tell about how many bytes a build of a lock would have, from the files in the store; nothing is run or written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib.metadata import version as installed_version
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.analyze.kinds import is_shared_object
from minreq.analyze.symbols import symbol_bytes
from minreq.build.slim.install import files_to_install
from minreq.build.slim.modulegraph import entry_point_modules
from minreq.build.slim.select import FileSelection, select_files
from minreq.build.slim.strip import find_strip_program
from minreq.config import Settings
from minreq.config.levels import Level
from minreq.lockfile import evidence
from minreq.model import Lock
from minreq.system.cachetable import CacheTable
from minreq.wheels import compiledsizes
from minreq.wheels.installorder import sort_as_installed

#: The level that the summary of a lock advises.
LEVEL: Level = "unused"
#: In a row of RECORD, what is beside the path: ``,sha256=``, the digest, and the size.
_REST_OF_ROW = 58


def forecast_build(lock: Lock, settings: Settings) -> int | None:
    """Return about the bytes of ``minreq build --slim unused``, with compiled files unless *settings* count none.

    ``None`` where the store does not have the wheels that were proven, or the lock is for another platform.
    """
    if any(platform.name != lock.proven_on.name for platform in lock.platforms):
        return None
    digest = hashlib.sha256(evidence.dump(lock).encode()).hexdigest()
    table = CacheTable(settings.cache_dir / "forecasts.json")
    subject = f"{installed_version('minreq')} {LEVEL} {settings.bytecode} {digest}"
    known = table.read(subject)
    if isinstance(known, int):
        return known
    digests = {each.candidate.name: each.candidate.wheel.sha256 for each in lock.selection.kept}
    order = sort_as_installed(digests, lock.resolution.requires)
    trees = {name: _tree(digests[name], settings) for name in order}
    try:
        size = _forecast(lock, trees, has_bytecode=settings.compiles)
    except OSError:
        return None
    table.write(subject, size)
    return size


def _tree(sha256: str | None, settings: Settings) -> Path:
    return settings.cache_dir / "wheels" / "unpacked" / str(sha256)


def _forecast(lock: Lock, trees: Mapping[NormalizedName, Path], *, has_bytecode: bool) -> int:
    """Raises ``OSError`` where the store does not have a tree, or a file in it."""
    for tree in trees.values():
        tree.joinpath("lib").stat()
    files = files_to_install({name: tree / "lib" for name, tree in trees.items()})
    loaded = {path for each in lock.selection.kept for path in each.loaded}
    texts = (file.source.read_text("utf-8", "replace") for file in files if file.path.endswith("/entry_points.txt"))
    selection = select_files(files, LEVEL, opened=loaded, entry_points={*entry_point_modules(texts)})
    size = sum(file.size for file in selection.kept) - sum(_row(each.file.path) for each in selection.removed)
    if find_strip_program() is not None:
        size -= sum(_symbol_bytes(file.source) for file in selection.kept if is_shared_object(file.path))
    return size + (sum(_compiled(lock, trees, selection)) if has_bytecode else 0)


def _symbol_bytes(file: Path) -> int:
    with file.open("rb") as stream:
        return symbol_bytes(stream)


def _compiled(lock: Lock, trees: Mapping[NormalizedName, Path], selection: FileSelection) -> Iterator[int]:
    """Yield the bytes that the compiled file of each kept module adds."""
    version = lock.proven_on.python_version
    tag = f"cpython-{version.major}{version.minor}"
    sizes = {name: compiledsizes.read_sizes(tree, tag) or {} for name, tree in trees.items()}
    for file in selection.kept:
        if file.module is not None and file.path.endswith(".py"):
            size = sizes[file.owner].get(file.path, file.size)
            yield size + _row(compiledsizes.compiled_path(file.path, tag)) if size else 0


def _row(path: str) -> int:
    return len(path) + _REST_OF_ROW
