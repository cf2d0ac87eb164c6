"""What a wheel must not be: rules about its zip directory, its RECORD and its metadata, before anything is unpacked.

Sources: "Binary distribution format" and "Recording installed projects" on packaging.python.org, PEP 829 for start
files, ``site`` in the standard library, and what the index of the Python community itself refuses.
"""

from __future__ import annotations

import configparser
import stat
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import PurePosixPath

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from minreq.errors import HostileWheel

#: The largest wheels known have some 30,000 entries.
MOST_ENTRIES = 200_000
#: No wheel known unpacks to more bytes; it would not fit where minreq's locks go by far.
MOST_BYTES = 16 << 30
#: A wheel that unpacks to less is no bomb, however well it is compressed.
HARMLESS_BYTES = 64 << 20
#: Unpacked bytes for one of the archive; text of programs reaches 10, tables of zeros some dozens.
MOST_RATIO = 200
#: The largest file that is read for what it says (RECORD, WHEEL, METADATA, entry points), in bytes.
MOST_METADATA = 64 << 20

_START_UP_MODULES = frozenset({"sitecustomize", "usercustomize"})
_START_UP_SUFFIXES = (".pth", ".start")
_START_UP = "it runs at every start of Python, without any import"
_SCHEMES = frozenset({"purelib", "platlib", "scripts", "headers", "data"})
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_IS_ENCRYPTED = 0x1
#: Directories of a zip's entry where there is nothing else to say it.
_LOCAL_HEADER = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something a wheel may do, and a person should know."""

    path: str
    sentence: str
    #: Refused unless the user allows it for that distribution.
    start_up: bool = False


def look_into(filename: str, entries: Sequence[zipfile.ZipInfo], size: int) -> tuple[Remark, ...]:
    """Judge the directory of the wheel *filename*, an archive of *size* bytes.

    Returns what is legitimate and remarkable. Raises ``HostileWheel`` with the file and the rule.
    """
    _check_bomb(filename, entries, size)
    paths = []
    for entry in entries:
        _check_entry(filename, entry)
        if not entry.is_dir():
            paths.append(entry.filename)
            _check_place(filename, entry.filename)
    for path, number in Counter(installed_path(path) for path in paths).items():
        if number > 1:
            raise HostileWheel(filename, path, "it is there more than once, and which of them is installed is chance")
    return tuple(_remarks(paths))


def _check_bomb(filename: str, entries: Sequence[zipfile.ZipInfo], size: int) -> None:
    if len(entries) > MOST_ENTRIES:
        raise HostileWheel(filename, "its directory", f"it has {len(entries):,} entries, more than {MOST_ENTRIES:,}")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MOST_BYTES or (unpacked > HARMLESS_BYTES and unpacked > MOST_RATIO * size):
        largest = max(entries, key=lambda entry: entry.file_size)
        raise HostileWheel(filename, largest.filename, f"{size:,} bytes would unpack to {unpacked:,}")
    stop, before = 0, ""
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < stop:
            raise HostileWheel(filename, entry.filename, f"it shares its bytes with {before}")
        stop = entry.header_offset + _LOCAL_HEADER + entry.compress_size
        before = entry.filename


def _check_entry(filename: str, entry: zipfile.ZipInfo) -> None:
    """Refuse what would be written elsewhere than it says, or is no plain file."""
    # As it stands in the archive: zipfile itself cuts at a NUL, and some systems see a folder where others do not.
    path = entry.orig_filename
    parts = path.removesuffix("/").split("/")
    if path.startswith("/") or (len(path) > 1 and path[1] == ":"):
        raise HostileWheel(filename, path, "its path is absolute")
    if ".." in parts:
        raise HostileWheel(filename, path, "its path leads out of the wheel")
    if "\\" in path or any(part in {"", "."} for part in parts) or not path.isprintable():
        raise HostileWheel(filename, path, "its path means another place on another system")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise HostileWheel(filename, path, "it is a link, which a wheel cannot have")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise HostileWheel(filename, path, "it is no file")
    if entry.flag_bits & _IS_ENCRYPTED:
        raise HostileWheel(filename, path, "it is encrypted, so that nobody can look into it")
    if entry.compress_type not in _COMPRESSIONS:
        raise HostileWheel(filename, path, "it is compressed in a way that wheels are not")


def _check_place(filename: str, path: str) -> None:
    """Refuse a file that would take the place of something no distribution owns."""
    name = installed_path(path)
    first, *rest = name.split("/")
    if first.partition(".")[0].lower() in _START_UP_MODULES and (rest or "." in first):
        raise HostileWheel(filename, path, _START_UP)
    if name == "pyvenv.cfg" or name.endswith("._pth"):
        raise HostileWheel(filename, path, "it decides where Python looks for modules")
    folder, _, inside = path.partition("/")
    if not folder.endswith(".data"):
        return
    scheme, _, place = inside.partition("/")
    if scheme not in _SCHEMES:
        raise HostileWheel(filename, path, f"{scheme or folder} is no place that a wheel may install into")
    if scheme == "scripts":
        _check_script(filename, path, place)
    if scheme == "data" and _is_of_environment(place):
        raise HostileWheel(filename, path, "it leads out of its own data, into the environment of others")


def _check_script(filename: str, path: str, name: str) -> None:
    if "/" in name or "\\" in name or name in {"", ".", ".."}:
        raise HostileWheel(filename, path, f"the script {name!r} would lie outside of the folder of scripts")
    if name.lower().startswith(("python", "pypy")) and name.lower().removesuffix(".exe").rstrip("0123456789.w") in {
        "python",
        "pypy",
    }:
        raise HostileWheel(filename, path, f"the script {name!r} would take the place of the interpreter")


def _is_of_environment(place: str) -> bool:
    """Whether a path below the prefix is where modules, interpreters or the environment's own description lie."""
    parts = PurePosixPath(place.lower()).parts
    return (
        parts[:1] == ("pyvenv.cfg",)
        or "site-packages" in parts
        or "dist-packages" in parts
        or (parts[:1] in {("bin",), ("scripts",)} and parts[-1].startswith("python"))
    )


def _remarks(paths: Iterable[str]) -> Iterator[Remark]:
    spellings: dict[str, str] = {}
    shadows = set()
    for path in paths:
        name = installed_path(path)
        if "/" not in name and name.endswith(_START_UP_SUFFIXES):
            yield Remark(path=path, sentence=f"lines of it run: {_START_UP}", start_up=True)
        top = name.partition("/")[0].partition(".")[0]
        is_module = "/" in name or name.endswith((".py", ".so", ".pyc"))
        if is_module and top in sys.stdlib_module_names and top not in shadows and not path.endswith(".dist-info"):
            shadows.add(top)
            yield Remark(path=path, sentence=f"it has the name of the standard library's {top}, which comes first")
        other = spellings.setdefault(name.casefold(), name)
        if other != name:
            yield Remark(path=path, sentence=f"where case does not count it takes the place of {other}")


def check_start_up(filename: str, name: str, remarks: Iterable[Remark]) -> None:
    """Refuse what runs at every start of Python; raises ``HostileWheel`` with what to say where it has to be."""
    for remark in remarks:
        if remark.start_up:
            rule = f"{remark.sentence}; if it has to be there, say --allow-pth {name}"
            raise HostileWheel(filename, remark.path, rule)


def check_record(filename: str, paths: Iterable[str], record: Iterable[Sequence[str]]) -> None:
    """Refuse a RECORD that does not list every file of the wheel, each with a hash, or lists what is not there.

    *record* holds its rows: path, hash, size. Raises ``HostileWheel``.
    """
    rows: dict[str, Sequence[str]] = {}
    for row in record:
        if len(row) != 3:  # noqa: PLR2004 - The format's three columns.
            raise HostileWheel(filename, "RECORD", f"its line {','.join(row)[:80]!r} has not the three columns")
        if row[0] in rows:
            raise HostileWheel(filename, row[0], "RECORD lists it twice")
        rows[row[0]] = row
    there = set(paths)
    for path in sorted(there):
        name = path.rpartition(".dist-info/")[2]
        if name in {"RECORD", "RECORD.jws", "RECORD.p7s"}:
            continue
        if path not in rows:
            raise HostileWheel(filename, path, "RECORD does not list it")
        algorithm = rows[path][1].partition("=")[0]
        if algorithm not in {"sha256", "sha384", "sha512"}:
            raise HostileWheel(filename, path, f"RECORD has no hash of it that counts ({algorithm or 'none'})")
    for path in sorted(rows.keys() - there):
        if "/__pycache__/" not in path and not path.endswith(("RECORD", "/")):
            raise HostileWheel(filename, path, "RECORD lists it, and it is not there")


def check_metadata(filename: str, path: str, text: str, *, name: NormalizedName, version: Version) -> None:
    """Refuse METADATA, which lies at *path*, that names another project or version than the file's.

    Raises ``HostileWheel``.
    """
    headers = HeaderParser().parsestr(text)
    said = str(headers.get("Name", "")), str(headers.get("Version", ""))
    try:
        same = canonicalize_name(said[0]) == name and Version(said[1]) == version
    except InvalidVersion:
        same = False
    if not same:
        raise HostileWheel(filename, path, f"it says inside that it is {' '.join(said).strip() or 'nothing'}")


def check_entry_points(filename: str, path: str, text: str) -> None:
    """Refuse entry points that would make a script somewhere else, or one in the place of the interpreter."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # As the specification says: names keep their case.
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise HostileWheel(filename, path, f"it cannot be read: {str(error).splitlines()[0]}") from error
    for section in ("console_scripts", "gui_scripts"):
        for name in parser[section] if parser.has_section(section) else ():
            _check_script(filename, path, name)


def installed_path(path: str) -> str:
    """Return where *path* of a wheel lands in ``site-packages``: ``x-1.data/purelib/y`` is ``y``."""
    first, _, rest = path.partition("/")
    if first.endswith(".data") and rest.startswith(("purelib/", "platlib/")):
        return rest.partition("/")[2]
    return path


def overlapping(records: Mapping[NormalizedName, Iterable[Sequence[str]]]) -> Iterator[str]:
    """Tell which files of one distribution take the place of other ones of another, by the RECORD of each.

    Equal files are nobody's loss, and so are two that are both empty.
    """
    owners: dict[str, tuple[NormalizedName, str]] = {}
    found: dict[tuple[NormalizedName, NormalizedName], list[str]] = {}
    for name, rows in sorted(records.items()):
        for path, digest, *_ in rows:
            if path.startswith("../") or ".dist-info/" in path:
                continue
            owner, before = owners.setdefault(path, (name, digest))
            if owner != name and before != digest:
                found.setdefault((owner, name), []).append(path)
    for (owner, name), paths in sorted(found.items()):
        others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        yield f"{name} overwrites {paths[0]}{others} of {owner}: what is installed last counts"
