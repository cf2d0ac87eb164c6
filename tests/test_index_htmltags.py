"""Tags of an HTML page: as ``html.parser`` reads them, and in one pass."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, strategies as st

from minreq.index.htmltags import find_tags


class Reference(HTMLParser):
    """Collects start tags."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


WORDS = st.text("abAB1-", min_size=1, max_size=4).map(lambda text: f"x{text}")
VALUES = st.text("ab >=<&;#/", max_size=8)
ATTRIBUTES = st.one_of(
    WORDS,
    st.builds(lambda name, value: f'{name}="{value}"', WORDS, VALUES),
    st.builds(lambda name, value: f"{name} = '{value}'", WORDS, VALUES),
    st.builds(lambda name, value: f"{name}={value}", WORDS, st.text("ab1:.#", min_size=1, max_size=4)),
)
TAGS = st.builds(
    lambda name, attributes, end: f"<{' '.join([name, *attributes])}{end}",
    WORDS,
    st.lists(ATTRIBUTES, max_size=3),
    st.sampled_from([">", " >", "\n>"]),
)
PARTS = st.one_of(
    TAGS,
    WORDS.map(lambda name: f"</{name}>"),
    st.text("ab >&;-", max_size=6),
    st.sampled_from(["<!DOCTYPE html>", "<!-- <a href=x> -->", "<?xml x>", "<script>if (a<b) '<a href=x>'</script>"]),
)


@given(st.lists(PARTS, max_size=8).map("".join))
def test_pages_are_read_as_by_the_standard_library(text: str) -> None:
    assert list(find_tags(text)) == Reference(text).tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("<a href=1><a href=2", [("a", {"href": "1"})]),
        ("<a href='1><a href=2>", []),
        ("<A HREF='&gt;1'/>", [("a", {"href": ">1"})]),
        ("<a/href=1>", [("a", {"href": "1"})]),
        ("<a href=1 href=2>", [("a", {"href": "2"})]),
        ("<!-- <a href=1>", []),
        ("<!--><a>", [("a", {})]),
        ("<script><a></SCRIPT><b>", [("script", {}), ("b", {})]),
        ("<title><a>", [("title", {})]),
        ("1 < 2 <a>", [("a", {})]),
        ("</a href='>'><b>", [("b", {})]),
        ("<", []),
        ("<a", []),
        ("</", []),
    ],
)
def test_what_browsers_read(text: str, tags: list[tuple[str, dict[str, str | None]]]) -> None:
    assert list(find_tags(text)) == tags


@pytest.mark.parametrize(
    "text",
    ["<a ", "<a x", "<a x=", "<a 'x", '<a "', "<a x='", "<!--", "<!", "<?", "</a ", "</", "<", "<script>", "<a\n", "="],
)
def test_time_grows_with_the_size_alone(text: str) -> None:
    """A large page of it, after what makes it part of an attribute, or not; ``html.parser`` takes hours."""
    begin = time.monotonic()
    for before in ("", "<a ", "<a x=", "<a '"):
        list(find_tags(before + text * (300_000 // len(text))))
    assert time.monotonic() - begin < 30
