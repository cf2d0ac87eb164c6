"""Decodes requirements files, and joins their lines."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

_COMMENT = re.compile(r"(^|\s+)#.*$")

#: The mark of UTF-32 starts with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: PEP 263, in a comment in one of the first two lines.
_CODING = re.compile(rb"^#.*?coding[:=]\s*([-\w.]+)")


def decode(content: bytes) -> str:
    """Return the text: in the encoding of its byte order mark, else that of its coding comment, else UTF-8.

    Raises ``ValueError``.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding)
    declared = (_CODING.match(line) for line in content.split(b"\n")[:2])
    encoding = next((each[1].decode("ascii", "replace") for each in declared if each), "utf-8")
    try:
        return content.decode(encoding)
    except LookupError as error:
        raise ValueError(str(error)) from error


def join_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with content, continued lines joined, each with the number of its first line."""
    start = 0
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        start = start if parts else number
        # A comment ends a continued line, and a backslash in a comment continues nothing.
        continued = line.endswith("\\") and not _COMMENT.match(line)
        parts.append(line[:-1] if continued else line if not _COMMENT.match(line) else f" {line}")
        if not continued:
            yield from _strip_comments(start, parts)
            parts = []
    yield from _strip_comments(start, parts)


def _strip_comments(number: int, parts: list[str]) -> Iterator[tuple[int, str]]:
    line = _COMMENT.sub("", "".join(parts)).strip()
    if line:
        yield number, line
