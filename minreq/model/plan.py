"""What a smoke runs: scripts and commands, in groups."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

#: A mapping nobody can change, for defaults of frozen fields.
EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A smoke that is a command line: ``pytest -q tests/smoke``."""

    #: The program first.
    words: tuple[str, ...]
    #: Absolute: where it is run.
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One stage of a smoke: a file of Python that a child interpreter runs as ``__main__``."""

    #: ``import`` for the first stage, else ``openai/chat``; ``smoke/check.py`` for a user's own.
    stage: str
    file: Path
    #: Added to the plan's environment. ``{http}`` and ``{https}`` stand for the emulator's addresses of this stage.
    environment: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    arguments: tuple[str, ...] = ()
    #: Of a command line: where it is run, and its first argument.
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Scripts that run one after the other in a process of their own: the features of one provider."""

    name: str
    scripts: tuple[Script, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a smoke runs: a first stage that all groups share, then the groups, independent of each other."""

    #: The whole environment of the child beside what the sandbox sets (home, temp, locale).
    environment: Mapping[str, str]
    #: Run once, before the groups; ``None`` when there is nothing to share.
    first: Script | None
    groups: tuple[Group, ...]

    def groups_of(self, stages: Container[str]) -> tuple[Group, ...]:
        """Return the groups that have one of *stages*."""
        return tuple(group for group in self.groups if any(script.stage in stages for script in group.scripts))
