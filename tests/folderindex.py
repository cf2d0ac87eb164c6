"""Reads a wheelhouse directly, with the methods of `IndexClient` and without HTTP."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import NormalizedName
from packaging.version import Version
from wheelhouse import Wheelhouse

from minreq.errors import NoWheel, ProjectNotFound, SdistBuildFailed
from minreq.index import archive, coremetadata
from minreq.model import Member, Metadata, Sdist, Wheel

F = TypeVar("F", bound=Wheel | Sdist)


class FolderIndex:
    """Files, metadata and contents of wheels; records the calls."""

    def __init__(self, wheelhouse: Wheelhouse) -> None:
        self._wheelhouse = wheelhouse
        #: Projects that may not be built.
        self.only_binary: frozenset[str] = frozenset()
        #: Projects whose files were read.
        self.projects: list[NormalizedName] = []
        #: File names of the wheels whose metadata was read.
        self.metadata_read: list[str] = []
        #: Paths of the members that were read.
        self.paths: list[str] = []

    def files(self, name: NormalizedName) -> tuple[Wheel | Sdist, ...]:
        self.projects.append(name)
        archives = self._wheelhouse.of(name)
        if not archives:
            raise ProjectNotFound(name, (f"{self._wheelhouse.url}/{name}/",))
        return tuple(archive.value for archive in archives)

    def releases(self, name: NormalizedName) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
        files = self.files(name)
        return {file.version: tuple(each for each in files if each.version == file.version) for file in files}

    def metadata(self, wheel: Wheel) -> Metadata:
        self.metadata_read.append(wheel.filename)
        with _path(wheel).open("rb") as file, archive.open_zip(file, wheel) as opened:
            return coremetadata.parse(archive.read_metadata(opened, wheel), wheel)

    def members(self, wheel: Wheel) -> tuple[Member, ...]:
        with zipfile.ZipFile(_path(wheel)) as opened:
            return tuple(Member(path=info.filename, size=info.file_size) for info in opened.infolist())

    def read(self, wheel: Wheel, paths: Iterable[str]) -> dict[str, bytes]:
        paths = list(paths)
        self.paths += paths
        with zipfile.ZipFile(_path(wheel)) as opened:
            return {path: opened.read(path) for path in paths if path in opened.namelist()}

    def identify(self, file: F) -> F:
        """Compute the hashes as the index client does."""
        content = _path(file).read_bytes()
        others = frozenset(f"{name}:{hashlib.new(name, content).hexdigest()}" for name in ("md5", "sha384", "sha512"))
        return replace(file, sha256=hashlib.sha256(content).hexdigest(), other_hashes=others)

    def build(self, sdist: Sdist) -> Wheel:
        """Return the wheel inside the source distribution of a wheelhouse, without running a build."""
        if sdist.name in self.only_binary:
            raise NoWheel(sdist.name, str(sdist.version), "--only-binary forbids it")
        (found,) = (a for a in self._wheelhouse.archives if a.path.name == sdist.filename)
        if found.release.broken_build:
            raise SdistBuildFailed(sdist.name, str(sdist.version), ("building", "no compiler"))
        folder = self._wheelhouse.folder / "built"
        folder.mkdir(exist_ok=True)
        release = found.release
        path = folder / f"{release.stem}-{release.tags[0]}.whl"
        path.write_bytes(release.wheel(release.tags[0]))
        return Wheel(
            name=sdist.name,
            version=sdist.version,
            filename=path.name,
            url=path.as_uri(),
            sha256=None,
            tags=frozenset(),
        )


def _path(wheel: Wheel | Sdist) -> Path:
    return Path(url2pathname(urlsplit(wheel.url).path))
