"""A page of the Simple API in JSON, taken apart: what it tells of the project, and where its files are told of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: The name of a file, and where what is told about it begins and ends.
Told = tuple[str, int, int]

_SPACE = " \t\n\r"
_decode = json.JSONDecoder().raw_decode


def apart(text: str) -> tuple[Mapping[str, Any], list[Told]]:
    """Return what a page tells but for its files, and where those are: as values they would take five times the bytes.

    As for any JSON here, of a key that is there twice the last counts. Raises what text that is no such page leads to:
    ``ValueError``, ``LookupError``, ``TypeError``, ``AttributeError``, ``RecursionError``.
    """
    page: dict[str, Any] = {}
    files: list[Told] | None = None
    at = _after(text, 0, "{")
    while text[at] != "}":
        key, at = _decode(text, at)
        if not isinstance(key, str):
            raise TypeError("a key is no text")
        at = _after(text, at, ":")
        if key == "files":
            files, at = files_from(text, at)
        else:
            page[key], at = _decode(text, at)
        at = _next(text, at, "}")
    if files is None:
        raise TypeError("there is no list of files")
    if _skip(text, at + 1) != len(text):
        raise ValueError("something comes after the page")
    return page, files


def files_from(text: str, at: int) -> tuple[list[Told], int]:
    """Return the files that have a URL of the list that begins at *at*, and where that ends."""
    files: list[Told] = []
    at = _after(text, at, "[")
    while text[at] != "]":
        file, end = _decode(text, at)
        if isinstance(file.get("url"), str):
            files.append((str(file["filename"]), at, end))
        at = _next(text, end, "]")
    return files, at + 1


def _skip(text: str, at: int) -> int:
    """Where the next is that is no space."""
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _after(text: str, at: int, sign: str) -> int:
    """Where the next after *sign* begins, which has to come now."""
    at = _skip(text, at)
    if text[at] != sign:
        raise ValueError(f"there is no {sign!r} at character {at}")
    return _skip(text, at + 1)


def _next(text: str, at: int, end: str) -> int:
    """Where the next value begins, or what is full ends, after a value."""
    at = _skip(text, at)
    if text[at] == end:
        return at
    at = _after(text, at, ",")
    if text[at] == end:
        raise ValueError(f"nothing comes after the comma at character {at}")
    return at
