"""Reads the dependencies of a Poetry project, whose constraints are not those of PEP 440."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

_RELATIVE = re.compile(r"(?P<sign>[\^~])\s*(?P<version>[0-9][^\s,|]*)")


def read_dependencies(document: dict[str, Any]) -> Iterator[Requirement]:
    """Yield the requirements of ``[tool.poetry.dependencies]``; a group of them is for development.

    A constraint that PEP 440 does not have, as one of two ranges, is left out, and the name stays.
    """
    table: Any = document
    for key in ("tool", "poetry", "dependencies"):
        table = table.get(key) if isinstance(table, dict) else None
    for name, value in table.items() if isinstance(table, dict) else ():
        details: dict[str, Any] = value if isinstance(value, dict) else {"version": value}
        if {"git", "path", "url"} & {*details}:
            continue
        constraint, extras = details.get("version", "*"), details.get("extras")
        with suppress(InvalidRequirement):
            requirement = Requirement(str(name))
            requirement.extras = {str(each) for each in extras} if isinstance(extras, list) else set()
            requirement.specifier = translate(constraint) if isinstance(constraint, str) else SpecifierSet()
            yield requirement


def translate(constraint: str) -> SpecifierSet:
    """Return *constraint* of Poetry as one of PEP 440, empty where it allows all or PEP 440 has no such constraint.

    https://python-poetry.org/docs/dependency-specification/
    """
    parts = [part.strip() for part in constraint.split(",")]
    try:
        return SpecifierSet(",".join(_translate_part(part) for part in parts if part not in {"", "*"}))
    except (InvalidSpecifier, InvalidVersion):
        return SpecifierSet()


def _translate_part(part: str) -> str:
    match = _RELATIVE.fullmatch(part)
    if match is None:
        return part if part[0] in "<>=!~" else f"=={part}"
    release = Version(match["version"]).release
    if match["sign"] == "^":
        # The first number that is not 0 stays, or the last one that is given.
        kept = next((place for place, number in enumerate(release) if number), len(release) - 1)
    else:
        kept = min(1, len(release) - 1)
    end = ".".join(map(str, (*release[:kept], release[kept] + 1)))
    return f">={match['version']},<{end}"
