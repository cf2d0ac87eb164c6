"""Reads cold files from the archives of this tree, and checks each by its hash before anything uses it."""

from __future__ import annotations

# Not late: an import inside of a finder asks the finders again.
import errno
import hashlib
import json
import os
import stat
import sys
import zlib
from time import perf_counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

#: The methods of the zip format (APPNOTE 4.4.5).
DEFLATED, LZMA = 8, 14
#: A member of the method LZMA begins with the version, and with nine bytes that repeat this filter (APPNOTE 5.8.8).
LZMA_HEADER = 9
LZMA_FILTER = {"dict_size": 8 << 20, "lc": 3, "lp": 0, "pb": 2}
#: The first hexadecimal digits of a SHA-256, which an index has for each member.
DIGITS = 32

FOLDER = os.path.dirname(os.path.abspath(__file__))
#: The folder of the tree, with the separator.
ROOT = os.path.dirname(FOLDER) + os.sep

# Functions that `bypath` replaces.
real_open = open
real_stat = os.stat
real_listdir = os.listdir


class ColdFileError(OSError):
    """A cold file is in this tree, but cannot be served."""


class Member:
    """A cold file."""

    offset: int
    packed: int
    size: int
    digest: str
    method: int

    __slots__ = ("archive", "digest", "method", "mode", "offset", "packed", "path", "size")

    def __init__(self, archive: Archive, path: str, facts: Sequence[Any]) -> None:
        self.archive = archive
        self.path = path
        self.offset, self.packed, self.size, self.digest, self.method, executable = facts
        self.mode = stat.S_IFREG | (0o755 if executable else 0o644)

    def read(self) -> bytes:
        """Return the contents; raises `ColdFileError`."""
        content = unpack(self.archive.read(self.offset, self.packed), self.method, self.size)
        if content is None or sha256(content)[:DIGITS] != self.digest:
            raise self.archive.damaged(self.path)
        return content


class Archive:
    """The cold files of one distribution."""

    def __init__(self, facts: Mapping[str, Any], *, may_be_absent: bool) -> None:
        self.path = os.path.join(FOLDER, facts["file"])
        #: Whether the archive may be in another layer: others have files of the same package.
        self._may_be_absent = may_be_absent
        self._index = facts["index"]
        self._members: dict[str, Member] | None = None
        self._names: dict[str, dict[str, Member | None]] = {}

    @property
    def members(self) -> Mapping[str, Member]:
        """The cold files by path; none where the archive may be in a layer that is not here."""
        if self._members is None:
            self._members = self._read_members()
        return self._members

    @property
    def folders(self) -> Mapping[str, Mapping[str, Member | None]]:
        """For each folder with cold files in it, its cold files by name; ``None`` for a folder."""
        if not self._names and self.members:
            names: dict[str, dict[str, Member | None]] = {}
            for path, member in self.members.items():
                folder, _, name = path.rpartition("/")
                names.setdefault(folder, {})[name] = member
                while folder:
                    parent, _, name = folder.rpartition("/")
                    above = names.setdefault(parent, {})
                    if name in above:
                        break
                    above[name] = None
                    folder = parent
            self._names = names
        return self._names

    def read(self, offset: int, size: int) -> bytes:
        """Return *size* bytes of the archive from *offset*."""
        with real_open(self.path, "rb") as file:
            file.seek(offset)
            return file.read(size)

    def damaged(self, path: str) -> ColdFileError:
        """Return the error for a file whose bytes are not those of the build."""
        return ColdFileError(
            errno.EIO,
            f"{path} is a cold file of this tree, and its archive {self.path} is damaged, missing or of another build; "
            f"write the whole tree again with `minreq build`",
            ROOT + path,
        )

    def _read_members(self) -> dict[str, Member]:
        offset, packed, size, digest = self._index
        try:
            content = unpack(self.read(offset, packed), DEFLATED, size)
        except FileNotFoundError:
            if self._may_be_absent:
                return {}
            raise self.damaged(os.path.basename(self.path)) from None
        if content is None or sha256(content) != digest:
            raise self.damaged(os.path.basename(self.path))
        return {path: Member(self, path, facts) for path, facts in json.loads(content).items()}


class Package:
    """A topmost package of the tree, and the archives that have cold files in it."""

    def __init__(self, path: str, archives: Sequence[Archive], by_path: str) -> None:
        #: ``google/auth``
        self.path = path
        self.archives = archives
        #: Which code may open cold files by their path: ``none``, ``cold`` modules or ``any``.
        self.by_path = by_path

    def find(self, path: str) -> Member | None:
        """Return the cold file at *path*."""
        for archive in self.archives:
            member = archive.members.get(path)
            if member is not None:
                return member
        return None

    def is_folder(self, path: str) -> bool:
        """Whether there are cold files in the folder *path*."""
        return any(path in archive.folders for archive in self.archives)

    def names_in(self, folder: str) -> Mapping[str, Member | None]:
        """Return the names of the cold files in *folder*, and of its folders with cold files."""
        found: dict[str, Member | None] = {}
        for archive in self.archives:
            found.update(archive.folders.get(folder, {}))
        return found


def _read_packages() -> Mapping[str, Package]:
    path = os.path.join(FOLDER, "index.json")
    try:
        with real_open(path, encoding="utf-8") as file:
            return _to_packages(json.load(file))
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise ImportError(f"{path} cannot be read ({error}); write the tree again with `minreq build`") from error


def _to_packages(index: Mapping[str, Any]) -> Mapping[str, Package]:
    shared = {name for facts in index["packages"].values() if facts["archives"][1:] for name in facts["archives"]}
    archives = {name: Archive(facts, may_be_absent=name in shared) for name, facts in index["archives"].items()}
    return {
        path: Package(path, [archives[name] for name in facts["archives"]], facts["by_path"])
        for path, facts in index["packages"].items()
    }


#: The topmost packages with cold files. They are read before a finder asks for them: no thread finds half of them.
_packages = _read_packages()
_depth = max((path.count("/") for path in _packages), default=0) + 1


def package_of(path: str) -> Package | None:
    """Return the package that *path* is in or is."""
    parts = path.split("/", _depth)[:_depth]
    for length in range(1, len(parts) + 1):
        package = _packages.get("/".join(parts[:length]))
        if package is not None:
            return package
    return None


def read_data(member: Member) -> bytes:
    """Return the contents of *member*, and log that it is cold; raises `ColdFileError`."""
    began = perf_counter()
    content = member.read()
    report(None, member.path, perf_counter() - began)
    return content


#: The cold files that the log has already.
_reported: set[str] = set()


def report(module: str | None, path: str, seconds: float) -> None:
    """Log the first use of a cold file, for `minreq build --hot`. Without the module logging nobody reads logs."""
    logging: Any = sys.modules.get("logging")
    if path in _reported or not hasattr(logging, "getLogger"):
        return
    _reported.add(path)
    facts = {**({"module": module} if module else {}), "path": path, "milliseconds": round(seconds * 1000, 1)}
    logging.getLogger("minreq").info("minreq-cold %s", json.dumps(facts))


def unpack(content: bytes, method: int, size: int) -> bytes | None:
    """Return the contents of a member; ``None`` if it is damaged: it has an end, and no more than *size* bytes."""
    decoder: Any
    error: type[Exception]
    if method == DEFLATED:
        decoder, error = zlib.decompressobj(-15), zlib.error
    elif method == LZMA:
        import lzma

        filters = [{"id": lzma.FILTER_LZMA1, **LZMA_FILTER}]
        decoder, error = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters), lzma.LZMAError
        content = content[LZMA_HEADER:]
    else:
        return None
    try:
        # One byte more shows that there are more, without memory for all of them.
        found: bytes = decoder.decompress(content, size + 1)
    except error:
        return None
    return found if decoder.eof and len(found) == size else None


def sha256(content: bytes) -> str:
    """Return the SHA-256 of *content* in hexadecimal digits."""
    return hashlib.sha256(content, usedforsecurity=False).hexdigest()
