"""What providers need, as it is told and as it is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.lockfile import writing
from minreq.lockfile.codec import Codec
from minreq.model import Platform
from minreq.profiles.planning import Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A distribution that is needed."""

    name: NormalizedName
    version: Version
    #: Unpacked bytes of its wheel.
    bytes: int
    #: Why, for a person; "" for what the import of the root needs.
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a provider needs beside the import of the root."""

    provider: str
    #: Sorted by name.
    parts: tuple[Part, ...]
    features: tuple[str, ...]
    #: Features that have calls for it and run only when they are named.
    more: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    #: Why it could not be measured, "" if it was.
    failure: str

    @property
    def bytes(self) -> int:
        """Unpacked, of all parts."""
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What was measured."""

    root: NormalizedName
    version: Version
    platform: Platform
    #: What `import` of the root needs, the root included.
    base: tuple[Part, ...]
    #: Sorted by provider.
    providers: tuple[Need, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What the import of the root needs, as it is kept."""

    parts: tuple[Part, ...]
    #: What it asked for and does without.
    declined: frozenset[NormalizedName]
    #: The extras that supplied some of it, sorted: ``litellm[mcp]``.
    extras: tuple[str, ...]

    @property
    def names(self) -> frozenset[NormalizedName]:
        """The distributions it needs."""
        return frozenset(part.name for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a provider needs beside that, as it is kept."""

    provider: str
    #: Sorted by name.
    parts: tuple[Part, ...] = ()
    features: tuple[str, ...] = ()
    #: Why it could not be measured, "" if it was.
    failure: str = ""


_CODEC = Codec({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What was measured, a file each, named by the hash of what it came from."""

    folder: Path
    #: What decides every result: distributions, interpreter.
    common: Mapping[str, object]
    #: Digests of the scripts by stage, and of what all stages share.
    inputs: Mapping[str, str]
    stages: frozenset[str]

    def provider(self, name: str) -> Measured | None:
        """Return what was measured of the provider called *name*, ``None`` where nothing was."""
        found: Measured | None = self._read(Measured, self._file(name))
        return found

    def base(self) -> Base | None:
        """Return what was measured of the import of the root, ``None`` where nothing was."""
        found: Base | None = self._read(Base, self._file(""))
        return found

    def keep(self, found: Measured | Base) -> None:
        """Write *found* for the next time."""
        kind, name = (Base, "") if isinstance(found, Base) else (Measured, found.provider)
        self.folder.mkdir(parents=True, exist_ok=True)
        writing.write({self._file(name): json.dumps(_CODEC.encode(kind, found), indent=1) + "\n"})

    @staticmethod
    def _read(kind: type, file: Path) -> Any:
        with suppress(OSError, ValueError):  # Malformed is a ValueError too: it is measured again.
            return _CODEC.decode(kind, json.loads(file.read_text("utf-8")))
        return None

    def _file(self, provider: str) -> Path:
        """Where the record of a *provider* lies, of the import of the root without one."""
        wanted = {
            name: digest
            for name, digest in self.inputs.items()
            if name not in self.stages or name.startswith(f"{provider}/")
        }
        text = json.dumps([provider, wanted, self.common, _own_digest()], sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.json"


@cache
def _own_digest() -> str:
    """Return the SHA-256 of this package: emulator, children and the search for what is needed all decide results."""
    found = hashlib.sha256()
    package = Path(__file__).parent
    for file in sorted(package.rglob("*.py")):
        found.update(f"{file.relative_to(package).as_posix()}\0".encode())
        found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()
