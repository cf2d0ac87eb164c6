"""Reads the requirements and constraints of the user, and leaves out what applies to none of the platforms."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from packaging.requirements import Requirement

from minreq.config import Settings
from minreq.errors import MarkerInvalid, RootNotApplicable
from minreq.index.remotefile import FileFetcher
from minreq.index.settings import IndexSettings
from minreq.requirements import RequirementsFile, RequirementsReader, applies

#: The markers of each platform.
Environments = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementFiles:
    """The files of the user, each kind in its order."""

    #: The constraints that the configuration of pip names.
    configured: tuple[RequirementsFile, ...] = ()
    #: The files of ``--constraint``, then those of ``-r``.
    named: tuple[RequirementsFile, ...] = ()

    @property
    def all(self) -> tuple[RequirementsFile, ...]:
        """All files, in the order in which pip reads them."""
        return (*self.configured, *self.named)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each option without effect."""
        return tuple(note for file in self.all for note in file.notes)

    @property
    def require_hashes(self) -> bool:
        """Whether every distribution needs a hash: as in pip, if a line has one, and the files do not say otherwise."""
        options = {option.name for file in self.all for option in file.options}
        required = "--require-hashes" in options or any(file.has_hashes for file in self.all)
        return required and "--no-require-hashes" not in options


def read_files(settings: Settings, index: IndexSettings, environments: Environments) -> RequirementFiles:
    """Read the files that *settings* and the configuration of pip name.

    Raises ``RequirementsUnreadable``, and for a URL the index failures.
    """
    fetcher = FileFetcher(index, settings.cache_dir / "index")
    reader = RequirementsReader(environ=os.environ, environments=environments, fetch=fetcher.fetch)
    return RequirementFiles(
        configured=tuple(reader.read(each, constraint=True) for each in index.constraints),
        named=(
            *(reader.read(each, constraint=True) for each in settings.constraints),
            *(reader.read(each) for each in settings.requirement_files),
        ),
    )


def drop_inapplicable(
    settings: Settings, host: Mapping[str, str], environments: Environments
) -> tuple[Settings, tuple[str, ...]]:
    """Return *settings* without the requirements that apply to none of *environments*, and a note for each.

    Tools of the smoke run on the *host* alone. Raises ``MarkerInvalid``, and ``RootNotApplicable`` for the root.
    """
    if not _applies("", settings.root, environments):
        raise RootNotApplicable(str(settings.root))
    notes: list[str] = []

    def keep(option: str, requirements: Iterable[Requirement], environments: Environments) -> tuple[Requirement, ...]:
        kept = []
        for each in requirements:
            if _applies(f"{option} ", each, environments):
                kept.append(each)
            else:
                notes.append(f"{option} {each}: has no effect, since the marker holds on no platform of the lock")
        return tuple(kept)

    applicable = replace(
        settings,
        also=keep("--also", settings.also, environments),
        with_=keep("--with", settings.with_, environments),
        whole=keep("--whole", settings.whole, environments),
        overrides=keep("--override", settings.overrides, environments),
        smoke_with=keep("--smoke-with", settings.smoke_with, [host]),
    )
    return applicable, tuple(notes)


def _applies(option: str, requirement: Requirement, environments: Environments) -> bool:
    try:
        return applies(requirement.marker, environments)
    except ValueError as error:
        raise MarkerInvalid(f"{option}{requirement}", str(error)) from error


def digest_lines(files: Iterable[RequirementsFile]) -> Mapping[str, list[str]]:
    """Return the requirements and constraints of *files* as text, by the file that has them."""
    texts: dict[str, list[str]] = {}
    for each in chain.from_iterable((*file.requirements, *file.constraints) for file in files):
        texts.setdefault(each.origin, []).append(str(each))
    return texts
