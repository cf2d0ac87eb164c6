"""Parses pages of the Simple API, JSON and HTML, into links, and links into files; text in, values out."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.message import Message
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion

from minreq.errors import IndexVersionUnsupported, PageUnreadable
from minreq.index import jsonpage
from minreq.index.filenames import parse_filename
from minreq.index.htmltags import find_tags
from minreq.index.spillfile import ByteStore, SpillFile
from minreq.index.urls import without_credentials
from minreq.model import Sdist, Wheel
from minreq.model.parsing import parse_specifiers, parse_version, shorten

#: The formats that minreq accepts, the preferred one first (PEP 691, "Version + Format Selection").
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"

_JSON = frozenset({"application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json"})
_HTML = frozenset({"application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html", "text/html"})

#: The longest name that a file has on any file system, in bytes.
_MAX_FILENAME = 255

#: The algorithms of hashes on a page.
HASH_NAMES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")

#: Characters of the reason for the status of a project.
_LONGEST_REASON = 300


class StoredPage(NamedTuple):
    """The text of a page in a byte store."""

    #: The URL of the page; URLs of its files are relative to it.
    url: str
    store: ByteStore


class Link(NamedTuple):
    """A file on a page, not parsed: a large page has thousands of files, and a lock reads a few."""

    filename: str
    page: StoredPage
    #: The bytes of its facts in the store.
    start: int
    length: int

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the page has about the file, by the keys of PEP 691, unchecked."""
        facts: Mapping[str, Any] = json.loads(self.page.store.read(self.start, self.length))
        return facts


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStatus:
    """The status of a project (PEP 792)."""

    #: ``active``, ``archived``, ``deprecated``, ``quarantined``, or a word of a later version of the format.
    status: str = "active"
    #: As the owner or the index wrote it; may be empty.
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """The links and the project status on a page."""

    #: In the order of the page.
    links: tuple[Link, ...]
    project_status: ProjectStatus = ProjectStatus()

    def links_named(self, filenames: Collection[str]) -> tuple[Link, ...]:
        """Return the links with these file names, in the order of the page."""
        return tuple(link for link in self.links if link.filename in filenames)


def parse(
    body: bytes, *, content_type: str, url: str, store: ByteStore | None = None, start: int | None = None
) -> ProjectPage:
    """Parse a page of the Simple API, of one project or several.

    *url* is the URL of the page after redirects. The page's text goes into *store*, by default in memory; where *store*
    has the body already, it is at *start*. `file_from_link` reads the facts of a file from there later.

    Raises :class:`PageUnreadable` and :class:`IndexVersionUnsupported`.
    """
    header = Message()
    header["Content-Type"] = content_type
    # PEP 691: "the content type ... MUST be application/vnd.pypi.simple.$version+format"; parameters may follow.
    kind = header.get_content_type()
    if kind in _JSON:
        return _json_page(body, url, store or SpillFile.in_memory(), start)
    if kind in _HTML:
        return _html_page(body, header.get_content_charset("utf-8"), url, store or SpillFile.in_memory())
    raise PageUnreadable(without_credentials(url), f"its content type is {content_type or 'missing'!r}")


def links_from_urls(urls: Iterable[str]) -> tuple[Link, ...]:
    """Return links to the files at *urls*, which hold no credentials; as in a folder of archives."""
    names = ((unquote(urlsplit(url).path.rpartition("/")[2]), url) for url in urls)
    return links_from_facts(({"filename": name, "url": url} for name, url in names), "")


def file_from_url(url: str) -> Wheel | Sdist | None:
    """Return the file at *url*, which holds no credentials; ``None`` when it is no distribution."""
    return file_from_link(links_from_urls([url])[0])


def file_from_link(link: Link, project: NormalizedName | None = None) -> Wheel | Sdist | None:
    """Parse the facts of a file; return ``None`` when its name is neither that of a wheel nor of a source distribution.

    *project* tells where the version starts in a name such as ``a-1.0-1.tar.gz``. PEP 503 asks clients to ignore files
    with other names. Raises :class:`PageUnreadable` where the facts make no sense.
    """
    filename, page = link.filename, link.page.url
    # The name becomes a path later on.
    if "/" in filename or "\\" in filename or len(filename.encode("utf-8", "surrogatepass")) > _MAX_FILENAME:
        return None
    try:
        from_name = parse_filename(filename, project)
    except ValueError:  # The name, the version or the tags cannot be read.
        return None
    facts = link.facts
    try:
        url, fragment = _split_link(page, facts["url"])
        hashes = {**_hashes(fragment), **_lower_hashes(facts.get("hashes") or {})}
        from_page: dict[str, Any] = {
            "filename": filename,
            "url": url,
            "sha256": hashes.pop("sha256", None),
            "other_hashes": frozenset(f"{name}:{digest}" for name, digest in hashes.items()),
            "size": size if isinstance(size := facts.get("size"), int) else None,
            "requires_python": _requires_python(facts.get("requires-python")),
            "upload_time": _upload_time(facts.get("upload-time")),
            "yanked": _yank_reason(facts.get("yanked", False)),
        }
        # PEP 714: clients "MUST" read core-metadata, and dist-info-metadata where it is absent.
        metadata = facts.get("core-metadata", facts.get("dist-info-metadata", False))
        if "tags" in from_name:
            return Wheel(**from_name, **from_page, metadata_sha256=_metadata_digest(metadata))
        return Sdist(**from_name, **from_page)
    except (ValueError, AttributeError, TypeError) as error:
        problem = f"what it has about {filename} makes no sense ({shorten(repr(error))})"
        raise PageUnreadable(without_credentials(page), problem) from error


def _requires_python(text: object) -> SpecifierSet | None:
    """Return the specifier, ``None`` where it cannot be read, as in pip."""
    return _parse_specifier(text) if isinstance(text, str) and text else None


@lru_cache(maxsize=1024)
def _parse_specifier(text: str) -> SpecifierSet | None:
    try:
        return parse_specifiers(text)
    except InvalidSpecifier:
        return None


def _check_version(version: str, url: str) -> None:
    # PEP 629: "clients MUST ... abort" on an unknown major version; an unknown minor version only warns.
    try:
        major = parse_version(version).major
    except InvalidVersion:
        raise PageUnreadable(
            without_credentials(url), f"its version of the Simple API is {shorten(version)!r}"
        ) from None
    if major != 1:
        raise IndexVersionUnsupported(without_credentials(url), version)


def _json_page(body: bytes, url: str, store: ByteStore, start: int | None) -> ProjectPage:
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        # As many characters as bytes: the text is ASCII, and the body in the store can be used.
        start = start if len(text) == len(body) else None
        page, files = jsonpage.split_page(text)
        # PEP 691: "api-version: A required key".
        _check_version(str(page["meta"]["api-version"]), url)
        # PEP 792: an object with "status" and "reason", both optional.
        status = page.get("project-status")
        project_status = _project_status(**status) if isinstance(status, dict) else ProjectStatus()
        return ProjectPage(links=_links(text, files, url, store, start), project_status=project_status)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        problem = f"it is not the JSON that PEP 691 describes ({shorten(repr(error))})"
        raise PageUnreadable(without_credentials(url), problem) from error


def _links(
    text: str, files: Iterable[jsonpage.FileEntry], url: str, store: ByteStore, text_start: int | None = None
) -> tuple[Link, ...]:
    """Return links to the *files* of *text*; append the text to *store* unless it is there, at *text_start*."""
    page = StoredPage(url, store)
    if text.isascii():
        first = store.append(text.encode()) if text_start is None else text_start
        return tuple(Link(name, page, first + start, end - start) for name, start, end in files)
    # Positions in the text are characters, those in the store bytes.
    position, previous_end, links = store.append(text.encode("utf-8", "surrogatepass")), 0, []
    for name, start, end in files:
        position += len(text[previous_end:start].encode("utf-8", "surrogatepass"))
        length = len(text[start:end].encode("utf-8", "surrogatepass"))
        links.append(Link(name, page, position, length))
        position, previous_end = position + length, end
    return tuple(links)


def links_from_facts(files: Iterable[Mapping[str, Any]], url: str, store: ByteStore | None = None) -> tuple[Link, ...]:
    """Return links to files with these facts, by the keys of PEP 691, on a page at *url*."""
    text = json.dumps([*files])
    return _links(text, jsonpage.locate_files(text, 0)[0], url, store or SpillFile.in_memory())


def _project_status(*, status: object = None, reason: object = None, **_: object) -> ProjectStatus:
    """Return the status, each part as one line of printable text; "if ... not present, ... active" (PEP 792)."""
    lines = (" ".join(str(each or "").split())[:_LONGEST_REASON] for each in (status, reason))
    status_word, reason_text = ("".join(char for char in line if char.isprintable()) for line in lines)
    return ProjectStatus(status=status_word.lower() or "active", reason=reason_text)


def _split_link(base: str, link: str) -> tuple[str, str]:
    """Return the URL of a link, without credentials, and its fragment."""
    target, _, fragment = urljoin(base, link).partition("#")
    return without_credentials(target), fragment


def _yank_reason(yanked: object) -> str | None:
    # PEP 691: "either a boolean ... or a non empty, but otherwise arbitrary, string"; an empty one is false, as in pip.
    return (yanked if isinstance(yanked, str) else "") if yanked else None


def _lower_hashes(hashes: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes of the algorithms that minreq can compute, by name, in lower case."""
    return {
        name: digest.lower()
        for name, digest in hashes.items()
        if name in HASH_NAMES and isinstance(digest, str) and digest
    }


def _metadata_digest(metadata: object) -> str | None:
    """Return the hash of the metadata file, empty where the index gives none; ``None`` where there is no such file."""
    if isinstance(metadata, Mapping):
        return _lower_hashes(metadata).get("sha256", "")
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


def _hashes(fragment: str) -> dict[str, str]:
    # PEP 503: "the URL SHOULD include a hash in the form of a URL fragment: #<hashname>=<hashvalue>".
    parts = (part.partition("=") for part in fragment.split("&"))
    return _lower_hashes({name: digest for name, _, digest in reversed([*parts])})


def _html_page(body: bytes, charset: str, url: str, store: ByteStore) -> ProjectPage:
    base: str | None = None
    properties: dict[str, str | None] = {}
    anchors = []
    try:
        for tag, attributes in find_tags(body.decode(charset)):
            if tag == "a" and attributes.get("href"):
                anchors.append(attributes)
                jsonpage.check_number(len(anchors))
            elif tag == "base" and base is None:
                base = attributes.get("href")
            elif tag == "meta":
                properties[attributes.get("name") or ""] = attributes.get("content")
        base = urljoin(url, base) if base else url
        links = links_from_facts((_anchor_facts(anchor, base) for anchor in anchors), base, store)
    except (ValueError, LookupError) as error:
        # Bytes that are not of the charset, an unknown charset, or an invalid URL.
        raise PageUnreadable(without_credentials(url), shorten(str(error))) from error
    # PEP 629: <meta name="pypi:repository-version" content="1.0">.
    if "pypi:repository-version" in properties:
        _check_version(properties["pypi:repository-version"] or "", url)
    # PEP 792: <meta name="pypi:project-status" content="archived">, and one for the reason.
    status, reason = (properties.get(f"pypi:project-status{end}") for end in ("", "-reason"))
    return ProjectPage(links=links, project_status=_project_status(status=status, reason=reason))


def _anchor_facts(anchor: Mapping[str, str | None], base: str) -> dict[str, Any]:
    """Return the facts of a link of PEP 503, by the keys of PEP 691."""
    target, fragment = _split_link(base, anchor["href"] or "")
    facts: dict[str, Any] = {
        "filename": unquote(urlsplit(target).path.rpartition("/")[2]),
        "url": target,
        "hashes": _hashes(fragment),
        "requires-python": anchor.get("data-requires-python"),
    }
    if "data-yanked" in anchor:
        # PEP 592: "may have no value, or may have an arbitrary string as a value".
        facts["yanked"] = anchor["data-yanked"] or True
    for key in ("core-metadata", "dist-info-metadata"):
        if f"data-{key}" in anchor:
            # PEP 658: "true", or "<hashname>=<hashvalue>".
            facts[key] = _hashes(anchor[f"data-{key}"] or "") or True
    return facts
