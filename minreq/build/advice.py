"""Suggestions for the user when a build fails or exceeds its budget; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from packaging.utils import NormalizedName

from minreq.build.slim.files import RemovedFile
from minreq.config import BuildSettings
from minreq.config.levels import LEVELS

#: What to try when the complete tree fails without its sources.
WITHOUT_SOURCES = "choose --bytecode add or none: without sources the smoke fails whatever is left out"

_COLD = LEVELS.index("cold")

#: How many distributions, or files, one sentence names.
_MAX_NAMED = 3


def suggest_after_failure(settings: BuildSettings) -> str:
    """Return what to try when the smoke fails on the built tree."""
    if settings.bytecode == "only":
        return "try --bytecode add, or keep what is missing with --keep PATTERN"
    depth = LEVELS.index(settings.slim)
    if not depth:
        return "run `minreq verify` to see whether the lock still holds"
    # The levels above this one leave out what may be missing.
    safer = LEVELS[min(depth, _COLD + 1) - 1]
    return f"keep what is missing with --keep PATTERN, or build with --slim {safer}"


def describe_missed_files(missed: Iterable[RemovedFile]) -> Iterator[str]:
    """Yield one sentence for each rule that left out files which the smoke tried to open."""
    paths: dict[str, list[str]] = {}
    for removed in missed:
        paths.setdefault(removed.rule.value, []).append(removed.file.path)
    for rule, names in paths.items():
        more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
        options = " ".join(f"--keep '{path}'" for path in names[:_MAX_NAMED])
        listed = ", ".join(names[:_MAX_NAMED])
        yield f"the smoke tries to open {listed}{more}, left out by the rule {rule}; {options} keeps it"


def suggest_smaller_archive(settings: BuildSettings) -> Iterator[str]:
    """Yield what makes the archive of a build smaller, or allows it."""
    if settings.slim != LEVELS[-1]:
        yield f"a higher --slim than {settings.slim}"
    if settings.bytecode == "add":
        yield "--bytecode none, slower to start wherever nothing can be written"
    yield "no --max-zip, and an upload through S3"


def describe_unused_log(settings: BuildSettings) -> str:
    """Return the sentence on logs for `--hot` that name no cold file."""
    options = ", ".join(f"--hot {log}" for log in settings.hot)
    return (
        f"{options}: no line names a cold file; a program logs one if the level of the logger `minreq` is INFO before "
        "it imports the file"
    )


def suggest_smaller_build(
    settings: BuildSettings, sizes: Mapping[NormalizedName, int], compiled: int, reductions: Iterable[str]
) -> Iterator[str]:
    """Yield options that make the build smaller, the safest first.

    *sizes* has the bytes of each distribution. *compiled* is the bytes of the compiled files that the build added.
    *reductions* are what the lock could have less of.
    """
    if settings.slim in {"none", "safe", "unused"}:
        yield "--slim cold, which loses nothing" + (", and is often the smaller" if settings.slim == "unused" else "")
    if compiled and settings.bytecode == "add":
        yield f"--bytecode none, {compiled:,} bytes smaller, and slower to start wherever nothing can be written"
        yield "--bytecode only, without the sources"
    if settings.slim in {"cold", "unused"}:
        yield "--slim traced, which leaves out what the smoke does not open"
    largest = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_MAX_NAMED]
    yield f"--drop PATTERN; the largest are {', '.join(f'{name} {count:,}' for name, count in largest)}"
    less = " or ".join(reductions)
    yield (f"{less} in the lock, or " if less else "") + "a container image instead of a zip"
