"""A tree that is being built: what is chosen of the files a lock installs, and written into a folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.analyze.kinds import kind_of
from minreq.build.result import Placed
from minreq.build.slim import description, tree
from minreq.build.slim.choosing import Choice, choose, started
from minreq.build.slim.installing import leaves_of
from minreq.build.slim.layering import BASE, Layers
from minreq.build.slim.leaves import Leaf, Removal
from minreq.build.slim.savings import Saving, savings
from minreq.build.task import Task
from minreq.lockfile.pinned import Installation
from minreq.model import Lock
from minreq.wheels.store import Store

_ENTRY_POINTS = ".dist-info/entry_points.txt"


@dataclass(frozen=True, kw_only=True)
class Product:
    """A tree that was written; it does not change any more."""

    folder: Path
    choice: Choice
    written: tree.Written
    #: What each step saved, the lock's own first.
    savings: tuple[Saving, ...]

    @cached_property
    def files(self) -> Mapping[str, int]:
        """Bytes of each file, by its path with ``/``, sorted."""
        found = {}
        for parent, _, names in os.walk(self.folder):
            for name in names:
                file = Path(parent, name)
                found[file.relative_to(self.folder).as_posix()] = file.stat().st_size
        return dict(sorted(found.items()))

    @cached_property
    def owners(self) -> Mapping[str, NormalizedName]:
        """The distribution of each file; what belongs to the build itself is not among them."""
        return tree.owners(self.choice, self.written)

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(self.files.values())

    def bytes_of(self, paths: Iterable[str]) -> int:
        """Of some files."""
        return sum(map(self.files.__getitem__, paths))

    @property
    def sizes(self) -> Mapping[NormalizedName, int]:
        """Bytes of each distribution."""
        found: dict[NormalizedName, int] = {}
        for path, owner in self.owners.items():
            found[owner] = found.get(owner, 0) + self.files[path]
        return found

    def files_of(self, split: Layers, names: Collection[str]) -> tuple[str, ...]:
        """The files of some layers; what belongs to the build itself is in the base, its description in all."""
        owners = self.owners
        return tuple(
            path
            for path in self.files
            if path == description.FILE or (split.of[owners[path]] if path in owners else BASE) in names
        )

    def with_sources(self, paths: Iterable[str]) -> frozenset[str]:
        """Some files, and the sources that those of them that are compiled were made from, as far as they are here."""
        paths = frozenset(paths)
        sources = {source for compiled, source in self.written.sources.items() if compiled in paths}
        return (paths | sources) & self.files.keys()

    def sources_of(self, paths: Iterable[str]) -> frozenset[str]:
        """Some files, each that is compiled by the source it was made from, here or not."""
        return frozenset(self.written.sources.get(path, path) for path in paths)

    def missed(self, paths: Collection[str]) -> tuple[Removal, ...]:
        """What was left out, of the files that something asked for; code says itself that it was."""
        return tuple(
            removal
            for removal in self.choice.removed
            if removal.leaf.path in paths and removal.leaf.path not in self.files
        )

    @property
    def map(self) -> tuple[Placed, ...]:
        """Everything that is here or was left out."""
        here = (
            Placed(owner=self.owners.get(path, "(minreq)"), path=path, kind=kind_of(path).value, bytes=size)
            for path, size in self.files.items()
        )
        gone = (
            Placed(
                owner=removal.leaf.owner,
                path=removal.leaf.path,
                kind=f"left out: {removal.rule.value}",
                bytes=removal.leaf.size,
            )
            for removal in self.choice.removed
        )
        return (*here, *gone)


def leaves(task: Task, installation: Installation, store: Store) -> tuple[Leaf, ...]:
    """Return the files that *installation* would install; raises what fetching a wheel does."""
    candidates = {name: installation.candidates[name] for name in task.names}
    return leaves_of({name: store.unpacked(candidate.wheel) for name, candidate in candidates.items()})


def everything(leaves: Collection[Leaf]) -> Choice:
    """Choose all of *leaves*."""
    return choose(leaves, "none")


def chosen(task: Task, leaves: Collection[Leaf], opened: Collection[str]) -> Choice:
    """Choose of *leaves* as the settings say; *opened* are the paths that the smoke opens."""
    settings = task.settings
    points = (leaf.source.read_text("utf-8", "replace") for leaf in leaves if leaf.path.endswith(_ENTRY_POINTS))
    return choose(
        leaves, settings.slim, opened=opened, started={*started(points)}, keep=settings.keep, drop=settings.drop
    )


def write(task: Task, choice: Choice, folder: Path, *, strip: Path | None) -> Product:
    """Write *choice* into *folder*, which is made; *strip* is the program, ``None`` to leave debug symbols in."""
    settings = task.settings
    folder.mkdir()
    written = tree.write(
        choice,
        folder,
        level=settings.slim,
        lock=settings.lock.name,
        mode=settings.bytecode,
        compiler=task.compiler,
        strip=strip if settings.slim != "none" else None,
        jobs=settings.jobs,
    )
    steps = (_left_out(task.lock), *savings(choice.removed, written))
    folder.joinpath(description.FILE).write_text(
        description.describe(task.facts, choice.removed, written, steps), "utf-8"
    )
    tree.record(choice, written, folder)
    return Product(folder=folder, choice=choice, written=written, savings=steps)


def elsewhere(opened: Collection[str], here: Iterable[Leaf], there: Iterable[Leaf]) -> frozenset[str]:
    """What of another platform's files stands for what was *opened* here; what has no counterpart is taken in too.

    An extension module is the same under another ending, ``a.cpython-312-x86_64-linux-gnu.so``.
    """
    here = tuple(here)
    known = {leaf.module or leaf.path for leaf in here}
    wanted = {leaf.module or leaf.path for leaf in here if leaf.path in opened}
    return frozenset(
        leaf.path for leaf in there if (leaf.module or leaf.path) in wanted or (leaf.module or leaf.path) not in known
    )


def _left_out(lock: Lock) -> Saving:
    """What the lock itself saves."""
    return Saving(
        step="left-out distributions",
        bytes=sum(each.bytes for each in lock.left_out),
        files=0,
        risk="low",
        why=f"{len(lock.left_out)} distributions, without which the smoke behaves the same",
    )
