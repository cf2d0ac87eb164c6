"""The tree of a build: list the files that the lock installs, select some, and write them into a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.analyze.kinds import kind_of
from minreq.build.lazy.result import LazyResult
from minreq.build.lazy.trialtree import RUNTIME_FILE, link_tree, read_runtime, replace_file
from minreq.build.result import MapEntry
from minreq.build.slim import description
from minreq.build.slim.bytecode import TreeCompiler
from minreq.build.slim.files import RemovedFile, TreeFile
from minreq.build.slim.install import files_to_install
from minreq.build.slim.layers import BASE, LayerPlan
from minreq.build.slim.modulegraph import read_entry_points
from minreq.build.slim.select import FileSelection, select_files
from minreq.build.slim.sizesteps import SizeStep, size_steps
from minreq.build.slim.write import WrittenFiles, owners_of_files, write_records, write_tree
from minreq.build.task import BuildTask
from minreq.counts import pluralize
from minreq.errors import TreeChanged
from minreq.lockfile.pinnedfiles import Installation
from minreq.model import Lock
from minreq.system import regularfile
from minreq.wheels.installorder import sort_as_installed
from minreq.wheels.store import Store


@dataclass(frozen=True, kw_only=True)
class BuiltTree:
    """A written tree; it does not change any more."""

    folder: Path
    selection: FileSelection
    written: WrittenFiles
    #: What each step saved; the first step is the lock itself.
    savings: tuple[SizeStep, ...]
    #: What each file was when the tree was written: its hash, and whether it is executable. ``None`` where the kernel
    #: keeps runs from changing it.
    contents: Mapping[str, tuple[str, bool]] | None

    def check_unchanged(self) -> None:
        """Check that no run changed the tree, where nothing but hooks of Python keeps it from that.

        Raises ``TreeChanged``.
        """
        if self.contents is None:
            return
        now = _read_contents(self.folder)
        if now != self.contents:
            changed = {path for path, _ in now.items() ^ self.contents.items()}
            raise TreeChanged(min(changed))

    @cached_property
    def file_sizes(self) -> Mapping[str, int]:
        """The bytes of each file, by its path with ``/``, sorted."""
        found = {}
        for parent, _, names in os.walk(self.folder):
            for name in names:
                file = Path(parent, name)
                found[file.relative_to(self.folder).as_posix()] = file.stat().st_size
        return dict(sorted(found.items()))

    @cached_property
    def owners(self) -> Mapping[str, NormalizedName]:
        """The distribution of each file; files of the build itself have none."""
        return owners_of_files(self.selection, self.written)

    @property
    def bytes(self) -> int:
        """The bytes of all files."""
        return sum(self.file_sizes.values())

    def bytes_of(self, paths: Iterable[str]) -> int:
        """Return the bytes of the files *paths*."""
        return sum(map(self.file_sizes.__getitem__, paths))

    @property
    def distribution_sizes(self) -> Mapping[NormalizedName, int]:
        """The bytes of each distribution."""
        found: dict[NormalizedName, int] = {}
        for path, owner in self.owners.items():
            found[owner] = found.get(owner, 0) + self.file_sizes[path]
        return found

    def files_of_layers(self, plan: LayerPlan, names: Collection[str]) -> tuple[str, ...]:
        """Return the files of the layers *names*. Files of the build are in the base; the description is in all."""
        owners = self.owners
        return tuple(
            path
            for path in self.file_sizes
            if path == description.FILE or (plan.layer_of[owners[path]] if path in owners else BASE) in names
        )

    def add_sources(self, paths: Iterable[str]) -> frozenset[str]:
        """Return *paths* and, for compiled files among them, the sources that are in this tree."""
        paths = frozenset(paths)
        sources = {source for compiled, source in self.written.source_of.items() if compiled in paths}
        return (paths | sources) & self.file_sizes.keys()

    def replace_by_sources(self, paths: Iterable[str]) -> frozenset[str]:
        """Return *paths* with each compiled file replaced by its source, whether or not the source is in this tree."""
        return frozenset(self.written.source_of.get(path, path) for path in paths)

    def find_missed(self, paths: Collection[str]) -> tuple[RemovedFile, ...]:
        """Return the left-out files among *paths*. A placeholder counts as there: it reports by itself."""
        return tuple(
            removed
            for removed in self.selection.removed
            if removed.file.path in paths and removed.file.path not in self.file_sizes
        )

    @property
    def map(self) -> tuple[MapEntry, ...]:
        """All files of the tree, then all that are left out."""
        written = (
            MapEntry(owner=self.owners.get(path, "(minreq)"), path=path, kind=kind_of(path).value, bytes=size)
            for path, size in self.file_sizes.items()
        )
        left_out = (
            MapEntry(
                owner=removed.file.owner,
                path=removed.file.path,
                kind=f"left out: {removed.rule.value}",
                bytes=removed.file.size,
            )
            for removed in self.selection.removed
        )
        return (*written, *left_out)


def list_files(task: BuildTask, installation: Installation, store: Store) -> tuple[TreeFile, ...]:
    """Return the files that installing *installation* would write; raises the errors of fetching a wheel."""
    order = sort_as_installed(installation.candidates.keys() & task.names, task.lock.resolution.requires)
    return files_to_install({name: store.unpack(installation.candidates[name].wheel) for name in order})


def select_all(files: Collection[TreeFile]) -> FileSelection:
    """Select all *files*."""
    return select_files(files, "none")


def select(task: BuildTask, files: Collection[TreeFile], opened: Collection[str]) -> FileSelection:
    """Select from *files* as the settings say; *opened* are the paths that the smoke opens."""
    settings = task.settings
    return select_files(
        files,
        settings.slim,
        opened=opened,
        entry_points=read_entry_points(files),
        keep=settings.keep,
        drop=settings.drop,
        services=task.services,
        warmed=task.warmed,
    )


def write(
    task: BuildTask, selection: FileSelection, folder: Path, *, compiler: TreeCompiler, strip: Path | None
) -> BuiltTree:
    """Write *selection* into the new folder *folder*; *strip* is the program, ``None`` to keep debug symbols."""
    settings = task.settings
    folder.mkdir()
    written = write_tree(
        selection,
        folder,
        level=settings.slim,
        lock=settings.lock.name,
        mode=settings.bytecode,
        compiler=compiler,
        strip=strip if settings.slim != "none" else None,
        jobs=settings.jobs,
    )
    steps = (_step_of_lock(task.lock), *size_steps(selection.removed, written))
    folder.joinpath(description.FILE).write_text(
        description.describe(task.facts, selection.removed, written, steps, cold=selection.cold), "utf-8"
    )
    write_records(selection, written, folder)
    contents = _contents_to_check(folder, compiler)
    return BuiltTree(folder=folder, selection=selection, written=written, savings=steps, contents=contents)


def edit(task: BuildTask, tree: BuiltTree, lazy: LazyResult, folder: Path, *, compiler: TreeCompiler) -> BuiltTree:
    """Write *tree* with deferred imports into the new folder *folder*; files that do not change are shared."""
    settings, lazy = task.settings, lazy.for_tree(tree.folder)
    runtime = {RUNTIME_FILE: read_runtime()} if lazy.needs_runtime else {}
    link_tree(tree.folder, folder)
    for path, content in {**lazy.sources, **runtime}.items():
        replace_file(folder / path, content)
    compiled = {source: path for path, source in tree.written.source_of.items()}
    changed = [compiled[path] for path in lazy.sources if path in compiled]
    for path in (description.FILE, *changed, *_records(tree)):
        folder.joinpath(path).unlink()
    if settings.bytecode == "add":
        compiler.compile(folder, [*lazy.sources, *runtime], beside=False, jobs=settings.jobs)
    sizes = {path: folder.joinpath(path).stat().st_size for path in changed}
    written = replace(tree.written, compiled={**tree.written.compiled, **sizes})
    steps = (tree.savings[0], *size_steps(tree.selection.removed, written))
    text = description.describe(
        task.facts,
        tree.selection.removed,
        written,
        steps,
        cold=tree.selection.cold,
        lazy=lazy,
    )
    folder.joinpath(description.FILE).write_text(text, "utf-8")
    write_records(tree.selection, written, folder)
    contents = _contents_to_check(folder, compiler)
    return BuiltTree(folder=folder, selection=tree.selection, written=written, savings=steps, contents=contents)


def _records(tree: BuiltTree) -> list[str]:
    return [file.path for file in tree.selection.kept if file.is_metadata and file.path.endswith(".dist-info/RECORD")]


def _contents_to_check(folder: Path, compiler: TreeCompiler) -> dict[str, tuple[str, bool]] | None:
    return None if compiler.isolation.kernel else _read_contents(folder)


def _read_contents(folder: Path) -> dict[str, tuple[str, bool]]:
    """Return the hash of each file below *folder*, and whether it is executable; "" for what is no regular file."""
    found = {}
    for parent, folders, names in os.walk(folder):
        for name in (*names, *folders):
            file = Path(parent, name)
            status = file.lstat()
            if not stat.S_ISDIR(status.st_mode):
                digest = regularfile.sha256(file) if stat.S_ISREG(status.st_mode) else ""
                found[file.relative_to(folder).as_posix()] = (digest, bool(status.st_mode & stat.S_IXUSR))
    return found


def translate_paths(opened: Collection[str], here: Iterable[TreeFile], there: Iterable[TreeFile]) -> frozenset[str]:
    """Return the files of another platform, *there*, that correspond to the files *opened* of this platform, *here*.

    Files that only the other platform has are included. An extension module has the same module name there, under
    another ending (``a.cpython-312-x86_64-linux-gnu.so``).
    """
    here = tuple(here)
    keys_here = {file.module or file.path for file in here}
    opened_keys = {file.module or file.path for file in here if file.path in opened}
    return frozenset(
        file.path
        for file in there
        if (file.module or file.path) in opened_keys or (file.module or file.path) not in keys_here
    )


def _step_of_lock(lock: Lock) -> SizeStep:
    """Return the step of the lock: what its left-out distributions save, compared with a plain install."""
    left_out = lock.declared_left_out
    return SizeStep(
        step="left-out distributions",
        bytes=sum(each.bytes for each in left_out),
        files=0,
        risk="low",
        why=f"{pluralize(len(left_out), 'distribution')}, without which the smoke behaves the same",
    )
