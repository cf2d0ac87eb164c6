"""What a tree holds: each file with its distribution and its kind. Pure but for the container that is read."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from minreq.analyze.containers import Container
from minreq.analyze.kinds import Kind, is_shared_object, kind_of
from minreq.analyze.symbols import symbol_bytes

#: Owners of what no distribution owns.
INTERPRETER = "(interpreter)"
STANDARD_LIBRARY = "(standard library)"
NOBODY = "(nobody)"
#: What a build says of itself.
BUILD = "(minreq build)"

#: ``x-1.0.dist-info/METADATA`` or ``x.egg-info/PKG-INFO``, at the end of a path.
_METADATA = re.compile(r"(?:^|.*/)(?P<folder>[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO))$")
#: ``python3.12/os.py`` tells where a standard library lies.
_STANDARD_LIBRARY = re.compile(r"(?P<folder>(?:.*/)?python3\.\d+)/os\.py$")
_BUILD = re.compile(r"(?:.*/)?(?:_minreq_build\.py|minreq-build\.json)$")
_INTERPRETER = re.compile(r"(?:.*/)?(?:bin/(?:python|pip|idle|pydoc)[\d.]*|libpython3[\d.]*(?:\.so|\.a)[\d.]*)$")
_COMPILED = re.compile(r"__pycache__/(?P<stem>[^/]+?)\.[a-z]+-\d+(?:\.opt-\d)?\.pyc$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file."""

    path: str
    #: Unpacked bytes.
    size: int
    kind: Kind
    #: The folder of the metadata of the distribution it belongs to, or one of the names in brackets.
    owner: str
    #: Of *size*, what is debug symbols.
    symbols: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A distribution in a tree."""

    #: The folder of its metadata, which tells two of one name apart.
    key: str
    name: NormalizedName
    version: str
    #: The projects it requires, extras aside; markers are not evaluated, since the tree may be for another machine.
    requires: frozenset[NormalizedName]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Everything in a tree."""

    #: Sorted by path.
    entries: tuple[Entry, ...]
    #: By key, sorted by name.
    distributions: Mapping[str, Installed]


def take(container: Container) -> Inventory:
    """Read what *container* holds; nothing of it is run. Raises `TreeUnreadable`."""
    sizes = container.sizes
    distributions, owners = _distributions(container)
    libraries = tuple(f"{match['folder']}/" for path in sizes if (match := _STANDARD_LIBRARY.match(path)))
    entries = []
    for path, size in sizes.items():
        kind = kind_of(path)
        symbols = symbol_bytes(container.read(path)) if is_shared_object(path.rpartition("/")[2]) else 0
        owner = owners.get(path) or _owner_of_compiled(path, owners) or _other(path, libraries)
        entries.append(Entry(path=path, size=size, kind=kind, owner=owner, symbols=min(symbols, size)))
    return Inventory(entries=tuple(entries), distributions=distributions)


def _distributions(container: Container) -> tuple[Mapping[str, Installed], Mapping[str, str]]:
    """The distributions by key, and the key of each file that one of them records."""
    found: dict[str, Installed] = {}
    owners: dict[str, str] = {}
    # The shortest first: what a distribution has vendored, metadata and all, is a file of that distribution.
    for path in sorted((path for path in container.sizes if _METADATA.match(path)), key=lambda path: path.count("/")):
        if path in owners:
            continue
        folder = posixpath.dirname(path)
        installed = _installed(folder, container.read(path))
        if installed is None:
            continue
        found[folder] = installed
        for file in _recorded(container, folder):
            owners.setdefault(file, folder)
    ordered = sorted(found.values(), key=lambda each: (each.name, each.version, each.key))
    return {each.key: each for each in ordered}, owners


def _installed(folder: str, metadata: bytes) -> Installed | None:
    headers = HeaderParser().parsestr(metadata.decode("utf-8", "replace"))
    try:
        name = canonicalize_name(headers.get("Name", ""), validate=True)
    except InvalidName:
        return None
    requires = frozenset(_requirements(headers.get_all("Requires-Dist", [])))
    return Installed(key=folder, name=name, version=headers.get("Version", "?"), requires=requires)


def _requirements(texts: Iterable[str]) -> Iterator[NormalizedName]:
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or "extra" not in str(requirement.marker):
            yield canonicalize_name(requirement.name)


def _recorded(container: Container, folder: str) -> Iterator[str]:
    """The files of the distribution with its metadata in *folder*, as far as they are there."""
    root = posixpath.dirname(folder)
    sizes = container.sizes
    record, listed = f"{folder}/RECORD", f"{folder}/installed-files.txt"
    yield from (path for path in sizes if path.startswith(f"{folder}/"))
    if record in sizes:
        for row in csv.reader(io.StringIO(container.read(record).decode("utf-8", "replace"))):
            if row:
                yield _joined(root, row[0])
    elif listed in sizes:
        for line in container.read(listed).decode("utf-8", "replace").splitlines():
            yield _joined(folder, line)
    elif f"{folder}/top_level.txt" in sizes:
        for top in container.read(f"{folder}/top_level.txt").decode("utf-8", "replace").split():
            place = _joined(root, top)
            yield from (path for path in sizes if path.startswith(f"{place}/") or path == f"{place}.py")


def _joined(root: str, path: str) -> str:
    """*path* of a record, which may lead out of *root*: ``../../../bin/x``. A wheel's own are below ``x.data``."""
    return posixpath.normpath(posixpath.join(root, path))


def _owner_of_compiled(path: str, owners: Mapping[str, str]) -> str | None:
    """Compiled files that nobody recorded belong to their source's distribution."""
    return owners.get(_COMPILED.sub(lambda match: f"{match['stem']}.py", path))


def _other(path: str, libraries: tuple[str, ...]) -> str:
    if _INTERPRETER.match(path) or path.endswith("pyvenv.cfg"):
        return INTERPRETER
    if path.startswith(libraries) and "site-packages/" not in path:
        return STANDARD_LIBRARY
    return BUILD if _BUILD.match(path) else NOBODY
