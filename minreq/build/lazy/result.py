"""What `--lazy` did, as values."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minreq.analyze.kinds import LAZY_MODULE
from minreq.system import regularfile


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredImport:
    """An import that runs when its name is first read."""

    #: The file in the tree, and the line of the import.
    path: str
    line: int
    name: str
    #: ``from x import a``
    statement: str
    #: What it saves: its part of what it and others keep from being loaded.
    milliseconds: float
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoneEdit:
    """An edit that was tried, and made a difference."""

    path: str
    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCost:
    """What the import of the program takes."""

    modules: int
    #: Of the processor.
    seconds: float
    #: The most bytes of memory.
    peak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LazyResult:
    """The edits of a tree, and what they save."""

    #: Seconds that an edit has to save.
    bound: float
    #: The dearest first.
    edits: tuple[DeferredImport, ...]
    undone: tuple[UndoneEdit, ...]
    #: Names that the loaded modules import; how many of them could be deferred; how many of these the import reads.
    imports: int
    candidates: int
    read: int
    #: How many names cannot be deferred, by reason.
    refusals: Mapping[str, int]
    #: By path: what modules are loaded where they were, since they change others.
    effects: Mapping[str, tuple[str, ...]]
    before: ImportCost
    after: ImportCost
    #: The modules that were imported in several orders, and the number of orders.
    ordered: int
    orders: int
    #: The new sources, by path, and the SHA-256 of those that they replace.
    sources: Mapping[str, bytes]
    digests: Mapping[str, str]

    def for_tree(self, folder: Path) -> LazyResult:
        """Return the edits of the sources that are the same in *folder*, a tree for another platform perhaps."""
        found = {
            path: content
            for path, content in self.sources.items()
            if folder.joinpath(path).exists() and regularfile.sha256(folder / path) == self.digests[path]
        }
        return replace(
            self,
            edits=tuple(each for each in self.edits if each.path in found),
            effects={path: its for path, its in self.effects.items() if path in found},
            sources=found,
        )

    @property
    def needs_runtime(self) -> bool:
        """Whether the new sources call the module of the tree; lazy imports of the interpreter need none."""
        return any(LAZY_MODULE.encode() in content for content in self.sources.values())

    def describe(self) -> Mapping[str, Any]:
        """Return what ``minreq-build.json`` has."""
        by_path: dict[str, dict[str, Any]] = {path: {} for path in sorted(self.sources)}
        for each in self.edits:
            by_path[each.path][each.name] = {
                "line": each.line,
                "statement": each.statement,
                "milliseconds": each.milliseconds,
                "bytes": each.bytes,
            }
        return {
            "bound_milliseconds": round(self.bound * 1000, 3),
            "before": _describe_cost(self.before),
            "after": _describe_cost(self.after),
            "edits": by_path,
            "undone": [{"path": each.path, "name": each.name, "why": each.why} for each in self.undone],
            "not_deferred": dict(self.refusals),
            "loaded_for_their_effects": {path: [*its] for path, its in sorted(self.effects.items())},
        }


def _describe_cost(cost: ImportCost) -> Mapping[str, Any]:
    return {"modules": cost.modules, "seconds": round(cost.seconds, 3), "peak_bytes": cost.peak}


def write_diff(before: Path, sources: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the lines of one unified diff from the files in *before* to *sources*."""
    for path, content in sorted(sources.items()):
        old, new = (
            text.decode("utf-8", "replace").splitlines(keepends=True)
            for text in (before.joinpath(path).read_bytes(), content)
        )
        for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def sort_key(edit: DeferredImport) -> tuple[float, str, str]:
    """Return a key that puts the dearest first."""
    return -edit.milliseconds, edit.path, edit.name
