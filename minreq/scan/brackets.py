"""Parses a program or document into a tree of brackets and tokens, without comments. Unmatched brackets are ignored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from pygments.lexer import Lexer, inherit
from pygments.lexers import TOMLLexer, TypeScriptLexer
from pygments.token import Comment, Error, Keyword, Name, Punctuation, String, Text, Whitespace

#: The opening sign of code in a template text.
TEMPLATE_CODE = "${"
_CLOSING_OF = {"{": "}", "[": "]", "(": ")", TEMPLATE_CODE: "}$"}
#: Replaces that code in the text of the template.
PLACEHOLDER = "\0"
_IGNORED: tuple[Any, ...] = (Comment, Error, Text, Whitespace)
_CLOSING_SIGNS = frozenset(_CLOSING_OF.values())


@dataclass(frozen=True, slots=True)
class Token:
    """A text, a template text, a name or a sign."""

    kind: Literal["text", "template", "name", "sign"]
    text: str
    line: int


@dataclass(slots=True)
class Bracket:
    """The items between two brackets; the root of the tree has no brackets."""

    opening: str
    line: int
    items: list[Token | Bracket] = field(default_factory=list)


class ScriptLexer(TypeScriptLexer):  # type: ignore[misc]  # pygments makes its lexers at run time.
    """JavaScript, TypeScript, JSX and JSON. Texts end with their line: an apostrophe in JSX prose opens none."""

    name = "minreq script"
    aliases: list[str] = []  # noqa: RUF012 - As pygments documents it.
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


def parse_script(text: str) -> Bracket:
    """Return the tree of a file of JavaScript, TypeScript, JSX or JSON."""
    return _nest(_script_tokens(ScriptLexer(ensurenl=False, stripnl=False), text))


def parse_toml(text: str) -> Bracket:
    """Return the tree of a TOML document. The end of a line is a sign."""
    return _nest(_toml_tokens(TOMLLexer(ensurenl=False, stripnl=False), text))


def _script_tokens(lexer: Lexer, text: str) -> Iterator[Token]:
    line = 1
    templates = _TemplateState()
    tokens: Iterator[tuple[Any, str]] = lexer.get_tokens(text)
    for kind, value in tokens:
        match _token_kind(kind):
            case "template":
                yield from templates.feed(kind, value, line)
            case "regex":
                yield Token("sign", "/", line)
            case "text":
                yield Token("text", _without_quotes(value), line)
            case "name":
                yield from _names(value, line)
            case "sign":
                # Several brackets may come as one token.
                are_brackets = not value.strip("{}[]()")
                yield from (Token("sign", each, line) for each in (value if are_brackets else (value,)))
        line += value.count("\n")


@cache
def _token_kind(kind: Any) -> Literal["template", "regex", "text", "name", "sign", ""]:
    """The kind of `Token` for a pygments token of *kind*. Cached: the comparisons of pygments are slow."""
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
class _TemplateState:
    """Texts in backticks. The code in ``${...}`` yields tokens of its own; the text around it is one token."""

    #: The parts of the innermost text, after its backtick; empty outside of a text.
    parts: list[str] = field(default_factory=list)
    line: int = 1
    outer: list[tuple[list[str], int]] = field(default_factory=list)

    def feed(self, kind: Any, value: str, line: int) -> Iterator[Token]:
        if kind in String.Interpol and value == TEMPLATE_CODE:
            self.outer.append((self.parts, self.line))
            self.parts = []
            yield Token("sign", TEMPLATE_CODE, line)
        elif kind in String.Interpol and self.outer:
            yield Token("sign", _CLOSING_OF[TEMPLATE_CODE], line)
            self.parts, self.line = self.outer.pop()
            self.parts.append(PLACEHOLDER)
        elif value != "`":
            self.parts.append(value)
        elif self.parts:
            yield Token("template", "".join(self.parts[1:]), self.line)
            self.parts = []
        else:
            self.parts, self.line = [value], line


def _names(value: str, line: int) -> Iterator[Token]:
    """Split a dotted name, which may come as one token."""
    for index, part in enumerate(value.split(".")):
        if index:
            yield Token("sign", ".", line)
        if part:
            yield Token("name", part, line)


def _toml_tokens(lexer: Lexer, text: str) -> Iterator[Token]:
    line = 1
    quotes = _QuoteState()
    tokens: Iterator[tuple[Any, str]] = lexer.get_tokens(text)
    for kind, value in tokens:
        if kind in String:
            yield from quotes.feed(value, line)
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
class _QuoteState:
    """Texts of TOML, which come in several tokens."""

    quote: str = ""
    parts: list[str] = field(default_factory=list)
    line: int = 1

    def feed(self, value: str, line: int) -> Iterator[Token]:
        if not self.quote and value in {'"', "'", '"""', "'''"}:
            self.quote, self.parts, self.line = value, [], line
        elif self.quote and value.endswith(self.quote):
            # Some tokens hold the closing quote and text before it.
            yield Token("text", "".join(self.parts) + value.removesuffix(self.quote), self.line)
            self.quote = ""
        else:
            self.parts.append(value)


def _without_quotes(text: str) -> str:
    return text[1:-1].replace("\\/", "/") if len(text) > 1 else text


def _nest(tokens: Iterable[Token]) -> Bracket:
    root = Bracket("", 1)
    stack = [root]
    for token in tokens:
        if token.kind == "sign" and token.text in _CLOSING_OF:
            inner = Bracket(token.text, token.line)
            stack[-1].items.append(inner)
            stack.append(inner)
        elif token.kind == "sign" and token.text in _CLOSING_SIGNS:
            matching = [index for index, each in enumerate(stack) if _CLOSING_OF.get(each.opening) == token.text]
            if matching:
                del stack[matching[-1] :]
        else:
            stack[-1].items.append(token)
    return root
