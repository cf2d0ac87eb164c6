"""Finds what was changed in a lock file since minreq wrote it, with a sentence for each change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from packaging.utils import NormalizedName, canonicalize_name

from minreq.lockfile.requirements import parse_leniently, pinned_files, render
from minreq.model import Candidate, Lock

_PIN = re.compile(r"(?P<name>[^\s=]+)==(?P<version>\S+)")
_HASH = re.compile(r"--hash=sha256:(?P<digest>\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change that somebody made to the file."""

    #: The distribution of the changed lines; ``None`` for the header and for options.
    name: NormalizedName | None
    sentence: str
    #: Whether the file installs something that was not proven.
    installs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line as minreq wrote it."""

    number: int
    text: str
    kind: Literal["header", "option", "pin", "hash", "annotation"]
    name: NormalizedName | None


def find_edits(lock: Lock, text: str, *, filename: str) -> tuple[Edit, ...]:
    """Return the edits of *text*, the requirements file on disk of *lock*, in the order of the file.

    Changed line ends and added empty lines are no edits.
    """
    written = list(_lines(render(lock, filename=filename)))
    lines = text.splitlines()
    present = {pin.name: pin.version for pin in parse_leniently(text)[0].pins}
    candidates = {kept.candidate.name: kept.candidate for kept in lock.selection.kept}
    # One sentence for a removed, added or changed pin, not one for each of its lines.
    pin_edits: dict[NormalizedName, str] = {}
    for name, candidate in candidates.items():
        if name in present and present[name] != candidate.version:
            pin_edits[name] = f"{name} was changed from {candidate.version} to {present[name]} by hand"
        elif name not in present and f"{name}=={candidate.version}" not in _first_words(lines):
            pin_edits[name] = f"{name} was removed from the file"
    for name in sorted(present.keys() - candidates.keys()):
        pin_edits[name] = f"{name} was added to the file by hand"
    sentences = _changed_lines(written, lines, candidates, pin_edits)
    return (*(Edit(name=name, sentence=sentence, installs=True) for name, sentence in pin_edits.items()), *sentences)


def _changed_lines(
    written: Sequence[_Line],
    lines: Sequence[str],
    candidates: Mapping[NormalizedName, Candidate],
    pin_edits: Mapping[NormalizedName, str],
) -> Iterator[Edit]:
    owners = [_line_owner(lines, number) for number in range(len(lines))]
    # Comments of two distributions differ even if their text is the same.
    matcher = SequenceMatcher(
        None, [(line.name, line.text) for line in written], [*zip(owners, lines, strict=True)], autojunk=False
    )
    # Remaining lines of a removed distribution look like lines of the distribution above.
    remains = Counter(line.text for line in written if line.name in pin_edits)
    for operation, first, last, start, end in matcher.get_opcodes():
        if operation == "equal":
            continue
        removed = [line for line in written[first:last] if line.name not in pin_edits]
        added = [number for number in range(start, end) if lines[number].strip() and owners[number] not in pin_edits]
        added = [number for number in added if not _take_remainder(remains, lines[number])]
        paired = len(removed) == len(added)
        for index, line in enumerate(removed):
            now = lines[added[index]] if paired else None
            yield Edit(name=line.name, sentence=_describe_change(line, candidates, now))
        if not paired:
            for number in added:
                yield Edit(name=None, sentence=f"line {number + 1}, {lines[number].strip()!r}, was added by hand")


def _take_remainder(remains: Counter[str], text: str) -> bool:
    """Return whether *text* is among *remains*, and remove it from them."""
    remains[text] -= 1
    return remains[text] >= 0


def _describe_change(line: _Line, candidates: Mapping[NormalizedName, Candidate], now: str | None) -> str:
    change = "was removed from the file" if now is None else f"was changed by hand to {now.strip()!r}"
    content = line.text.removesuffix("\\").strip()
    match line.kind:
        case "hash" if line.name is not None:
            return f"the hash of {_file(candidates[line.name], content)} {change}"
        case "pin":
            return f"the line {content} {change}"
        case "annotation":
            return f"the comment {content!r} of {line.name} {change}"
        case "option":
            return f"{content} {change}; without it an installer that follows dependencies installs what is left out"
        case _:
            return f"line {line.number}, {line.text!r}, {change}"


def _file(candidate: Candidate, content: str) -> str:
    match = _HASH.fullmatch(content)
    digest = match["digest"] if match else ""
    files = [file.filename for file in pinned_files(candidate) if file.sha256 == digest]
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


def _line_owner(lines: Sequence[str], number: int) -> NormalizedName | None:
    """Return the distribution of a line: that of the last pin at or above the line."""
    for line in reversed(lines[: number + 1]):
        if match := _PIN.match(line):
            return canonicalize_name(match["name"])
    return None


def _first_words(lines: Sequence[str]) -> set[str]:
    """Return the first word of each line."""
    return {line.split()[0] for line in lines if line.strip()}
