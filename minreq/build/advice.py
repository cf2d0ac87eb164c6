"""What to do next where a build fails, or comes to more than it may; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from packaging.utils import NormalizedName

from minreq.build.slim.leaves import Removal
from minreq.config import BuildSettings
from minreq.config.levels import LEVELS

#: What to try where it does not work without sources, with everything there.
WITHOUT_SOURCES = "choose --bytecode add or none: without sources it fails whatever is left out"

#: How many distributions, and how many files, are named.
_FEW = 3


def after_failure(settings: BuildSettings) -> str:
    """Return what to try where the built tree does not work."""
    if settings.bytecode == "only":
        return "try --bytecode add, or keep what is missing with --keep PATTERN"
    depth = LEVELS.index(settings.slim)
    if not depth:
        return "run `minreq verify` to see whether the lock still holds"
    return f"keep what is missing with --keep PATTERN, or build with --slim {LEVELS[depth - 1]}"


def of_missed(missed: Iterable[Removal]) -> Iterator[str]:
    """Yield a sentence for each rule that left out what the smoke asked for."""
    paths: dict[str, list[str]] = {}
    for removal in missed:
        paths.setdefault(removal.rule.value, []).append(removal.leaf.path)
    for rule, its in paths.items():
        more = f" and {len(its) - _FEW} more" if len(its) > _FEW else ""
        words = " ".join(f"--keep '{path}'" for path in its[:_FEW])
        yield f"the smoke asks for {', '.join(its[:_FEW])}{more}, left out as {rule}; {words} brings it back"


def smaller(settings: BuildSettings, sizes: Mapping[NormalizedName, int], compiled: int) -> Iterator[str]:
    """Yield what would make it smaller, the safest first.

    *sizes* are the bytes of each distribution, *compiled* those of compiled files that were added.
    """
    stronger = LEVELS[LEVELS.index(settings.slim) + 1 :]
    if stronger:
        yield f"--slim {stronger[0]}"
    if compiled and settings.bytecode == "add":
        yield f"--bytecode none, {compiled:,} bytes smaller, and slower to start wherever nothing can be written"
        yield "--bytecode only, without the sources"
    largest = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_FEW]
    yield f"--drop PATTERN; the largest are {', '.join(f'{name} {count:,}' for name, count in largest)}"
    yield "fewer --providers or --features in the lock, or a container image instead of a zip"
