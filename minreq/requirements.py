"""Requirements as people state them: with the place they were written, and in files as pip reads them."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.requirements import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedRequirement:
    """A requirement somebody wrote, and where: what an error or a lock says about it."""

    requirement: Requirement
    #: ``--whole pydantic``, ``requirements.in, line 3``.
    origin: str
