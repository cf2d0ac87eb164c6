"""Write the archives of cold files, their index, and the package that serves them; equal files give equal bytes.

An archive is a zip. Its last member is an index: for each file the offset, the packed and unpacked bytes, the begin of
its SHA-256, the method, and whether it is executable. ``index.json`` beside the archives has the SHA-256 of each index.
So every byte is checked before it is used, and no archive has to be read as a whole.
"""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.analyze.kinds import COLD_FOLDER as FOLDER
from minreq.build.slim.cold import ColdFile, ColdSelection, package_of

INDEX = f"{FOLDER}/index.json"
#: The member of an archive that lists the others.
INDEX_MEMBER = "minreq-cold.json"

#: The first hexadecimal digits of a SHA-256 that an index has; the package in the tree has the same number.
_DIGITS = 32
#: The oldest time that the format can hold.
_TIME = (1980, 1, 1, 0, 0, 0)
#: Shared objects and data of this many bytes are packed by LZMA: they get smaller by a quarter to a third than by
#: deflate. Sources would by 3 to 5% only.
_MIN_LZMA = 256 << 10
#: The bytes of the header of a member before its name (APPNOTE 4.3.7).
_HEADER = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdArchive:
    """An archive in a tree."""

    owner: NormalizedName
    #: The bytes of the archive.
    bytes: int
    sha256: str
    #: The cold files in it; the sum of their unpacked bytes.
    files: int
    unpacked: int


def write_cold_files(selection: ColdSelection, folder: Path, *, jobs: int) -> Mapping[str, ColdArchive]:
    """Write the archives of *selection* into the tree *folder*; return them by path."""
    by_owner: dict[NormalizedName, list[ColdFile]] = defaultdict(list)
    for each in selection.cold:
        by_owner[each.file.owner].append(each)
    folder.joinpath(FOLDER).mkdir()
    owners = sorted(by_owner)
    with ThreadPoolExecutor(jobs) as pool:
        written = pool.map(lambda owner: _write_archive(folder / FOLDER, owner, by_owner[owner]), owners)
        archives, facts = {}, {}
        for owner, (archive, index) in zip(owners, written, strict=True):
            archives[f"{FOLDER}/{owner}.zip"] = archive
            facts[owner] = {"file": f"{owner}.zip", "index": index}
    owners_in = _owners_by_package(selection)
    packages = {
        package: {"archives": sorted(owners_in[package]), "by_path": use.value}
        for package, use in selection.packages.items()
    }
    text = json.dumps({"archives": facts, "packages": packages}, separators=(",", ":"), sort_keys=True)
    folder.joinpath(INDEX).write_text(text + "\n", "utf-8")
    return archives


def write_runtime(folder: Path) -> tuple[str, ...]:
    """Write the package that serves cold files into the tree *folder*; return its sources."""
    found = []
    for source in resources.files("minreq.build.slim").joinpath(FOLDER).iterdir():
        if source.name.endswith(".py"):
            folder.joinpath(FOLDER, source.name).write_bytes(source.read_bytes())
            found.append(f"{FOLDER}/{source.name}")
    return tuple(sorted(found))


def _owners_by_package(selection: ColdSelection) -> Mapping[str, Collection[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for each in selection.cold:
        found[package_of(each.file.path, selection.packages) or ""].add(each.file.owner)
    return found


def _write_archive(
    folder: Path, owner: NormalizedName, files: Collection[ColdFile]
) -> tuple[ColdArchive, Sequence[object]]:
    """Write *files* into the archive of *owner*; return it, and the offset, the sizes and the SHA-256 of its index."""
    path = folder / f"{owner}.zip"
    index = {}
    with zipfile.ZipFile(path, "w") as archive:
        for each in files:
            content = each.file.source.read_bytes()
            info = _add_member(archive, each.file.path, content, executable=each.file.executable)
            digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
            index[each.file.path] = [*_place_of(info), digest, info.compress_type, int(each.file.executable)]
        text = json.dumps(index, separators=(",", ":")).encode()
        place = _place_of(_add_member(archive, INDEX_MEMBER, text))
    content = path.read_bytes()
    facts = ColdArchive(
        owner=owner,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        files=len(files),
        unpacked=sum(each.file.size for each in files),
    )
    return facts, [*place, hashlib.sha256(text).hexdigest()]


def _add_member(archive: zipfile.ZipFile, path: str, content: bytes, *, executable: bool = False) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(path, _TIME)
    info.create_system = 3  # Unix, wherever this runs.
    info.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    archive.writestr(info, content, _choose_method(path, content), 9)
    return info


def _choose_method(path: str, content: bytes) -> int:
    """Return the method to pack a file with: LZMA where it saves much, since it takes longer to unpack."""
    is_large = len(content) >= _MIN_LZMA and not path.endswith(".py")
    return zipfile.ZIP_LZMA if is_large else zipfile.ZIP_DEFLATED


def _place_of(info: zipfile.ZipInfo) -> tuple[int, int, int]:
    """Return the offset of the packed bytes of a member, their number, and the number of the unpacked bytes."""
    return info.header_offset + _HEADER + len(info.filename.encode()), info.compress_size, info.file_size
