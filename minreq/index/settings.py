"""Where files are looked for and how: what the index client is told, credentials kept apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from minreq.index.urls import split_userinfo

KeyringProvider = Literal["auto", "disabled", "import", "subprocess"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user of an index, and the URL below which the index stands."""

    #: Without credentials.
    url: str
    user: str
    #: ``None``: only the user is known, keyring may have the rest.
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """The index settings of pip. URLs are absolute and hold no credentials; printing it tells no secret."""

    #: ``None``: pip's own default.
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    #: Folders (``file:``), or pages that link to archives.
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    #: Take each project from the first index that has it, so that no other can offer a version of it; else, as pip
    #: does, the best of all of them.
    first_index: bool = True
    #: Let no request out; what is cached is used, however old.
    offline: bool = False
    #: File or folder of certificate authorities; ``None``: the system's and certifi's.
    cert: str | None = None
    #: A file with the client's certificate and its key.
    client_cert: str | None = None
    #: ``host`` or ``host:port``: no certificate is checked there, and plain HTTP is accepted.
    trusted_hosts: tuple[str, ...] = ()
    #: Seconds without a byte after which a connection is given up.
    timeout: float = 15.0
    #: How often a failed request is tried again.
    retries: int = 5
    #: ``None``: as the environment says.
    proxy: str | None = field(default=None, repr=False)
    keyring_provider: str = "auto"
    #: Names, or ``:all:``.
    only_binary: frozenset[str] = frozenset()
    no_binary: frozenset[str] = frozenset()
    #: Paths or URLs of constraint files.
    constraints: tuple[str, ...] = ()
    #: pip's own cutoff, unread: a date or a duration, as ``--exclude-newer`` takes it.
    uploaded_prior_to: str | None = None
    #: Taken out of the URLs.
    credentials: tuple[Credentials, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls, *, index_url: str | None, extra_index_urls: Iterable[str], find_links: Iterable[str], **others: Any
    ) -> IndexSettings:
        """Make settings of URLs that may hold credentials."""
        return cls().but(index_url=index_url, extra_index_urls=extra_index_urls, find_links=find_links, **others)

    def but(
        self, *, index_url: str | None, extra_index_urls: Iterable[str], find_links: Iterable[str], **others: Any
    ) -> IndexSettings:
        """Make the same settings with these URLs, which may hold credentials; what is known of others stays known."""
        credentials = [*self.credentials]

        def bare(url: str) -> str:
            url, user, password = split_userinfo(url)
            if user is not None:
                credentials.append(Credentials(url=url, user=user, password=password or None))
            return url

        return replace(
            self,
            index_url=None if index_url is None else bare(index_url),
            extra_index_urls=tuple(map(bare, extra_index_urls)),
            find_links=tuple(map(bare, find_links)),
            credentials=tuple(credentials),
            **others,
        )
