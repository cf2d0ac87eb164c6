"""Finds the start tags of an HTML page in one pass.

``html.parser`` of Python before 3.13.6 looks at the rest of the page again for each tag that does not end: 60 KB take
minutes. Here each step goes forward, as in the tokenizer of the HTML standard (section 13.2.5): what is open at the
end of the page, is no tag.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_COMMENT_END = re.compile(r"--!?>")
_BEFORE_ATTRIBUTE = re.compile(r"[\s/]*")
_ATTRIBUTE_NAME = re.compile(r"[^\s/>][^\s/>=]*")
_EQUALS = re.compile(r"\s*=\s*")
_UNQUOTED = re.compile(r"[^\s>]*")
#: Elements whose content has no tags.
_RAW = frozenset({"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"})

Attributes = Mapping[str, str | None]


def find_tags(text: str) -> Iterator[tuple[str, Attributes]]:
    """Yield the name and the attributes of each start tag; the last of several attributes with one name counts.

    An attribute without a value is ``None``.
    """
    at = text.find("<")
    while at >= 0:
        if text.startswith("<!--", at):
            end = _COMMENT_END.search(text, at + 2)
            at = end.end() if end else len(text)
        elif text.startswith(("<!", "<?"), at):
            at = text.find(">", at)
        elif name := _NAME.match(text, at + 2 if text.startswith("</", at) else at + 1):
            attributes: dict[str, str | None] = {}
            at = _read_attributes(text, name.end(), attributes)
            tag = name[0].lower()
            if at >= 0 and text[name.start() - 1] == "<":
                yield tag, attributes
                at = _end_of_raw_text(text, at, tag)
        else:
            at += 1
        at = text.find("<", at) if at >= 0 else -1


def _read_attributes(text: str, at: int, attributes: dict[str, str | None]) -> int:
    """Add the attributes of a tag to *attributes*; return where the tag ends, -1 if it does not."""
    while True:
        at = _end(_BEFORE_ATTRIBUTE, text, at)
        if at == len(text):
            return -1
        if text[at] == ">":
            return at + 1
        start, at = at, _end(_ATTRIBUTE_NAME, text, at)
        name, value = text[start:at].lower(), None
        if equals := _EQUALS.match(text, at):
            at = equals.end()
            if text[at : at + 1] in {'"', "'"}:
                start, end = at + 1, text.find(text[at], at + 1)
                if end < 0:
                    return -1
                at = end + 1
            else:
                start, at = at, _end(_UNQUOTED, text, at)
                end = at
            value = html.unescape(text[start:end])
        attributes[name] = value


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _end_of_raw_text(text: str, at: int, tag: str) -> int:
    """Return where the text after the start tag *tag* may have tags again, -1 for nowhere."""
    if tag not in _RAW:
        return at
    end = re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE).search(text, at)
    return end.start() if end else -1
