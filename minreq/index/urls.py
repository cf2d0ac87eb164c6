"""URLs of indexes and files: credentials taken out, paths and ``file:`` URLs one into the other."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import url2pathname


def split_userinfo(url: str) -> tuple[str, str | None, str | None]:
    """Return *url* without credentials, and the user name and password that stood in it, unquoted."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None, None
    user, _, password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=host)), unquote(user), unquote(password)


def bare(url: str) -> str:
    """*url* as it may be shown, logged and written: without credentials."""
    return split_userinfo(url)[0]


def from_setting(location: str) -> str:
    """Turn what pip takes for an index or a find-links location, a URL or a path, into a URL."""
    if "://" in location or location.startswith("file:"):
        return location
    return Path(location).expanduser().absolute().as_uri()


def local_path(url: str) -> Path | None:
    """The path a ``file:`` URL names, ``None`` for any other URL."""
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None
