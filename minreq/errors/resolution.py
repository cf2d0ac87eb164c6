"""Why no set of versions satisfies what is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from minreq.errors.branches import ResolutionFailure


class NoWheel(ResolutionFailure):
    """A release has no wheel that fits, and none can be built."""

    reason = "no-wheel"

    def __init__(self, project: str, version: str, why: str) -> None:
        super().__init__(project, version, why)
        self.project, self.version, self.why = project, version, why

    def __str__(self) -> str:
        return (
            f"{self.project} {self.version} has only its source, no wheel that fits, and none can be built: {self.why}"
        )


class NoVersion(ResolutionFailure):
    """The index has the project, and no version of it satisfies what was asked for."""

    reason = "no-version"

    def __init__(
        self,
        requirement: str,
        project: str,
        newest: str | None,
        unfit: Mapping[str, str],
        cutoff: datetime | None = None,
    ) -> None:
        super().__init__(requirement, project, newest, unfit, cutoff)
        self.requirement, self.project, self.newest = requirement, project, newest
        #: Versions that would satisfy the requirement and cannot be used, and why not.
        self.unfit = dict(unfit)
        #: Nothing newer was looked at.
        self.cutoff = cutoff

    def __str__(self) -> str:
        said = f"no version of {self.project} that can be used satisfies {self.requirement}"
        there = "the index has none at all" if self.newest is None else f"the newest that can be used is {self.newest}"
        if self.cutoff is not None:
            there += f", of those that the index says were uploaded by {self.cutoff:%Y-%m-%d %H:%M} (--exclude-newer)"
        if not self.unfit:
            return f"{said}; {there}"
        version, why = next(iter(self.unfit.items()))
        more = f", and {len(self.unfit) - 1} more do not fit" if len(self.unfit) > 1 else ""
        return f"{said}: {self.project} {version} {why}{more}; {there}"


class PythonNotSupported(ResolutionFailure):
    """No version of the root that satisfies the requirement supports the Python."""

    reason = "python-not-supported"

    def __init__(self, requirement: str, version: str, requires_python: str, python: str) -> None:
        super().__init__(requirement, version, requires_python, python)
        self.requirement, self.version = requirement, version
        self.requires_python, self.python = requires_python, python

    def __str__(self) -> str:
        return (
            f"{self.requirement} ({self.version}) requires Python {self.requires_python}, and this is Python "
            f"{self.python}; name another interpreter with --python, or ask for another version"
        )


class KnownBadRelease(ResolutionFailure):
    """A release that is known to do harm was asked for by its version."""

    reason = "known-bad-release"

    def __init__(self, project: str, version: str) -> None:
        super().__init__(project, version)
        self.project, self.version = project, version

    def __str__(self) -> str:
        return f"{self.project} {self.version} is known to be malicious and is never installed; ask for another version"


class UnknownExtra(ResolutionFailure):
    """A package has no extra of that name."""

    reason = "unknown-extra"

    def __init__(self, release: str, extra: str, extras: Sequence[str]) -> None:
        super().__init__(release, extra, extras)
        self.release, self.extra, self.extras = release, extra, tuple(extras)

    def __str__(self) -> str:
        known = f"it has {', '.join(self.extras)}" if self.extras else "it has none"
        return f"{self.release} has no extra {self.extra!r}; {known}"


class VersionsConflict(ResolutionFailure):
    """What is needed cannot be had together."""

    reason = "conflict"

    def __init__(self, requirement: str, project: str, why: str, remedy: str, tried: int) -> None:
        super().__init__(requirement, project, why, remedy, tried)
        #: What was to be resolved.
        self.requirement = requirement
        #: The project no version of which can be chosen.
        self.project = project
        #: The chain that leads there, as a clause.
        self.why = why
        #: An option that may help, ``--override 'certifi>=2026.7'``.
        self.remedy = remedy
        #: Versions of the root that were tried; *why* is about the newest.
        self.tried = tried

    def __str__(self) -> str:
        versions = "" if self.tried <= 1 else f" (none of {self.tried} versions; this is the newest)"
        return f"cannot resolve {self.requirement}{versions}: {self.why}; {self.remedy}"


class ResolutionTooDeep(ResolutionFailure):
    """The search did not end in a sensible number of steps."""

    reason = "too-deep"

    def __init__(self, requirement: str, rounds: int) -> None:
        super().__init__(requirement, rounds)
        self.requirement, self.rounds = requirement, rounds

    def __str__(self) -> str:
        return (
            f"gave up resolving {self.requirement} after {self.rounds} steps; "
            "narrow the choice with --constraint, or start from an existing lock"
        )
