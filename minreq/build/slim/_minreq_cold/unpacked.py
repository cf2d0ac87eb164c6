"""Gives a cold file a file of its own: in memory, or in a cache folder of this machine."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from itertools import count

from . import archives
from .archives import DIGITS, ColdFileError, Member, read_data, sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: The variable that names the folder of the cache.
VARIABLE = "MINREQ_COLD_DIR"
#: The numbers of the files in memory that the system has loaded.
_numbers = count()
#: Bytes that the cache may have; then the files that were used least recently go.
_MAX_BYTES = 1 << 30
#: Bytes of a file name that the system shows for a file in memory; it takes up to 249.
_MAX_NAME = 200


def open_in_memory(member: Member) -> int:
    """Return a descriptor for reading the contents of *member*, and log that it is cold; raises `ColdFileError`."""
    return _put_in_memory(member, read_data(member))


def _put_in_memory(member: Member, content: bytes) -> int:
    try:
        descriptor = _make_nameless_file(member.path)
    except OSError as error:
        raise _no_room(member, "a file without a name", error) from error
    try:
        _write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError as error:
        os.close(descriptor)
        raise _no_room(member, "a file without a name", error) from error
    return descriptor


@contextmanager
def provide_file(member: Member) -> Iterator[str]:
    """Yield the path of a file with the contents of *member*; raises `ColdFileError`.

    It is in the cache, where later processes find it. Where nothing can be written it is in memory, for the time of the
    block.
    """
    try:
        path, descriptor = _cached_file(member), None
    except ColdFileError:
        raise
    except OSError as error:
        if not hasattr(os, "memfd_create") or not os.path.isdir("/proc/self/fd"):
            raise _no_room(member, os.environ.get(VARIABLE) or "the folder for temporary files", error) from error
        descriptor = _put_in_memory(member, member.read())
        # The system takes a file of the same path for the same file, and numbers of descriptors come again.
        path = f"/proc/self/fd/{'./' * next(_numbers)}{descriptor}"
    try:
        yield path
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _cached_file(member: Member) -> str:
    folder = _own_folder()
    path = os.path.join(folder, f"{member.digest}-{os.path.basename(member.path)}")
    if _has_content(path, member):
        try:
            os.utime(path)
        except OSError:
            # Nothing is removed where nothing can be written.
            pass
        return path
    import _thread

    content = member.read()
    temporary = f"{path}.{os.getpid()}.{_thread.get_ident()}"
    _make_room(folder, len(content))
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
        try:
            _write(descriptor, content)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise
    return path


def _own_folder() -> str:
    """Return the folder of the cache: nobody else may write there. Raises ``OSError`` if there can be none."""
    base = os.environ.get(VARIABLE)
    if not base:
        import tempfile

        base = tempfile.gettempdir()
    folder = os.path.join(base, f"minreq-cold-{os.geteuid()}")
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(f"{folder} is not a folder that only this user can write to")
    if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise PermissionError(f"{folder} is on a file system from which nothing can be run")
    return folder


def _has_content(path: str, member: Member) -> bool:
    try:
        if archives.real_stat(path).st_size != member.size:
            return False
        with archives.real_open(path, "rb") as file:
            return sha256(file.read())[:DIGITS] == str(member.digest)
    except OSError:
        return False


def _make_room(folder: str, size: int) -> None:
    """Remove the files of *folder* that were used least recently, until *size* more bytes fit into the limit."""
    found = []
    for name in archives.real_listdir(folder):
        path = os.path.join(folder, name)
        try:
            facts = archives.real_stat(path)
        except OSError:
            continue
        found.append((facts.st_mtime, facts.st_size, path))
    total = size + sum(each for _, each, _ in found)
    for _, freed, path in sorted(found):
        if total <= _MAX_BYTES:
            break
        try:
            os.unlink(path)
        except OSError:
            continue
        total -= freed


def _make_nameless_file(path: str) -> int:
    try:
        if hasattr(os, "memfd_create"):
            name: Any = os.fsencode(os.path.basename(path))[:_MAX_NAME]
            return os.memfd_create(name)
    except OSError:
        # A filter of system calls may forbid it.
        pass
    import tempfile

    descriptor, name = tempfile.mkstemp(prefix="minreq-cold-", dir=os.environ.get(VARIABLE) or None)
    os.unlink(name)
    return descriptor


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _no_room(member: Member, place: str, error: OSError) -> ColdFileError:
    return ColdFileError(
        error.errno,
        f"{member.path} is a cold file of this tree and needs {member.size:,} bytes in {place}, which cannot be "
        f"written ({error.strerror or error}); set {VARIABLE} to a folder with room, or build again with "
        f"--keep '{member.path}'",
    )
