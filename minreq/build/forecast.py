"""Tell about how many bytes a build of a lock would have, from the files in the store; nothing is run."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.analyze.kinds import is_shared_object
from minreq.analyze.sharedobjects import symbol_bytes
from minreq.build.slim.additions import estimate_additions
from minreq.build.slim.cold import ColdFile, ColdKind
from minreq.build.slim.files import TreeFile
from minreq.build.slim.install import files_to_install
from minreq.build.slim.modulegraph import read_entry_points
from minreq.build.slim.select import FileSelection, select_files
from minreq.build.slim.strip import find_strip_program
from minreq.config import Settings
from minreq.config.levels import Level
from minreq.lockfile import evidence
from minreq.model import LAMBDA_LIMIT, BuildForecast, Lock
from minreq.system.cachetable import CacheTable
from minreq.system.owndigest import own_digest
from minreq.wheels import bytecode, compiledsizes
from minreq.wheels.installorder import sort_as_installed

#: The levels that the summary of a lock advises, the one that loses nothing first.
_LEVELS: tuple[Level, ...] = ("cold", "unused")
#: In a row of RECORD, what is beside the path: ``,sha256=``, the digest, and the size.
_REST_OF_ROW = 58
#: A data file that counts.
_LARGE = 256 << 10
#: About the bytes that an archive has for a file beside its contents and twice its path: two headers, and a part of the
#: index.
_REST_OF_MEMBER = 130
#: Bytes of the sources of one distribution that are packed, to know how small the others get.
_SAMPLE = 4 << 20


def forecast_build(lock: Lock, settings: Settings) -> BuildForecast | None:
    """Return the level that fits the budget, or the limit of AWS Lambda, and about the bytes of such a build of *lock*.

    If none fits, return the smallest one. Compiled files are included unless *settings* count none. ``None`` where the
    store does not have the wheels that were proven, or the lock is for another platform.
    """
    if any(platform.name != lock.proven_on.name for platform in lock.platforms):
        return None
    limit = LAMBDA_LIMIT if settings.budget is None else settings.budget
    found = []
    for level in _LEVELS:
        size = _read_forecast(lock, settings, level)
        if size is None:
            return None
        found.append(BuildForecast(slim=level, bytes=size))
        if size <= limit:
            return found[-1]
    return min(found, key=lambda each: each.bytes)


def _read_forecast(lock: Lock, settings: Settings, level: Level) -> int | None:
    """Return the forecast for *level*, from the cache if it is there."""
    digest = hashlib.sha256(evidence.dump(lock).encode()).hexdigest()
    table = CacheTable(settings.cache_dir / "forecasts.json")
    subject = f"{own_digest()} {level} {settings.bytecode} {digest}"
    known = table.read(subject)
    if isinstance(known, int):
        return known
    digests = {each.candidate.name: each.candidate.wheel.sha256 for each in lock.selection.kept}
    order = sort_as_installed(digests, lock.resolution.requires)
    trees = {name: _tree(digests[name], settings) for name in order}
    try:
        size = _forecast(lock, trees, level, has_bytecode=settings.compiles)
    except OSError:
        return None
    table.write(subject, size)
    return size


def _tree(sha256: str | None, settings: Settings) -> Path:
    return settings.cache_dir / "wheels" / "unpacked" / str(sha256)


def _forecast(lock: Lock, trees: Mapping[NormalizedName, Path], level: Level, *, has_bytecode: bool) -> int:
    """Raises ``OSError`` where the store does not have a tree, or a file in it."""
    for tree in trees.values():
        tree.joinpath("lib").stat()
    files = files_to_install({name: tree / "lib" for name, tree in trees.items()})
    loaded = {path for each in lock.selection.kept for path in each.loaded}
    opened = loaded | _probably_opened(files, loaded) if level == "cold" else loaded
    selection = select_files(files, level, opened=opened, entry_points=read_entry_points(files))
    size = sum(file.size for file in selection.kept) - sum(_row(each.file.path) for each in selection.removed)
    if selection.cold is not None:
        size += sum(_packed(selection.cold.cold))
        size -= sum(_row(each.file.path) for each in selection.cold.cold)
    if find_strip_program() is not None:
        size -= sum(_symbol_bytes(file.source) for file in selection.kept if is_shared_object(file.path))
    size += estimate_additions(trees, selection, level, has_bytecode=has_bytecode)
    return size + (sum(_compiled(lock, trees, selection)) if has_bytecode else 0)


def _packed(cold: Iterable[ColdFile]) -> Iterator[int]:
    """Yield the bytes of *cold* in archives: sources by packing a part of them, for each distribution."""
    sources: dict[NormalizedName, list[TreeFile]] = defaultdict(list)
    for each in cold:
        yield _REST_OF_MEMBER + 2 * len(each.file.path)
        if each.kind is ColdKind.MODULE:
            sources[each.file.owner].append(each.file)
        else:
            yield each.packed
    for files in sources.values():
        total = sum(file.size for file in files)
        files.sort(key=lambda file: (-file.size, file.path))
        sample = [file.source.read_bytes() for file in files[:: -(-total // _SAMPLE) or 1]]
        packed = sum(len(zlib.compress(content, 9)) for content in sample)
        yield round(total * packed / max(sum(map(len, sample)), 1))


def _probably_opened(files: Collection[TreeFile], loaded: Collection[str]) -> frozenset[str]:
    """Return the extension modules and the large data files that a source of *loaded* names, of the same distribution.

    The evidence has the loaded sources alone.
    """
    sources: dict[NormalizedName, list[bytes]] = defaultdict(list)
    for file in files:
        if file.path in loaded:
            sources[file.owner].append(file.source.read_bytes())
    found = set()
    for file in files:
        name = file.path.rpartition("/")[2]
        if file.module is None and file.size >= _LARGE:
            word = re.compile(re.escape(name.encode()))
        elif file.module is not None and is_shared_object(name):
            word = re.compile(rb"\b" + file.module.rpartition(".")[2].encode() + rb"\b")
        else:
            continue
        if any(word.search(source) for source in sources[file.owner]):
            found.add(file.path)
    return frozenset(found)


def _symbol_bytes(file: Path) -> int:
    with file.open("rb") as stream:
        return symbol_bytes(stream)


def _compiled(lock: Lock, trees: Mapping[NormalizedName, Path], selection: FileSelection) -> Iterator[int]:
    """Yield the bytes that the compiled file of each kept module adds."""
    tag = bytecode.cache_tag(lock.proven_on.python_version.release)
    sizes = {name: compiledsizes.read_sizes(tree, tag) or {} for name, tree in trees.items()}
    for file in selection.kept:
        if file.module is not None and file.path.endswith(".py"):
            size = sizes[file.owner].get(file.path, file.size)
            yield size + _row(compiledsizes.compiled_path(file.path, tag)) if size else 0


def _row(path: str) -> int:
    return len(path) + _REST_OF_ROW
