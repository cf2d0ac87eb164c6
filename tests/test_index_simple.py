"""Pages of the Simple API are read as the PEPs say, and never crash the reader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from minreq.errors import IndexVersionUnsupported, PageUnreadable
from minreq.index import filenames, simple
from minreq.model import Sdist, Wheel

PAGE = "https://index.example/simple/a/"
JSON = "application/vnd.pypi.simple.v1+json"
DIGEST = "AB" * 32


def files_of(body: bytes, content_type: str, url: str = PAGE) -> tuple[Wheel | Sdist, ...]:
    """All files of a page, understood."""
    links = simple.parse(body, content_type=content_type, url=url).links
    return tuple(file for link in links if (file := simple.file_from_link(link)) is not None)


def from_json(*files: Mapping[str, Any], version: object = "1.1") -> tuple[Wheel | Sdist, ...]:
    page = {"meta": {"api-version": version}, "name": "a", "files": files}
    return files_of(json.dumps(page).encode(), JSON)


def one_from_json(**facts: Any) -> Wheel | Sdist:
    file = {"filename": "a-1.0-py3-none-any.whl", "url": "a-1.0-py3-none-any.whl", "hashes": {}, **facts}
    (found,) = from_json(file)
    return found


def from_html(text: str, content_type: str = "text/html") -> tuple[Wheel | Sdist, ...]:
    return files_of(text.encode(), content_type)


def test_json_file_with_everything() -> None:
    """Every key of PEP 691, 700 and 714 arrives in the value."""
    found = one_from_json(
        filename="A.b-1.0-1-py3-none-any.whl",
        url="https://user:secret@files.example/A.b-1.0-1-py3-none-any.whl",
        hashes={"sha256": DIGEST, "md5": "0"},
        size=17,
        yanked="broken",
        **{
            "requires-python": ">=3.10",
            "upload-time": "2026-01-31T12:00:00.123456Z",
            "core-metadata": {"sha256": "CD"},
        },
    )
    assert isinstance(found, Wheel)
    assert (found.name, found.version, found.filename) == ("a-b", Version("1.0"), "A.b-1.0-1-py3-none-any.whl")
    assert found.url == "https://files.example/A.b-1.0-1-py3-none-any.whl"
    assert (found.sha256, found.size, found.yanked, found.metadata_sha256) == (DIGEST.lower(), 17, "broken", "cd")
    assert found.requires_python == SpecifierSet(">=3.10")
    assert found.upload_time == datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=timezone.utc)
    assert {str(tag) for tag in found.tags} == {"py3-none-any"}


def test_json_file_with_nothing() -> None:
    """What a page does not say is None."""
    found = one_from_json()
    assert isinstance(found, Wheel)
    assert found.url == f"{PAGE}a-1.0-py3-none-any.whl"
    assert (
        found.sha256,
        found.size,
        found.requires_python,
        found.upload_time,
        found.yanked,
        found.metadata_sha256,
    ) == (*(None, None, None, None, None, None),)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"core-metadata": True}, "", id="offered, no hash"),
        pytest.param({"core-metadata": {"md5": "x"}}, "", id="offered, no usable hash"),
        pytest.param({"core-metadata": False}, None, id="not offered"),
        pytest.param({"dist-info-metadata": {"sha256": "ab"}}, "ab", id="under its first name"),
        pytest.param({"core-metadata": False, "dist-info-metadata": True}, None, id="PEP 714: the new name wins"),
    ],
)
def test_metadata_offer(facts: Mapping[str, Any], expected: str | None) -> None:
    found = one_from_json(**facts)
    assert isinstance(found, Wheel)
    assert found.metadata_sha256 == expected


@pytest.mark.parametrize(("yanked", "expected"), [(True, ""), ("why", "why"), (False, None), ("", None)])
def test_yanked(yanked: object, expected: str | None) -> None:
    """A yanked file may have a reason, which is not empty (PEP 592, 691); an empty one means no, as in pip."""
    assert one_from_json(yanked=yanked).yanked == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
        ("2026-01-31T12:00:00.5Z", datetime(2026, 1, 31, 12, 0, 0, 500000, tzinfo=timezone.utc)),
        ("2026-01-31T12:00:00", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
        ("2026-01-31T13:00:00+01:00", datetime(2026, 1, 31, 12, tzinfo=timezone.utc)),
        ("yesterday", None),
        (7, None),
        (None, None),
    ],
)
def test_upload_time(text: object, expected: datetime | None) -> None:
    assert one_from_json(**{"upload-time": text}).upload_time == expected


def test_unreadable_requires_python_constrains_nothing() -> None:
    """As in pip."""
    assert one_from_json(**{"requires-python": ">=3.6.*"}).requires_python is None


@pytest.mark.parametrize(
    "filename",
    [
        "a-1.0.egg",
        "a-1.0-py3-none-any.exe",
        "a-nonsense-py3-none-any.whl",
        "a-1.0-py3.whl",
        "a.tar.gz",
        "a-old!.zip",
        "../a-1.0-py3-none-any.whl",
        "a-1.0-py3-none-..\\any.whl",
        "",
    ],
)
def test_files_that_are_no_distributions_are_left_out(filename: str) -> None:
    wheel = {"filename": "a-1.0-py3-none-any.whl", "url": "w", "hashes": {}}
    assert [file.filename for file in from_json({"filename": filename, "url": "x", "hashes": {}}, wheel)] == [
        "a-1.0-py3-none-any.whl"
    ]


def test_sdist() -> None:
    found = one_from_json(filename="A_b-1.0.tar.gz")
    assert isinstance(found, Sdist)
    assert (found.name, found.version) == ("a-b", Version("1.0"))


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.9", 1])
def test_known_and_newer_minor_versions_are_read(version: object) -> None:
    assert from_json(version=version) == ()


def test_newer_major_version_is_refused() -> None:
    """PEP 629: a client MUST abort on a major version that it does not know."""
    with pytest.raises(IndexVersionUnsupported) as caught:
        from_json(version="2.0")
    assert (caught.value.url, caught.value.version) == (PAGE, "2.0")
    with pytest.raises(IndexVersionUnsupported):
        from_html('<meta name="pypi:repository-version" content="2.0">')


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"files": []}',
        b'{"meta": {}, "files": []}',
        b'{"meta": {"api-version": "one"}, "files": []}',
        b'{"meta": {"api-version": "1.0"}}',
        b'{"meta": {"api-version": "1.0"}, "files": ["a"]}',
        b'{"meta": {"api-version": "1.0"}, "files": [{"url": "x"}]}',
        b'{"meta": {"api-version": "1.0"}, "files": [{"url": "x", "filename": "a-1.tar.gz", "hashes": 3}]}',
        b'{"meta": {"api-version": "1.0"}, "files": [{"url": "http://[x", "filename": "a-1.tar.gz"}]}',
        b"\xff\xfe\x00",
    ],
)
def test_broken_json_is_an_error(body: bytes) -> None:
    with pytest.raises(PageUnreadable) as caught:
        files_of(body, JSON, "https://user:secret@index.example/simple/a/")
    assert caught.value.url == PAGE


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", ""])
def test_other_content_types_are_an_error(content_type: str) -> None:
    with pytest.raises(PageUnreadable, match="content type"):
        simple.parse(b"", content_type=content_type, url=PAGE)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.pypi.simple.v1+json; charset=utf-8",
        "Application/Vnd.PyPI.Simple.v1+JSON",
        "application/vnd.pypi.simple.latest+json",
    ],
)
def test_content_type_may_have_parameters(content_type: str) -> None:
    assert (
        simple.parse(b'{"meta": {"api-version": "1.0"}, "files": []}', content_type=content_type, url=PAGE).links == ()
    )


def test_html_page() -> None:
    """Every attribute of PEP 503, 592, 658 and 714, with entities, a base and a fragment."""
    found = from_html(
        f"""<!DOCTYPE html><html><head>
        <meta name="pypi:repository-version" content="1.0"><base href="/files/"><base href="/other/">
        </head><body>
        <a href="a-1.0-py3-none-any.whl#sha256={DIGEST}" data-requires-python="&gt;=3.10" data-yanked="not&#32;good"
           data-dist-info-metadata="sha256=AA" data-core-metadata="sha256=CD">a-1.0-py3-none-any.whl</a>
        <a HREF="https://u:p@files.example/a%2D1.1-py3-none-any.whl#egg=a&amp;sha256=12" data-yanked
           data-dist-info-metadata="true">x</a>
        <a href="a-1.0.tar.gz#nonsense">y</a>
        <a>no link</a> <a href="">empty</a> <a href="../">up</a>
        </body></html>"""
    )
    first, second, third = found
    assert isinstance(first, Wheel)
    assert isinstance(second, Wheel)
    assert isinstance(third, Sdist)
    assert first.url == "https://index.example/files/a-1.0-py3-none-any.whl"
    assert (first.sha256, first.yanked, first.metadata_sha256) == (DIGEST.lower(), "not good", "cd")
    assert first.requires_python == SpecifierSet(">=3.10")
    assert second.url == "https://files.example/a%2D1.1-py3-none-any.whl"
    assert (second.filename, second.sha256) == ("a-1.1-py3-none-any.whl", "12")
    assert (second.yanked, second.metadata_sha256) == ("", "")
    assert (third.url, third.sha256, third.yanked) == ("https://index.example/files/a-1.0.tar.gz", None, None)


def test_html_without_base_is_relative_to_the_page() -> None:
    (found,) = from_html('<a href="../../files/a-1.0-py3-none-any.whl">a</a>')
    assert found.url == "https://index.example/files/a-1.0-py3-none-any.whl"


@pytest.mark.parametrize("text", ["<![nonsense[", '<a href="https://[x/a-1.0-py3-none-any.whl">a</a>'])
def test_broken_html_is_an_error_or_nothing(text: str) -> None:
    """Newer versions of html.parser forgive a malformed declaration."""
    with suppress(PageUnreadable):
        assert from_html(text) == ()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values, max_size=3),
    max_leaves=5,
)


@given(
    facts=st.dictionaries(
        st.sampled_from(
            ["url", "filename", "hashes", "size", "yanked", "requires-python", "upload-time", "core-metadata"]
        ),
        JSON_VALUES,
    )
)
def test_any_json_is_files_or_our_error(facts: Mapping[str, Any]) -> None:
    with suppress(PageUnreadable):
        for file in from_json({"filename": "a-1.0-py3-none-any.whl", "url": "x", "hashes": {}, **facts}):
            assert isinstance(file, (Wheel, Sdist))


@given(st.text(alphabet="<>a /=\"'!&;[]-#href", max_size=60))
def test_any_html_is_files_or_our_error(text: str) -> None:
    with suppress(PageUnreadable):
        assert from_html(text) == ()


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-7-imaginary", "text/html; charset=ascii"])
def test_html_in_an_unreadable_charset_is_an_error(content_type: str) -> None:
    with pytest.raises(PageUnreadable):
        from_html("\N{SNOWMAN}", content_type)


def test_html_may_name_its_charset() -> None:
    body = '<a href="a-1.0-py3-none-any.whl" data-yanked="für">a</a>'.encode("latin-1")
    (found,) = files_of(body, 'text/html; charset="ISO-8859-1"')
    assert found.yanked == "für"


FILENAMES = st.text(alphabet="aB-_.10!+/", max_size=12).flatmap(
    lambda stem: st.sampled_from([f"{stem}.whl", f"{stem}-py3-none-any.whl", f"{stem}.tar.gz", f"{stem}.zip", stem])
)


@given(FILENAMES)
def test_the_fast_parser_of_names_agrees_with_the_full_one(filename: str) -> None:
    """A file that is understood is of the release that its name seemed to be of."""
    page = {"meta": {"api-version": "1.0"}, "files": [{"filename": filename, "url": "x"}]}
    (link,) = simple.parse(json.dumps(page).encode(), content_type=JSON, url=PAGE).links
    file = simple.file_from_link(link)
    if file is not None:
        assert filenames.release_from_filename(filename) == (file.name, file.version)


def test_unread_files_may_be_invalid() -> None:
    """A page is not thrown away for what it tells of one file."""
    page = {"meta": {"api-version": "1.0"}, "files": [{"url": "x", "filename": "a-1.tar.gz", "hashes": 3}]}
    (link,) = simple.parse(json.dumps(page).encode(), content_type=JSON, url=PAGE).links
    with pytest.raises(PageUnreadable, match=r"a-1\.tar\.gz"):
        simple.file_from_link(link)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"meta": {"api-version": "1.0"}}',
        b'{"meta": {"api-version": "1.0"}, "files": {"a": 1}}',
        b'{"meta": {"api-version": "1.0"}, "files": [],}',
        b'{"meta": {"api-version": "1.0"}, "files": [{},]}',
        b'{"meta": {"api-version": "1.0"}, "files": [,{}]}',
        b'{"meta": {"api-version": "1.0"}, "files": [{} {}]}',
        b'{"meta": {"api-version": "1.0"}, "files": [1]}',
        b'{"meta": {"api-version": "1.0"}, "files": [{"url": "x"}]}',
        b'{"meta": {"api-version": "1.0"}, "files": []} {}',
        b'{"meta": {"api-version": "1.0"} "files": []}',
        b'{"meta": {"api-version": "1.0"}, 1: 2, "files": []}',
        b'{"meta": {"api-version": "1.0"}, "files" []}',
        b'{"meta": {"api-version": "1.0"}, "files": [',
        b'{"meta": {"api-version": "1.0"}, "files": [], "files": {}}',
        b'{"meta": {"api-version": "1.0"}, "files": [], "deep": %b}' % (b"[" * 100_000 + b"]" * 100_000),
        b'{"meta": {"api-version": "1.0"}, "files": [%b]}' % (b"[" * 100_000 + b"]" * 100_000),
        b"\xff\xfe{",
    ],
)
def test_invalid_pages_are_errors(body: bytes) -> None:
    with pytest.raises(PageUnreadable):
        simple.parse(body, content_type=JSON, url=PAGE)


def test_the_last_of_two_equal_keys_counts() -> None:
    body = b'{"meta": {"api-version": "1.0"}, "files": [{"filename": "a", "url": "a"}], "files": []}'
    assert simple.parse(body, content_type=JSON, url=PAGE).links == ()


TEXTS = st.text(max_size=8)
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner, max_size=3))


@given(
    st.lists(st.fixed_dictionaries({"filename": TEXTS, "url": TEXTS}, optional={"yanked": VALUES, "hashes": VALUES})),
    st.dictionaries(TEXTS.filter(lambda key: key not in {"files", "meta", "project-status"}), VALUES, max_size=3),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-be"]),
)
def test_facts_are_those_of_a_json_parser(
    files: list[dict[str, Any]],
    more: dict[str, Any],
    indent: int | None,
    is_ascii: bool,  # noqa: FBT001 - A parameter of hypothesis.
    encoding: str,
) -> None:
    """However a page is written, the facts of its files are those that a parser of JSON finds."""
    content = {**more, "files": files, "meta": {"api-version": "1.0"}}
    body = json.dumps(content, indent=indent, ensure_ascii=is_ascii).encode(encoding, "surrogatepass")
    links = simple.parse(body, content_type=JSON, url=PAGE).links
    assert [dict(link.facts) for link in links] == files
    assert [link.filename for link in links] == [file["filename"] for file in files]


def test_a_version_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(PageUnreadable, match="version"):
        from_html('<meta name="pypi:repository-version">')


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, simple.ProjectStatus()),
        ({"project-status": {}}, simple.ProjectStatus()),
        ({"project-status": None}, simple.ProjectStatus()),
        ({"project-status": {"status": "archived", "since": 3}}, simple.ProjectStatus(status="archived")),
        (
            {"project-status": {"status": "deprecated", "reason": "use\n b\x1b[2J"}},
            simple.ProjectStatus(status="deprecated", reason="use b[2J"),
        ),
        ({"project-status": {"status": "new", "reason": 3}}, simple.ProjectStatus(status="new", reason="3")),
    ],
)
def test_project_status_in_json(keys: dict[str, Any], expected: simple.ProjectStatus) -> None:
    """PEP 792; what a terminal would act upon is not taken over."""
    page = {"meta": {"api-version": "1.4"}, "files": [], **keys}
    assert simple.parse(json.dumps(page).encode(), content_type=JSON, url=PAGE).project_status == expected


def test_project_status_in_html() -> None:
    body = (
        b'<meta name="pypi:project-status" content="quarantined">'
        b'<meta name="pypi:project-status-reason" content="a stealer">'
    )
    found = simple.parse(body, content_type="text/html", url=PAGE).project_status
    assert found == simple.ProjectStatus(status="quarantined", reason="a stealer")


def test_a_file_whose_name_no_system_can_store_is_none() -> None:
    """It would blame the folder of the cache."""
    name = "a" * 230
    assert len(from_html(f"<a href='{name}-1.0-py3-none-any.whl'>")) == 1
    assert not from_html(f"<a href='{name}{name}-1.0-py3-none-any.whl'>")


def test_a_page_with_more_files_than_any_project_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file takes memory, many times the bytes of the page."""
    monkeypatch.setattr("minreq.index.jsonpage._MAX_FILES", 2)
    names = [f"a-{number}-py3-none-any.whl" for number in range(3)]
    with pytest.raises(PageUnreadable, match="more than 2 files"):
        from_html("".join(f"<a href='{name}'>" for name in names))
    with pytest.raises(PageUnreadable, match="more than 2 files"):
        from_json(*({"filename": name, "url": name, "hashes": {}} for name in names))
