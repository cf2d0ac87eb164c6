"""The content of requirements files: requirements, constraints, options."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.requirements import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRequirement:
    """A requirement of the user, with its origin for errors and locks."""

    requirement: Requirement
    #: ``--whole``, ``-r requirements.in``.
    origin: str
    #: ``None`` outside a file.
    line: int | None = None
    #: The allowed files, ``sha256:DIGEST``; empty: any file.
    hashes: frozenset[str] = frozenset()

    @property
    def place(self) -> str:
        """The origin with the line."""
        return self.origin if self.line is None else f"{self.origin} (line {self.line})"

    def __str__(self) -> str:
        return " ".join((str(self.requirement), *(f"--hash={each}" for each in sorted(self.hashes))))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOption:
    """An option of pip in a requirements file, for indexes (``--extra-index-url``) or releases (``--pre``)."""

    #: The long name.
    name: str
    #: ``None`` for a flag. A path is relative to the working directory or absolute.
    value: str | None
    origin: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementsFile:
    """The content of a requirements file and of the files that it includes, without lines that do not apply."""

    requirements: tuple[UserRequirement, ...] = ()
    constraints: tuple[UserRequirement, ...] = ()
    #: The caller applies them: they hold for more than these requirements.
    options: tuple[FileOption, ...] = ()
    #: Whether a line has hashes, be it one that does not apply.
    has_hashes: bool = False
    #: A sentence for each option without effect.
    notes: tuple[str, ...] = ()
