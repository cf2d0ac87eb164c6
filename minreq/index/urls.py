"""Takes credentials out of URLs, and converts between paths and ``file:`` URLs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import url2pathname


def split_userinfo(url: str) -> tuple[str, str | None, str | None]:
    """Return *url* without credentials, and its user name and password, unquoted."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None, None
    user, _, password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=host)), unquote(user), unquote(password)


def without_credentials(url: str) -> str:
    """Return *url* without credentials, as minreq may show, log and write it."""
    return split_userinfo(url)[0]


def url_from_setting(location: str) -> str:
    """Return the URL for a setting of pip, which is a URL or a path."""
    if "://" in location or location.startswith("file:"):
        return location
    return Path(location).expanduser().absolute().as_uri()


def local_path(url: str) -> Path | None:
    """Return the path of a ``file:`` URL, ``None`` for any other URL."""
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None
