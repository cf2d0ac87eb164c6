"""Merges the files of one project from all locations, and parses them version by version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.index.filenames import release_from_filename
from minreq.index.locations import Location, ProjectEntry
from minreq.index.simple import Link, ProjectStatus
from minreq.model import Sdist, Wheel


class Listing(Mapping[Version, tuple[Wheel | Sdist, ...]]):
    """The files of a project by version, the oldest first; shared by threads.

    Large projects have thousands of files on their pages, of which a lock reads a few dozen. So the listing parses the
    files of a version when somebody looks that version up, and file names when somebody asks for the versions; a caller
    that knows the file names needs neither (`files_named`).

    The files of a version are sorted by file name, then in the order of the locations; a file of a later location with
    the same name and hash is left out. A version may have no files: those whose names belong to it cannot be read. A
    look-up raises :class:`PageUnreadable` where the page has impossible facts about a file.
    """

    def __init__(self, name: NormalizedName, entries: Iterable[tuple[Location, ProjectEntry]]) -> None:
        self._name = name
        self._entries = tuple(entries)
        self._files: dict[Version, tuple[Wheel | Sdist, ...]] = {}

    @property
    def project_status(self) -> ProjectStatus:
        """The status of the project; the first location with another one than ``active`` decides."""
        statuses = (entry.project_status for _, entry in self._entries)
        return next((each for each in statuses if each.status != ProjectStatus().status), ProjectStatus())

    def files_named(self, filenames: Collection[str]) -> tuple[Wheel | Sdist, ...]:
        """Return the files with these names, of all locations."""
        names = frozenset(filenames)
        links = ((location, link) for location, entry in self._entries for link in entry.links_named(names))
        return tuple(self._parse_links(links))

    @cached_property
    def _links(self) -> Mapping[Version, Iterable[tuple[Location, Link]]]:
        # Two threads may both run this; they get the same result.
        links: defaultdict[Version, list[tuple[Location, Link]]] = defaultdict(list)
        for location, entry in self._entries:
            for link in entry.links:
                release = release_from_filename(link.filename, self._name)
                if release is not None and release[0] == self._name:
                    links[release[1]].append((location, link))
        return {version: links[version] for version in sorted(links)}

    def __getitem__(self, version: Version) -> tuple[Wheel | Sdist, ...]:
        # Two threads may both run this; they get the same result.
        if version not in self._files:
            self._files[version] = tuple(self._parse_links(self._links[version]))
        return self._files[version]

    def __iter__(self) -> Iterator[Version]:
        return iter(self._links)

    def __len__(self) -> int:
        return len(self._links)

    def _parse_links(self, links: Iterable[tuple[Location, Link]]) -> list[Wheel | Sdist]:
        files: dict[tuple[str, str | None], Wheel | Sdist] = {}
        for location, link in links:
            file = location.parse_link(link, self._name)
            if file is not None:
                files.setdefault((file.filename, file.sha256), file)
        # Sorting is stable: the order of the locations decides among equals.
        return sorted(files.values(), key=lambda file: file.filename)
