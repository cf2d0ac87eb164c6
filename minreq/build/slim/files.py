"""The files of a tree: one that is to be written, and one that is left out by a rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from packaging.utils import NormalizedName

from minreq.source.modulenames import module_of

#: Names of licence files. Who distributes a package has to distribute its licence too.
_LICENCE = re.compile(r"(licen[cs]es?|copying|notice|authors|copyright)\b", re.IGNORECASE)


class Rule(Enum):
    """Why a file is left out; the value is shown to the user."""

    SCRIPTS = "scripts"
    STUBS = "type stubs"
    SOURCES = "C sources"
    TESTS = "tests"
    DOCS = "docs"
    PACKAGES = "unreached packages"
    DATA = "unopened data folders"
    SERVICES = "unused services"
    UNOPENED = "unopened files"
    DROPPED = "--drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """A file that installing the lock would write."""

    #: Relative to the folder of packages, with ``/``.
    path: str
    owner: NormalizedName
    #: The file in the store with the same bytes.
    source: Path
    size: int
    executable: bool = False

    @property
    def is_metadata(self) -> bool:
        """Whether the file is in ``.dist-info``. Such files are always kept."""
        return self.path.partition("/")[0].endswith(".dist-info")

    @property
    def is_licence(self) -> bool:
        """Whether the file is a licence by its name, or is in a folder of licences."""
        *folders, name = PurePosixPath(self.path).parts
        if self.module is not None:
            return False
        # A folder needs the full name: ``license-manager`` is a service of AWS.
        return bool(_LICENCE.match(name)) or any(_LICENCE.fullmatch(folder) for folder in folders)

    @property
    def module(self) -> str | None:
        """The dotted name that imports the file, ``None`` when none does."""
        return module_of(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedFile:
    """A file that is left out."""

    file: TreeFile
    rule: Rule


def folder_of(path: str) -> str:
    """Return the folder of *path*, "" at the top."""
    return path.rpartition("/")[0]


def folders_of(path: str) -> list[str]:
    """Return every folder that contains *path*, the outermost first, without the top."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
