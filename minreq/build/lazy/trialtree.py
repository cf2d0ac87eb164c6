"""A copy of a tree, in which sources are replaced again and again; files that stay are shared."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from minreq.analyze.kinds import LAZY_MODULE
from minreq.build.slim.bytecode import TreeCompiler, compiled_path
from minreq.system import regularfile

#: What is written beside the packages.
RUNTIME_FILE = f"{LAZY_MODULE}.py"


class TrialTree:
    """Has the files of the tree *base* in the new *folder*, as hard links, and compiled files for its *sources*."""

    def __init__(self, base: Path, folder: Path, compiler: TreeCompiler, *, jobs: int) -> None:
        self.folder = folder
        self._base = base
        self._compiler = compiler
        self._jobs = jobs
        #: What the changed files have now.
        self._changed: dict[str, bytes] = {}
        link_tree(base, folder)
        self._write({RUNTIME_FILE: read_runtime()})
        missing = [path for path in _list_sources(folder) if not folder.joinpath(self._compiled(path)).exists()]
        compiler.compile(folder, missing, beside=False, jobs=jobs)

    def replace(self, sources: Mapping[str, bytes]) -> None:
        """Let the files have these *sources*, and all others those of the base."""
        different = {path: content for path, content in sources.items() if self._changed.get(path) != content}
        restored = {path: self._base.joinpath(path).read_bytes() for path in self._changed if path not in sources}
        self._write({**different, **restored})
        self._compiler.compile(self.folder, sorted({**different, **restored}), beside=False, jobs=self._jobs)
        self._changed = dict(sources)

    def digest_of_base(self, path: str) -> str:
        """Return the SHA-256 of the source *path* before any edit."""
        return regularfile.sha256(self._base / path)

    def _write(self, sources: Mapping[str, bytes]) -> None:
        for path, content in sources.items():
            replace_file(self.folder / path, content)
            self.folder.joinpath(self._compiled(path)).unlink(missing_ok=True)

    def _compiled(self, path: str) -> str:
        return compiled_path(path, self._compiler.tag, beside=False)


def link_tree(base: Path, folder: Path) -> None:
    """Make *folder*, with hard links to all files of *base*."""
    for parent, _, names in os.walk(base):
        target = folder / Path(parent).relative_to(base)
        target.mkdir()
        for name in names:
            os.link(Path(parent, name), target / name)


def replace_file(file: Path, content: bytes) -> None:
    """Write *content* to a new file in the place of *file*, which other trees share."""
    mode = file.stat().st_mode if file.exists() else None
    file.unlink(missing_ok=True)
    file.write_bytes(content)
    if mode is not None:
        file.chmod(mode)


def read_runtime() -> bytes:
    """Return the source of the module that the changed sources call."""
    return resources.files("minreq.build.lazy").joinpath(RUNTIME_FILE).read_bytes()


def _list_sources(folder: Path) -> Sequence[str]:
    return [
        Path(parent, name).relative_to(folder).as_posix()
        for parent, _, names in os.walk(folder)
        for name in names
        if name.endswith(".py")
    ]
