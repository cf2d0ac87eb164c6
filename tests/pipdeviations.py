"""Where minreq resolves otherwise than pip on purpose: ``python tests/pipdeviations.py > docs/pip.md`` writes the page.

`test_differential` accepts these differences and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from differentialcase import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one of the two would install, or why it installs nothing."""

    #: Project to file name.
    files: Mapping[str, str] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A case, and both results."""

    case: Case
    pip: Result
    minreq: Result

    @property
    def agree(self) -> bool:
        """Whether both install the same files, or both none."""
        return self.pip.files == self.minreq.files

    @property
    def outcome(self) -> str:
        """What both do."""
        return "both refuse" if self.pip.files is None else "same files"

    def has_defect(self, *defects: str) -> bool:
        """Whether a release of the index has one of these defects."""
        return any(release.defect in defects for releases in self.case.projects.values() for release in releases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A difference on purpose."""

    title: str
    pip: str
    minreq: str
    reason: str
    #: Whether a comparison shows this difference.
    explains: Callable[[Comparison], bool]


def _pip_ends(*words: str) -> Callable[[Comparison], bool]:
    """Pip ended with one of *words* in its output, where minreq found an answer or another reason."""
    return lambda compared: compared.pip.error is not None and any(word in compared.pip.error for word in words)


DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        title="A marker without a value",
        pip="ends with a traceback",
        minreq="passes over the release, and takes the next version",
        reason="`python_version ~= 'banana'` is a broken release like any other.",
        explains=_pip_ends("UndefinedComparison"),
    ),
    Deviation(
        title="Metadata without a name or with a version that is none",
        pip="ends with a traceback",
        minreq="passes over the release, and takes the next version",
        reason="It is a broken release like any other.",
        explains=_pip_ends("BadMetadata", "InvalidVersion"),
    ),
    Deviation(
        title="An archive that is none",
        pip="ends with an error",
        minreq="passes over the release, and takes the next version, if the file has the hash that the index gives",
        reason="One broken upload must not end the lock. A file with another hash is an error.",
        explains=_pip_ends("is invalid.", "has an invalid wheel"),
    ),
    Deviation(
        title="A version of the metadata that does not exist yet",
        pip="installs the release",
        minreq="passes over the release, and takes the next version",
        reason="The specification of core metadata forbids to read a greater major version.",
        explains=lambda compared: compared.has_defect("metadata version"),
    ),
)


def find_deviation(compared: Comparison) -> Deviation | None:
    """Return the deviation that explains a difference, ``None`` where there is no difference or no explanation."""
    if compared.agree:
        return None
    return next((each for each in DEVIATIONS if each.explains(compared)), None)
