"""A wheel becomes files in folders, as an installer makes them; none of it is run, and RECORD is held to its word."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.exceptions import InstallerError
from installer.records import RecordEntry
from installer.sources import WheelFile
from installer.utils import Scheme
from packaging.utils import parse_wheel_filename

from minreq.errors import BrokenWheel, HostileWheel
from minreq.wheels import rules
from minreq.wheels.rules import Remark


def unpack(
    archive: Path, folder: Path, *, metadata_sha256: str | None = None, allow_pth: bool = False
) -> tuple[Remark, ...]:
    """Unpack the wheel *archive* below *folder*: ``lib`` for modules and metadata, ``bin``, ``include``, ``data``.

    Nothing of it is run and nothing compiled. *metadata_sha256* is that of the metadata the index showed for it, where
    it did (PEP 658). Returns what is legitimate and remarkable. Raises ``HostileWheel`` and ``BrokenWheel``.
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
        with zipfile.ZipFile(archive) as file, warnings.catch_warnings():
            remarks = rules.look_into(archive.name, file.infolist(), archive.stat().st_size)
            name, version, _, _ = parse_wheel_filename(archive.name)
            if not allow_pth:
                rules.check_start_up(archive.name, name, remarks)
            warnings.simplefilter("ignore", RuntimeWarning)  # Compiled files in a wheel are skipped, which is right.
            source = WheelFile(file)
            record = _described(archive.name, file, source, metadata_sha256)
            metadata = source.read_dist_info("METADATA")
            place = f"{source.dist_info_dir}/METADATA"
            rules.check_metadata(archive.name, place, metadata, name=name, version=version)
            destination = _Destination(schemes, interpreter="python", script_kind="posix")
            destination.expect(archive.name, record)
            install(source, destination, additional_metadata={})
    except (
        zipfile.BadZipFile,
        zlib.error,
        InstallerError,
        ValueError,
        KeyError,
        IndexError,
        AssertionError,  # installer's, of a file whose columns are not those of the format.
        EOFError,
        NotImplementedError,
        FileExistsError,
        NotADirectoryError,
        IsADirectoryError,
    ) as error:
        raise BrokenWheel(archive.name, str(error) or type(error).__name__) from error
    return remarks


def record_of(tree: Path) -> Sequence[Sequence[str]]:
    """Return the rows of the RECORD in *tree*, an unpacked wheel; none where it cannot be read."""
    try:
        (file,) = tree.glob("*.dist-info/RECORD")
        return _rows(file.read_text("utf-8"))
    except (OSError, ValueError):
        return ()


def _rows(text: str) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text)) if row]


def _described(
    filename: str, file: zipfile.ZipFile, source: WheelFile, metadata_sha256: str | None
) -> Sequence[Sequence[str]]:
    """Check what the wheel says of itself; return the rows of its RECORD."""
    folder = source.dist_info_dir
    for needed in ("RECORD", "METADATA", "WHEEL"):
        if f"{folder}/{needed}" not in file.NameToInfo:
            raise HostileWheel(filename, f"{folder}/{needed}", "every wheel has it, and it is not there")
        if file.getinfo(f"{folder}/{needed}").file_size > rules.MOST_METADATA:
            raise HostileWheel(filename, f"{folder}/{needed}", "it is larger than any of its kind")
    metadata = file.read(f"{folder}/METADATA")
    if metadata_sha256 and hashlib.sha256(metadata).hexdigest() != metadata_sha256:
        raise HostileWheel(filename, f"{folder}/METADATA", "it is not the metadata that the index shows for this wheel")
    rows = _rows(source.read_dist_info("RECORD"))
    rules.check_record(filename, (each.filename for each in file.infolist() if not each.is_dir()), rows)
    if "entry_points.txt" in source.dist_info_filenames:
        points = source.read_dist_info("entry_points.txt")
        rules.check_entry_points(filename, f"{folder}/entry_points.txt", points)
    return rows


class _Destination(SchemeDictionaryDestination):
    """Writes files, and holds RECORD to its word: hashes are made while writing anyway."""

    def expect(self, filename: str, record: Sequence[Sequence[str]]) -> None:
        """Know what the RECORD of the wheel *filename* promises."""
        self._filename = filename
        self._promised = {rules.installed_path(path): (path, digest) for path, digest, _ in record}

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        """Raise ``HostileWheel`` where a file is not what RECORD says."""
        written = list(records)
        for of, entry in written:
            path, promised = self._promised.get(entry.path, ("", ""))
            counts = of in {"purelib", "platlib"} and path and entry.hash_ is not None  # RECORD has no hash of itself.
            if counts and promised != self._found(of, entry, promised):
                raise HostileWheel(self._filename, path, "it is not the file whose hash RECORD has")
        super().finalize_installation(scheme, record_file_path, written)

    def _found(self, scheme: Scheme, entry: RecordEntry, promised: str) -> str:
        """The hash of what was written, as RECORD spells it."""
        algorithm = promised.partition("=")[0]
        if entry.hash_ is not None and entry.hash_.name == algorithm:
            return f"{algorithm}={entry.hash_.value}"
        content = Path(self.scheme_dict[scheme], entry.path).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
        return f"{algorithm}={digest}"
