"""Renders a lock as a requirements file in the style of pip-compile, and parses such a file to pins."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from minreq.errors import HashMissing, LockUnreadable
from minreq.lockfile.platformmarkers import pin_marker
from minreq.model import (
    LAMBDA_LIMIT,
    Candidate,
    Difference,
    Kept,
    Lock,
    Masked,
    PassedOver,
    Platform,
    Request,
    Sdist,
    Wheel,
)
from minreq.model.parsing import parse_requirement, parse_version, shorten

DEFAULT_NAME = "requirements-minimal.txt"

_WIDTH = 100
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_CONFLICT_MARKER = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
# As in pip (`req_file.py`): a number sign begins a comment at the start of a line or after white space.
_COMMENT = re.compile(r"(^|\s+)#.*$")
# The options of pip that a lock may have: they add no lines or projects from elsewhere.
_FILE_OPTIONS = frozenset(
    {
        "--require-hashes",
        "--index-url",
        "-i",
        "--extra-index-url",
        "--no-index",
        "--find-links",
        "-f",
        "--no-binary",
        "--only-binary",
        "--prefer-binary",
        "--pre",
        "--trusted-host",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPin:
    """A pin in the file."""

    name: NormalizedName
    version: Version
    #: Hex SHA-256 digests; empty in a lock without hashes.
    hashes: frozenset[str]
    #: The number of its first line, from 1.
    line: int
    #: Set where only some platforms of the lock need the pin.
    marker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """The content of a requirements file."""

    #: Sorted by name.
    pins: tuple[LockedPin, ...]
    #: The option lines, in order.
    options: tuple[str, ...]


def render(lock: Lock, *, filename: str = DEFAULT_NAME) -> str:
    """Return the text of the requirements file; *filename* is the name that the header uses.

    Raises ``HashMissing``: wheels without a hash in the index have to be hashed before.
    """
    head = "".join(f"# {line}".rstrip() + "\n" for line in _header(lock, filename))
    # Without this option `uv pip install -r` silently installs what is left out; with it, uv fails.
    options = "--require-hashes\n" if lock.hashes else ""
    pins = (_pin(kept, lock) for kept in sorted(lock.selection.kept, key=lambda kept: kept.candidate.name))
    return head + options + "".join(pins)


def parse(text: str, *, filename: str = DEFAULT_NAME) -> LockedFile:
    """Parse the text of a lock; *filename* is for messages.

    Strict on purpose: minreq cannot verify a line that it does not know. Every line is a comment, an option of pip or
    ``name==version`` with SHA-256 hashes, and a marker where only some platforms need it. Raises ``LockUnreadable``
    with all faults.
    """
    locked, faults = parse_leniently(text)
    if faults:
        raise LockUnreadable(filename, faults)
    return locked


def parse_leniently(text: str) -> tuple[LockedFile, tuple[tuple[int, str], ...]]:
    """Parse a lock that may have been edited; return the valid pins, and the faults with their line numbers."""
    pins: dict[NormalizedName, LockedPin] = {}
    options: list[str] = []
    faults: list[tuple[int, str]] = []
    for number, line in _logical_lines(text):
        try:
            if line.startswith("-"):
                options.append(_option(line))
                continue
            pin = _parse_pin(number, line)
            if pin.name in pins:
                faults.append((number, f"{pin.name} is pinned twice, here and on line {pins[pin.name].line}"))
            pins[pin.name] = pin
        except ValueError as error:
            faults.append((number, str(error)))
    return LockedFile(pins=tuple(pins[name] for name in sorted(pins)), options=tuple(options)), tuple(faults)


def pinned_files(candidate: Candidate) -> tuple[Wheel | Sdist, ...]:
    """Return the files that an installer may take for *candidate*: the wheels that fit, or the source distribution."""
    return candidate.wheels if candidate.sdist is None else (candidate.sdist,)


def group_passed_over(passed_over: Iterable[PassedOver]) -> Iterator[tuple[str, tuple[Version, ...], str]]:
    """Group neighbours with the same reason; yield name, versions and reason."""
    for (name, reason), members in groupby(passed_over, key=lambda each: (each.name, each.reason)):
        yield name, tuple(each.version for each in members), reason


def _header(lock: Lock, filename: str) -> Iterator[str]:
    require_hashes = " --require-hashes" if lock.hashes else ""
    yield "Made by minreq. To make it anew:"
    yield ""
    yield "   " + _one_line(f"minreq {lock.command}")
    yield ""
    yield "Install it without dependencies, in one of these ways, since what the program does not need is left out:"
    yield ""
    yield f"   pip install --no-deps{require_hashes} -r {filename}"
    yield f"   PIP_NO_DEPS=1 pip install -r {filename}"
    yield f"   uv pip sync {filename}"
    yield f"   uv pip install -r {filename}, with a uv.toml in the working directory (or in UV_CONFIG_FILE) that says"
    yield "       [pip]"
    yield "       no-deps = true"
    yield ""
    for label, content in _facts(lock):
        yield from _wrapped(label, content)


def _facts(lock: Lock) -> Iterator[tuple[str, str]]:
    kept, resolution = lock.selection.kept, lock.resolution
    yield "root", lock.root
    yield "platforms", ", ".join(sorted(_platform(platform) for platform in lock.platforms))
    yield "proven on", _platform(lock.proven_on)
    yield "smoke", _stages(lock.stages)
    yield from _numbers(lock)
    if provided := sorted(resolution.provided - {resolution.root}):
        pins = [f"{name}=={resolution.pins[name].version}" for name in provided]
        yield "provided by the runtime, not written here", ", ".join(pins)
    if lock.tools:
        yield "tools of the smoke, not written here", ", ".join(f"{each.name}=={each.version}" for each in lock.tools)
    if not lock.hashes:
        yield "note", "without hashes an installer that follows dependencies brings back, unasked, what is left out"
    if built := sorted(each.candidate.name for each in kept if each.candidate.sdist is not None):
        yield "note", f"built from source, which --only-binary :all: refuses: {', '.join(built)}"
    for note in resolution.notes:
        yield "note", note
    for name, versions, reason in group_passed_over(resolution.passed_over):
        yield "passed over", f"{name} {', '.join(map(str, versions))}: {reason}"
    for each in sorted(lock.selection.left_out, key=lambda each: each.candidate.name):
        if each.degraded is not None:
            yield "degraded", f"without {each.candidate.name}: {_difference(each.degraded)}"
    names = sorted(each.candidate.name for each in lock.declared_left_out)
    yield f"left out ({len(names)})", ", ".join(names) or "nothing"
    if unused := sorted({each.candidate.name for each in lock.left_out}.difference(names)):
        yield f"left out of extras ({len(unused)})", ", ".join(unused)


def _numbers(lock: Lock) -> Iterator[tuple[str, str]]:
    """Yield how much is kept of a plain install; what only extras have is counted beside it."""
    kept, declared = lock.selection.kept, lock.declared
    of_extras = [each.candidate.name for each in kept if lock.is_of_extra(each)]
    kept_bytes, declared_bytes = lock.selection.bytes, sum(each.bytes for each in declared)
    about = "" if lock.is_measured else "about "
    counts = f"{len(kept) - len(of_extras)} of {len(declared)} distributions"
    limit = f"with bytecode {about}{lock.selection.installed_bytes:,}; AWS Lambda's limit is {LAMBDA_LIMIT:,} bytes"
    if of_extras:
        extras = ", ".join(sorted({lock.resolution.extras[name] for name in of_extras}))
        yield "kept", f"{counts} of a plain install, and {len(of_extras)} of {extras}"
        yield "unpacked", f"{kept_bytes:,} bytes; a plain install has {declared_bytes:,} bytes; {limit}"
    else:
        yield "kept", counts
        yield "unpacked", f"{kept_bytes:,} of {declared_bytes:,} bytes; {limit}"


def _platform(platform: Platform) -> str:
    """Return the platform without the patch release of Python, which differs between machines."""
    markers, version = platform.markers, platform.python_version
    system = f"{markers['sys_platform']} {markers['platform_machine']}"
    implementation = f"{markers['platform_python_implementation']} {version.major}.{version.minor} on {system}"
    return implementation if platform.name == "host" else f"{platform.name} ({implementation})"


def _stages(stages: Iterable[str]) -> str:
    """Return ``openai/chat`` and ``openai/tools`` as ``openai (chat, tools)``, in the order of the plan."""
    parts = []
    for group, members in groupby(stages, key=lambda stage: stage.partition("/")[0]):
        features = [feature for feature in (stage.partition("/")[2] for stage in members) if feature]
        parts.append(f"{group} ({', '.join(features)})" if features else group)
    return ", ".join(parts)


def _difference(difference: Difference) -> str:
    return f"{difference.what} in {difference.stage}"


def _wrapped(label: str, content: str) -> list[str]:
    """Wrap a fact; white space of any kind becomes a blank.

    So no text of an index can end the comment and begin a requirement: pip splits lines at every line boundary of
    Unicode.
    """
    text = _encodable(" ".join(f"{label}: {content}".split()))
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _one_line(text: str) -> str:
    return _encodable(" ".join(text.splitlines()))


def _encodable(text: str) -> str:
    """Escape lone surrogates, which come from undecodable file names and have no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _pin(kept: Kept, lock: Lock) -> str:
    candidate = kept.candidate
    marker = pin_marker(candidate, lock)
    lines = [f"{candidate.name}=={candidate.version}" + (f" ; {marker}" if marker else "")]
    if lock.hashes:
        lines += [f"    --hash=sha256:{digest}" for digest in _digests(candidate)]
    text = " \\\n".join(lines) + "\n"
    via = _via(kept) if lock.annotate else []
    if len(via) == 1:
        return f"{text}    # via {via[0]}\n"
    return text + "".join(f"    {line}\n" for line in ("# via", *(f"#   {each}" for each in via)) if via)


def _digests(candidate: Candidate) -> list[str]:
    digests = {file.filename: file.sha256 for file in pinned_files(candidate)} or {candidate.wheel.filename: None}
    if unhashed := sorted(filename for filename, digest in digests.items() if digest is None):
        raise HashMissing(unhashed[0])
    return sorted({digest for digest in digests.values() if digest is not None})


def _via(kept: Kept) -> list[str]:
    """Return who imports it, for which providers, and other origins; names first, as in pip-compile."""
    via = [*sorted(kept.via), *(f"provider: {name}" for name in sorted(kept.providers))]
    if kept.extra is not None:
        via.append(f"extra: {kept.extra}")
    match kept.evidence:
        case Request(asked_by=asked_by):
            via += asked_by.removeprefix("required by ").split(", ") if asked_by.startswith("required") else [asked_by]
        case Difference() as difference:
            via.append(f"difference: {_difference(difference)}")
        case Masked(place=place):
            via.append(f"masked, not certified: {place}")
        case _:
            pass
    return [_one_line(each) for each in via]


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Join lines at backslashes, remove comments, and yield each with the number of its first line.

    In the order of pip (`req_file.py`): a backslash at the end of a comment joins the next line, unless the line is
    only a comment.
    """
    parts: list[str] = []
    first = 0
    for number, line in enumerate([*text.removeprefix("\ufeff").splitlines(), ""], start=1):
        first = first if parts else number
        is_comment = _COMMENT.match(line)
        if line.endswith("\\") and not is_comment:
            parts.append(line.rstrip("\\"))
            continue
        # The blank makes a comment after a continued line recognizable.
        joined = "".join([*parts, " " + line if is_comment else line])
        parts = []
        if content := _COMMENT.sub("", joined).strip():
            yield first, content


def _option(line: str) -> str:
    name = re.split(r"[=\s]", line, maxsplit=1)[0]
    if name not in _FILE_OPTIONS:
        raise ValueError(f"{name} is not allowed in a lock")
    return line


def _parse_pin(number: int, line: str) -> LockedPin:
    if _CONFLICT_MARKER.match(line):
        raise ValueError(f"{line!r} is a conflict marker of a merge")
    pinned, *hashes = re.split(r"\s+--hash(?:=|\s+)", line)
    try:
        requirement = parse_requirement(pinned)
    except InvalidRequirement:
        raise ValueError(f"{shorten(pinned)!r} is not name==version") from None
    if wrong := [each for each in hashes if not _SHA256.fullmatch(each)]:
        raise ValueError(f"{wrong[0]!r} is not a SHA-256 hash")
    return LockedPin(
        name=canonicalize_name(requirement.name),
        version=_pinned_version(requirement),
        hashes=frozenset(each.removeprefix("sha256:") for each in hashes),
        line=number,
        marker=None if requirement.marker is None else str(requirement.marker),
    )


def _pinned_version(requirement: Requirement) -> Version:
    specifiers = list(requirement.specifier)
    is_pin = len(specifiers) == 1 and specifiers[0].operator == "=="
    if not is_pin or requirement.url or requirement.extras:
        raise ValueError(f"{str(requirement)!r} is not name==version")
    try:
        return parse_version(specifiers[0].version)
    except InvalidVersion:
        raise ValueError(f"{str(requirement)!r} is not name==version") from None
