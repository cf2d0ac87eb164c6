"""List the files of a tree, each with its distribution and its kind; reads the container and runs nothing."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.parser import HeaderParser

from packaging.requirements import InvalidRequirement
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from minreq.analyze.containers import Container
from minreq.analyze.kinds import (
    BUILD_DESCRIPTION,
    COLD_FOLDER,
    LAZY_MODULE,
    REPORTING_MODULE,
    Kind,
    is_shared_object,
    kind_of,
)
from minreq.analyze.sharedobjects import symbol_bytes
from minreq.model.parsing import parse_requirement

#: The owners of files that no distribution owns.
INTERPRETER = "(interpreter)"
STANDARD_LIBRARY = "(standard library)"
NOBODY = "(nobody)"
#: Files that describe a build of minreq.
BUILD = "(minreq build)"

#: ``x-1.0.dist-info/METADATA`` or ``x.egg-info/PKG-INFO``, at the end of a path.
_METADATA = re.compile(r"(?:^|.*/)(?P<folder>[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO))$")
#: The folder with ``python3.12/os.py`` is a standard library.
_STANDARD_LIBRARY = re.compile(r"(?P<folder>(?:.*/)?python3\.\d+)/os\.py$")
_BUILD = re.compile(
    rf"(?:.*/)?(?:(?:__pycache__/)?(?:{REPORTING_MODULE}|{LAZY_MODULE})\.(?:[^/]+\.)?pyc?|{re.escape(BUILD_DESCRIPTION)}"
    rf"|{COLD_FOLDER}/(?:index\.json|(?:__pycache__/)?[^/]+\.pyc?))$"
)
_INTERPRETER = re.compile(r"(?:.*/)?(?:bin/(?:python|pip|idle|pydoc)[\d.]*|libpython3[\d.]*(?:\.so|\.a)[\d.]*)$")
_COMPILED = re.compile(r"__pycache__/(?P<stem>[^/]+?)\.[a-z]+-\d+(?:\.opt-\d)?\.pyc$")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """A file of a tree."""

    path: str
    #: Unpacked bytes.
    size: int
    kind: Kind
    #: The metadata folder of its distribution, or one of the owners in brackets.
    owner: str
    #: The bytes of debug symbols in *size*.
    symbols: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledDistribution:
    """A distribution in a tree."""

    #: The folder of its metadata; two distributions of one name differ in it.
    key: str
    name: NormalizedName
    version: str
    #: The projects it requires, without extras. Markers are not evaluated: the tree may be for another machine.
    requires: frozenset[NormalizedName]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The files and distributions of a tree."""

    #: Sorted by path.
    entries: tuple[FileEntry, ...]
    #: By key, sorted by name.
    distributions: Mapping[str, InstalledDistribution]


def take_inventory(container: Container) -> Inventory:
    """List the files of *container*; nothing in it is run. Raises `TreeUnreadable`."""
    sizes = container.sizes
    distributions, owners = _find_distributions(container)
    libraries = tuple(f"{match['folder']}/" for path in sizes if (match := _STANDARD_LIBRARY.match(path)))
    entries = []
    for path, size in sizes.items():
        kind = kind_of(path)
        symbols = 0
        if is_shared_object(path.rpartition("/")[2]):
            with container.open(path) as stream:
                symbols = symbol_bytes(stream)
        owner = owners.get(path) or _owner_of_compiled(path, owners) or _owner_by_place(path, libraries)
        entries.append(FileEntry(path=path, size=size, kind=kind, owner=owner, symbols=min(symbols, size)))
    return Inventory(entries=tuple(entries), distributions=distributions)


def _find_distributions(container: Container) -> tuple[Mapping[str, InstalledDistribution], Mapping[str, str]]:
    """Return the distributions by key, and for each recorded file the key of its distribution."""
    found: dict[str, InstalledDistribution] = {}
    owners: dict[str, str] = {}
    # Outer folders first: metadata that a distribution has vendored is a file of this distribution.
    for path in sorted((path for path in container.sizes if _METADATA.match(path)), key=lambda path: path.count("/")):
        if path in owners:
            continue
        folder = posixpath.dirname(path)
        installed = _read_distribution(folder, container.read(path))
        if installed is None:
            continue
        found[folder] = installed
        for file in _recorded_files(container, folder):
            owners.setdefault(file, folder)
    ordered = sorted(found.values(), key=lambda each: (each.name, each.version, each.key))
    return {each.key: each for each in ordered}, owners


def _read_distribution(folder: str, metadata: bytes) -> InstalledDistribution | None:
    headers = HeaderParser().parsestr(metadata.decode("utf-8", "replace"))
    try:
        name = canonicalize_name(headers.get("Name", ""), validate=True)
    except InvalidName:
        return None
    requires = frozenset(_required_projects(headers.get_all("Requires-Dist", [])))
    return InstalledDistribution(key=folder, name=name, version=headers.get("Version", "?"), requires=requires)


def _required_projects(texts: Iterable[str]) -> Iterator[NormalizedName]:
    for text in texts:
        try:
            requirement = parse_requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or "extra" not in str(requirement.marker):
            yield canonicalize_name(requirement.name)


def _recorded_files(container: Container, folder: str) -> Iterator[str]:
    """Yield the files of the distribution whose metadata is in *folder*, by its metadata."""
    root = posixpath.dirname(folder)
    sizes = container.sizes
    record, listed = f"{folder}/RECORD", f"{folder}/installed-files.txt"
    yield from (path for path in sizes if path.startswith(f"{folder}/"))
    if record in sizes:
        # What is no CSV from some line on, lists nothing there.
        with suppress(csv.Error):
            for row in csv.reader(io.StringIO(container.read(record).decode("utf-8", "replace"))):
                if row:
                    yield _join_path(root, row[0])
    elif listed in sizes:
        for line in container.read(listed).decode("utf-8", "replace").splitlines():
            yield _join_path(folder, line)
    elif f"{folder}/top_level.txt" in sizes:
        for top in container.read(f"{folder}/top_level.txt").decode("utf-8", "replace").split():
            place = _join_path(root, top)
            yield from (path for path in sizes if path.startswith(f"{place}/") or path == f"{place}.py")


def _join_path(root: str, path: str) -> str:
    """Return the path in the tree of *path* in a record below *root*; it may lead out of it: ``../../../bin/x``."""
    return posixpath.normpath(posixpath.join(root, path))


def _owner_of_compiled(path: str, owners: Mapping[str, str]) -> str | None:
    """Return the distribution of the source of a compiled file that no record lists."""
    return owners.get(_COMPILED.sub(lambda match: f"{match['stem']}.py", path))


def _owner_by_place(path: str, libraries: tuple[str, ...]) -> str:
    if _INTERPRETER.match(path) or path.endswith("pyvenv.cfg"):
        return INTERPRETER
    if path.startswith(libraries) and "site-packages/" not in path:
        return STANDARD_LIBRARY
    return BUILD if _BUILD.match(path) else NOBODY
