"""Pages of the Simple API, JSON and HTML, to the files they list; text in, values out."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.message import Message
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import NormalizedName, canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from minreq.errors import IndexTooNew, PageUnreadable
from minreq.index import jsonpage
from minreq.index.aside import Keeper, in_memory
from minreq.index.urls import bare
from minreq.model import Sdist, Wheel

#: What a client asks for, most wanted first (PEP 691, "Version + Format Selection").
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"

_JSON = frozenset({"application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json"})
_HTML = frozenset({"application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html", "text/html"})

#: Characters of why a project stands as it does.
_LONGEST_REASON = 300


class Listed(NamedTuple):
    """Where a page is kept."""

    #: Where it was found; URLs of files are relative to that.
    url: str
    keeper: Keeper


class Link(NamedTuple):
    """A file as a page lists it; a large page has thousands, few of which anybody looks at."""

    filename: str
    page: Listed
    #: Where what is told about it begins, and its bytes.
    start: int
    length: int

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is told about it, by the keys of PEP 691, unchecked."""
        told: Mapping[str, Any] = json.loads(self.page.keeper.part(self.start, self.length))
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The status of a project (PEP 792)."""

    #: ``active``, ``archived``, ``deprecated``, ``quarantined``, or what later versions of the format know.
    status: str = "active"
    #: In the words of whoever set it; may be empty.
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """What a page tells."""

    #: In the order of the page.
    links: tuple[Link, ...]
    standing: Standing = Standing()

    def named(self, filenames: Collection[str]) -> tuple[Link, ...]:
        """The files with these names, in the order of the page."""
        return tuple(link for link in self.links if link.filename in filenames)


def parse(
    body: bytes, *, content_type: str, url: str, keeper: Keeper | None = None, start: int | None = None
) -> ProjectPage:
    """Read a page of the Simple API, of one project or several.

    *url* is where the page was found in the end, after redirects. What its files are is told by `release_of` and, with
    all facts checked, by `file_of`; until then *keeper* has it, by default in memory. Where *keeper* has the body
    already, it is at *start*.

    Raises :class:`PageUnreadable` and :class:`IndexTooNew`.
    """
    header = Message()
    header["Content-Type"] = content_type
    # PEP 691: "the content type ... MUST be application/vnd.pypi.simple.$version+format"; parameters may follow.
    kind = header.get_content_type()
    if kind in _JSON:
        return _json_page(body, url, keeper or in_memory(), start)
    if kind in _HTML:
        return _html_page(body, header.get_content_charset("utf-8"), url, keeper or in_memory())
    raise PageUnreadable(bare(url), f"its content type is {content_type or 'missing'!r}")


def links_at(urls: Iterable[str]) -> tuple[Link, ...]:
    """The files that bare URLs name, as in a folder of archives."""
    names = ((unquote(urlsplit(url).path.rpartition("/")[2]), url) for url in urls)
    return listed(({"filename": name, "url": url} for name, url in names), "")


def file_at(url: str) -> Wheel | Sdist | None:
    """The file a bare URL names, ``None`` when it names no distribution."""
    return file_of(links_at([url])[0])


def release_of(filename: str) -> tuple[NormalizedName, Version] | None:
    """Name and version of a file by a quick look at its name; ``None`` when they cannot be read.

    What it tells of a name that `file_of` understands is right; a name that `file_of` does not understand may pass.
    """
    if filename.endswith(".whl"):
        name, _, rest = filename.partition("-")
        version = rest.partition("-")[0]
    else:
        # The name of a source distribution may hold dashes, its version none.
        name, _, version = filename.removesuffix(".zip").removesuffix(".tar.gz").rpartition("-")
    understood = _version(version)
    return None if understood is None else (_name(name), understood)


def file_of(link: Link) -> Wheel | Sdist | None:
    """Understand a file; ``None`` when its name is neither that of a wheel nor of a source distribution.

    PEP 503 asks clients to ignore such files. Raises :class:`PageUnreadable` where the page tells nonsense about it.
    """
    filename, page = link.filename, link.page.url
    if "/" in filename or "\\" in filename:  # A name from outside becomes a path later on.
        return None
    try:
        named = _named(filename)
    except ValueError:  # The name, the version or the tags cannot be read.
        return None
    facts = link.facts
    try:
        url, fragment = _target(page, facts["url"])
        told: dict[str, Any] = {
            "filename": filename,
            "url": url,
            "sha256": _digest(facts.get("hashes") or {}) or _fragment_sha256(fragment),
            "size": size if isinstance(size := facts.get("size"), int) else None,
            "requires_python": _requires_python(facts.get("requires-python")),
            "upload_time": _upload_time(facts.get("upload-time")),
            "yanked": _yanked(facts.get("yanked", False)),
        }
        # PEP 714: clients "MUST" read core-metadata, and dist-info-metadata where it is absent.
        metadata = facts.get("core-metadata", facts.get("dist-info-metadata", False))
        if "tags" in named:
            return Wheel(**named, **told, metadata_sha256=_offered(metadata))
        return Sdist(**named, **told)
    except (ValueError, AttributeError, TypeError) as error:
        raise PageUnreadable(bare(page), f"what it tells of {filename} makes no sense ({error!r})") from error


def _named(filename: str) -> dict[str, Any]:
    """What the name of a file tells."""
    if filename.endswith(".whl"):
        release, *tag = filename[: -len(".whl")].rsplit("-", 3)
        name, version = _release(release)
        return {"name": name, "version": version, "tags": _tags("-".join(tag))}
    name, version = parse_sdist_filename(filename)
    return {"name": name, "version": version}


# A page has dozens of files of each release, and the same few tags for all: each is understood once.
@lru_cache(maxsize=1024)
def _name(text: str) -> NormalizedName:
    return canonicalize_name(text)


@lru_cache(maxsize=1 << 16)
def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


@lru_cache(maxsize=4096)
def _release(part: str) -> tuple[NormalizedName, Version]:
    """Name and version of a wheel, from its file name up to the tags."""
    name, version, _, _ = parse_wheel_filename(f"{part}-py3-none-any.whl")
    return name, version


@lru_cache(maxsize=4096)
def _tags(part: str) -> frozenset[Tag]:
    return parse_tag(part)


def _requires_python(text: object) -> SpecifierSet | None:
    """The constraint on Python; none where it cannot be read, as pip has it."""
    return _specifier(text) if isinstance(text, str) and text else None


@lru_cache(maxsize=1024)
def _specifier(text: str) -> SpecifierSet | None:
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


def _json_page(body: bytes, url: str, keeper: Keeper, start: int | None) -> ProjectPage:
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        # As many characters as bytes: it is the same in ASCII, and need not be kept twice.
        kept = start if len(text) == len(body) else None
        page, files = jsonpage.apart(text)
        # PEP 691: "api-version: A required key".
        _check_version(str(page["meta"]["api-version"]), url)
        # PEP 792: an object with "status" and "reason", both optional.
        told = page.get("project-status")
        standing = _standing(**told) if isinstance(told, dict) else Standing()
        return ProjectPage(links=_kept(text, files, url, keeper, kept), standing=standing)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise PageUnreadable(bare(url), f"it is not the JSON that PEP 691 describes ({error!r})") from error


def _kept(
    text: str, files: Iterable[jsonpage.Told], url: str, keeper: Keeper, at: int | None = None
) -> tuple[Link, ...]:
    """Return the *files* of *text*, which *keeper* is given unless it has it *at* some place."""
    page = Listed(url, keeper)
    if text.isascii():
        first = keeper.keep(text.encode()) if at is None else at
        return tuple(Link(name, page, first + start, end - start) for name, start, end in files)
    first, read, links = keeper.keep(text.encode("utf-8", "surrogatepass")), 0, []
    for name, start, end in files:
        first += len(text[read:start].encode("utf-8", "surrogatepass"))
        length = len(text[start:end].encode("utf-8", "surrogatepass"))
        links.append(Link(name, page, first, length))
        first, read = first + length, end
    return tuple(links)


def listed(files: Iterable[Mapping[str, Any]], url: str, keeper: Keeper | None = None) -> tuple[Link, ...]:
    """Return the files of which a page at *url* tells these facts, by the keys of PEP 691."""
    text = json.dumps([*files])
    return _kept(text, jsonpage.files_from(text, 0)[0], url, keeper or in_memory())


def _standing(*, status: object = None, reason: object = None, **_: object) -> Standing:
    """What is told, as one line of printable text; "if ... not present, ... active" (PEP 792)."""
    words = (" ".join(str(each or "").split())[:_LONGEST_REASON] for each in (status, reason))
    status_word, why = ("".join(char for char in word if char.isprintable()) for word in words)
    return Standing(status=status_word.lower() or "active", reason=why)


def _target(base: str, link: str) -> tuple[str, str]:
    """Where a link leads, without credentials, and its fragment."""
    target, _, fragment = urljoin(base, link).partition("#")
    return bare(target), fragment


def _yanked(told: object) -> str | None:
    # PEP 592, 691: "either a boolean ... or an arbitrary string" that is the reason.
    return told if isinstance(told, str) else ("" if told else None)


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


def _html_page(body: bytes, charset: str, url: str, keeper: Keeper) -> ProjectPage:
    page = _Page()
    try:
        page.feed(body.decode(charset))
        page.close()
        base = urljoin(url, page.base) if page.base else url
        links = listed((_anchor_facts(anchor, base) for anchor in page.anchors if anchor.get("href")), base, keeper)
    except (ValueError, LookupError, AssertionError) as error:
        # Bytes that are not of the charset, a charset that does not exist, a URL that is none, and what html.parser
        # raises of a malformed declaration.
        raise PageUnreadable(bare(url), str(error)) from error
    if page.version is not None:
        _check_version(page.version, url)
    return ProjectPage(links=links, standing=_standing(status=page.status, reason=page.status_reason))


def _anchor_facts(anchor: Mapping[str, str | None], base: str) -> dict[str, Any]:
    """A link of PEP 503, told as PEP 691 would."""
    target, fragment = _target(base, anchor["href"] or "")
    facts: dict[str, Any] = {
        "filename": unquote(urlsplit(target).path.rpartition("/")[2]),
        "url": target,
        "hashes": _hashes(fragment),
        "requires-python": anchor.get("data-requires-python"),
    }
    if "data-yanked" in anchor:
        # PEP 592: "may have no value, or may have an arbitrary string as a value".
        facts["yanked"] = anchor["data-yanked"] or ""
    for key in ("core-metadata", "dist-info-metadata"):
        if f"data-{key}" in anchor:
            # PEP 658: "true", or "<hashname>=<hashvalue>".
            facts[key] = _hashes(anchor[f"data-{key}"] or "") or True
    return facts


def _hashes(fragment: str) -> dict[str, str]:
    digest = _fragment_sha256(fragment)
    return {"sha256": digest} if digest else {}


class _Page(HTMLParser):
    """Collects what a page of PEP 503 says: its links, its base, its version."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[dict[str, str | None]] = []
        self.base: str | None = None
        self.version: str | None = None
        self.status: str | None = None
        self.status_reason: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a":
            self.anchors.append(attributes)
        elif tag == "base" and self.base is None:
            self.base = attributes.get("href")
        elif tag == "meta" and attributes.get("name") == "pypi:repository-version":
            # PEP 629: <meta name="pypi:repository-version" content="1.0">.
            self.version = attributes.get("content") or ""
        elif tag == "meta" and attributes.get("name") == "pypi:project-status":
            # PEP 792: <meta name="pypi:project-status" content="archived">, and one for the reason.
            self.status = attributes.get("content")
        elif tag == "meta" and attributes.get("name") == "pypi:project-status-reason":
            self.status_reason = attributes.get("content")
