"""Errors of the resolution: no set of versions satisfies the requirements."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from minreq.errors.branches import ResolutionFailure

#: A sentence names this many versions that cannot be used, each with its reason.
_SHOWN_REASONS = 3


class NoWheel(ResolutionFailure):
    """A release has no wheel that fits, and building one is not possible."""

    reason = "no-wheel"

    def __init__(self, project: str, version: str, why: str) -> None:
        super().__init__(project, version, why)
        self.project, self.version, self.why = project, version, why

    def __str__(self) -> str:
        release = f"{self.project} {self.version}"
        return f"{release} has only a source distribution, and no wheel can be built from it: {self.why}"


class NoVersion(ResolutionFailure):
    """The index has the project, and no version of it satisfies the requirement."""

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
        #: Versions that satisfy the requirement and cannot be used, with the reason.
        self.unfit = dict(unfit)
        #: Files after this time were ignored.
        self.cutoff = cutoff

    def __str__(self) -> str:
        problem = f"no version of {self.project} that can be used satisfies {self.requirement}"
        newest = "the index has none" if self.newest is None else f"the newest that can be used is {self.newest}"
        if self.cutoff is not None:
            newest += (
                f", among those that the index lists as uploaded by {self.cutoff:%Y-%m-%d %H:%M} (--exclude-newer)"
            )
        if not self.unfit:
            return f"{problem}; {newest}"
        reasons = [f"{self.project} {version} {why}" for version, why in [*self.unfit.items()][:_SHOWN_REASONS]]
        more = len(self.unfit) - len(reasons)
        return f"{problem}: {', '.join(reasons)}{f', and {more} more cannot be used' if more else ''}; {newest}"


class PythonNotSupported(ResolutionFailure):
    """No version of the root that satisfies the requirement supports this version of Python."""

    reason = "python-not-supported"

    def __init__(self, requirement: str, version: str, requires_python: str, python: str) -> None:
        super().__init__(requirement, version, requires_python, python)
        self.requirement, self.version = requirement, version
        self.requires_python, self.python = requires_python, python

    def __str__(self) -> str:
        return (
            f"{self.requirement} ({self.version}) requires Python {self.requires_python}, and this is Python "
            f"{self.python}; name another interpreter with --python, or require another version"
        )


class KnownBadRelease(ResolutionFailure):
    """A requirement names the version of a release that is known to be malicious."""

    reason = "known-bad-release"

    def __init__(self, project: str, version: str) -> None:
        super().__init__(project, version)
        self.project, self.version = project, version

    def __str__(self) -> str:
        release = f"{self.project} {self.version}"
        return f"{release} is known to be malicious, so minreq never installs it; require another version"


class HashesRequired(ResolutionFailure):
    """A requirements file requires hashes of all distributions, and some have none."""

    reason = "hashes-required"

    def __init__(self, files: Mapping[str, str]) -> None:
        super().__init__(files)
        #: By the pin that a line would have, ``a==1.0``, the SHA-256 of the file on the index.
        self.files = dict(files)

    def __str__(self) -> str:
        lines = "".join(f"\n  {pin} --hash=sha256:{digest}" for pin, digest in self.files.items())
        return (
            "a line with --hash or --require-hashes means that every distribution needs a hash, and these have none; "
            f"add the lines if you trust the files, or add the line --no-require-hashes:{lines}"
        )


class VersionsConflict(ResolutionFailure):
    """Requirements contradict each other."""

    reason = "conflict"

    def __init__(self, requirement: str, project: str, why: str, remedy: str, tried: int) -> None:
        super().__init__(requirement, project, why, remedy, tried)
        #: The requirement of the root.
        self.requirement = requirement
        #: The project of which no version can be chosen.
        self.project = project
        #: The requirements that lead to the conflict, as a clause.
        self.why = why
        #: An option that may help, ``--override 'certifi>=2026.7'``.
        self.remedy = remedy
        #: The number of tried versions of the root; *why* is about the newest.
        self.tried = tried

    def __str__(self) -> str:
        versions = "" if self.tried <= 1 else f" (none of {self.tried} versions works; the newest)"
        return f"cannot resolve {self.requirement}{versions}: {self.why}; {self.remedy}"


class ResolutionTooDeep(ResolutionFailure):
    """The resolution did not end within the limit of steps."""

    reason = "too-deep"

    def __init__(self, requirement: str, rounds: int) -> None:
        super().__init__(requirement, rounds)
        self.requirement, self.rounds = requirement, rounds

    def __str__(self) -> str:
        return (
            f"gave up resolving {self.requirement} after {self.rounds} steps; "
            "limit the versions with --constraint, or start from an existing lock"
        )
