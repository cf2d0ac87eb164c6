"""Wheels read where they lie: on this machine, by range, or as a whole where a server knows no ranges."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

from minreq.errors import ArchiveUnreadable, SizeMismatch, StoreUnwritable
from minreq.index import archive
from minreq.index.archive import RangedFile
from minreq.index.once import Once
from minreq.index.session import RangesRefused, Session
from minreq.index.urls import local_path
from minreq.model import Member, Sdist, Wheel

#: The first request asks for the end of a wheel, where directory and metadata lie: this share of it, in these bounds.
#: A directory is seldom larger, and up to the upper bound the time of a request hardly depends on its size.
_TAIL_SHARE = 48
_TAIL_LEAST = 64 << 10
_TAIL_MOST = 1 << 20

T = TypeVar("T")


class WheelReader:
    """Reads parts of wheels; shared by threads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._temporary = ExitStack()
        #: Archives that had to be fetched whole, each once; or that are whole on this machine.
        self._whole: Once[Wheel, Path] = Once(self._fetch_whole)
        #: Hosts that were seen to answer no range.
        self._rangeless: set[str] = set()

    def close(self) -> None:
        """Forget the archives that were fetched whole."""
        self._temporary.close()

    def outline(self, wheel: Wheel) -> tuple[bytes, tuple[Member, ...]]:
        """``METADATA`` and the directory of the archive.

        Raises :class:`ArchiveUnreadable` and what the network does.
        """

        def read(file: RangedFile | BinaryIO) -> tuple[bytes, tuple[Member, ...]]:
            with archive.open_zip(file, wheel) as opened:
                return archive.read_metadata(opened, wheel), archive.members(opened)

        return self._with(wheel, read)

    def contents(self, wheel: Wheel, paths: Sequence[str], threads: Executor) -> dict[str, bytes]:
        """Unpack *paths*; what is not at hand is fetched by *threads*.

        Raises :class:`ArchiveUnreadable` and what the network does.
        """

        def read(file: RangedFile | BinaryIO) -> dict[str, bytes]:
            with archive.open_zip(file, wheel) as opened:
                if isinstance(file, RangedFile):
                    wanted = archive.stretches(opened, paths)
                    missing = [gap for start, stop in wanted for gap in file.missing(start, stop)]
                    ranges = archive.coalesce(missing)
                    for (start, _), part in zip(
                        ranges, threads.map(lambda gap: self._part(wheel, *gap), ranges), strict=True
                    ):
                        file.add(start, part)
                return archive.contents(opened, paths, wheel)

        return self._with(wheel, read)

    def download(self, file: Wheel | Sdist, to: BinaryIO) -> None:
        """Write the whole archive to *to*.

        Raises :class:`SizeMismatch`, :class:`ArchiveUnreadable` and what the network does.
        """
        path = local_path(file.url)
        if path is None:
            self._session.download(file.url, to, size=file.size)
            return
        try:
            stream = path.open("rb")
        except OSError as error:
            raise ArchiveUnreadable(file.filename, file.url, error.strerror or str(error)) from error
        with stream:
            shutil.copyfileobj(stream, to)

    def _with(self, wheel: Wheel, read: Callable[[RangedFile | BinaryIO], T]) -> T:
        """Give *read* the archive to read in, ranges first where they may work."""
        host = urlsplit(wheel.url).netloc
        if local_path(wheel.url) is None and host not in self._rangeless:
            try:
                return read(self._ranged(wheel))
            except RangesRefused:
                self._rangeless.add(host)
        try:
            stream = self._whole.get(wheel).open("rb")
        except OSError as error:
            raise ArchiveUnreadable(wheel.filename, wheel.url, error.strerror or str(error)) from error
        with stream:
            return read(stream)

    def _ranged(self, wheel: Wheel) -> RangedFile:
        if wheel.size is None:
            tail = self._session.part(wheel.url, None, _TAIL_LEAST)
        else:
            # Some servers know no "the last N bytes" (RFC 9110, section 14.1.2, suffix-range), so count from the start.
            length = min(max(wheel.size // _TAIL_SHARE, _TAIL_LEAST), _TAIL_MOST, wheel.size)
            tail = self._session.part(wheel.url, wheel.size - length, length)
            if tail.total != wheel.size:
                raise SizeMismatch(wheel.url, wheel.size, tail.total)
        file = RangedFile(tail.total, lambda start, stop: self._part(wheel, start, stop))
        file.add(tail.start, tail.body)
        return file

    def _part(self, wheel: Wheel, start: int, stop: int) -> bytes:
        part = self._session.part(wheel.url, start, stop - start)
        if len(part.body) != stop - start:
            raise ArchiveUnreadable(wheel.filename, wheel.url, f"bytes {start} to {stop} came incomplete")
        return part.body

    def _fetch_whole(self, wheel: Wheel) -> Path:
        path = local_path(wheel.url)
        if path is not None:
            return path
        try:
            folder = Path(self._temporary.enter_context(tempfile.TemporaryDirectory(prefix="minreq-")))
            whole = folder / "wheel"
            with whole.open("w+b") as stream:
                self.download(wheel, stream)
        except OSError as error:
            raise StoreUnwritable(Path(tempfile.gettempdir()), error.strerror or str(error)) from error
        return whole
