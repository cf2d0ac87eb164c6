"""Reads the locations of files: an index over HTTP, an index in a folder, find-links."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Protocol, TypeVar

from packaging.utils import NormalizedName

from minreq.errors import ArchiveUnreadable, PageUnreadable
from minreq.index import simple
from minreq.index.filenames import release_from_filename
from minreq.index.pagereader import PageReader
from minreq.index.session import Session
from minreq.index.simple import Link, ProjectPage, ProjectStatus
from minreq.index.urls import local_path
from minreq.model import Sdist, Wheel
from minreq.system import regularfile

#: No such page, now or for ever (RFC 9110, sections 15.5.5 and 15.5.11).
_ABSENT = frozenset({404, 410})

#: Storage services answer so for a missing file, where nobody may list the folder.
_FORBIDDEN = 403

_CHUNK = 1 << 20

F = TypeVar("F", bound=Wheel | Sdist)


class ProjectEntry(Protocol):
    """What a location has of a project."""

    @property
    def links(self) -> tuple[Link, ...]:
        """The files of the project, and maybe of others, in no order."""

    @property
    def project_status(self) -> ProjectStatus:
        """The status of the project."""

    def links_named(self, filenames: Collection[str], /) -> tuple[Link, ...]:
        """Return the files with these names."""


class Location(Protocol):
    """An index, a folder or a page that has files."""

    def find_project(self, name: NormalizedName) -> ProjectEntry | None:
        """Return what the location has of a project, ``None`` when it does not have the project."""

    def parse_link(self, link: Link, project: NormalizedName) -> Wheel | Sdist | None:
        """Return the file of a link of *project*, ``None`` when it is no distribution.

        Raises `PageUnreadable` and `ArchiveUnreadable`.
        """

    def project_url(self, name: NormalizedName) -> str:
        """Return where the location looks for a project, for a message."""


class HttpIndex:
    """An index over HTTP. From an *extra* index, a 403 means that it has no such project, as in pip."""

    def __init__(self, url: str, session: Session, reader: PageReader, *, extra: bool) -> None:
        self._url = url.rstrip("/")
        self._session = session
        self._reader = reader
        self._absent = _ABSENT | {_FORBIDDEN} if extra else _ABSENT

    def find_project(self, name: NormalizedName) -> ProjectEntry | None:
        """Read the project's page."""
        page = self._session.page(self.project_url(name), accept=simple.ACCEPT, absent=self._absent)
        return None if page is None else self._reader.read(page)

    def parse_link(self, link: Link, project: NormalizedName) -> Wheel | Sdist | None:
        """Parse the facts on the page."""
        return simple.file_from_link(link, project)

    def project_url(self, name: NormalizedName) -> str:
        """Return the URL of the project's page: PEP 503 has "/<project>/", with a slash at the end."""
        return f"{self._url}/{name}/"


class FolderIndex:
    """An index in a folder, laid out as in PEP 503: ``<project>/index.html``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_project(self, name: NormalizedName) -> ProjectPage | None:
        """Read the project's page, if there is one."""
        page = self._folder / name / "index.html"
        return _html_file(page) if page.is_file() else None

    def parse_link(self, link: Link, project: NormalizedName) -> Wheel | Sdist | None:
        """Parse the facts on the page; add size and hash of the archive."""
        return _parse_local_link(link, project)

    def project_url(self, name: NormalizedName) -> str:
        """Return the URL of the project's folder."""
        return f"{(self._folder / name).as_uri()}/"


class FindLinks:
    """A folder of archives, a local page, or a page over HTTP, for all projects together; read once."""

    def __init__(self, url: str, session: Session) -> None:
        self._url = url
        self._session = session
        self._links: tuple[Link, ...] | None = None

    def find_project(self, name: NormalizedName) -> ProjectPage | None:
        """Return the archives of the project."""
        if self._links is None:
            # Two threads may both run this; they get the same result.
            self._links = self._read_links()
        releases = ((link, release_from_filename(link.filename, name)) for link in self._links)
        links = tuple(link for link, release in releases if release is not None and release[0] == name)
        return ProjectPage(links=links) if links else None

    def parse_link(self, link: Link, project: NormalizedName) -> Wheel | Sdist | None:
        """Parse the facts on the page; add size and hash of an archive on this machine."""
        return _parse_local_link(link, project)

    def project_url(self, name: NormalizedName) -> str:  # noqa: ARG002 - One page for all names.
        """Return the URL of the folder or page."""
        return self._url

    def _read_links(self) -> tuple[Link, ...]:
        path = local_path(self._url)
        if path is None:
            page = self._session.page(self._url, accept=simple.ACCEPT, absent=_ABSENT)
            return () if page is None else simple.parse(page.body, content_type=page.content_type, url=page.url).links
        if path.is_dir():
            try:
                return simple.links_from_urls(child.as_uri() for child in sorted(path.iterdir()))
            except OSError as error:
                raise PageUnreadable(self._url, str(error)) from error
        # As in pip, a missing folder or page is no error, and what is no page is an archive.
        if path.suffix not in {".html", ".htm"}:
            return simple.links_from_urls([self._url]) if path.is_file() else ()
        return _html_file(path).links if path.is_file() else ()


def open_index(url: str, session: Session, reader: PageReader, *, extra: bool) -> Location:
    """Return the index at *url*, over HTTP or in a folder."""
    path = local_path(url)
    return HttpIndex(url, session, reader, extra=extra) if path is None else FolderIndex(path)


def _html_file(path: Path) -> ProjectPage:
    try:
        body = regularfile.read_whole(path)
    except OSError as error:
        raise PageUnreadable(path.as_uri(), str(error)) from error
    return simple.parse(body, content_type="text/html", url=path.as_uri())


def _parse_local_link(link: Link, project: NormalizedName) -> Wheel | Sdist | None:
    file = simple.file_from_link(link, project)
    return None if file is None else with_hash(file)


def with_hash(file: F) -> F:
    """Return *file* with size and, where its page has none, hash of the archive, if that is on this machine."""
    path = local_path(file.url)
    if path is None or not path.is_file():
        return file
    digest = file.sha256
    if digest is None:
        whole = hashlib.sha256()
        try:
            with regularfile.open_stream(path) as stream:
                while chunk := stream.read(_CHUNK):
                    whole.update(chunk)
        except OSError as error:
            raise ArchiveUnreadable(file.filename, file.url, str(error)) from error
        digest = whole.hexdigest()
    return dataclasses.replace(file, sha256=digest, size=path.stat().st_size)
