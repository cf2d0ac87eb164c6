"""The result of a build, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.build.lazy.result import LazyResult
from minreq.build.slim.files import RemovedFile
from minreq.build.slim.sizesteps import SizeStep
from minreq.config.levels import Bytecode, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class MapEntry:
    """A file on the map of the build."""

    owner: str
    path: str
    #: The kind of the file, or ``left out: RULE``.
    kind: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A zip that several functions share."""

    name: str
    file: Path
    bytes: int
    zip_bytes: int
    #: Hex SHA-256 of the archive.
    sha256: str
    distributions: tuple[NormalizedName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """The result of a build; sizes are bytes."""

    output: Path
    root: str
    slim: Level
    bytecode: Bytecode
    #: The platform that the build is for.
    target: str
    #: Unpacked bytes of all files.
    bytes: int
    files: int
    #: Bytes of the archive, ``None`` for a folder.
    zip_bytes: int | None
    #: Hex SHA-256 of the archive.
    sha256: str | None
    #: Bytes of the files that the smoke opens in the tree; then the same with the sources of compiled files added.
    opened: int
    opened_with_sources: int
    #: With ``--slim cold``: the number of modules that import as from the whole lock; ``None``: not compared.
    modules: int | None
    #: With ``--lazy``: the deferred imports.
    lazy: LazyResult | None
    #: Left-out files that the smoke tried to open, and passed without.
    missed: tuple[RemovedFile, ...]
    #: Seconds in a new interpreter; ``None`` when the smoke has no first stage.
    first_import: float | None
    stages: tuple[str, ...]
    savings: tuple[SizeStep, ...]
    #: All files, written or left out.
    map: tuple[MapEntry, ...]
    #: With ``--layers``: the layers, the base first.
    layers: tuple[Layer, ...]
    #: With ``--layers``: for each provider, the layers that its functions attach.
    functions: Mapping[str, tuple[str, ...]]
    reserve: int
    budget: int | None
