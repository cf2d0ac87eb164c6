"""The files that may call functions, searched by their text before they are parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from minreq.exposure.callparser import CallFacts, NameUse, last_part

#: After a name: ``as other``.
_RENAMED = re.compile(rb"[ \t]+as[ \t]+(\w+)")
_ASSIGNED = re.compile(rb"[ \t]*(\w+)[ \t]*(?::[^=]*)?=[ \t]*(?:\w+\.)*(\w+)[ \t\r]*$")
_CLASS_HEADER = re.compile(rb"^[ \t]*class[ \t]+\w+[ \t]*\(([^)]*)", re.MULTILINE)


class SourceFiles:
    """The files that may call functions: what their lines import, their bytes, and their parsed calls.

    *imports* has for each file the modules and names that its lines import (``a``, ``a.b`` for ``from a import b``).
    """

    def __init__(
        self,
        imports: Mapping[str, Iterable[str]],
        read: Callable[[str], bytes],
        parse: Callable[[Iterable[str]], Mapping[str, CallFacts]],
    ) -> None:
        self._files = frozenset(imports)
        self._read = read
        self._parse = parse
        self._sources: dict[str, bytes] = {}
        self._facts: dict[str, CallFacts] = {}
        self._uses: dict[str, dict[str, list[NameUse]]] = {}
        self._base_words: dict[str, frozenset[str]] = {}
        self._aliases_of: dict[str, frozenset[bytes]] = {}
        self._importers: dict[str, set[str]] = {}
        for file, names in imports.items():
            for name in names:
                self._importers.setdefault(name, set()).add(file)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def calls(self, file: str) -> CallFacts:
        """The calls of *file*."""
        if file not in self._facts:
            self.parse([file])
        return self._facts[file]

    def parse(self, files: Iterable[str]) -> None:
        """Parse *files*, several at once."""
        new = {*files} - self._facts.keys()
        if new:
            self._facts.update(self._parse(sorted(new)))

    def uses(self, file: str, names: frozenset[str] | None) -> Iterator[NameUse]:
        """The uses in *file* whose paths end with one of *names*; all for ``None``."""
        if names is None:
            yield from self.calls(file).uses
            return
        if file not in self._uses:
            self._uses[file] = {}
            for use in self.calls(file).uses:
                self._uses[file].setdefault(last_part(use.path), []).append(use)
        for name in sorted(names & self._uses[file].keys()):
            yield from self._uses[file][name]

    def importing(self, name: str) -> frozenset[str]:
        """The files whose lines import the module or the name *name*."""
        return frozenset(self._importers.get(name, ()))

    def with_attribute(self, module: str, name: str) -> Iterator[str]:
        """The files that import *module* and seem to use *name* of it: ``module.name``, or below another name."""
        text, last = f".{name}".encode(), module.rpartition(".")[2].encode()
        pattern = re.compile(rb"(?<!\w)(\w{1,80})" + re.escape(text) + rb"(?!\w)")
        for file in self.importing(module):
            source = self.source(file)
            # Most files do not have the text, and a plain search is much faster than the pattern.
            place = source.find(text)
            objects = set()
            while place != -1:
                if found := pattern.search(source, max(place - 80, 0), place + len(text) + 1):
                    objects.add(found[1])
                place = source.find(text, place + 1)
            if last in objects or not objects.isdisjoint(self._aliases(file)):
                yield file

    def _aliases(self, file: str) -> frozenset[bytes]:
        """The names that *file* gives to what it imports, and to other things, with ``as``."""
        if file not in self._aliases_of:
            self._aliases_of[file] = frozenset(re.findall(rb"\sas[ \t]+(\w+)", self.source(file)))
        return self._aliases_of[file]

    def base_words(self, file: str) -> frozenset[str]:
        """The words among the bases of the classes of *file*."""
        if file not in self._base_words:
            headers = b" ".join(_CLASS_HEADER.findall(self.source(file)))
            self._base_words[file] = frozenset(re.findall(r"\w+", headers.decode("utf-8", "replace")))
        return self._base_words[file]

    def other_names(self, file: str, name: str) -> frozenset[str]:
        """The names that *file* seems to give to what it knows as *name*: ``name as other``, ``other = name``."""
        source, word = self.source(file), name.encode()
        found = set()
        place = source.find(word)
        while place != -1:
            end = place + len(word)
            line = source[source.rfind(b"\n", 0, place) + 1 : source.find(b"\n", end) % (len(source) + 1)]
            match = _RENAMED.match(source, end) or _ASSIGNED.match(line)
            if match and (match.lastindex == 1 or match[2] == word):
                found.add(match[1].decode("utf-8", "replace"))
            place = source.find(word, end)
        return frozenset(found) - {name}

    def has_word(self, file: str, word: str) -> bool:
        """Whether *word* is in *file*."""
        source = self.source(file)
        return word.encode() in source and bool(re.search(rb"(?<!\w)%s(?!\w)" % word.encode(), source))

    def source(self, file: str) -> bytes:
        """The content of *file*."""
        if file not in self._sources:
            self._sources[file] = self._read(file)
        return self._sources[file]
