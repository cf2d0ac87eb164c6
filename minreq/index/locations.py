"""The places where files are looked for: an index over HTTP, an index in a folder, find-links."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Protocol, TypeVar

from packaging.utils import NormalizedName

from minreq.errors import ArchiveUnreadable, PageUnreadable
from minreq.index import simple
from minreq.index.remembered import PageReader
from minreq.index.session import Session
from minreq.index.simple import Link, ProjectPage, Standing
from minreq.index.urls import local_path
from minreq.model import Sdist, Wheel

#: No such page, now or for ever (RFC 9110, sections 15.5.5 and 15.5.11).
_ABSENT = frozenset({404, 410})

#: Storage services answer so for what is not there, when the listing of a folder is not public.
_FORBIDDEN = 403

_CHUNK = 1 << 20

F = TypeVar("F", bound=Wheel | Sdist)


class Offers(Protocol):
    """What a place has of a project."""

    @property
    def links(self) -> tuple[Link, ...]:
        """Its files, and maybe those of others, in no order."""

    @property
    def standing(self) -> Standing:
        """How it stands."""

    def named(self, filenames: Collection[str], /) -> tuple[Link, ...]:
        """The files with these names."""


class Place(Protocol):
    """Somewhere that files are looked for."""

    def page(self, name: NormalizedName) -> Offers | None:
        """The files of a project, and maybe of others, in no order; ``None`` when it is not known here."""

    def file(self, link: Link) -> Wheel | Sdist | None:
        """What one of them is, ``None`` when it is no distribution; raises `PageUnreadable` and `ArchiveUnreadable`."""

    def page_of(self, name: NormalizedName) -> str:
        """Where that was looked up, for a message."""


class Index:
    """An index over HTTP. For an *extra* one a 403 means that it has no such project, as pip has it."""

    def __init__(self, url: str, session: Session, reader: PageReader, *, extra: bool) -> None:
        self._url = url.rstrip("/")
        self._session = session
        self._reader = reader
        self._absent = _ABSENT | {_FORBIDDEN} if extra else _ABSENT

    def page(self, name: NormalizedName) -> Offers | None:
        """Read the project's page."""
        page = self._session.page(self.page_of(name), accept=simple.ACCEPT, absent=self._absent)
        return None if page is None else self._reader.read(page)

    def file(self, link: Link) -> Wheel | Sdist | None:
        """What the page tells."""
        return simple.file_of(link)

    def page_of(self, name: NormalizedName) -> str:
        """The project's page: PEP 503 has "/<project>/", with a slash at the end."""
        return f"{self._url}/{name}/"


class FolderIndex:
    """An index laid out in a folder as PEP 503 has it: ``<project>/index.html``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def page(self, name: NormalizedName) -> ProjectPage | None:
        """Read the project's page, if there is one."""
        page = self._folder / name / "index.html"
        return _html_file(page) if page.is_file() else None

    def file(self, link: Link) -> Wheel | Sdist | None:
        """What the page tells, and what is to be seen where the archive lies."""
        return _on_this_machine(link)

    def page_of(self, name: NormalizedName) -> str:
        """The project's folder."""
        return f"{(self._folder / name).as_uri()}/"


class FindLinks:
    """A folder of archives, a local page, or a page over HTTP, for all projects at once; read once."""

    def __init__(self, url: str, session: Session) -> None:
        self._url = url
        self._session = session
        self._listed: tuple[Link, ...] | None = None

    def page(self, name: NormalizedName) -> ProjectPage | None:
        """The archives of that project."""
        if self._listed is None:
            # Two threads may both come here; they find the same.
            self._listed = self._list()
        found = ((link, simple.release_of(link.filename)) for link in self._listed)
        links = tuple(link for link, release in found if release is not None and release[0] == name)
        return ProjectPage(links=links) if links else None

    def file(self, link: Link) -> Wheel | Sdist | None:
        """What is told, and what is to be seen where the archive lies on this machine."""
        return _on_this_machine(link)

    def page_of(self, name: NormalizedName) -> str:  # noqa: ARG002 - one page for all names
        """The folder or page itself."""
        return self._url

    def _list(self) -> tuple[Link, ...]:
        path = local_path(self._url)
        if path is None:
            page = self._session.page(self._url, accept=simple.ACCEPT, absent=_ABSENT)
            return () if page is None else simple.parse(page.body, content_type=page.content_type, url=page.url).links
        if path.is_dir():
            try:
                return simple.links_at(child.as_uri() for child in sorted(path.iterdir()))
            except OSError as error:
                raise PageUnreadable(self._url, str(error)) from error
        # A folder or page that is not there is normal: pip only warns.
        return _html_file(path).links if path.is_file() else ()


def place(url: str, session: Session, reader: PageReader, *, extra: bool) -> Place:
    """The index at *url*, whose pages the *reader* understands."""
    path = local_path(url)
    return Index(url, session, reader, extra=extra) if path is None else FolderIndex(path)


def _html_file(path: Path) -> ProjectPage:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise PageUnreadable(path.as_uri(), str(error)) from error
    return simple.parse(body, content_type="text/html", url=path.as_uri())


def _on_this_machine(link: Link) -> Wheel | Sdist | None:
    file = simple.file_of(link)
    return None if file is None else hashed(file)


def hashed(file: F) -> F:
    """*file* with size and, where its page gives none, hash of the archive, if that lies on this machine."""
    path = local_path(file.url)
    if path is None or not path.is_file():
        return file
    digest = file.sha256
    if digest is None:
        whole = hashlib.sha256()
        try:
            with path.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    whole.update(chunk)
        except OSError as error:
            raise ArchiveUnreadable(file.filename, file.url, str(error)) from error
        digest = whole.hexdigest()
    return dataclasses.replace(file, sha256=digest, size=path.stat().st_size)
