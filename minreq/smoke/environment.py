"""The environment of a child: like a virtual environment, with wheels as an installer leaves them in it."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from minreq.wheels.rules import is_start_up_file
from minreq.wheels.unpacking import read_record

#: The first line of a script in an unpacked wheel; an installer puts the interpreter of the environment there.
_ANY_INTERPRETER = b"#!python\n"
#: Linux merges no more folders (``OVL_MAX_STACK``).
_MAX_MERGED = 500
#: What raises these is in the way of another file, as it would be for an installer.
_CONFLICTS = (FileExistsError, IsADirectoryError, NotADirectoryError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What an environment has: unpacked wheels, in the order in which an installer writes them."""

    #: Folders of the store; each has ``lib``, ``bin``, ``data`` and ``include``.
    trees: tuple[Path, ...]
    #: The trees whose start-up files may run; those of the others are laid out empty.
    start_up: frozenset[Path] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedFolder:
    """A folder that shows the files of other folders, the first of them on top; these stay as they are."""

    at: Path
    of: tuple[Path, ...]

    def as_literal(self) -> Mapping[str, object]:
        """Return it as the launcher reads it."""
        return {"at": str(self.at), "of": [str(folder) for folder in self.of]}


class _Tree:
    """An unpacked wheel: its path, and the names in it, which are read once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: Those that it has of the folders whose files do not come to ``site-packages``.
        self.folders = {"bin", "data", "include"}.intersection(os.listdir(path))  # noqa: PTH208 - Names are enough.
        #: The names at the top of ``site-packages``.
        self.names = os.listdir(path / "lib")  # noqa: PTH208
        #: The name of its ``.dist-info`` folder; each unpacked wheel has one.
        self.dist_info = min(name for name in self.names if name.endswith(".dist-info"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConfusableSource:
    """A Python source that several wheels have, with other text: a compiled file of one passes for that of another."""

    #: Below ``site-packages``.
    path: str
    #: In the order of the wheels; the last one counts.
    entries: Sequence[os.DirEntry[str]]


class Environment:
    """The places of an environment below *prefix*, for the interpreter *executable*."""

    def __init__(self, prefix: Path, executable: Path, version: tuple[int, int]) -> None:
        self._executable = executable
        self._version = version
        self._name = "python{}.{}".format(*version)
        self.prefix = prefix
        self.bin = prefix / "bin"
        self.python = self.bin / "python"
        self.site_packages = prefix / "lib" / self._name / "site-packages"

    def create(self) -> None:
        """Write what the module ``venv`` writes, without pip and activation scripts."""
        # venv makes the inner folder since Python 3.11.
        include = self.prefix / "include" / (self._name if self._version >= (3, 11) else "")
        for folder in (self.bin, self.site_packages, include):
            folder.mkdir(parents=True)
        self.python.symlink_to(self._executable)
        for name in ("python3", self._name):
            (self.bin / name).symlink_to("python")
        if sys.maxsize > 1 << 32 and sys.platform != "darwin":
            (self.prefix / "lib64").symlink_to("lib")
        configuration = f"home = {self._executable.parent}\ninclude-system-site-packages = false\n"
        (self.prefix / "pyvenv.cfg").write_text(configuration, "utf-8")

    def install(self, installed: Installed, own: Path, *, merge: bool) -> MergedFolder | None:
        """Lay out *installed*; return how ``site-packages`` is to be mounted, if it is.

        With *merge* the kernel merges the folders of the store, and the new folder *own* has the files that the store
        has not. Otherwise the files are copied, which takes seconds for a large set. In both cases the environment can
        be written, and the store cannot.
        """
        trees = [_Tree(tree) for tree in installed.trees]
        for tree in trees:
            self._install_beside_modules(tree)
        libs = [tree / "lib" for tree in installed.trees]
        merged = None
        if merge and len(libs) < _MAX_MERGED:
            own.mkdir()
            merged = MergedFolder(at=self.site_packages, of=(own, *reversed(libs)))
        else:
            own = self.site_packages
            for lib in libs:
                _copy_tree(str(lib), str(own))
        for tree in trees:
            self._write_own_files(tree, own, may_start_up=tree.path in installed.start_up)
        for source in _find_confusable_sources(trees):
            _write_with_own_time(source.entries, own / source.path)
        return merged

    def _install_beside_modules(self, tree: _Tree) -> None:
        """Copy the scripts, data and headers of *tree*; most wheels have none."""
        if "bin" in tree.folders:
            _copy_tree(str(tree.path / "bin"), str(self.bin), self._copy_script)
        if "data" in tree.folders:
            _copy_tree(str(tree.path / "data"), str(self.prefix))
        if "include" in tree.folders:
            headers = self.prefix / self._headers_of(tree)
            headers.mkdir(parents=True, exist_ok=True)
            _copy_tree(str(tree.path / "include"), str(headers))

    def _headers_of(self, tree: _Tree) -> str:
        """Return the folder of the headers of *tree*, relative to the prefix."""
        return f"include/site/{self._name}/{tree.dist_info.partition('-')[0]}"

    def _copy_script(self, source: str, target: str) -> None:
        with open(source, "rb") as file:  # noqa: PTH123 - As in `_copy_tree`.
            is_script = file.readline() == _ANY_INTERPRETER
            rest = file.read() if is_script else b""
        _copy_file(source, target)
        if is_script:
            Path(target).write_bytes(f"#!{self.python}\n".encode() + rest)

    def _write_own_files(self, tree: _Tree, own: Path, *, may_start_up: bool) -> None:
        """Write into *own* what an installer writes beside the files of the wheel, or writes differently."""
        dist_info = own / tree.dist_info
        dist_info.mkdir(exist_ok=True)
        (dist_info / "INSTALLER").write_text("pip\n", "utf-8")
        if tree.folders:
            text = io.StringIO()
            rows = (self._correct_row(tree, row) for row in read_record(tree.path / "lib"))
            csv.writer(text, lineterminator="\n").writerows(rows)
            record = dist_info / "RECORD"
            record.unlink(missing_ok=True)
            record.write_text(text.getvalue(), "utf-8")
        if not may_start_up:
            for name in filter(is_start_up_file, tree.names):
                if (tree.path / "lib" / name).is_file():
                    (own / name).write_bytes(b"")

    def _correct_row(self, tree: _Tree, row: Sequence[str]) -> Sequence[str]:
        """Return a row of RECORD with the path in the environment; scripts have other bytes in it than in the store."""
        path, *rest = row
        above, _, name = path.partition("/")
        if above != "..":
            return row
        folder, _, name = name.partition("/")
        inside = {"bin": "bin/", "data": "", "include": f"{self._headers_of(tree)}/"}[folder] + name
        script = self.prefix / inside
        if folder == "bin" and script.is_file():
            content = script.read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rest = [f"sha256={digest}", str(len(content))]
        return [f"../../../{inside}", *rest]


class StoredFiles:
    """Finds the files of the store behind those of an environment's ``site-packages``."""

    def __init__(self, installed: Installed, site_packages: Path) -> None:
        self._folder = f"{site_packages}/"
        #: By name at the top of ``site-packages``: the folders that have it, the one on top first.
        self._libs_by_name: dict[str, list[str]] = {}
        for tree in reversed(installed.trees):
            lib = str(tree / "lib")
            for name in os.listdir(lib):  # noqa: PTH208 - Names are enough.
                self._libs_by_name.setdefault(name, []).append(lib)

    def find(self, file: str) -> str:
        """Return the path of *file* in the store; any other file as it is."""
        if not file.startswith(self._folder):
            return file
        path = file.removeprefix(self._folder)
        libs = self._libs_by_name.get(path.partition("/")[0], ())
        found = (f"{lib}/{path}" for lib in libs)
        return next((each for each in found if len(libs) == 1 or os.path.exists(each)), file)  # noqa: PTH110


def _find_confusable_sources(trees: Sequence[_Tree]) -> Iterator[_ConfusableSource]:
    """Yield the sources of several *trees* that have one size and time: Python knows a compiled file by these two."""
    numbers = Counter(name for tree in trees for name in tree.names)
    if shared := {name for name, number in numbers.items() if number > 1}:
        libs = [str(tree.path / "lib") for tree in trees if not shared.isdisjoint(tree.names)]
        yield from _find_confusable_below(libs, "")


def _find_confusable_below(folders: Sequence[str], path: str) -> Iterator[_ConfusableSource]:
    by_name: dict[str, list[os.DirEntry[str]]] = {}
    for folder in folders:
        for entry in _entries(folder):
            by_name.setdefault(entry.name, []).append(entry)
    for name, entries in by_name.items():
        if len(entries) == 1 or name == "__pycache__":
            continue
        if all(entry.is_dir(follow_symlinks=False) for entry in entries):
            yield from _find_confusable_below([entry.path for entry in entries], f"{path}{name}/")
        elif name.endswith(".py") and _are_confusable(entries):
            yield _ConfusableSource(path=path + name, entries=entries)


def _are_confusable(entries: Sequence[os.DirEntry[str]]) -> bool:
    """Whether two files have one size and time, and other text."""
    number = len({_size_and_time(entry) for entry in entries})
    return number < len(entries) and number < len({Path(entry).read_bytes() for entry in entries})


def _write_with_own_time(entries: Sequence[os.DirEntry[str]], target: Path) -> None:
    """Copy the last of *entries* to *target*, with a time that none of them has."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _copy_file(entries[-1].path, str(target))
    seconds = 1 + max(seconds for _, seconds in map(_size_and_time, entries))
    os.utime(target, (seconds, seconds))


def _size_and_time(entry: os.DirEntry[str]) -> tuple[int, int]:
    """Return what the header of a compiled file has of its source."""
    status = entry.stat()
    return status.st_size, int(status.st_mtime)


def _copy_tree(source: str, target: str, copy: Callable[[str, str], None] | None = None) -> None:
    """Copy the files below *source* into the folder *target*; as with an installer, the last of a name counts.

    A set may have ten thousand files: `shutil.copytree` takes twice as long. A file that another is in the way of is
    left out; an installer fails there.
    """
    copy = copy or _copy_file
    for entry in _entries(source):
        path = os.path.join(target, entry.name)  # noqa: PTH118 - Paths would be most of the time.
        with suppress(*_CONFLICTS):
            if entry.is_dir(follow_symlinks=False):
                if not os.path.isdir(path):  # noqa: PTH112
                    os.mkdir(path)  # noqa: PTH102
                _copy_tree(entry.path, path, copy)
            else:
                copy(entry.path, path)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from entries


def _copy_file(source: str, target: str) -> None:
    """Copy *source* to *target* with its permissions; a Python source with its times, which its compiled file has."""
    if os.path.lexists(target):
        os.unlink(target)  # noqa: PTH108
    shutil.copyfile(source, target)
    shutil.copymode(source, target)
    if source.endswith(".py"):
        status = os.stat(source)  # noqa: PTH116
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
