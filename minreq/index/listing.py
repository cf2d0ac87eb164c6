"""All files that the places of an index have of one project, understood version by version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.index.places import Offers, Place
from minreq.index.simple import Link, Standing, release_of
from minreq.model import Sdist, Wheel


class Listing(Mapping[Version, tuple[Wheel | Sdist, ...]]):
    """The files of a project by version, the oldest first; shared by threads.

    Large projects have thousands of files on their pages, of which a lock looks at a few dozen: the files of a version
    are understood when somebody asks for them. Then they are sorted by file name, then in the order of the places; a
    file that a later place offers with the same hash is left out. A version has no files where none of those that seem
    to be of it can be read. Asking raises :class:`PageUnreadable` where a page tells nonsense about a file.

    Not even the versions are read before somebody asks: whoever knows the file names goes without.
    """

    def __init__(self, name: NormalizedName, offers: Iterable[tuple[Place, Offers]]) -> None:
        self._name = name
        self._offers = tuple(offers)
        self._files: dict[Version, tuple[Wheel | Sdist, ...]] = {}

    @property
    def standing(self) -> Standing:
        """How the project stands, as the first place says that says more than ``active``."""
        told = (page.standing for _, page in self._offers)
        return next((each for each in told if each.status != Standing().status), Standing())

    def named(self, filenames: Collection[str]) -> tuple[Wheel | Sdist, ...]:
        """Return the files with these names, as the places offer them."""
        wanted = frozenset(filenames)
        found = ((place, link) for place, page in self._offers for link in page.named(wanted))
        return tuple(_understood(found))

    @cached_property
    def _links(self) -> Mapping[Version, Iterable[tuple[Place, Link]]]:
        # Here too two threads may come at once.
        links: defaultdict[Version, list[tuple[Place, Link]]] = defaultdict(list)
        for place, page in self._offers:
            for link in page.links:
                release = release_of(link.filename)
                if release is not None and release[0] == self._name:
                    links[release[1]].append((place, link))
        return {version: links[version] for version in sorted(links)}

    def __getitem__(self, version: Version) -> tuple[Wheel | Sdist, ...]:
        # Two threads may both come here; they find the same.
        if version not in self._files:
            self._files[version] = tuple(_understood(self._links[version]))
        return self._files[version]

    def __iter__(self) -> Iterator[Version]:
        return iter(self._links)

    def __len__(self) -> int:
        return len(self._links)


def _understood(links: Iterable[tuple[Place, Link]]) -> list[Wheel | Sdist]:
    offered: dict[tuple[str, str | None], Wheel | Sdist] = {}
    for place, link in links:
        file = place.file(link)
        if file is not None:
            offered.setdefault((file.filename, file.sha256), file)
    # Sorting is stable: the order of the places decides among equals.
    return sorted(offered.values(), key=lambda file: file.filename)
