"""Settings of the index client: where it finds files, and how it requests them; URLs hold no credentials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from minreq.index.urls import split_userinfo

KeyringProvider = Literal["auto", "disabled", "import", "subprocess"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """User and password for all URLs below one URL."""

    #: Without credentials.
    url: str
    user: str
    #: ``None``: only the user is set, keyring may have the password.
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """The index settings of pip. URLs are absolute and hold no credentials; its ``repr`` shows no secret."""

    #: ``None``: pip's own default.
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    #: Folders (``file:``), or pages that link to archives.
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    #: Take each project from the first index that has it, so that no other index can add a version; else, as in pip,
    #: from all of them.
    first_index: bool = True
    #: Send no request; use cached pages, however old.
    offline: bool = False
    #: File or folder of certificate authorities; ``None``: the system's and certifi's.
    cert: str | None = None
    #: A file with the client's certificate and its key.
    client_cert: str | None = None
    #: ``host`` or ``host:port``: minreq checks no certificate there, and accepts plain HTTP.
    trusted_hosts: tuple[str, ...] = ()
    #: Seconds without a byte after which a request fails.
    timeout: float = 15.0
    #: How often a failed request is sent again.
    retries: int = 5
    #: ``None``: from the environment.
    proxy: str | None = field(default=None, repr=False)
    keyring_provider: str = "auto"
    #: Names, or ``:all:``.
    only_binary: frozenset[str] = frozenset()
    no_binary: frozenset[str] = frozenset()
    #: Projects whose pre-releases count, and those whose final releases alone count: names, or ``:all:``.
    all_releases: frozenset[str] = frozenset()
    only_final: frozenset[str] = frozenset()
    #: Prefer a wheel of an older version to a newer source distribution.
    prefer_binary: bool = False
    #: Paths or URLs of constraint files.
    constraints: tuple[str, ...] = ()
    #: pip's own cutoff, not parsed: a date or a duration, in the format of ``--exclude-newer``.
    uploaded_prior_to: str | None = None
    #: Those that stood in the URLs.
    credentials: tuple[Credentials, ...] = field(default=(), repr=False)

    @classmethod
    def from_urls(
        cls, *, index_url: str | None, extra_index_urls: Iterable[str], find_links: Iterable[str], **others: Any
    ) -> IndexSettings:
        """Return settings with these URLs, which may hold credentials."""
        return cls().with_urls(index_url=index_url, extra_index_urls=extra_index_urls, find_links=find_links, **others)

    def with_urls(
        self, *, index_url: str | None, extra_index_urls: Iterable[str], find_links: Iterable[str], **others: Any
    ) -> IndexSettings:
        """Return the same settings with these URLs, which may hold credentials; those of earlier URLs stay."""
        credentials = [*self.credentials]

        def take_credentials(url: str) -> str:
            url, user, password = split_userinfo(url)
            if user is not None:
                credentials.append(Credentials(url=url, user=user, password=password or None))
            return url

        return replace(
            self,
            index_url=None if index_url is None else take_credentials(index_url),
            extra_index_urls=tuple(map(take_credentials, extra_index_urls)),
            find_links=tuple(map(take_credentials, find_links)),
            credentials=tuple(credentials),
            **others,
        )
