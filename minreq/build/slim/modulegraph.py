"""Find which modules a source references: by an import anywhere in it, or by a string that is a module's name.

Sources are searched by patterns, not parsed: thousands of files then take two seconds instead of forty. A match that is
no import, such as one in a docstring, only keeps a file that could go.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from minreq.build.slim.files import TreeFile, folder_of
from minreq.source.modulenames import resolve_dots, with_parents

#: Names in parentheses end at the closing one, whatever comments contain. Another opening one ends the match: so no
#: text can make the search slow.
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\((?:[^()#]*#[^\n]*\n)*[^()#]*\)|[^\n]*)|import[ \t]+([^\n]+))",
    re.MULTILINE,
)
#: A dotted name, or one that begins with a dot, as ``importlib.import_module`` takes it.
_STRING = re.compile(rb"[\"'](\.?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|\.[A-Za-z_]\w*)[\"']")
_ENTRY_POINTS = ".dist-info/entry_points.txt"
_COMMENT = re.compile(r"#[^\n]*")


class ModuleGraph:
    """The modules of a tree and the modules that each source references; a file is read once."""

    def __init__(self, files: Iterable[TreeFile]) -> None:
        #: By module. A source comes before an extension module of the same name, since it can be read.
        self.files: Mapping[str, TreeFile] = _files_by_module(files)
        self._in_folder: Mapping[str, Sequence[str]] = _modules_by_folder(self.files)
        self._referenced: dict[str, frozenset[str]] = {}

    def referenced_by(self, module: str) -> frozenset[str]:
        """Return the modules of this tree that *module* references, and the packages that contain them.

        A reference to a namespace package includes the modules in its folder, since code may look into it.
        """
        if module not in self._referenced:
            file = self.files[module]
            package = module if _is_package(file) else module.rpartition(".")[0]
            names = names_in_source(file.source.read_bytes(), package) if file.path.endswith(".py") else ()
            self._referenced[module] = frozenset(
                each for name in names for parent in with_parents(name) for each in self._modules_at(parent)
            )
        return self._referenced[module]

    def _modules_at(self, name: str) -> Sequence[str]:
        return (name,) if name in self.files else self._in_folder.get(name.replace(".", "/"), ())

    def reachable_from(self, paths: Iterable[str]) -> frozenset[str]:
        """Return all modules that have to be kept when the files *paths* are kept.

        A kept folder keeps all modules directly in it, and all modules that these reference. The top is no folder: each
        module there counts by itself.
        """
        by_path = {file.path: module for module, file in self.files.items()}
        found: set[str] = set()
        waiting = [by_path[path] for path in paths if path in by_path]
        while waiting:
            module = waiting.pop()
            if module in found:
                continue
            found.add(module)
            folder = folder_of(self.files[module].path)
            waiting += self._in_folder[folder] if folder else ()
            waiting += self.referenced_by(module) - found
        return frozenset(found)

    def aliases_of(self, kept: Collection[str]) -> frozenset[str]:
        """Return the modules of packages that are aliases of one in *kept*, as ``attrs`` is of ``attr``.

        Each module of such a package references a kept package of the same distribution.
        """
        owners: dict[str, set[str]] = defaultdict(set)
        for module in kept:
            owners[self.files[module].owner].add(module.partition(".")[0])
        others: dict[str, list[str]] = defaultdict(list)
        for module, file in self.files.items():
            top = module.partition(".")[0]
            if top not in owners.get(file.owner, {top}):
                others[top].append(module)
        return frozenset(
            module
            for modules in others.values()
            if all(self._tops_referenced_by(each) & owners[self.files[each].owner] for each in modules)
            for module in modules
        )

    def _tops_referenced_by(self, module: str) -> frozenset[str]:
        return frozenset(name.partition(".")[0] for name in self.referenced_by(module))


def names_in_source(source: bytes, package: str) -> Iterator[str]:
    """Yield the dotted names that *source* imports or has as strings; relative ones are resolved from *package*."""
    for origin, members, plain in _IMPORT.findall(source):
        if plain:
            yield from _first_words(_decode(plain))
            continue
        base = resolve_dots(_decode(origin), package)
        if not base:
            continue  # The dots lead out of the top package: such an import fails.
        yield base
        yield from (f"{base}.{name}" for name in _first_words(_decode(members).strip("()")))
    for text in _STRING.findall(source):
        name = _decode(text)
        yield f"{package}{name}" if name.startswith(".") else name


def read_entry_points(files: Iterable[TreeFile]) -> frozenset[str]:
    """Return the modules that the entry points of *files* name."""
    texts = (file.source.read_text("utf-8", "replace") for file in files if file.path.endswith(_ENTRY_POINTS))
    return frozenset(entry_point_modules(texts))


def entry_point_modules(texts: Iterable[str]) -> Iterator[str]:
    """Yield the modules that entry points name, given the *texts* of ``entry_points.txt``; commands do not count."""
    for text in texts:
        group = ""
        for line in text.splitlines():
            heading = re.match(r"\s*\[(?P<group>[^\]]+)\]", line)
            if heading:
                group = heading["group"].strip()
            elif "=" in line and group not in {"console_scripts", "gui_scripts"}:
                yield line.partition("=")[2].partition(":")[0].partition("[")[0].strip()


def _first_words(text: str) -> Iterator[str]:
    """Yield ``a`` and ``b`` of ``a, b as c  # d``."""
    for part in _COMMENT.sub("", text).split(","):
        if words := part.split():
            yield words[0].strip("()\\;")


def _files_by_module(files: Iterable[TreeFile]) -> Mapping[str, TreeFile]:
    found: dict[str, TreeFile] = {}
    for file in sorted(files, key=lambda file: (not file.path.endswith(".py"), file.path)):
        if (module := file.module) is not None and not file.is_metadata:
            found.setdefault(module, file)
    return found


def _modules_by_folder(files: Mapping[str, TreeFile]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for module, file in files.items():
        found[folder_of(file.path)].append(module)
    return dict(found)


def _is_package(file: TreeFile) -> bool:
    return Path(file.path).name.partition(".")[0] == "__init__"


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
