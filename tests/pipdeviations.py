"""Where minreq resolves otherwise than pip on purpose: ``python tests/pipdeviations.py > docs/pip.md`` writes the page.

`test_differential` accepts these differences and no others.
"""

from __future__ import annotations

import sys
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
        return self.case.has_defect(*defects)

    def takes_source_with(self, *defects: str) -> bool:
        """Whether pip installs a source distribution with one of these defects."""
        archives = (each for name in self.case.projects for each in self.case.archives(name))
        sources = {each.filename for each in archives if each.file.tag is None and each.release.defect in defects}
        return self.pip.files is not None and not sources.isdisjoint(self.pip.files.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A difference on purpose."""

    title: str
    pip: str
    minreq: str
    reason: str
    #: Whether a comparison shows this difference.
    explains: Callable[[Comparison], bool]


#: What pip writes about a file with another hash.
HASHES_DIFFER = "DO NOT MATCH THE HASHES"


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
        title="A source distribution that does not build, or is no archive",
        pip="ends with an error",
        minreq="passes over the release, and takes the next version",
        reason="One release that needs a compiler must not end the lock.",
        explains=_pip_ends("metadata-generation-failed", "not a gzip file"),
    ),
    Deviation(
        title="A source distribution whose build has another name, another version or none",
        pip="installs what the build has",
        minreq="passes over the release, and takes the next version",
        reason="A lock pins the name and the version that the index has.",
        explains=lambda compared: compared.takes_source_with("name", "no name", "version", "version word", "empty"),
    ),
    Deviation(
        title="A file with another hash than the index gives, of a version that is replaced later",
        pip="ends with an error, if it downloads the file to read its metadata",
        minreq="goes on",
        reason="minreq reads metadata by range, without the file. It checks each file of the lock before it uses it.",
        explains=lambda compared: compared.minreq.files is not None and _pip_ends(HASHES_DIFFER)(compared),
    ),
    Deviation(
        title="A version of the metadata that does not exist yet",
        pip="installs the release",
        minreq="passes over the release, and takes the next version",
        reason="The specification of core metadata forbids to read a greater major version.",
        explains=lambda compared: compared.has_defect("metadata version"),
    ),
    Deviation(
        title="A circle that only a replaced version required",
        pip="ends with a traceback",
        minreq="pins what is still required",
        reason="resolvelib, which both use, looks for a way to the root recursively, without an end.",
        explains=_pip_ends("RecursionError"),
    ),
)


def find_deviation(compared: Comparison) -> Deviation | None:
    """Return the deviation that explains a difference, ``None`` where there is no difference or no explanation."""
    if compared.agree:
        return None
    return next((each for each in DEVIATIONS if each.explains(compared)), None)


_HEAD = """\
# Versions as pip chooses them

minreq pins what pip would install, if the program imports all of it: `tests/test_differential.py` makes indexes with
extras, markers, yanked files, pre-releases, build numbers, foreign wheels, `Requires-Python`, constraints, source
distributions, wrong hashes and broken releases, and asks the real pip and minreq for the files. 200 indexes are
compared in each run of the tests, and 20,000 by `tox run -e differential`. For an eighth of them, a lock for two
platforms is compared with pip on each of the two (`tests/test_differential_platforms.py`). Shapes of graphs on which
other resolvers are tested lie beside them (`tests/scenarios/shapes`).

"""

_INTRODUCTION = "The two differ on purpose in these cases, and the comparison accepts no others:\n\n"

_TAIL = """
Not compared, since pip has nothing like it:

- A requirement on a distribution that the root does not import blocks no version of the root; see
  [Hard cases](scenarios.md). In the comparison the root imports everything.
- A lock may be for several platforms. A pin then has a wheel for each platform that requires it, and a marker where
  the others do not. Where pip needs two versions of a project, the lock has one that all platforms can install.
- The first index that has a project is the only one that counts for it, unless you give `--index-strategy
  unsafe-best-match`. pip takes the best version of all indexes, so that anybody can replace a private project.
- A release that requires a project by its URL is passed over for an older one, since a lock has releases of an index.
  pip fetches the URL.
- Of two files of a version with the same tag, such as `a-1.0` and `a-1.0.0`, minreq takes the last by name, and pip the
  last on the page. A lock does not depend on the order of a page.
- The versions of the root are tried one after the other, the newest first; pip may leave a version of the root before
  everything below it was tried.
- Releases that are known to be malicious are never taken.

[Requirements files](requirements.md) has the deviations in what such files mean.
"""


def page() -> str:
    """The text of ``docs/pip.md``."""
    rows = [
        "| what the index has | pip | minreq | reason |",
        "| --- | --- | --- | --- |",
        *(f"| {each.title} | {each.pip} | {each.minreq} | {each.reason} |" for each in DEVIATIONS),
    ]
    return _HEAD + _INTRODUCTION + "\n".join(rows) + "\n" + _TAIL


if __name__ == "__main__":
    sys.stdout.write(page())
