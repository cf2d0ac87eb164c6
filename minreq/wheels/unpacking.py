"""Unpack a wheel into folders, as an installer does, and check every file against RECORD; nothing in it is run."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.exceptions import InstallerError
from installer.records import RecordEntry
from installer.sources import WheelFile
from installer.utils import Scheme
from packaging.utils import parse_wheel_filename

from minreq.errors import BrokenWheel, HostileWheel
from minreq.system import regularfile, zipfiles
from minreq.wheels import rules
from minreq.wheels.rules import WheelNotice
from minreq.wheels.ziplayout import check_layout

_CHUNK = 1 << 20


def unpack(archive: Path, folder: Path, *, metadata_sha256: str | None = None) -> tuple[WheelNotice, ...]:
    """Unpack the wheel *archive* below *folder*: ``lib`` for modules and metadata, ``bin``, ``include``, ``data``.

    Nothing in it is run or compiled. *metadata_sha256* is the hash of the metadata that the index showed for the wheel,
    if it did (PEP 658). Return notices on what is unusual, start-up files among it. Raises ``HostileWheel`` and
    ``BrokenWheel``.
    """
    schemes = {
        "purelib": str(folder / "lib"),
        "platlib": str(folder / "lib"),
        "scripts": str(folder / "bin"),
        "headers": str(folder / "include"),
        "data": str(folder / "data"),
    }
    (folder / "lib").mkdir()
    try:
        with regularfile.open_stream(archive) as stream, zipfile.ZipFile(archive) as file, warnings.catch_warnings():
            notices = rules.check_directory(archive.name, file.infolist(), archive.stat().st_size)
            check_layout(archive.name, stream, file.infolist())
            name, version, _, _ = parse_wheel_filename(archive.name)
            warnings.simplefilter("ignore", RuntimeWarning)  # installer warns that it skips compiled files.
            source = WheelFile(file)
            record = _check_dist_info(archive.name, file, source, metadata_sha256)
            metadata = source.read_dist_info("METADATA")
            place = f"{source.dist_info_dir}/METADATA"
            rules.check_metadata(archive.name, place, metadata, name=name, version=version)
            destination = _Destination(schemes, interpreter="python", script_kind="posix")
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
        raise BrokenWheel(archive.name, str(error) or type(error).__name__) from error
    return notices


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


class _Destination(SchemeDictionaryDestination):
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
