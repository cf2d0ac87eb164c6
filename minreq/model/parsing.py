"""Parses versions, specifiers and requirements that come from outside, with limits that packaging does not have.

packaging raises ``ValueError`` for a number of 5,000 digits, and ``RecursionError`` for a marker in a thousand
brackets. These functions raise only packaging's own errors, and their sentences do not repeat a long text.
"""

from __future__ import annotations

import re
from itertools import accumulate

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

#: No known requirement has as many characters, and none needs as many brackets in brackets.
_MAX_LENGTH, _MAX_DEPTH = 32_000, 50
#: A file name has at most 255 characters, so no wheel can have such a version.
_LONG_NUMBER = re.compile(r"\d{256}")
#: How much of a text an error repeats.
_SHOWN = 120


def parse_version(text: str) -> Version:
    """Return the version; raise ``InvalidVersion``."""
    if problem := _find_problem(text):
        raise InvalidVersion(f"Invalid version: {problem}: {shorten(text)!r}")
    try:
        return Version(text)
    except InvalidVersion:
        raise InvalidVersion(f"Invalid version: {shorten(text)!r}") from None


def parse_specifiers(text: str) -> SpecifierSet:
    """Return the specifiers; raise ``InvalidSpecifier``."""
    if problem := _find_problem(text):
        raise InvalidSpecifier(f"Invalid specifier: {problem}: {shorten(text)!r}")
    try:
        return SpecifierSet(text)
    except InvalidSpecifier as error:
        raise InvalidSpecifier(shorten(str(error))) from None


def parse_requirement(text: str) -> Requirement:
    """Return the requirement; raise ``InvalidRequirement``."""
    if problem := _find_problem(text):
        raise InvalidRequirement(f"{problem}: {shorten(text)!r}")
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        # packaging shows the place of the fault below the text, which is of no use for a text over several lines.
        sentence, *_ = str(error).splitlines()
        raise InvalidRequirement(f"{sentence}: {shorten(text)!r}" if len(text) > _SHOWN else str(error)) from None


def shorten(text: str) -> str:
    """Return *text* with at most 120 characters."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _find_problem(text: str) -> str:
    """Return why *text* is beyond the limits; empty if it is not."""
    if len(text) > _MAX_LENGTH:
        return f"it has {len(text):,} characters, more than {_MAX_LENGTH:,}"
    if _LONG_NUMBER.search(text):
        return "a number in it has more than 255 digits"
    if max(accumulate((char == "(") - (char == ")") for char in text), default=0) > _MAX_DEPTH:
        return f"it has more than {_MAX_DEPTH} brackets in each other"
    return ""
