"""Pages of the Simple API, JSON and HTML, to the files they list; text in, values out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.message import Message
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import (
    NormalizedName,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from minreq.errors import IndexTooNew, PageUnreadable
from minreq.index.urls import bare
from minreq.model import Sdist, Wheel

#: What a client asks for, most wanted first (PEP 691, "Version + Format Selection").
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"

_JSON = frozenset({"application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json"})
_HTML = frozenset({"application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html", "text/html"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """A file as a page lists it, before its name has been understood."""

    url: str
    #: ``None``: taken from the URL.
    filename: str | None
    sha256: str | None
    size: int | None = None
    requires_python: str | None = None
    upload_time: datetime | None = None
    yanked: str | None = None
    metadata_sha256: str | None = None


def parse(body: bytes, *, content_type: str, url: str) -> tuple[Wheel | Sdist, ...]:
    """Read a project's page of the Simple API.

    *url* is where the page was found in the end, after redirects; links are relative to it. Files are returned in the
    order of the page. What is neither a wheel nor a source distribution by its name is left out, as PEP 503 asks of
    clients.

    Raises :class:`PageUnreadable` and :class:`IndexTooNew`.
    """
    header = Message()
    header["Content-Type"] = content_type
    # PEP 691: "the content type ... MUST be application/vnd.pypi.simple.$version+format"; parameters may follow.
    kind = header.get_content_type()
    if kind in _JSON:
        links = _json_links(body, url)
    elif kind in _HTML:
        links = _html_links(body, header.get_content_charset("utf-8"), url)
    else:
        raise PageUnreadable(bare(url), f"its content type is {content_type or 'missing'!r}")
    return tuple(file for link in links if (file := file_of(link)) is not None)


def file_at(url: str) -> Wheel | Sdist | None:
    """The file a bare URL names, as in a folder of archives; ``None`` when it names no distribution."""
    return file_of(_Link(url=url, filename=None, sha256=None))


def file_of(link: _Link) -> Wheel | Sdist | None:
    """Understand the name of a file; ``None`` when it names no distribution."""
    filename = link.filename or unquote(urlsplit(link.url).path.rpartition("/")[2])
    if "/" in filename or "\\" in filename:  # A name from outside becomes a path later on.
        return None
    facts: dict[str, Any] = {
        "filename": filename,
        "url": link.url,
        "sha256": link.sha256,
        "size": link.size,
        "requires_python": _requires_python(link.requires_python) if link.requires_python else None,
        "upload_time": link.upload_time,
        "yanked": link.yanked,
    }
    try:
        if filename.endswith(".whl"):
            release, *tag = filename[: -len(".whl")].rsplit("-", 3)
            name, version = _release(release)
            tags = _tags("-".join(tag))
            return Wheel(name=name, version=version, tags=tags, metadata_sha256=link.metadata_sha256, **facts)
        name, version = parse_sdist_filename(filename)
        return Sdist(name=name, version=version, **facts)
    except ValueError:  # The name, the version or the tags cannot be read.
        return None


# A page has dozens of wheels of each release, and the same few tags for all: each is understood once.
@lru_cache(maxsize=4096)
def _release(part: str) -> tuple[NormalizedName, Version]:
    """Name and version of a wheel, from its file name up to the tags."""
    name, version, _, _ = parse_wheel_filename(f"{part}-py3-none-any.whl")
    return name, version


@lru_cache(maxsize=4096)
def _tags(part: str) -> frozenset[Tag]:
    return parse_tag(part)


@lru_cache(maxsize=1024)
def _requires_python(text: str) -> SpecifierSet | None:
    """The constraint on Python; none where it cannot be read, as pip has it."""
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def _check_version(version: str, url: str) -> None:
    # PEP 629: "clients MUST ... abort" on an unknown major version; an unknown minor version only warns.
    try:
        major = Version(version).major
    except InvalidVersion:
        raise PageUnreadable(bare(url), f"its version of the Simple API is {version!r}") from None
    if major != 1:
        raise IndexTooNew(bare(url), version)


def _json_links(body: bytes, url: str) -> Iterable[_Link]:
    try:
        page = json.loads(body)
        # PEP 691: "api-version: A required key".
        _check_version(str(page["meta"]["api-version"]), url)
        return [_json_link(file, url) for file in page["files"] if isinstance(file.get("url"), str)]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise PageUnreadable(bare(url), f"it is not the JSON that PEP 691 describes ({error!r})") from error


def _json_link(file: Mapping[str, Any], page: str) -> _Link:
    yanked = file.get("yanked", False)
    # PEP 714: clients "MUST" read core-metadata, and dist-info-metadata where it is absent.
    metadata = file.get("core-metadata", file.get("dist-info-metadata", False))
    target, fragment = _target(page, file["url"])
    return _Link(
        url=target,
        filename=str(file["filename"]),
        sha256=_digest(file.get("hashes") or {}) or _fragment_sha256(fragment),
        size=size if isinstance(size := file.get("size"), int) else None,
        requires_python=text if isinstance(text := file.get("requires-python"), str) else None,
        upload_time=_upload_time(file.get("upload-time")),
        # PEP 592, 691: "either a boolean ... or an arbitrary string" that is the reason.
        yanked=yanked if isinstance(yanked, str) else ("" if yanked else None),
        # PEP 658: "true", or the hashes of the metadata file.
        metadata_sha256=_offered(metadata),
    )


def _target(base: str, link: str) -> tuple[str, str]:
    """Where a link leads, without credentials, and its fragment."""
    # Pages list tens of thousands of files; nearly all links are absolute already, and joining was half of the time.
    if "[" in link:
        urlsplit(link)  # Raises where that is no address.
    target, _, fragment = (link if link.startswith("https://") else urljoin(base, link)).partition("#")
    return (bare(target) if "@" in target else target), fragment


def _digest(hashes: Mapping[str, Any]) -> str | None:
    digest = hashes.get("sha256")
    return digest.lower() if isinstance(digest, str) and digest else None


def _offered(metadata: object) -> str | None:
    if isinstance(metadata, Mapping):
        return _digest(metadata) or ""
    return "" if metadata is True else None


def _upload_time(text: object) -> datetime | None:
    # PEP 700: "must be a valid ISO 8601 date/time string, in the format yyyy-mm-ddThh:mm:ss.ffffffZ".
    if not isinstance(text, str):
        return None
    whole, point, fraction = text.removesuffix("Z").partition(".")
    try:
        # "The fractional seconds ... MAY be omitted", and PyPI's have six digits; Python 3.10 reads three or six.
        moment = datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}" if point else whole)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _fragment_sha256(fragment: str) -> str | None:
    # PEP 503: "the URL SHOULD include a hash in the form of a URL fragment: #<hashname>=<hashvalue>".
    for part in fragment.split("&"):
        name, _, value = part.partition("=")
        if name == "sha256" and value:
            return value.lower()
    return None


def _html_links(body: bytes, charset: str, url: str) -> Iterable[_Link]:
    page = _Page()
    try:
        page.feed(body.decode(charset))
        page.close()
        base = urljoin(url, page.base) if page.base else url
        links = [_anchor_link(anchor, base) for anchor in page.anchors if anchor.get("href")]
    except (ValueError, LookupError, AssertionError) as error:
        # Bytes that are not of the charset, a charset that does not exist, a URL that is none, and what html.parser
        # raises of a malformed declaration.
        raise PageUnreadable(bare(url), str(error)) from error
    if page.version is not None:
        _check_version(page.version, url)
    return links


def _anchor_link(anchor: Mapping[str, str | None], base: str) -> _Link:
    target, fragment = _target(base, anchor["href"] or "")
    # PEP 714: clients MUST read data-core-metadata, and data-dist-info-metadata where it is absent.
    metadata = anchor.get("data-core-metadata", anchor.get("data-dist-info-metadata"))
    return _Link(
        url=target,
        filename=None,
        sha256=_fragment_sha256(fragment),
        requires_python=anchor.get("data-requires-python"),
        # PEP 592: "may have no value, or may have an arbitrary string as a value".
        yanked=(anchor["data-yanked"] or "") if "data-yanked" in anchor else None,
        # PEP 658: "true", or "<hashname>=<hashvalue>".
        metadata_sha256=None if metadata is None else _fragment_sha256(metadata) or "",
    )


class _Page(HTMLParser):
    """Collects what a page of PEP 503 says: its links, its base, its version."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[dict[str, str | None]] = []
        self.base: str | None = None
        self.version: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a":
            self.anchors.append(attributes)
        elif tag == "base" and self.base is None:
            self.base = attributes.get("href")
        elif tag == "meta" and attributes.get("name") == "pypi:repository-version":
            # PEP 629: <meta name="pypi:repository-version" content="1.0">.
            self.version = attributes.get("content") or ""
