"""Order the distributions that a set lacks by how likely one of them is the cause of a fault; nothing runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from packaging.utils import NormalizedName

from minreq.minimize.compare import Deviation
from minreq.minimize.runner import SmokeRunner
from minreq.wheels.unpacking import read_record

#: Characters of a text that are read; what matters is at its begin and at its end.
_MAX_TEXT = 20_000
_WORD = re.compile(r"\w+")
#: Shorter names are words of any text.
_MIN_WORD = 3
#: Names of files and folders that many wheels have.
_COMMON = frozenset({"__init__", "__main__", "bin", "data", "include", "lib", "share", "tests", "utils", "version"})


@dataclass(frozen=True, slots=True)
class Suspects:
    """The distributions that are absent from a set, which has those *present*."""

    runner: SmokeRunner
    present: Collection[NormalizedName]
    #: Likely for another reason than a text.
    likely: Collection[NormalizedName] = ()

    def order(
        self, absent: Collection[NormalizedName], text: str, missing_modules: Collection[str]
    ) -> list[NormalizedName]:
        """Return those *absent*, the likeliest first, by the *text* of a fault and the modules that it names.

        First come the owners of *missing_modules*, then those with a name or a file in *text*, then those that are
        likely, then those that a present distribution requires.
        """
        closure = self.runner.closure
        owners = {owner for module in missing_modules for owner in closure.import_map.owners.get(module, ())}
        required = {each for name in self.present for each in closure.resolution.requires.get(name, ())}
        shown = text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT // 2] + text[-_MAX_TEXT // 2 :]
        shown = normalize_spelling(shown)
        words = frozenset(_WORD.findall(shown))

        def key(name: NormalizedName) -> tuple[bool, int, bool, bool, str]:
            names = (each for each in self._names(name) if each in words or ("/" in each and each in shown))
            longest = max(map(len, names), default=0)
            return name not in owners, -longest, name not in self.likely, name not in required, name

        return sorted(absent, key=key)

    def _names(self, name: NormalizedName) -> Iterator[str]:
        """Yield by what names a text may refer to *name*: its own, and those of its files, modules and scripts."""
        yield normalize_spelling(name)
        tree, _ = self.runner.closure.unpack_tree(name)
        for path, *_ in read_record(tree / "lib"):
            parts = [part for part in normalize_spelling(path).split("/") if part != ".."]
            if ".dist_info" in parts[0]:
                continue
            yield "/".join(parts)
            for part in parts:
                stem = part.partition(".")[0]
                if len(stem) >= _MIN_WORD and stem not in _COMMON:
                    yield stem


def text_of_deviation(deviation: Deviation) -> str:
    """Return all that two runs show about *deviation*."""
    return f"{deviation.first}\n{deviation.second}"


def normalize_spelling(text: str) -> str:
    """Return *text* in one spelling: names of distributions, modules and files are spelt in many ways."""
    return text.lower().replace("-", "_")
