"""Splits a JSON page of the Simple API into its keys and the positions of its files, without parsing the files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: The name of a file, and where its facts start and end in the text.
FileEntry = tuple[str, int, int]

#: The largest projects have some 50,000 files; each takes memory.
_MAX_FILES = 300_000

_SPACE = " \t\n\r"
_decode = json.JSONDecoder().raw_decode


def split_page(text: str) -> tuple[Mapping[str, Any], list[FileEntry]]:
    """Return the keys of a page except ``files``, and its files by position: as values they need five times the memory.

    As in any JSON, the last of two equal keys counts. Text that is no such page raises ``ValueError``, ``LookupError``,
    ``TypeError``, ``AttributeError`` or ``RecursionError``.
    """
    page: dict[str, Any] = {}
    files: list[FileEntry] | None = None
    at = _expect(text, 0, "{")
    while text[at] != "}":
        key, at = _decode(text, at)
        if not isinstance(key, str):
            raise TypeError("a key is no text")
        at = _expect(text, at, ":")
        if key == "files":
            files, at = locate_files(text, at)
        else:
            page[key], at = _decode(text, at)
        at = _next_item(text, at, "}")
    if files is None:
        raise TypeError("there is no list of files")
    if _skip_space(text, at + 1) != len(text):
        raise ValueError("something comes after the page")
    return page, files


def locate_files(text: str, at: int) -> tuple[list[FileEntry], int]:
    """Return the files with a URL in the list that starts at *at*, and where the list ends."""
    files: list[FileEntry] = []
    at = _expect(text, at, "[")
    while text[at] != "]":
        file, end = _decode(text, at)
        if isinstance(file.get("url"), str):
            files.append((str(file["filename"]), at, end))
            check_number(len(files))
        at = _next_item(text, end, "]")
    return files, at + 1


def check_number(files: int) -> None:
    """Raise ``ValueError`` for a page with more *files* than any project has."""
    if files > _MAX_FILES:
        raise ValueError(f"it has more than {_MAX_FILES:,} files")


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _expect(text: str, at: int, sign: str) -> int:
    """Return the position after *sign*, which must come next."""
    at = _skip_space(text, at)
    if text[at] != sign:
        raise ValueError(f"there is no {sign!r} at character {at}")
    return _skip_space(text, at + 1)


def _next_item(text: str, at: int, end: str) -> int:
    """Return the position of the next item of a list or object, or that of its *end*."""
    at = _skip_space(text, at)
    if text[at] == end:
        return at
    at = _expect(text, at, ",")
    if text[at] == end:
        raise ValueError(f"nothing comes after the comma at character {at}")
    return at
