"""The plan of a smoke: scripts and commands, in groups."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

#: An immutable empty mapping, for defaults of frozen fields.
EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A smoke that is a command line: ``pytest -q tests/smoke``."""

    #: The program first.
    words: tuple[str, ...]
    #: The working directory, absolute.
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One stage of a smoke: a Python file that a child interpreter runs as ``__main__``."""

    #: ``import`` for the first stage, else ``openai/chat``; ``smoke/check.py`` for a script of the user.
    stage: str
    file: Path
    #: Added to the environment of the plan. ``{http}`` and ``{https}`` are addresses of the emulator for this stage.
    environment: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    arguments: tuple[str, ...] = ()
    #: The working directory of a command line; it is also its first argument.
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The stages of one provider. They run in one process, one after the other."""

    name: str
    scripts: tuple[Script, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The first stage, which all groups share, and the groups, which are independent of each other."""

    #: The environment variables of the child, in addition to those of isolation (home, temp, locale).
    environment: Mapping[str, str]
    #: Runs once, before the groups; ``None`` if the groups share nothing.
    first: Script | None
    groups: tuple[Group, ...]
    #: The files that each run finds in its working directory: the name there, and the file that is copied.
    files: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))

    def groups_with(self, stages: Container[str]) -> tuple[Group, ...]:
        """Return the groups with at least one of *stages*."""
        return tuple(group for group in self.groups if any(script.stage in stages for script in group.scripts))
