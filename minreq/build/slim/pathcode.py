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
#: How code finds the folder of any module that it has: ``module.__file__``.
_OTHER_PLACE = re.compile(rb"[\w\])]\.__(?:file|path)__|\.origin\b|\bgetfile\(|\bgetsourcefile\(|\bresource_")
#: How code reads or lists the sources in it, or looks whether there are any.
_READS_SOURCES = re.compile(
    rb"\b(?:listdir|scandir|i?glob|rglob|iterdir|walk|exists|is_?dir|is_?file)\("
    rb"|(?:open|stat|getmtime|getsize)\(\s*__file__|Path\(__file__\)\.|\.py[\"']|spec_from_file_location|run_path"
)
#: How code starts another Python, and names a program for it.
_STARTS_PYTHON = b"sys.executable"
_PROGRAM = re.compile(rb"([\w-]+\.py)[\"']")


@dataclass(frozen=True, slots=True, kw_only=True)
class PathCode:
    """A source that finds the folder of a package."""

    file: TreeFile
    #: Whether the package may be any other.
    finds_others: bool
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
            finds_others=_OTHER_PLACE.search(source) is not None,
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
