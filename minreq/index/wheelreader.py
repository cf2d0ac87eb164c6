"""Reads parts of wheels: on this machine, by range, or from a whole download where a server has no ranges."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit
from zipfile import ZipFile

from minreq.errors import ArchiveUnreadable, SizeMismatch, TemporaryFolderUnwritable
from minreq.index import archive
from minreq.index.archive import RangedFile
from minreq.index.session import RangesRefused, Session
from minreq.index.urls import local_path
from minreq.model import Member, Sdist, Wheel
from minreq.system import regularfile, temporary
from minreq.system.onceperkey import OncePerKey

#: The first request asks for the end of a wheel, where directory and metadata lie: this share of it, within these
#: bounds. A directory is seldom larger, and up to the upper bound the time of a request hardly depends on its size.
_TAIL_SHARE = 48
_TAIL_MIN = 64 << 10
_TAIL_MAX = 1 << 20

#: Archives that stay open with their fetched parts, so that metadata, directory and contents need one first request,
#: and a small archive no other; most are some 100 KB.
_MAX_OPEN = 128

T = TypeVar("T")


@dataclass(slots=True)
class _OpenArchive:
    """An archive read by range, by one thread at a time; file and archive are ``None`` until a thread opens it."""

    lock: Lock = field(default_factory=Lock)
    file: RangedFile | None = None
    archive: ZipFile | None = None


class WheelReader:
    """Reads parts of wheels; shared by threads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._temporary = ExitStack()
        #: Whole archives by URL: downloaded once, or on this machine.
        self._whole: OncePerKey[str, Path] = OncePerKey()
        #: Hosts that refused a range request.
        self._hosts_without_ranges: set[str] = set()
        #: By URL, the most recently used last.
        self._open: OrderedDict[str, _OpenArchive] = OrderedDict()
        self._lock = Lock()

    def close(self) -> None:
        """Delete the archives that were downloaded whole."""
        self._temporary.close()

    def read_outline(self, wheel: Wheel) -> tuple[bytes, tuple[Member, ...]]:
        """Return ``METADATA`` and the directory of the archive.

        Raises :class:`ArchiveUnreadable` and what the network does.
        """

        def read(opened: ZipFile, _: RangedFile | None) -> tuple[bytes, tuple[Member, ...]]:
            return archive.read_metadata(opened, wheel), archive.list_members(opened)

        return self._with_archive(wheel, read)

    def read(self, wheel: Wheel, paths: Sequence[str], threads: Executor) -> dict[str, bytes]:
        """Unpack those of *paths* that the wheel has; *threads* fetch the missing parts.

        Raises :class:`ArchiveUnreadable` and what the network does.
        """

        def read(opened: ZipFile, file: RangedFile | None) -> dict[str, bytes]:
            if file is not None:
                needed = archive.member_ranges(opened, paths)
                missing = [gap for start, stop in needed for gap in file.missing(start, stop)]
                ranges = archive.coalesce(missing)
                parts = threads.map(lambda gap: self._fetch_part(wheel, *gap), ranges)
                for (start, _), part in zip(ranges, parts, strict=True):
                    file.add(start, part)
            return archive.read_members(opened, paths, wheel)

        return self._with_archive(wheel, read)

    def download(self, file: Wheel | Sdist, to: BinaryIO) -> None:
        """Write the whole archive to *to*; what was fetched already is not fetched again.

        Raises :class:`SizeMismatch`, :class:`ArchiveUnreadable` and what the network does.
        """
        path = local_path(file.url) or self._whole.find(file.url)
        if path is None and (whole := self._fetched_bytes(file)) is not None:
            to.write(whole)
            return
        if path is None:
            self._session.download(file.url, to, size=file.size)
            return
        with _open_file(path, file) as stream:
            shutil.copyfileobj(stream, to)

    def open_whole(self, file: Wheel | Sdist) -> BinaryIO:
        """Return a stream of the whole archive, which stays on this machine until `close`.

        Raises what `download` does, and :class:`TemporaryFolderUnwritable`.
        """
        return _open_file(self._whole.get(file.url, partial(self._fetch_whole, file)), file)

    def _fetched_bytes(self, archive: Wheel | Sdist) -> bytes | None:
        """Return the whole archive where range requests have fetched all of it, as of a small one."""
        with self._lock:
            open_archive = self._open.get(archive.url)
        if open_archive is None:
            return None
        with open_archive.lock:
            file = open_archive.file
            if file is None or file.missing(0, size := file.seek(0, io.SEEK_END)):
                return None
            file.seek(0)
            return file.read(size)

    def _with_archive(self, wheel: Wheel, read: Callable[[ZipFile, RangedFile | None], T]) -> T:
        """Call *read* with the archive: by range where the host may allow it, else with the whole archive."""
        host = urlsplit(wheel.url).netloc
        if local_path(wheel.url) is None and host not in self._hosts_without_ranges:
            try:
                return self._with_ranged_archive(wheel, read)
            except RangesRefused:
                self._hosts_without_ranges.add(host)
        with self.open_whole(wheel) as stream, archive.open_zip(stream, wheel) as opened:
            return read(opened, None)

    def _with_ranged_archive(self, wheel: Wheel, read: Callable[[ZipFile, RangedFile | None], T]) -> T:
        with self._lock:
            open_archive = self._open.setdefault(wheel.url, _OpenArchive())
            self._open.move_to_end(wheel.url)
            if len(self._open) > _MAX_OPEN:
                self._open.popitem(last=False)
        with open_archive.lock:
            if open_archive.file is None or open_archive.archive is None:
                open_archive.file = self._open_ranged(wheel)
                open_archive.archive = archive.open_zip(open_archive.file, wheel)
            return read(open_archive.archive, open_archive.file)

    def _open_ranged(self, wheel: Wheel) -> RangedFile:
        if wheel.size is None:
            tail = self._session.part(wheel.url, None, _TAIL_MIN)
        else:
            # Some servers do not support "the last N bytes" (RFC 9110, section 14.1.2, suffix-range), so count from
            # the start.
            length = min(max(wheel.size // _TAIL_SHARE, _TAIL_MIN), _TAIL_MAX, wheel.size)
            tail = self._session.part(wheel.url, wheel.size - length, length)
            if tail.total != wheel.size:
                raise SizeMismatch(wheel.url, wheel.size, tail.total)
        file = RangedFile(tail.total, partial(self._fetch_part, wheel))
        file.add(tail.start, tail.body)
        return file

    def _fetch_part(self, wheel: Wheel, start: int, stop: int) -> bytes:
        part = self._session.part(wheel.url, start, stop - start)
        if len(part.body) != stop - start:
            raise SizeMismatch(wheel.url, stop - start, len(part.body))
        return part.body

    def _fetch_whole(self, file: Wheel | Sdist) -> Path:
        path = local_path(file.url)
        if path is not None:
            return path
        try:
            folder = self._temporary.enter_context(temporary.make_temporary_folder())
            whole = folder / "archive"
            with whole.open("w+b") as stream:
                self.download(file, stream)
        except OSError as error:
            raise TemporaryFolderUnwritable(Path(tempfile.gettempdir()), error.strerror or str(error)) from error
        return whole


def _open_file(path: Path, file: Wheel | Sdist) -> BinaryIO:
    """Return a stream of the archive at *path*; raise `ArchiveUnreadable`."""
    try:
        return regularfile.open_stream(path)
    except OSError as error:
        raise ArchiveUnreadable(file.filename, file.url, error.strerror or str(error)) from error
