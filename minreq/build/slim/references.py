"""Which modules the source of others names: an import anywhere in it, or a string that is a module's name.

Read by patterns, not parsed: thousands of files take two seconds instead of forty, and what is no import after all, in
a docstring for one, only keeps a file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from minreq.build.slim.leaves import Leaf, folder_of

#: Names in parentheses end where those do, whatever comments say; another that opens ends the search, so that a text
#: made to be slow takes no longer than others.
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\((?:[^()#]*#[^\n]*\n)*[^()#]*\)|[^\n]*)|import[ \t]+([^\n]+))",
    re.MULTILINE,
)
#: A dotted name, or one that begins with a dot, as ``importlib.import_module`` takes it.
_STRING = re.compile(rb"[\"'](\.?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|\.[A-Za-z_]\w*)[\"']")
_COMMENT = re.compile(r"#[^\n]*")


class Sources:
    """The modules of a tree, each with the names that its source mentions; a file is read once."""

    def __init__(self, leaves: Iterable[Leaf]) -> None:
        #: Source before extension modules of the same name: it can be read.
        self.files: Mapping[str, Leaf] = _by_module(leaves)
        self._in_folder: Mapping[str, Sequence[str]] = _by_folder(self.files)
        self._named: dict[str, frozenset[str]] = {}

    def named(self, module: str) -> frozenset[str]:
        """Return the modules of this tree that *module* names, with the packages they lie in.

        Who names a namespace package looks into it: what lies in its folder is named too.
        """
        if module not in self._named:
            leaf = self.files[module]
            package = module if _is_package(leaf) else module.rpartition(".")[0]
            names = names_in(leaf.source.read_bytes(), package) if leaf.path.endswith(".py") else ()
            self._named[module] = frozenset(
                each for name in names for parent in _with_parents(name) for each in self._found_at(parent)
            )
        return self._named[module]

    def _found_at(self, name: str) -> Sequence[str]:
        return (name,) if name in self.files else self._in_folder.get(name.replace(".", "/"), ())

    def reached(self, paths: Iterable[str]) -> frozenset[str]:
        """Return the modules of all folders that have to stay if the files *paths* do.

        A folder that stays, stays with all modules directly in it, and so does whatever they name. The top is no
        folder: of it each module counts for itself.
        """
        by_path = {leaf.path: module for module, leaf in self.files.items()}
        found: set[str] = set()
        waiting = [by_path[path] for path in paths if path in by_path]
        while waiting:
            module = waiting.pop()
            if module in found:
                continue
            found.add(module)
            folder = folder_of(self.files[module].path)
            waiting += self._in_folder[folder] if folder else ()
            waiting += self.named(module) - found
        return frozenset(found)


def names_in(source: bytes, package: str) -> Iterator[str]:
    """Yield the dotted names that *source* imports or mentions, absolute; *package* is what relative ones refer to."""
    for origin, members, plain in _IMPORT.findall(source):
        if plain:
            yield from _first_words(_text(plain))
            continue
        base = _absolute(_text(origin), package)
        yield base
        yield from (f"{base}.{name}" for name in _first_words(_text(members).strip("()")))
    for text in _STRING.findall(source):
        name = _text(text)
        yield f"{package}{name}" if name.startswith(".") else name


def _first_words(text: str) -> Iterator[str]:
    """``a, b as c  # d`` as ``a`` and ``b``."""
    for part in _COMMENT.sub("", text).split(","):
        if words := part.split():
            yield words[0].strip("()\\;")


def _absolute(name: str, package: str) -> str:
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    parts = package.split(".")
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, name[level:]] if name[level:] else base)


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _by_module(leaves: Iterable[Leaf]) -> Mapping[str, Leaf]:
    found: dict[str, Leaf] = {}
    for leaf in sorted(leaves, key=lambda leaf: (not leaf.path.endswith(".py"), leaf.path)):
        if (module := leaf.module) is not None and not leaf.is_metadata:
            found.setdefault(module, leaf)
    return found


def _by_folder(files: Mapping[str, Leaf]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for module, leaf in files.items():
        found[folder_of(leaf.path)].append(module)
    return dict(found)


def _is_package(leaf: Leaf) -> bool:
    return Path(leaf.path).name.partition(".")[0] == "__init__"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
