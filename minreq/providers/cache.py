"""Keep measurements on disk, each under the hash of all that decides it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from minreq.lockfile.codec import Codec
from minreq.providers.needs import NeededDistribution
from minreq.system import cachefile, temporary
from minreq.system.owndigest import own_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRecord:
    """What the import of the root needs; the names of the fields are keys of the file."""

    parts: tuple[NeededDistribution, ...]
    #: What the import asked for and does without.
    declined: frozenset[NormalizedName]
    #: The extras that supplied some of the parts, sorted: ``litellm[mcp]``.
    extras: tuple[str, ...]

    @property
    def names(self) -> frozenset[NormalizedName]:
        """The distributions that the import needs."""
        return frozenset(part.name for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRecord:
    """What a provider needs in addition to the import of the root; the field names are keys of the file."""

    provider: str
    #: Sorted by name.
    parts: tuple[NeededDistribution, ...] = ()
    features: tuple[str, ...] = ()
    #: Why it could not be measured, "" if it was.
    failure: str = ""


_CODEC = Codec({})


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementCache:
    """A folder with one file for each record; the hash of all that decides a record is the name of its file."""

    folder: Path
    #: What decides every record: distributions, interpreter.
    common: Mapping[str, object]
    #: Digests of the scripts by stage, and of what all stages share.
    inputs: Mapping[str, str]
    stages: frozenset[str]

    def read_provider(self, name: str) -> ProviderRecord | None:
        """Return the record of the provider called *name*, ``None`` where there is none."""
        found: ProviderRecord | None = self._read(ProviderRecord, self._file(name))
        return found

    def read_base(self) -> BaseRecord | None:
        """Return the record of the import of the root, ``None`` where there is none."""
        found: BaseRecord | None = self._read(BaseRecord, self._file(""))
        return found

    def write(self, record: ProviderRecord | BaseRecord) -> None:
        """Write *record* for the next measurement."""
        kind, name = (BaseRecord, "") if isinstance(record, BaseRecord) else (ProviderRecord, record.provider)
        text = json.dumps(_CODEC.encode(kind, record), indent=1) + "\n"
        temporary.remove_abandoned(self.folder)
        cachefile.write(self._file(name), text.encode(), self.folder)

    @staticmethod
    def _read(kind: type, file: Path) -> Any:
        content = cachefile.read(file)
        with suppress(ValueError, RecursionError):
            return None if content is None else _CODEC.decode(kind, json.loads(content))
        return None

    def _file(self, provider: str) -> Path:
        """Return the file for the record of *provider*, for that of the import of the root where it is ""."""
        inputs = {
            name: digest
            for name, digest in self.inputs.items()
            if name not in self.stages or name.startswith(f"{provider}/")
        }
        text = json.dumps([provider, inputs, self.common, own_digest()], sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
