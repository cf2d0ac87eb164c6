"""A chosen tree, written: files, placeholders, compiled files, and records that are true."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.analyze.kinds import is_shared_object
from minreq.build.slim import bytecode, placeholder, symbols
from minreq.build.slim.choosing import Choice, Placeholder, placeholders
from minreq.build.slim.leaves import Leaf
from minreq.config.levels import Bytecode, Level

#: What an installer writes as the first line of a script, to be replaced by where Python is; here nobody knows that.
_SHEBANG = b"#!python"
_ANY_PYTHON = b"#!/usr/bin/env python3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """The interpreter that the compiled files are for."""

    python: Path
    #: ``cpython-312``
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written beside the files that were chosen; sizes in bytes."""

    #: By path, what ``strip`` took out.
    stripped: Mapping[str, int]
    placeholders: Mapping[str, Placeholder]
    #: Compiled files, and their bytes.
    compiled: Mapping[str, int]
    #: Compiled files, and their sources.
    sources: Mapping[str, str]
    #: Sources that compiled files stand for, and their bytes.
    replaced: Mapping[str, int]


def write(
    choice: Choice,
    folder: Path,
    *,
    level: Level,
    lock: str,
    mode: Bytecode,
    compiler: Compiler,
    strip: Path | None,
    jobs: int,
) -> Written:
    """Write what was chosen into *folder*, which is empty; *strip* is the program, ``None`` to leave symbols in."""
    for leaf in choice.kept:
        _copy(leaf, folder / leaf.path)
    stripped: dict[str, int] = {}
    if strip is not None:
        objects = [folder / leaf.path for leaf in choice.kept if is_shared_object(leaf.path.rpartition("/")[2])]
        taken = symbols.strip(strip, objects, jobs=jobs)
        stripped = {file.relative_to(folder).as_posix(): count for file, count in taken.items()}
    standing = placeholders(choice)
    for path, standing_for in standing.items():
        _write(folder / path, placeholder.text(standing_for.rule))
    if choice.removed:
        _write(folder / placeholder.FILE, placeholder.module(level, lock))
    sources, replaced = _compile(choice.kept, folder, mode=mode, compiler=compiler, jobs=jobs)
    return Written(
        stripped=stripped,
        placeholders=standing,
        compiled={path: folder.joinpath(path).stat().st_size for path in sources},
        sources=sources,
        replaced=replaced,
    )


def owners(choice: Choice, written: Written) -> Mapping[str, NormalizedName]:
    """Return the distribution of each file in a tree; what belongs to the build itself is not among them."""
    of_source = {leaf.path: leaf.owner for leaf in choice.kept}
    found = {path: owner for path, owner in of_source.items() if path not in written.replaced}
    found |= _owners_of_placeholders(choice, written)
    return found | {path: of_source[source] for path, source in written.sources.items()}


def record(choice: Choice, written: Written, folder: Path) -> None:
    """Rewrite the RECORD of each distribution: what it lists is there, with this hash and size (PEP 376)."""
    by_owner: dict[NormalizedName, list[str]] = defaultdict(list)
    for path, owner in owners(choice, written).items():
        by_owner[owner].append(path)
    for leaf in choice.kept:
        if leaf.is_metadata and leaf.path.endswith(".dist-info/RECORD"):
            _write(folder / leaf.path, _rows(folder, by_owner[leaf.owner], leaf.path))


def _copy(leaf: Leaf, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(leaf.source, to)
    to.chmod(0o755 if leaf.executable else 0o644)
    if leaf.executable and leaf.path.startswith("bin/"):
        content = to.read_bytes()
        if content.startswith(_SHEBANG):
            to.write_bytes(_ANY_PYTHON + content.removeprefix(_SHEBANG))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def _compile(
    kept: Iterable[Leaf], folder: Path, *, mode: Bytecode, compiler: Compiler, jobs: int
) -> tuple[dict[str, str], dict[str, int]]:
    """Compiled files with their sources, and the sources that are gone with their sizes."""
    if mode == "none":
        return {}, {}
    beside = mode == "only"
    sources = [leaf.path for leaf in kept if leaf.module is not None and leaf.path.endswith(".py")]
    failed = bytecode.compile_sources(compiler.python, compiler.tag, folder, sources, beside=beside, jobs=jobs)
    done = sorted({*sources} - {*failed})
    replaced = {}
    if beside:
        for path in done:
            replaced[path] = folder.joinpath(path).stat().st_size
            folder.joinpath(path).unlink()
    return {bytecode.compiled_path(path, compiler.tag, beside=beside): path for path in done}, replaced


def _owners_of_placeholders(choice: Choice, written: Written) -> dict[str, NormalizedName]:
    by_module = {removal.leaf.module: removal.leaf.owner for removal in reversed(choice.removed)}
    found = {}
    for path, standing in written.placeholders.items():
        module = standing.module
        inside = (owner for name, owner in by_module.items() if name and (name + ".").startswith(module + "."))
        found[path] = by_module.get(module) or next(inside)
    return found


def _rows(folder: Path, paths: Iterable[str], own: str) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for path in sorted(paths):
        if path == own:
            writer.writerow([path, "", ""])
            continue
        content = folder.joinpath(path).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        writer.writerow([path, f"sha256={digest}", len(content)])
    return buffer.getvalue()
