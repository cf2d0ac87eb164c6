"""Estimate the bytes of a build of a lock from the files in the store; nothing is run."""

from __future__ import annotations

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
from minreq.config.levels import Level
from minreq.model import Lock
from minreq.wheels import bytecode, compiledsizes

#: In a row of RECORD, what is beside the path: ``,sha256=``, the digest, and the size.
_REST_OF_ROW = 58
#: A data file that counts.
_LARGE = 256 << 10
#: About the bytes that an archive has for a file beside its contents and twice its path: two headers, and a part of the
#: index.
_REST_OF_MEMBER = 130
#: Bytes of the sources of one distribution that are packed, to know how small the others get.
_SAMPLE = 4 << 20


def estimate_bytes(lock: Lock, trees: Mapping[NormalizedName, Path], level: Level, *, has_bytecode: bool) -> int:
    """Return about the bytes that a build of *lock* has at *level*; *trees* are the unpacked wheels in the store.

    Raises ``OSError`` where the store does not have a tree, or a file in it.
    """
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
