"""What was changed in a lock file since it was written, line by line, a sentence for each change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from packaging.utils import NormalizedName, canonicalize_name

from minreq.lockfile.requirements import parse_damaged, pinned, render
from minreq.model import Candidate, Lock

_PIN = re.compile(r"(?P<name>[^\s=]+)==(?P<version>\S+)")
_HASH = re.compile(r"--hash=sha256:(?P<digest>\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change that somebody made to the file."""

    #: The distribution whose lines were changed, ``None`` for the header and for options.
    name: NormalizedName | None
    sentence: str
    #: Whether something else is installed from the file than was proven.
    installs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line as it was written, and what it is for."""

    number: int
    text: str
    kind: Literal["header", "option", "pin", "hash", "annotation"]
    name: NormalizedName | None


def edits(lock: Lock, text: str, *, filename: str) -> tuple[Edit, ...]:
    """Return how *text*, the requirements file on disk, differs from what was written for *lock*; in the file's order.

    Line ends, and empty lines that were added, are no change.
    """
    written = list(_lines(render(lock, filename=filename)))
    found = text.splitlines()
    present = {pin.name: pin.version for pin in parse_damaged(text)[0].pins}
    candidates = {kept.candidate.name: kept.candidate for kept in lock.selection.kept}
    # Whoever is out, or moved to another version, is told of once, not once for each of its lines.
    told: dict[NormalizedName, str] = {}
    for name, candidate in candidates.items():
        if name in present and present[name] != candidate.version:
            told[name] = f"{name} was moved from {candidate.version} to {present[name]} by hand"
        elif name not in present and f"{name}=={candidate.version}" not in _words(found):
            told[name] = f"{name} was taken out of the file"
    for name in sorted(present.keys() - candidates.keys()):
        told[name] = f"{name} was added to the file by hand"
    sentences = _sentences(written, found, candidates, told)
    return (*(Edit(name=name, sentence=sentence, installs=True) for name, sentence in told.items()), *sentences)


def _sentences(
    written: Sequence[_Line],
    found: Sequence[str],
    candidates: Mapping[NormalizedName, Candidate],
    told: Mapping[NormalizedName, str],
) -> Iterator[Edit]:
    owners = [_about(found, number) for number in range(len(found))]
    # A comment of one distribution is not that of another, though it says the same.
    matcher = SequenceMatcher(
        None, [(line.name, line.text) for line in written], [*zip(owners, found, strict=True)], autojunk=False
    )
    # What remains of somebody who was taken out looks as if it belonged to the one above.
    remains = Counter(line.text for line in written if line.name in told)
    for operation, first, last, start, end in matcher.get_opcodes():
        if operation == "equal":
            continue
        gone = [line for line in written[first:last] if line.name not in told]
        come = [number for number in range(start, end) if found[number].strip() and owners[number] not in told]
        come = [number for number in come if not _taken(remains, found[number])]
        paired = len(gone) == len(come)
        for index, line in enumerate(gone):
            now = found[come[index]] if paired else None
            yield Edit(name=line.name, sentence=_changed(line, candidates, now))
        if not paired:
            for number in come:
                yield Edit(name=None, sentence=f"line {number + 1}, {found[number].strip()!r}, was added by hand")


def _taken(remains: Counter[str], text: str) -> bool:
    """Whether *text* was among the *remains*, which then hold one less of it."""
    remains[text] -= 1
    return remains[text] >= 0


def _changed(line: _Line, candidates: Mapping[NormalizedName, Candidate], now: str | None) -> str:
    happened = "was taken out of the file" if now is None else f"was changed by hand to {now.strip()!r}"
    content = line.text.removesuffix("\\").strip()
    match line.kind:
        case "hash" if line.name is not None:
            return f"the hash of {_file(candidates[line.name], content)} {happened}"
        case "pin":
            return f"the line {content} {happened}"
        case "annotation":
            return f"the comment {content!r} of {line.name} {happened}"
        case "option":
            return (
                f"{content} {happened}; without it an installer that follows dependencies brings back what is left out"
            )
        case _:
            return f"line {line.number}, {line.text!r}, {happened}"


def _file(candidate: Candidate, content: str) -> str:
    match = _HASH.fullmatch(content)
    digest = match["digest"] if match else ""
    files = [file.filename for file in pinned(candidate) if file.sha256 == digest]
    return files[0] if files else f"{candidate.name} {candidate.version}"


def _lines(text: str) -> Iterator[_Line]:
    name: NormalizedName | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        kind: Literal["header", "option", "pin", "hash", "annotation"]
        if match := _PIN.match(line):
            name, kind = canonicalize_name(match["name"]), "pin"
        elif line.startswith("--"):
            kind = "option"
        elif line.startswith("#"):
            kind = "header"
        else:
            kind = "hash" if _HASH.match(line.strip()) else "annotation"
        yield _Line(number=number, text=line, kind=kind, name=name)


def _about(found: Sequence[str], number: int) -> NormalizedName | None:
    """The distribution that a line of the file belongs to, by the last line above it that begins with one."""
    for line in reversed(found[: number + 1]):
        if match := _PIN.match(line):
            return canonicalize_name(match["name"])
    return None


def _words(lines: Sequence[str]) -> set[str]:
    """What the lines begin with."""
    return {line.split()[0] for line in lines if line.strip()}
