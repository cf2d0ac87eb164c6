"""Search the sources of a tree for code that finds its own folder, and what it does with the Python files in it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from packaging.utils import NormalizedName

from minreq.build.slim.files import TreeFile

#: How code finds the folder of a package; most sources have none of these words, which are found faster.
_PLACE_WORDS = (b"__file__", b"__path__", b".origin", b"getfile(", b"getsourcefile(", b"resource_")
_PLACE = re.compile(rb"__file__|__path__|\.origin\b|\bgetfile\(|\bgetsourcefile\(|\bresource_(?:filename|listdir)")
#: How code reads or lists the sources in it.
_READS_SOURCES = re.compile(
    rb"\b(?:listdir|scandir|i?glob|rglob|iterdir|walk)\(|(?:open|stat|getmtime|getsize|exists|isfile)\(\s*__file__"
    rb"|Path\(__file__\)\.|\.py[\"']|spec_from_file_location|run_path"
)
#: The module whose path it asks for: ``app`` of ``app.__file__``.
_MODULE = re.compile(rb"(\w+)\.__")
#: How code starts another Python, and names a program for it.
_STARTS_PYTHON = b"sys.executable"
_PROGRAM = re.compile(rb"([\w-]+\.py)[\"']")


@dataclass(frozen=True, slots=True, kw_only=True)
class PathCode:
    """A source that finds the folder of a package."""

    file: TreeFile
    #: Names before ``.__file__`` and the like.
    modules: frozenset[str]
    reads_sources: bool
    #: If it starts Python: its own name, and the names of Python files that it has.
    programs: frozenset[str]


def find_path_code(files: Iterable[TreeFile]) -> Iterator[PathCode]:
    """Yield the sources among *files* that find the folder of a package."""
    for file in files:
        source = file.source.read_bytes() if file.path.endswith(".py") else b""
        if not any(word in source for word in _PLACE_WORDS) or not _PLACE.search(source):
            continue
        programs = {_decode(name) for name in _PROGRAM.findall(source)} | {file.path.rpartition("/")[2]}
        yield PathCode(
            file=file,
            modules=frozenset(_decode(name) for name in _MODULE.findall(source)),
            reads_sources=_READS_SOURCES.search(source) is not None,
            programs=frozenset(programs if _STARTS_PYTHON in source else ()),
        )


def find_programs(files: Iterable[TreeFile], found: Collection[PathCode]) -> frozenset[str]:
    """Return the paths of the Python files that a source of the same distribution may start as a program."""
    names: dict[NormalizedName, set[str]] = defaultdict(set)
    for each in found:
        names[each.file.owner] |= each.programs
    return frozenset(file.path for file in files if file.path.rpartition("/")[2] in names[file.owner])


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
