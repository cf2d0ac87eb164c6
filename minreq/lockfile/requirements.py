"""A lock as a requirements file in pip-compile's style: written from a ``Lock``, read back as pins."""

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

DEFAULT_NAME = "requirements-minimal.txt"

_WIDTH = 100
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_CONFLICT_MARKER = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
# pip's own rule (`req_file.py`): a number sign begins a comment at the start of a line or after white space.
_COMMENT = re.compile(r"(^|\s+)#.*$")
# The options of pip that may stand in a requirements file without bringing in lines or projects from elsewhere.
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
    """A line of the file that installs a distribution."""

    name: NormalizedName
    version: Version
    #: Hex SHA-256 digests; empty in a lock without hashes.
    hashes: frozenset[str]
    #: The first line of it, from 1.
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """What a requirements file on disk says."""

    #: Sorted by name.
    pins: tuple[LockedPin, ...]
    #: Option lines as they stand, in order.
    options: tuple[str, ...]


def render(lock: Lock, *, filename: str = DEFAULT_NAME) -> str:
    """Return the text of the requirements file; *filename* is the name its own header uses for it.

    Raises ``HashMissing``: whoever makes a lock hashes the wheels first whose index does not.
    """
    head = "".join(f"# {line}".rstrip() + "\n" for line in _header(lock, filename))
    # Without it `uv pip install -r` quietly brings back what was left out; with it, it fails.
    options = "--require-hashes\n" if lock.hashes else ""
    pins = (_pin(kept, lock) for kept in sorted(lock.selection.kept, key=lambda kept: kept.candidate.name))
    return head + options + "".join(pins)


def parse(text: str, *, filename: str = DEFAULT_NAME) -> LockedFile:
    """Read the text of a lock; *filename* is for messages.

    Strict on purpose, since what is not understood cannot be verified: every line is a comment, an option of pip
    or ``name==version`` with SHA-256 hashes. All faults are raised at once, as ``LockUnreadable``.
    """
    locked, faults = parse_damaged(text)
    if faults:
        raise LockUnreadable(filename, faults)
    return locked


def parse_damaged(text: str) -> tuple[LockedFile, tuple[tuple[int, str], ...]]:
    """Read what can be read of a lock that may have been edited; the rest comes as pairs of line number and fault."""
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


def pinned(candidate: Candidate) -> tuple[Wheel | Sdist, ...]:
    """Return the files an installer may take for *candidate*: the wheels that fit, or the source one is built from."""
    return candidate.wheels if candidate.sdist is None else (candidate.sdist,)


def grouped(passed_over: Iterable[PassedOver]) -> Iterator[tuple[str, tuple[Version, ...], str]]:
    """Return name, versions and reason; neighbours passed over for the same reason are together."""
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
    kept = lock.selection.kept
    left_out = sorted(lock.selection.left_out, key=lambda each: each.candidate.name)
    resolution = lock.resolution
    yield "root", lock.root
    yield "platforms", ", ".join(sorted(_platform(platform) for platform in lock.platforms))
    yield "proven on", _platform(lock.proven_on)
    yield "smoke", _stages(lock.stages)
    kept_bytes = sum(each.bytes for each in kept)
    closure_bytes = kept_bytes + sum(each.bytes for each in left_out)
    yield "kept", f"{len(kept)} of {len(kept) + len(left_out)} distributions"
    yield "unpacked", f"{kept_bytes:,} of {closure_bytes:,} bytes; AWS Lambda's limit is {LAMBDA_LIMIT:,} bytes"
    if resolution.provided:
        provided = (f"{name}=={resolution.pins[name].version}" for name in sorted(resolution.provided))
        yield "provided by the runtime, not written here", ", ".join(provided)
    if lock.tools:
        yield "tools of the smoke, not written here", ", ".join(f"{each.name}=={each.version}" for each in lock.tools)
    if not lock.hashes:
        yield "note", "without hashes an installer that follows dependencies brings back, unasked, what is left out"
    if built := sorted(each.candidate.name for each in kept if each.candidate.sdist is not None):
        yield "note", f"built from source, which --only-binary :all: refuses: {', '.join(built)}"
    for note in resolution.notes:
        yield "note", note
    for name, versions, reason in grouped(resolution.passed_over):
        yield "passed over", f"{name} {', '.join(map(str, versions))}: {reason}"
    for each in left_out:
        if each.degraded is not None:
            yield "degraded", f"without {each.candidate.name}: {_difference(each.degraded)}"
    names = sorted(each.candidate.name for each in lock.left_out)
    yield f"left out ({len(names)})", ", ".join(names) or "nothing"


def _platform(platform: Platform) -> str:
    """Without the patch release of Python, which a colleague's machine may not share."""
    markers, version = platform.markers, platform.python_version
    system = f"{markers['sys_platform']} {markers['platform_machine']}"
    implementation = f"{markers['platform_python_implementation']} {version.major}.{version.minor} on {system}"
    return implementation if platform.name == "host" else f"{platform.name} ({implementation})"


def _stages(stages: Iterable[str]) -> str:
    """``openai/chat`` and ``openai/tools`` as ``openai (chat, tools)``, in the order of the plan."""
    parts = []
    for group, members in groupby(stages, key=lambda stage: stage.partition("/")[0]):
        features = [feature for feature in (stage.partition("/")[2] for stage in members) if feature]
        parts.append(f"{group} ({', '.join(features)})" if features else group)
    return ", ".join(parts)


def _difference(difference: Difference) -> str:
    return f"{difference.what} in {difference.stage}"


def _wrapped(label: str, content: str) -> list[str]:
    """A fact on as many lines as it takes; white space of any kind becomes a blank.

    So nothing that comes from an index can end the comment and begin a requirement: pip splits at every line
    boundary Unicode knows.
    """
    text = _encodable(" ".join(f"{label}: {content}".split()))
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _one_line(text: str) -> str:
    return _encodable(" ".join(text.splitlines()))


def _encodable(text: str) -> str:
    """Lone surrogates, which undecodable file names leave behind, have no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _pin(kept: Kept, lock: Lock) -> str:
    candidate = kept.candidate
    lines = [f"{candidate.name}=={candidate.version}"]
    if lock.hashes:
        lines += [f"    --hash=sha256:{digest}" for digest in _digests(candidate)]
    text = " \\\n".join(lines) + "\n"
    via = _via(kept) if lock.annotate else []
    if len(via) == 1:
        return f"{text}    # via {via[0]}\n"
    return text + "".join(f"    {line}\n" for line in ("# via", *(f"#   {each}" for each in via)) if via)


def _digests(candidate: Candidate) -> list[str]:
    digests = {file.filename: file.sha256 for file in pinned(candidate)} or {candidate.wheel.filename: None}
    if unhashed := sorted(filename for filename, digest in digests.items() if digest is None):
        raise HashMissing(unhashed[0])
    return sorted({digest for digest in digests.values() if digest is not None})


def _via(kept: Kept) -> list[str]:
    """Who imports it, for whom, and what else brought it in; as pip-compile, names first."""
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
    """Lines joined at backslashes, then freed of comments, each with the number of its first line.

    In the order pip does it (`req_file.py`): a backslash that ends a comment swallows the next line, unless the
    comment is all the line holds.
    """
    parts: list[str] = []
    first = 0
    for number, line in enumerate([*text.removeprefix("\ufeff").splitlines(), ""], start=1):
        first = first if parts else number
        is_comment = _COMMENT.match(line)
        if line.endswith("\\") and not is_comment:
            parts.append(line.rstrip("\\"))
            continue
        # The blank lets a comment after a continued line be seen as one.
        joined = "".join([*parts, " " + line if is_comment else line])
        parts = []
        if content := _COMMENT.sub("", joined).strip():
            yield first, content


def _option(line: str) -> str:
    name = re.split(r"[=\s]", line, maxsplit=1)[0]
    if name not in _FILE_OPTIONS:
        raise ValueError(f"{name} does not belong into a lock")
    return line


def _parse_pin(number: int, line: str) -> LockedPin:
    if _CONFLICT_MARKER.match(line):
        raise ValueError(f"{line!r} is a conflict marker that a merge left behind")
    pinned, *hashes = re.split(r"\s+--hash(?:=|\s+)", line)
    try:
        requirement = Requirement(pinned)
    except InvalidRequirement:
        raise ValueError(f"{pinned!r} is not name==version") from None
    if wrong := [each for each in hashes if not _SHA256.fullmatch(each)]:
        raise ValueError(f"{wrong[0]!r} is not a SHA-256 hash")
    return LockedPin(
        name=canonicalize_name(requirement.name),
        version=_pinned_version(requirement),
        hashes=frozenset(each.removeprefix("sha256:") for each in hashes),
        line=number,
    )


def _pinned_version(requirement: Requirement) -> Version:
    specifiers = list(requirement.specifier)
    is_pin = len(specifiers) == 1 and specifiers[0].operator == "=="
    if not is_pin or requirement.url or requirement.marker or requirement.extras:
        raise ValueError(f"{str(requirement)!r} is not name==version")
    try:
        return Version(specifiers[0].version)
    except InvalidVersion:
        raise ValueError(f"{str(requirement)!r} is not name==version") from None
