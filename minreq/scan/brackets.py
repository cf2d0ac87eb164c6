"""Tokens of a program or a document as a tree of brackets, without comments; what does not match is forgiven."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from pygments.lexer import Lexer, inherit
from pygments.lexers import TOMLLexer, TypeScriptLexer
from pygments.token import Comment, Error, Keyword, Name, Punctuation, String, Text, Whitespace

#: Around the code in a template.
CODE = "${"
_OPENING = {"{": "}", "[": "]", "(": ")", CODE: "}$"}
#: In the text of a template, where code is.
HOLE = "\0"
_IGNORED: tuple[Any, ...] = (Comment, Error, Text, Whitespace)
_CLOSING = frozenset(_OPENING.values())


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a text or a sign."""

    kind: Literal["text", "template", "name", "sign"]
    text: str
    line: int


@dataclass(slots=True)
class Bracket:
    """What stands between two brackets; the whole file has none."""

    opening: str
    line: int
    items: list[Token | Bracket] = field(default_factory=list)


class ScriptLexer(TypeScriptLexer):  # type: ignore[misc]  # The lexers of pygments are made at run time.
    """JavaScript, TypeScript, JSX and JSON: texts end at the end of their line, so that prose in JSX is no text."""

    name = "minreq script"
    aliases: list[str] = []  # noqa: RUF012 - pygments wants it so.
    filenames: list[str] = []  # noqa: RUF012
    tokens = {  # noqa: RUF012
        "root": [
            (r'"(?:\\.|[^"\\\n])*"', String.Double),
            (r"'(?:\\.|[^'\\\n])*'", String.Single),
            (r"['\"]", Text),
            (r"</?", Punctuation),
            inherit,
        ]
    }


def script(text: str) -> Bracket:
    """Return the brackets of a file of JavaScript, TypeScript, JSX or JSON."""
    return _tree(_script_tokens(ScriptLexer(ensurenl=False, stripnl=False), text))


def toml(text: str) -> Bracket:
    """Return the brackets of a TOML document; a line ends with the sign of a line break."""
    return _tree(_toml_tokens(TOMLLexer(ensurenl=False, stripnl=False), text))


def _script_tokens(lexer: Lexer, text: str) -> Iterator[Token]:
    line = 1
    templates = _Templates()
    tokens: Iterator[tuple[Any, str]] = lexer.get_tokens(text)
    for kind, value in tokens:
        match _sort(kind):
            case "template":
                yield from templates.part(kind, value, line)
            case "regex":
                yield Token("sign", "/", line)
            case "text":
                yield Token("text", _unquoted(value), line)
            case "name":
                yield from _names(value, line)
            case "sign":
                # Several brackets may come as one token.
                are_brackets = not value.strip("{}[]()")
                yield from (Token("sign", each, line) for each in (value if are_brackets else (value,)))
        line += value.count("\n")


@cache
def _sort(kind: Any) -> Literal["template", "regex", "text", "name", "sign", ""]:
    """What a script has in a token of that *kind*; asked once for each kind, since pygments takes its time."""
    if kind in String.Interpol or kind in String.Backtick:
        return "template"
    if kind in String.Regex:
        return "regex"
    if kind in String:
        return "text"
    if kind in Name or kind in Keyword:
        return "name"
    return "" if any(kind in ignored for ignored in _IGNORED) else "sign"


@dataclass(slots=True)
class _Templates:
    """Texts in backticks: what is put into one is code of its own, the text around it goes on."""

    #: Of the innermost text, its backtick first; empty outside of one.
    parts: list[str] = field(default_factory=list)
    line: int = 1
    outer: list[tuple[list[str], int]] = field(default_factory=list)

    def part(self, kind: Any, value: str, line: int) -> Iterator[Token]:
        if kind in String.Interpol and value == CODE:
            self.outer.append((self.parts, self.line))
            self.parts = []
            yield Token("sign", CODE, line)
        elif kind in String.Interpol and self.outer:
            yield Token("sign", _OPENING[CODE], line)
            self.parts, self.line = self.outer.pop()
            self.parts.append(HOLE)
        elif value != "`":
            self.parts.append(value)
        elif self.parts:
            yield Token("template", "".join(self.parts[1:]), self.line)
            self.parts = []
        else:
            self.parts, self.line = [value], line


def _names(value: str, line: int) -> Iterator[Token]:
    """A dotted name may come as one token."""
    for index, part in enumerate(value.split(".")):
        if index:
            yield Token("sign", ".", line)
        if part:
            yield Token("name", part, line)


def _toml_tokens(lexer: Lexer, text: str) -> Iterator[Token]:
    line = 1
    quotes = _Quotes()
    tokens: Iterator[tuple[Any, str]] = lexer.get_tokens(text)
    for kind, value in tokens:
        if kind in String:
            yield from quotes.part(value, line)
        elif kind in Keyword and value in {"[", "]"}:
            yield Token("sign", value, line)
        elif kind in Name or kind in Keyword:
            yield Token("name", value, line)
        elif kind in Punctuation or value in {"=", "."}:
            yield from (Token("sign", each, line) for each in value)
        elif "\n" in value:
            yield Token("sign", "\n", line)
        line += value.count("\n")


@dataclass(slots=True)
class _Quotes:
    """Texts of TOML, which come in parts."""

    quote: str = ""
    parts: list[str] = field(default_factory=list)
    line: int = 1

    def part(self, value: str, line: int) -> Iterator[Token]:
        if not self.quote and value in {'"', "'", '"""', "'''"}:
            self.quote, self.parts, self.line = value, [], line
        elif self.quote and value.endswith(self.quote):
            # Of some the closing quote comes with the text.
            yield Token("text", "".join(self.parts) + value.removesuffix(self.quote), self.line)
            self.quote = ""
        else:
            self.parts.append(value)


def _unquoted(text: str) -> str:
    return text[1:-1].replace("\\/", "/") if len(text) > 1 else text


def _tree(tokens: Iterable[Token]) -> Bracket:
    root = Bracket("", 1)
    stack = [root]
    for token in tokens:
        if token.kind == "sign" and token.text in _OPENING:
            inner = Bracket(token.text, token.line)
            stack[-1].items.append(inner)
            stack.append(inner)
        elif token.kind == "sign" and token.text in _CLOSING:
            matching = [index for index, each in enumerate(stack) if _OPENING.get(each.opening) == token.text]
            if matching:
                del stack[matching[-1] :]
        else:
            stack[-1].items.append(token)
    return root
