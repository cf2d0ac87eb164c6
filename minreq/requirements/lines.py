"""Parses one line of a requirements file: a requirement with its hashes, or options."""

from __future__ import annotations

import optparse
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement

from minreq.model import parsing
from minreq.model.parsing import shorten

#: pip replaces variables of this spelling only.
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")

_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz")
_URL = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)

#: The algorithms that pip allows, by the hexadecimal digits of a digest.
_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}

#: The options with a value, by all their names; the first is the one that minreq uses.
_VALUES = (
    *("--requirement -r", "--constraint -c", "--editable -e", "--index-url -i --pypi-url", "--find-links -f"),
    *("--extra-index-url", "--no-binary", "--only-binary", "--trusted-host", "--all-releases", "--only-final"),
    *("--hash", "--use-feature", "--config-settings --config-setting -C", "--global-option"),
)
_FLAGS = ("--no-index", "--pre", "--prefer-binary", "--require-hashes", "--no-require-hashes")


class LineError(ValueError):
    """What is wrong with a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A parsed line."""

    #: Before the options; empty in a line of options.
    requirement: str
    #: Long names with values, in their order; ``None`` for a flag.
    options: tuple[tuple[str, str | None], ...]
    #: The words that pip ignores after the options.
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectReference:
    """A path or a URL in the place of a requirement: nothing that a lock of releases can contain."""

    text: str
    marker: Marker | None
    #: Why a lock cannot contain it.
    problem: str


def replace_variables(line: str, environ: Mapping[str, str]) -> str:
    """Return *line* with the values of ``${VARIABLES}``; one that is not set stays."""
    return _VARIABLE.sub(lambda match: environ.get(match[1]) or match[0], line)


def parse_line(text: str) -> Line:
    """Split a line as pip does: the first word that starts with a dash starts the options."""
    words = text.split(" ")
    count = next((number for number, word in enumerate(words) if word.startswith("-")), len(words))
    try:
        split = shlex.split(" ".join(words[count:]))
    except ValueError as error:
        raise LineError(f"{shorten(text)!r}: {error}") from error
    options: list[tuple[str, str | None]] = []
    _, ignored = _make_option_parser(options).parse_args(split)
    return Line(requirement=" ".join(words[:count]).strip(), options=tuple(options), ignored=tuple(ignored))


def parse_requirement(text: str) -> Requirement | DirectReference:
    """Parse a requirement, which may have a URL, or a path or URL without a name; raise `LineError`."""
    try:
        requirement = parsing.parse_requirement(_separate_marker(text))
    except InvalidRequirement as error:
        if "/" in text or "\\" in text or text.startswith("."):
            return _parse_location(text)
        first, *_ = str(error).splitlines()
        raise LineError(f"{shorten(text)!r} is no requirement: {first}") from error
    # A name may hold dots; pip takes what ends like an archive for a file.
    if requirement.name.endswith(_ARCHIVES):
        problem = f"{shorten(text)!r} is a file, which has no version to lock; use --find-links"
        return DirectReference(text=text, marker=requirement.marker, problem=problem)
    return requirement


def _separate_marker(text: str) -> str:
    """Return *text* with spaces around the semicolon, as in pip: no marker may follow it, and a URL may precede it."""
    if _URL.match(text):
        return text
    requirement, _, marker = map(str.strip, text.partition(";"))
    return f"{requirement} ; {marker}" if marker else requirement


def parse_hash(value: str) -> str:
    """Return a hash of ``--hash`` in lower case; raise `LineError` for one that is weak or malformed."""
    algorithm, colon, digest = value.partition(":")
    if not colon:
        raise LineError(f"--hash={value} names no algorithm; write --hash=sha256:DIGEST")
    if algorithm not in _DIGITS:
        raise LineError(f"--hash={value}: {algorithm!r} is not accepted, as in pip; use {', '.join(_DIGITS)}")
    if not re.fullmatch(f"[0-9a-fA-F]{{{_DIGITS[algorithm]}}}", digest):
        raise LineError(f"--hash={value} is damaged: {algorithm} has {_DIGITS[algorithm]} hexadecimal digits")
    return f"{algorithm}:{digest.lower()}"


def _parse_location(text: str) -> DirectReference:
    # As in pip: a semicolon may be part of a URL, a space may not.
    location, _, condition = text.partition("; " if _URL.match(text) else ";")
    try:
        marker = Marker(condition) if condition.strip() else None
    except InvalidMarker as error:
        first, *_ = str(error).splitlines()
        raise LineError(f"{shorten(text)!r} is no requirement: {first}") from error
    problem = f"{shorten(location.strip())!r} is a path or URL, which has no version to lock; use --find-links"
    return DirectReference(text=location.strip(), marker=marker, problem=problem)


class _OptionParser(optparse.OptionParser):
    def error(self, msg: str) -> NoReturn:
        raise LineError(msg)


def _make_option_parser(found: list[tuple[str, str | None]]) -> _OptionParser:
    """Return a parser of pip's options that appends each to *found*; pip uses the same library."""

    def collect(_option: object, _used: str, value: str | None, _parser: object, name: str) -> None:
        found.append((name, value))

    parser = _OptionParser(add_help_option=False, usage="")
    for name, *others in map(str.split, _VALUES):
        parser.add_option(name, *others, action="callback", type="string", callback=collect, callback_args=(name,))
    for name in _FLAGS:
        parser.add_option(name, action="callback", callback=collect, callback_args=(name,))
    return parser
