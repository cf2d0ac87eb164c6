"""What was built, as values for whoever tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.build.slim.leaves import Removal
from minreq.build.slim.savings import Saving
from minreq.config.levels import Bytecode, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A file, for a map of the build."""

    owner: str
    path: str
    #: Its kind, or ``left out: RULE``.
    kind: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """An archive that several functions share."""

    name: str
    file: Path
    bytes: int
    zip_bytes: int
    #: Hex, of the archive.
    sha256: str
    distributions: tuple[NormalizedName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What was built; sizes are bytes."""

    output: Path
    root: str
    slim: Level
    bytecode: Bytecode
    #: The platform it is for.
    target: str
    #: Unpacked, with everything.
    bytes: int
    files: int
    #: Of the archive, ``None`` for a folder.
    zip_bytes: int | None
    #: Hex SHA-256 of the archive.
    sha256: str | None
    #: Of the tree, what the smoke opens there; and with the sources that compiled files of it were made from.
    opened: int
    opened_with_sources: int
    #: Files that were left out, that the smoke asked for all the same, and that it went on without.
    missed: tuple[Removal, ...]
    #: Seconds, in an interpreter of its own; ``None`` where the smoke has no first stage.
    first_import: float | None
    stages: tuple[str, ...]
    savings: tuple[Saving, ...]
    #: Everything that was installed or left out.
    map: tuple[Placed, ...]
    #: With ``--layers``: the base first.
    layers: tuple[Layer, ...]
    #: With ``--layers``: the layers that the functions of each provider attach.
    functions: Mapping[str, tuple[str, ...]]
    reserve: int
    budget: int | None
