"""Unpack a wheel into folders, as an installer does, and check every file against RECORD; nothing in it is run."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.exceptions import InstallerError, InvalidWheelSource
from installer.records import Hash, RecordEntry
from installer.scripts import Script
from installer.sources import WheelFile
from installer.utils import Scheme, copyfileobj_with_hashing
from packaging.utils import parse_wheel_filename

from minreq.errors import BrokenWheel, HostileWheel
from minreq.system import regularfile, zipfiles
from minreq.wheels import rules
from minreq.wheels.ziplayout import check_layout

if TYPE_CHECKING:
    from installer.scripts import ScriptSection

_CHUNK = 1 << 20


def unpack(archive: Path, folder: Path, *, metadata_sha256: str | None = None) -> dict[str, str]:
    """Unpack the wheel *archive* below *folder*: ``lib`` for modules and metadata, ``bin``, ``include``, ``data``.

    Nothing in it is run or compiled. *metadata_sha256* is the hash of the metadata that the index showed for the wheel,
    if it did (PEP 658). Return the hex SHA-256 of each file by its path below *folder*. Raises ``HostileWheel`` and
    ``BrokenWheel``.
    """
    (folder / "lib").mkdir()
    return _install(archive, _Destination(folder), metadata_sha256)


def hash_files(archive: Path) -> dict[str, str]:
    """Return what `unpack` returns for the wheel *archive*, and write nothing; raise as `unpack` does."""
    return _install(archive, _HashingDestination(Path("/")), None)


def _install(archive: Path, destination: _HashingDestination, metadata_sha256: str | None) -> dict[str, str]:
    """Check *archive* and install it into *destination*; return the hash of each file."""
    try:
        with regularfile.open_stream(archive) as stream, zipfile.ZipFile(archive) as file, warnings.catch_warnings():
            rules.check_directory(archive.name, file.infolist(), archive.stat().st_size)
            check_layout(archive.name, stream, file.infolist())
            name, version, _, _ = parse_wheel_filename(archive.name)
            warnings.simplefilter("ignore", RuntimeWarning)  # installer warns that it skips compiled files.
            source = WheelFile(file)
            record = _check_dist_info(archive.name, file, source, metadata_sha256)
            metadata = source.read_dist_info("METADATA")
            place = f"{source.dist_info_dir}/METADATA"
            rules.check_metadata(archive.name, place, metadata, name=name, version=version)
            destination.expect_record(archive.name, record)
            install(source, destination, additional_metadata={})
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BrokenWheel(archive.name, str(error)) from error
    except OSError:
        raise  # A fault of the store.
    except (
        *zipfiles.READ_ERRORS,
        InstallerError,
        KeyError,
        AssertionError,  # installer raises it for a RECORD with wrong columns.
    ) as error:
        raise BrokenWheel(archive.name, _describe(error)) from error
    return destination.hashes


def _describe(error: Exception) -> str:
    """Return what is wrong with the wheel; the texts of installer also have names of objects and of files."""
    if isinstance(error, InvalidWheelSource):
        return str(error.args[-1])
    if isinstance(error, InstallerError) and (reason := getattr(error, "reason", None)):
        return f"{reason}: {getattr(error, 'dist_info', '')}".removesuffix(": ")
    return str(error) or type(error).__name__


def read_record(tree: Path) -> Sequence[Sequence[str]]:
    """Return the rows of the RECORD in *tree*, an unpacked wheel; no rows when it cannot be read."""
    try:
        (file,) = tree.glob("*.dist-info/RECORD")
        return _rows(file.read_text("utf-8"))
    except (OSError, ValueError):
        return ()


def _rows(text: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error as error:
        raise ValueError(f"its RECORD cannot be read: {error}") from error


def _check_dist_info(
    filename: str, file: zipfile.ZipFile, source: WheelFile, metadata_sha256: str | None
) -> Sequence[Sequence[str]]:
    """Check the ``.dist-info`` folder of the wheel; return the rows of its RECORD."""
    folder = source.dist_info_dir
    for needed in ("RECORD", "METADATA", "WHEEL"):
        if f"{folder}/{needed}" not in file.NameToInfo:
            raise HostileWheel(filename, f"{folder}/{needed}", "every wheel must have it, and it is not there")
        if file.getinfo(f"{folder}/{needed}").file_size > rules.MAX_METADATA:
            raise HostileWheel(filename, f"{folder}/{needed}", "it is larger than any known file of this kind")
    metadata = file.read(f"{folder}/METADATA")
    if metadata_sha256 and hashlib.sha256(metadata).hexdigest() != metadata_sha256:
        raise HostileWheel(filename, f"{folder}/METADATA", "it is not the metadata that the index shows for this wheel")
    rows = _rows(source.read_dist_info("RECORD"))
    paths = [each.filename for each in file.infolist() if not each.is_dir()]
    rules.check_record(filename, paths, rows, folder=folder)
    # An installer changes the first line of a script, so what is not a module is hashed as it is in the archive.
    for path, recorded, _ in rows:
        if path in file.NameToInfo and ".data/" in path and rules.installed_path(path) == path:
            with file.open(path) as content:
                _check_hash(filename, path, recorded, content)
    if "entry_points.txt" in source.dist_info_filenames:
        points = source.read_dist_info("entry_points.txt")
        rules.check_entry_points(filename, f"{folder}/entry_points.txt", points)
    return rows


def _check_hash(filename: str, path: str, recorded: str, content: IO[bytes]) -> None:
    algorithm = recorded.partition("=")[0]
    digest = hashlib.new(algorithm)
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
    if recorded != f"{algorithm}={_encode_digest(digest.digest())}":
        raise HostileWheel(filename, path, "it is not the file whose hash RECORD has")


def _encode_digest(digest: bytes) -> str:
    """Return *digest* as in RECORD: base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class _HashingDestination(SchemeDictionaryDestination):
    """Computes the hashes of the files that an installer would write, and writes none."""

    def __init__(self, folder: Path) -> None:
        schemes = {
            "purelib": str(folder / "lib"),
            "platlib": str(folder / "lib"),
            "scripts": str(folder / "bin"),
            "headers": str(folder / "include"),
            "data": str(folder / "data"),
        }
        super().__init__(schemes, interpreter="python", script_kind="posix")
        #: The hex SHA-256 of each file, by its path below *folder*.
        self.hashes: dict[str, str] = {}

    def expect_record(self, filename: str, record: Sequence[Sequence[str]]) -> None:
        """Ignore the RECORD: it was compared when the files were written."""

    def write_to_fs(self, scheme: Scheme, path: str, stream: BinaryIO, is_executable: bool) -> RecordEntry:  # noqa: FBT001 - As inherited.
        """Return the entry of RECORD for a file."""
        entry = self._write(scheme, path, stream, is_executable)
        if entry.hash_ is not None:
            digest = base64.urlsafe_b64decode(f"{entry.hash_.value}=").hex()
            self.hashes[f"{Path(self.scheme_dict[scheme]).name}/{path}"] = digest
        return entry

    def write_script(self, name: str, module: str, attr: str, section: ScriptSection) -> RecordEntry:
        """Return the entry of RECORD for the script of an entry point."""
        path, content = Script(name, module, attr, section).generate(self.interpreter, self.script_kind)
        return self.write_to_fs(Scheme("scripts"), path, io.BytesIO(content), is_executable=True)

    def _write(self, _scheme: Scheme, path: str, stream: BinaryIO, _is_executable: bool) -> RecordEntry:  # noqa: FBT001
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - A device is no path of a wheel.
            digest, size = copyfileobj_with_hashing(stream, nowhere, self.hash_algorithm)
        return RecordEntry(path, Hash(self.hash_algorithm, digest), size)


class _Destination(_HashingDestination):
    """Writes files and compares their hashes, which are computed while writing, with RECORD."""

    def expect_record(self, filename: str, record: Sequence[Sequence[str]]) -> None:
        """Remember the RECORD of the wheel *filename* to compare with."""
        self._filename = filename
        self._recorded = {rules.installed_path(path): (path, digest) for path, digest, _ in record}

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        """Raise ``HostileWheel`` when a file does not have the hash in RECORD."""
        written = list(records)
        for file_scheme, entry in written:
            path, recorded = self._recorded.get(entry.path, ("", ""))
            has_hash = (
                file_scheme in {"purelib", "platlib"} and path and entry.hash_ is not None
            )  # RECORD has no hash of itself.
            if has_hash and recorded != self._written_hash(file_scheme, entry, recorded):
                raise HostileWheel(self._filename, path, "it is not the file whose hash RECORD has")
        super().finalize_installation(scheme, record_file_path, written)

    def _written_hash(self, scheme: Scheme, entry: RecordEntry, recorded: str) -> str:
        """Return the hash of the written file, in the algorithm and form of RECORD."""
        algorithm = recorded.partition("=")[0]
        if entry.hash_ is not None and entry.hash_.name == algorithm:
            return f"{algorithm}={entry.hash_.value}"
        content = Path(self.scheme_dict[scheme], entry.path).read_bytes()
        return f"{algorithm}={_encode_digest(hashlib.new(algorithm, content).digest())}"

    def write_script(self, name: str, module: str, attr: str, section: ScriptSection) -> RecordEntry:
        """Write the script of an entry point."""
        return SchemeDictionaryDestination.write_script(self, name, module, attr, section)

    def _write(self, scheme: Scheme, path: str, stream: BinaryIO, is_executable: bool) -> RecordEntry:  # noqa: FBT001
        return SchemeDictionaryDestination.write_to_fs(self, scheme, path, stream, is_executable)
