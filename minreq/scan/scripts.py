"""What a file of JavaScript, TypeScript, JSX, JSON or TOML says, read from its tokens in their brackets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from minreq.scan.brackets import CODE, HOLE, Bracket, Token
from minreq.scan.gathering import Gathering
from minreq.scan.texts import names_a_model
from minreq.scan.usage import Function, Vocabulary

_Items = Sequence[Token | Bracket]

#: Words that begin something else than a value.
_BEGINNINGS = frozenset({"case", "const", "export", "for", "function", "if", "let", "return", "throw", "var", "while"})
#: Words that may stand beside a text.
_BEFORE_TEXT = _BEGINNINGS | {
    "as",
    "await",
    "default",
    "else",
    "extends",
    "from",
    "import",
    "in",
    "instanceof",
    "is",
    "keyof",
    "of",
    "satisfies",
    "typeof",
    "void",
    "yield",
}
_AFTER_TEXT = frozenset({"as", "from", "in", "instanceof", "of", "satisfies", "with"})
#: Between the alternatives of a value.
_ALTERNATIVES = frozenset({"||", "??", "?", ":", "|", "&&"})
_CONSTANTS = frozenset({"null", "undefined", "true", "false"})


def read(root: Bracket, vocabulary: Vocabulary, gathering: Gathering) -> None:
    """Put into *gathering* what the file with the brackets *root* says."""
    reading = _Reading(vocabulary, gathering)
    reading.learn(root.items)
    reading.visit(root, "")


@dataclass(slots=True)
class _Reading:
    vocabulary: Vocabulary
    gathering: Gathering
    #: Name -> what it is assigned anywhere in the file.
    constants: dict[str, list[_Items]] = field(default_factory=dict)

    def learn(self, items: _Items) -> None:
        """Remember what names are assigned."""
        for index, item in enumerate(items):
            if isinstance(item, Bracket):
                self.learn(item.items)
            elif _is_sign(item, "=") and (name := _assigned(items, index)):
                self.constants.setdefault(name, []).append([*_value(items, index + 1)])

    def visit(self, bracket: Bracket, key: str, *, is_value: bool = True) -> None:
        """Look at what stands in *bracket*; *key* is what it is the value of.

        With *is_value* it holds values: it is no type, and no parameters of a function.
        """
        items = bracket.items
        own = key if bracket.opening not in {"{", CODE} or key in self.vocabulary.other_keys else ""
        current = own
        for index, item in enumerate(items):
            if isinstance(item, Bracket):
                self._inner(items, index, item, current, is_value=is_value)
            elif item.kind in {"text", "name"} and _is_key(items, index, bracket.opening):
                current = item.text
            elif item.kind == "template" or (item.kind == "text" and not _is_prose(items, index)):
                self._text(item, current)
            elif item.text == "=":
                current = _assigned(items, index) or current
            elif item.text in {",", ";", "\n"} | _BEGINNINGS:
                current = own
        if bracket.opening == "{" and is_value:
            self._object(bracket)

    def _inner(self, items: _Items, index: int, bracket: Bracket, key: str, *, is_value: bool) -> None:
        called = _callee(items, index) if bracket.opening == "(" else ""
        if called.rpartition(".")[2] in self.vocabulary.other_functions or key in self.vocabulary.other_keys:
            key = next(iter(self.vocabulary.other_keys), "")
        if bracket.opening == "(" and called:
            self._call(bracket, called)
        self.visit(bracket, key, is_value=is_value and _holds_values(items, index))

    def _text(self, token: Token, key: str) -> None:
        if key in self.vocabulary.other_keys:
            return
        text, code, _ = token.text.partition(HOLE)
        self.gathering.text(token.line, text, exact=not code, is_model=names_a_model(key))

    # Objects that are sent, and lists of models.

    def _object(self, bracket: Bracket) -> None:
        entries = dict(_entries(bracket.items))
        if self.vocabulary.parameters in entries:
            self._deployment(entries)
        if "model" not in entries or not self.vocabulary.companions & entries.keys():
            return
        line = _line(entries["model"], bracket.line)
        self._features(entries, line)
        why = self._unknown(entries["model"], depth=0)
        if why:
            self.gathering.unknown(line, "{ model: ... }", why)

    def _features(self, entries: Mapping[str, _Items], line: int) -> None:
        for name, feature in self.vocabulary.arguments.items():
            if name in entries:
                self.gathering.use(line, feature, f"{{ {name}: ... }}")

    def _call(self, bracket: Bracket, called: str) -> None:
        function = self._method(called)
        first = bracket.items[0] if bracket.items else None
        if function is None or not isinstance(first, Bracket) or first.opening != "{":
            return
        entries = dict(_entries(first.items))
        stream = entries.get("stream")
        is_streaming = bool(function.streaming) and stream is not None and _spelled(stream) != "false"
        line = _line(entries.get("model", ()), first.line)
        for feature in (function.streaming,) if is_streaming else function.features:
            self.gathering.use(line, feature, f"{called}(...)")
        if "model" in entries and not self.vocabulary.companions & entries.keys():
            why = self._unknown(entries["model"], depth=0)
            if why:
                self.gathering.unknown(line, f"{called}(...)", why)

    def _method(self, called: str) -> Function | None:
        """The longest end of *called* that is known."""
        parts = called.split(".")
        ends = (".".join(parts[index:]) for index in range(len(parts)))
        return next((self.vocabulary.methods[end] for end in ends if end in self.vocabulary.methods), None)

    def _deployment(self, entries: Mapping[str, _Items]) -> None:
        for item in entries.get(self.vocabulary.alias, ()):
            if isinstance(item, Token) and item.kind == "text":
                self.gathering.alias(item.text)
        for item in entries[self.vocabulary.parameters]:
            if isinstance(item, Bracket):
                for token in dict(_entries(item.items)).get("model", ()):
                    if isinstance(token, Token) and token.kind == "text":
                        self.gathering.deployment(token.line, token.text)

    def _unknown(self, value: _Items, depth: int) -> str:
        """Why the model that is the *value* cannot be known from this file, "" if it can."""
        for operand in _operands(value):
            match operand:
                case [Token(kind="text")]:
                    continue
                case [Token(kind="template", text=text)] if HOLE not in text or "/" in text.partition(HOLE)[0]:
                    continue
                case [Token(kind="name", text=name)] if name in _CONSTANTS:
                    continue
                case [Token(kind="name", text=name), *rest] if name in self.constants and depth < len(self.constants):
                    if not self._is_known(name, rest, depth):
                        return f"comes from {_spelled(operand)}"
                    continue
            return f"comes from {_spelled(operand)}"
        return ""

    def _is_known(self, name: str, rest: _Items, depth: int) -> bool:
        """Whether a constant, or a member of a table, is written out in the file."""
        for value in self.constants[name]:
            first = value[0] if value else None
            if isinstance(first, Bracket):
                # Its texts are seen where they stand.
                if first.opening == "(" or not rest:
                    return False
            elif rest or self._unknown(value, depth + 1):
                return False
            else:
                self._bare(value)
        return True

    def _bare(self, value: _Items) -> None:
        """Bare names count where they are used as models."""
        for item in value:
            if isinstance(item, Token) and item.kind == "text":
                self.gathering.text(item.line, item.text, is_model=True)


def _is_sign(item: Token | Bracket | None, *texts: str) -> bool:
    return isinstance(item, Token) and item.kind == "sign" and item.text in texts


def _at(items: _Items, index: int) -> Token | Bracket | None:
    return items[index] if 0 <= index < len(items) else None


def _is_key(items: _Items, index: int, opening: str) -> bool:
    """Whether the word at *index* is a key: at the beginning of an entry, with a colon behind it (TOML: ``=``)."""
    follower = _at(items, index + 1)
    if _is_sign(follower, "?"):
        follower = _at(items, index + 2)
    if opening == "{" and _is_sign(follower, ":", "?:"):
        return index == 0 or _is_sign(items[index - 1], ",", ";")
    item = items[index]
    return isinstance(item, Token) and item.kind == "text" and _is_sign(follower, "=")


def _assigned(items: _Items, index: int) -> str:
    """The name that the ``=`` at *index* gives a value: ``MODEL`` of ``const MODEL: string =``."""
    before = _at(items, index - 1)
    if _is_sign(_at(items, index - 2), ":"):
        before = _at(items, index - 3) or before
    if isinstance(before, Token) and before.kind in {"name", "text"}:
        return before.text
    return ""


def _is_prose(items: _Items, index: int) -> bool:
    """Whether the text at *index* names a module (``from "..."``), or stands between the words of prose in JSX."""
    before, text, after = _at(items, index - 1), items[index], _at(items, index + 1)
    if isinstance(before, Token) and before.kind == "name":
        return before.text not in _BEFORE_TEXT or before.text in {"from", "import"}
    is_word = isinstance(after, Token) and after.kind == "name" and after.text not in _AFTER_TEXT | _BEGINNINGS
    # On the next line another statement may begin.
    return is_word and after is not None and after.line == text.line


def _holds_values(items: _Items, index: int) -> bool:
    """Whether a bracket holds values: not the parameters of a function, not what is taken apart, not a type."""
    bracket, follower = items[index], _at(items, index + 1)
    if _is_sign(follower, "=", "=>"):
        return False
    before = [item.text for item in items[max(0, index - 3) : index] if isinstance(item, Token)]
    if isinstance(bracket, Bracket) and bracket.opening == "(":
        is_definition = "function" in before or _begins_body(items, index + 1)
        return not is_definition or bool({"if", "for", "switch", "while", "catch"} & {*before[-1:]})
    return not {"interface", "type", "enum"} & {*before}


def _begins_body(items: _Items, index: int) -> bool:
    """Whether after the parameters of a method, and the type of what it returns, its body follows."""
    if not _is_sign(_at(items, index), ":"):
        follower = _at(items, index)
        return isinstance(follower, Bracket) and follower.opening == "{"
    for item in items[index + 1 : index + 10]:
        if isinstance(item, Bracket):
            return item.opening == "{"
        if item.text == "=>":
            return True
        if item.kind != "name" and item.text not in {"<", ">", "|", ".", "&"}:
            return False
    return False


def _callee(items: _Items, index: int) -> str:
    """The dotted name before the bracket at *index*."""
    parts: list[str] = []
    while index > 0:
        index -= 1
        item = items[index]
        if not isinstance(item, Token) or item.kind in {"text", "template"}:
            break
        if item.kind == "name" and (not parts or parts[0] == "."):
            parts.insert(0, item.text)
        elif item.text in {".", "?."} and parts and parts[0] != ".":
            parts.insert(0, ".")
        else:
            break
    return "".join(parts).strip(".")


def _entries(items: _Items) -> Iterator[tuple[str, _Items]]:
    """The entries of an object with their values; nothing of what has statements in it."""
    if any(_is_sign(item, ";") for item in items):
        return
    for entry in _split(items, frozenset({",", "\n"})):
        first = entry[0]
        if not isinstance(first, Token) or first.kind not in {"name", "text"}:
            continue
        if len(entry) == 1 and first.kind == "name":
            yield first.text, entry
        elif _is_sign(_at(entry, 1), ":", "="):
            yield first.text, entry[2:]


def _operands(value: _Items) -> Iterator[_Items]:
    """What the value may be: the sides of ``||`` and ``??``, and of ``?`` all but the condition."""
    question = next((index for index, item in enumerate(value) if _is_sign(item, "?")), None)
    alternatives = value if question is None else value[question + 1 :]
    for operand in _split(alternatives, _ALTERNATIVES):
        known = [item for item in operand if not (isinstance(item, Bracket) and item.opening == CODE)]
        if known:
            yield known


def _split(items: _Items, signs: frozenset[str]) -> Iterator[list[Token | Bracket]]:
    part: list[Token | Bracket] = []
    for item in items:
        if not _is_sign(item, *signs):
            part.append(item)
        elif part:
            yield _without_type(part)
            part = []
    if part:
        yield _without_type(part)


def _without_type(part: list[Token | Bracket]) -> list[Token | Bracket]:
    """Without ``as const``: a type says nothing about the value."""
    for index, item in enumerate(part[1:], 1):
        if isinstance(item, Token) and item.kind == "name" and item.text in {"as", "satisfies"}:
            return part[:index]
    return part


def _value(items: _Items, index: int) -> Iterator[Token | Bracket]:
    """What is assigned: up to the end of the statement, or what can only be another one."""
    line = None
    for item in items[index:]:
        if _is_sign(item, ";", ",", "\n") or (isinstance(item, Token) and item.text in _BEGINNINGS):
            return
        # Without semicolons, a name on a new line after a value begins a statement.
        if line is not None and isinstance(item, Token) and item.line > line and item.kind == "name":
            return
        line = item.line
        yield item


def _line(items: _Items, otherwise: int) -> int:
    return items[0].line if items else otherwise


def _spelled(items: _Items) -> str:
    words = (f"{item.opening}..." if isinstance(item, Bracket) else item.text for item in items)
    return "".join(words).replace(HOLE, "${...}") or "nowhere"
