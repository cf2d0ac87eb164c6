"""Order the distributions that a set lacks by how likely one of them is behind what a run did otherwise; no run."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from packaging.utils import NormalizedName

from minreq.minimize.runner import SmokeRunner
from minreq.wheels.unpacking import read_record

#: Characters of a text that are read; what matters is at its begin and at its end.
_MAX_TEXT = 20_000
_WORD = re.compile(r"\w+")
#: Shorter names are words of any text.
_MIN_WORD = 3


def order_by_suspicion(
    candidates: Collection[NormalizedName],
    present: Collection[NormalizedName],
    text: str,
    missing_modules: Collection[str],
    likely: Collection[NormalizedName],
    runner: SmokeRunner,
) -> list[NormalizedName]:
    """Return *candidates*, the likeliest first.

    First come the owners of *missing_modules*, then those with a file or a name in *text*, then those that are *likely*
    for another reason, then what those *present* require.
    """
    closure = runner.closure
    owners = {owner for module in missing_modules for owner in closure.import_map.owners.get(module, ())}
    required = {each for name in present for each in closure.resolution.requires.get(name, ())}
    shown = text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT // 2] + text[-_MAX_TEXT // 2 :]
    # Names of distributions, modules and files are spelt in many ways.
    shown = shown.lower().replace("-", "_")
    words = frozenset(_WORD.findall(shown))

    def key(name: NormalizedName) -> tuple[bool, int, bool, bool, str]:
        named = max((len(each) for each in _names(runner, name) if _is_in(each, shown, words)), default=0)
        return name not in owners, -named, name not in likely, name not in required, name

    return sorted(candidates, key=key)


def _is_in(name: str, text: str, words: frozenset[str]) -> bool:
    """Whether a *name* is a word of *text*, or a path in it."""
    return name in words or ("/" in name and name in text)


def _names(runner: SmokeRunner, name: NormalizedName) -> Iterator[str]:
    """Yield by what names a text may refer to *name*: its own, and those of its files, modules and scripts."""
    yield name.replace("-", "_")
    for path, *_ in read_record(runner.closure.unpack(name)):
        folders = [part for part in path.lower().replace("-", "_").split("/") if part != ".."]
        if ".dist_info" in folders[0]:
            continue
        yield "/".join(folders)
        for part in folders:
            stem = part.partition(".")[0]
            if len(stem) >= _MIN_WORD and stem not in _COMMON:
                yield stem


#: Names of files that many packages have.
_COMMON = frozenset({"__init__", "__main__", "bin", "data", "include", "lib", "share", "utils", "version", "tests"})
