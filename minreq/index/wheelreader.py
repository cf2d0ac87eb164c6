"""Wheels read where they lie: on this machine, by range, or as a whole where a server knows no ranges."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit
from zipfile import ZipFile

from minreq.errors import ArchiveUnreadable, SizeMismatch, TemporaryFolderUnwritable
from minreq.index import archive
from minreq.index.archive import RangedFile
from minreq.index.once import Once
from minreq.index.session import RangesRefused, Session
from minreq.index.urls import local_path
from minreq.model import Member, Sdist, Wheel
from minreq.system import temporary

#: The first request asks for the end of a wheel, where directory and metadata lie: this share of it, in these bounds.
#: A directory is seldom larger, and up to the upper bound the time of a request hardly depends on its size.
_TAIL_SHARE = 48
_TAIL_LEAST = 64 << 10
_TAIL_MOST = 1 << 20

#: Archives whose directory and fetched parts are kept, so that metadata, directory and contents cost one beginning, and
#: a small archive one request; most are some 100 KB.
_KEPT = 128

T = TypeVar("T")


@dataclass(slots=True)
class _Opened:
    """An archive read by range, by one thread at a time; nothing before the first has opened it."""

    lock: Lock = field(default_factory=Lock)
    file: RangedFile | None = None
    archive: ZipFile | None = None


class WheelReader:
    """Reads parts of wheels; shared by threads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._temporary = ExitStack()
        #: Archives that had to be fetched whole, each once; or that are whole on this machine.
        self._whole: Once[Wheel, Path] = Once(self._fetch_whole)
        #: Hosts that were seen to answer no range.
        self._rangeless: set[str] = set()
        #: The latest used last.
        self._opened: OrderedDict[Wheel, _Opened] = OrderedDict()
        self._lock = Lock()

    def close(self) -> None:
        """Forget the archives that were fetched whole."""
        self._temporary.close()

    def outline(self, wheel: Wheel) -> tuple[bytes, tuple[Member, ...]]:
        """``METADATA`` and the directory of the archive.

        Raises :class:`ArchiveUnreadable` and what the network does.
        """

        def read(opened: ZipFile, _: RangedFile | None) -> tuple[bytes, tuple[Member, ...]]:
            return archive.read_metadata(opened, wheel), archive.members(opened)

        return self._with(wheel, read)

    def contents(self, wheel: Wheel, paths: Sequence[str], threads: Executor) -> dict[str, bytes]:
        """Unpack *paths*, as far as they are there; what is not at hand is fetched by *threads*.

        Raises :class:`ArchiveUnreadable` and what the network does.
        """

        def read(opened: ZipFile, file: RangedFile | None) -> dict[str, bytes]:
            if file is not None:
                wanted = archive.stretches(opened, paths)
                missing = [gap for start, stop in wanted for gap in file.missing(start, stop)]
                ranges = archive.coalesce(missing)
                parts = threads.map(lambda gap: self._part(wheel, *gap), ranges)
                for (start, _), part in zip(ranges, parts, strict=True):
                    file.add(start, part)
            return archive.contents(opened, paths, wheel)

        return self._with(wheel, read)

    def download(self, file: Wheel | Sdist, to: BinaryIO) -> None:
        """Write the whole archive to *to*.

        Raises :class:`SizeMismatch`, :class:`ArchiveUnreadable` and what the network does.
        """
        path = local_path(file.url)
        if path is None and isinstance(file, Wheel) and (whole := self._at_hand(file)) is not None:
            to.write(whole)
            return
        if path is None:
            self._session.download(file.url, to, size=file.size)
            return
        try:
            stream = path.open("rb")
        except OSError as error:
            raise ArchiveUnreadable(file.filename, file.url, error.strerror or str(error)) from error
        with stream:
            shutil.copyfileobj(stream, to)

    def _at_hand(self, wheel: Wheel) -> bytes | None:
        """The whole archive, where it is so small that its end was all of it."""
        with self._lock:
            kept = self._opened.get(wheel)
        if kept is None:
            return None
        with kept.lock:
            if kept.file is None or kept.file.missing(0, size := kept.file.seek(0, io.SEEK_END)):
                return None
            kept.file.seek(0)
            return kept.file.read(size)

    def _with(self, wheel: Wheel, read: Callable[[ZipFile, RangedFile | None], T]) -> T:
        """Give *read* the archive to read in, ranges first where they may work."""
        host = urlsplit(wheel.url).netloc
        if local_path(wheel.url) is None and host not in self._rangeless:
            try:
                return self._by_ranges(wheel, read)
            except RangesRefused:
                self._rangeless.add(host)
        try:
            stream = self._whole.get(wheel).open("rb")
        except OSError as error:
            raise ArchiveUnreadable(wheel.filename, wheel.url, error.strerror or str(error)) from error
        with stream, archive.open_zip(stream, wheel) as opened:
            return read(opened, None)

    def _by_ranges(self, wheel: Wheel, read: Callable[[ZipFile, RangedFile | None], T]) -> T:
        with self._lock:
            kept = self._opened.setdefault(wheel, _Opened())
            self._opened.move_to_end(wheel)
            if len(self._opened) > _KEPT:
                self._opened.popitem(last=False)
        with kept.lock:
            if kept.file is None or kept.archive is None:
                kept.file = self._ranged(wheel)
                kept.archive = archive.open_zip(kept.file, wheel)
            return read(kept.archive, kept.file)

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
            folder = self._temporary.enter_context(temporary.folder())
            whole = folder / "wheel"
            with whole.open("w+b") as stream:
                self.download(wheel, stream)
        except OSError as error:
            raise TemporaryFolderUnwritable(Path(tempfile.gettempdir()), error.strerror or str(error)) from error
        return whole
