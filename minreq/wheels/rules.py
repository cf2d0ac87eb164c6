"""Rules that every wheel must obey: its zip directory, its RECORD and its metadata are checked before it is unpacked.

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
from minreq.model.parsing import parse_version
from minreq.system import zipfiles

#: The largest metadata file that is read (RECORD, WHEEL, METADATA, entry points), in bytes.
MAX_METADATA = 64 << 20

_START_UP_MODULES = frozenset({"sitecustomize", "usercustomize"})
_START_UP_SUFFIXES = (".pth", ".start")
_START_UP = "it runs at every start of Python, without any import"
_SCHEMES = frozenset({"purelib", "platlib", "scripts", "headers", "data"})
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_IS_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelNotice:
    """Something that a wheel may do and the user should know."""

    path: str
    sentence: str
    #: Whether it is refused unless the user allows it for the distribution.
    start_up: bool = False


def check_directory(filename: str, entries: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Check the zip directory of the wheel *filename*, an archive of *size* bytes.

    Raises ``HostileWheel`` with the file and the rule.
    """
    try:
        zipfiles.check_entries(entries, size)
    except zipfiles.ArchiveRefused as refused:
        raise HostileWheel(filename, refused.path, refused.why) from None
    paths = []
    for entry in entries:
        _check_entry(filename, entry)
        if not entry.is_dir():
            paths.append(entry.filename)
            _check_place(filename, entry.filename)
    for path, number in Counter(installed_path(path) for path in paths).items():
        if number > 1:
            raise HostileWheel(
                filename, path, "it is there more than once, and chance decides which of them is installed"
            )


def _check_entry(filename: str, entry: zipfile.ZipInfo) -> None:
    """Refuse a path that leads elsewhere on some system, and an entry that is no regular file."""
    # The raw name: zipfile cuts it at a NUL, and systems differ in what separates folders.
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
        raise HostileWheel(filename, path, "its compression method is not allowed in a wheel")


def _check_place(filename: str, path: str) -> None:
    """Refuse a file that would replace a part of Python or of the environment."""
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
        raise HostileWheel(filename, path, "it would overwrite files of the environment")
    if scheme not in {"purelib", "platlib"}:
        _check_start_up_names(filename, path, place)


def _check_start_up_names(filename: str, path: str, place: str) -> None:
    """Refuse files of start-up outside of ``site-packages``: no program needs them there, and Python may find them."""
    for part in PurePosixPath(place.lower()).parts:
        if part.partition(".")[0] in _START_UP_MODULES or is_start_up_file(part):
            raise HostileWheel(filename, path, _START_UP)
        if part == "pyvenv.cfg" or part.endswith("._pth"):
            raise HostileWheel(filename, path, "it decides where Python looks for modules")


def _check_script(filename: str, path: str, name: str) -> None:
    if "/" in name or "\\" in name or name in {"", ".", ".."}:
        raise HostileWheel(filename, path, f"the script {name!r} would lie outside of the folder of scripts")
    if name.lower().startswith(("python", "pypy")) and name.lower().removesuffix(".exe").rstrip("0123456789.w") in {
        "python",
        "pypy",
    }:
        raise HostileWheel(filename, path, f"the script {name!r} would take the place of the interpreter")


def _is_of_environment(place: str) -> bool:
    """Whether a path below the prefix belongs to an interpreter, or to modules that it finds."""
    first, second, *_ = (*PurePosixPath(place.lower()).parts, "", "")
    if first in {"bin", "scripts"}:
        return second.startswith(("python", "pypy"))
    if first in {"lib", "lib64"}:
        # `lib/python3.12/os.py`, or `Lib/os.py` on Windows.
        return second.startswith(("python", "pypy")) or second.partition(".")[0] in sys.stdlib_module_names
    return first in {"dlls", "pyvenv.cfg"} or not {"site-packages", "dist-packages"}.isdisjoint(
        place.lower().split("/")
    )


def find_notices(paths: Iterable[str]) -> Iterator[WheelNotice]:
    """Yield notices on what is allowed and unusual among the *paths* that a wheel installs into ``site-packages``."""
    spellings: dict[str, str] = {}
    shadows = set()
    for name in paths:
        if "/" not in name and is_start_up_file(name):
            yield WheelNotice(path=name, sentence=f"lines of it run: {_START_UP}", start_up=True)
        top = name.partition("/")[0].partition(".")[0]
        is_module = "/" in name or name.endswith((".py", ".so", ".pyc"))
        if is_module and top in sys.stdlib_module_names and top not in shadows and not name.endswith(".dist-info"):
            shadows.add(top)
            yield WheelNotice(path=name, sentence=f"it has the name of the standard library's {top}, which comes first")
        other = spellings.setdefault(name.casefold(), name)
        if other != name:
            yield WheelNotice(path=name, sentence=f"where case does not count it takes the place of {other}")


def is_start_up_file(name: str) -> bool:
    """Whether a file *name* at the top of ``site-packages`` runs at every start of Python, if nobody empties it."""
    return name.endswith(_START_UP_SUFFIXES)


def check_start_up(filename: str, name: str, notices: Iterable[WheelNotice]) -> None:
    """Refuse a file that runs at every start of Python; raises ``HostileWheel`` with the option that allows it."""
    for notice in notices:
        if notice.start_up:
            rule = f"{notice.sentence}; to allow it, use --allow-pth {name}"
            raise HostileWheel(filename, notice.path, rule)


def check_record(filename: str, paths: Iterable[str], record: Iterable[Sequence[str]], *, folder: str) -> None:
    """Refuse a RECORD that does not list every file of the wheel with a hash, or that lists a missing file.

    *record* has its rows: path, hash, size. *folder* is the ``.dist-info`` folder. Raises ``HostileWheel``.
    """
    rows: dict[str, Sequence[str]] = {}
    for row in record:
        if len(row) != 3:  # noqa: PLR2004 - The format's three columns.
            raise HostileWheel(filename, "RECORD", f"its line {','.join(row)[:80]!r} does not have three columns")
        if row[0] in rows:
            raise HostileWheel(filename, row[0], "RECORD lists it twice")
        rows[row[0]] = row
    present = set(paths)
    for path in sorted(present):
        if path in {f"{folder}/RECORD", f"{folder}/RECORD.jws", f"{folder}/RECORD.p7s"}:
            continue
        if path not in rows:
            raise HostileWheel(filename, path, "RECORD does not list it")
        algorithm = rows[path][1].partition("=")[0]
        if algorithm not in {"sha256", "sha384", "sha512"}:
            raise HostileWheel(filename, path, f"RECORD has no SHA-256 or stronger hash of it ({algorithm or 'none'})")
    for path in sorted(rows.keys() - present):
        if "/__pycache__/" not in path and not path.endswith(("RECORD", "/")):
            raise HostileWheel(filename, path, "RECORD lists it, and it is not there")


def check_metadata(filename: str, path: str, text: str, *, name: NormalizedName, version: Version) -> None:
    """Refuse METADATA at *path* when it names another project or version than the file name.

    Raises ``HostileWheel``.
    """
    headers = HeaderParser().parsestr(text)
    in_metadata = str(headers.get("Name", "")), str(headers.get("Version", ""))
    try:
        same = canonicalize_name(in_metadata[0]) == name and parse_version(in_metadata[1]) == version
    except InvalidVersion:
        same = False
    if not same:
        raise HostileWheel(filename, path, f"METADATA says that it is {' '.join(in_metadata).strip() or 'nothing'}")


def check_entry_points(filename: str, path: str, text: str) -> None:
    """Refuse entry points that would install a script outside its folder or replace the interpreter."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # Names are case-sensitive (entry points specification).
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise HostileWheel(filename, path, f"it cannot be read: {str(error).splitlines()[0]}") from error
    for section in ("console_scripts", "gui_scripts"):
        for name in parser[section] if parser.has_section(section) else ():
            _check_script(filename, path, name)


def installed_path(path: str) -> str:
    """Return the place in ``site-packages`` of *path* in a wheel: ``x-1.data/purelib/y`` is ``y``."""
    first, _, rest = path.partition("/")
    if first.endswith(".data") and rest.startswith(("purelib/", "platlib/")):
        return rest.partition("/")[2]
    return path


def describe_overlaps(records: Mapping[NormalizedName, Iterable[Sequence[str]]]) -> Iterator[str]:
    """Yield a sentence for each pair of distributions with files at the same path, by the RECORD of each.

    *records* are in the order in which pip installs them with all that they require. From a lock without dependencies
    pip installs the first name last. Files with equal contents do no harm and are not reported.
    """
    owners: dict[str, tuple[NormalizedName, str]] = {}
    found: dict[tuple[NormalizedName, NormalizedName], list[str]] = {}
    for name, rows in records.items():
        for path, digest, *_ in rows:
            if path.startswith("../") or ".dist-info/" in path:
                continue
            owner, before = owners.setdefault(path, (name, digest))
            if owner != name and before != digest:
                found.setdefault((owner, name), []).append(path)
    for (owner, name), paths in sorted(found.items()):
        others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        advice = f"; from the lock, pip installs {owner} last, so reinstall {name} after it" if owner < name else ""
        yield f"{name} overwrites {paths[0]}{others} of {owner}: what is installed last counts{advice}"
