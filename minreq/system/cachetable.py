"""A small table of facts in the cache, such as how long a command took: one file, whose oldest rows are forgotten."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from minreq.system import cachefile

#: More locks than one person makes.
_MAX_ROWS = 200


@dataclass(frozen=True, slots=True)
class CacheTable:
    """The table in *file*; what cannot be read or written is no error."""

    file: Path

    def read(self, subject: str) -> object:
        """Return the fact about *subject*, ``None`` if there is none."""
        return self._rows().get(_key(subject))

    def write(self, subject: str, fact: float) -> None:
        """Keep *fact* as the newest."""
        rows = self._rows()
        rows.pop(_key(subject), None)
        rows[_key(subject)] = fact
        latest = dict([*rows.items()][-_MAX_ROWS:])
        cachefile.write(self.file, json.dumps(latest).encode(), self.file.parent)

    def _rows(self) -> dict[str, object]:
        with suppress(ValueError, RecursionError):
            document = json.loads(cachefile.read(self.file) or b"")
            if isinstance(document, dict):
                return document
        return {}


def _key(subject: str) -> str:
    return hashlib.sha256(subject.encode("utf-8", "surrogateescape")).hexdigest()[:16]
