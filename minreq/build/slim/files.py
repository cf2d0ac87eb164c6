"""The values of slimming: a file that is to be installed, and one that is left out, with the rule that says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from packaging.utils import NormalizedName

#: Names under which a licence may lie; whoever passes a package on has to pass it on too.
_LICENCE = re.compile(r"(licen[cs]es?|copying|notice|authors|copyright)\b", re.IGNORECASE)


class Rule(Enum):
    """Why a file is left out; the text is for a person."""

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
class Leaf:
    """A file of the tree that an installer would make of a lock."""

    #: Relative to where packages lie, with ``/``.
    path: str
    owner: NormalizedName
    #: Where its bytes are.
    source: Path
    size: int
    executable: bool = False

    @property
    def is_metadata(self) -> bool:
        """Whether it lies in ``.dist-info``, which stays."""
        return self.path.partition("/")[0].endswith(".dist-info")

    @property
    def is_licence(self) -> bool:
        """Whether it is a licence by its name, or lies in a folder of them."""
        *folders, name = PurePosixPath(self.path).parts
        if self.module is not None:
            return False
        # Of folders the whole name: ``license-manager`` is a service of AWS.
        return bool(_LICENCE.match(name)) or any(_LICENCE.fullmatch(folder) for folder in folders)

    @property
    def module(self) -> str | None:
        """The dotted name it can be imported by, ``None`` where it cannot."""
        return module_of(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A file that is left out."""

    leaf: Leaf
    rule: Rule


def module_of(path: str) -> str | None:
    """Return the module that the file *path* is: ``a.b`` for ``a/b.py`` and for ``a/b/__init__.abi3.so``."""
    *folders, name = path.split("/")
    stem, _, suffix = name.partition(".")
    if suffix.rpartition(".")[2] not in {"py", "so", "pyd"} or ".so." in name:
        return None
    parts = folders if stem == "__init__" else [*folders, stem]
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def folder_of(path: str) -> str:
    """Return the folder of *path*, "" at the top."""
    return path.rpartition("/")[0]


def folders_of(path: str) -> list[str]:
    """Return every folder that *path* lies in, the outermost first, without the top."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
