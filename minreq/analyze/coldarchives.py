"""Read what the archives of a cold tree hold, from their directories; nothing is unpacked."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from minreq.analyze.containers import Container
from minreq.analyze.kinds import COLD_FOLDER, Kind, kind_of
from minreq.system import zipfiles

_ARCHIVE = re.compile(rf"(?:^|.*/){COLD_FOLDER}/(?P<name>[^/]+)\.zip$")
#: The member that lists the others.
_INDEX = "minreq-cold.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdArchive:
    """The files of one distribution that `minreq build --slim cold` packed."""

    path: str
    #: The distribution.
    name: str
    #: The bytes of the archive.
    bytes: int
    files: int
    #: Their unpacked bytes, by kind, largest first.
    kinds: Mapping[Kind, int]

    @property
    def unpacked(self) -> int:
        """The unpacked bytes of all files."""
        return sum(self.kinds.values())


def read_cold_archives(container: Container) -> Iterator[ColdArchive]:
    """Yield the archives in *container*, sorted by path. A damaged one counts as empty. Raises ``TreeUnreadable``."""
    for path, size in container.sizes.items():
        match = _ARCHIVE.match(path)
        if match is None:
            continue
        with container.open(path) as stream:
            members = _read_members(stream, size)
        kinds: Counter[Kind] = Counter()
        for name, unpacked in members.items():
            kinds[kind_of(name)] += unpacked
        ordered = sorted(kinds.items(), key=lambda item: (-item[1], item[0].value))
        yield ColdArchive(path=path, name=match["name"], bytes=size, files=len(members), kinds=dict(ordered))


def _read_members(stream: BinaryIO, size: int) -> Mapping[str, int]:
    try:
        with zipfile.ZipFile(stream) as archive:
            zipfiles.check_entries(archive.infolist(), size)
            return {info.filename: info.file_size for info in archive.infolist() if info.filename != _INDEX}
    except (*zipfiles.READ_ERRORS, zipfiles.ArchiveRefused):
        return {}
