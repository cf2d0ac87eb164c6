"""Reads files of JavaScript, TypeScript, JSX, JSON and TOML, from their trees of brackets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from minreq.scan.brackets import PLACEHOLDER, TEMPLATE_CODE, Bracket, Token
from minreq.scan.findings import FileFindings
from minreq.scan.patterns import is_model_key
from minreq.scan.usage import Function, ScanRules

_Items = Sequence[Token | Bracket]

#: Words that begin a statement, not a value.
_STATEMENT_WORDS = frozenset(
    {"case", "const", "export", "for", "function", "if", "let", "return", "throw", "var", "while"}
)
#: Words that may come before a text.
_WORDS_BEFORE_TEXT = _STATEMENT_WORDS | {
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
_WORDS_AFTER_TEXT = frozenset({"as", "from", "in", "instanceof", "of", "satisfies", "with"})
#: Between the alternatives of a value.
_ALTERNATIVES = frozenset({"||", "??", "?", ":", "|", "&&"})
_CONSTANTS = frozenset({"null", "undefined", "true", "false"})


def read(root: Bracket, rules: ScanRules, findings: FileFindings) -> None:
    """Add to *findings* what the file with the tree *root* contains."""
    reader = _ScriptReader(rules, findings)
    reader.collect_constants(root.items)
    reader.visit(root, "")


@dataclass(slots=True)
class _ScriptReader:
    rules: ScanRules
    findings: FileFindings
    #: Name -> the values that the file assigns to it.
    constants: dict[str, list[_Items]] = field(default_factory=dict)

    def collect_constants(self, items: _Items) -> None:
        """Collect the values that names are assigned."""
        for index, item in enumerate(items):
            if isinstance(item, Bracket):
                self.collect_constants(item.items)
            elif _is_sign(item, "=") and (name := _assigned_name(items, index)):
                self.constants.setdefault(name, []).append([*_assigned_value(items, index + 1)])

    def visit(self, bracket: Bracket, key: str, *, is_value: bool = True) -> None:
        """Read the items of *bracket*, the value of *key*.

        *is_value* is false for types and for the parameters of functions.
        """
        items = bracket.items
        own = key if bracket.opening not in {"{", TEMPLATE_CODE} or key in self.rules.other_keys else ""
        current = own
        for index, item in enumerate(items):
            if isinstance(item, Bracket):
                self._visit_bracket(items, index, item, current, is_value=is_value)
            elif item.kind in {"text", "name"} and _is_key(items, index, bracket.opening):
                current = item.text
            elif item.kind == "template" or (item.kind == "text" and not _is_prose(items, index)):
                self._read_text(item, current)
            elif item.text == "=":
                current = _assigned_name(items, index) or current
            elif item.text in {",", ";", "\n"} | _STATEMENT_WORDS:
                current = own
        if bracket.opening == "{" and is_value:
            self._read_object(bracket)

    def _visit_bracket(self, items: _Items, index: int, bracket: Bracket, key: str, *, is_value: bool) -> None:
        called = _called_name(items, index) if bracket.opening == "(" else ""
        if called.rpartition(".")[2] in self.rules.other_functions or key in self.rules.other_keys:
            key = next(iter(self.rules.other_keys), "")
        if bracket.opening == "(" and called:
            self._read_call(bracket, called)
        self.visit(bracket, key, is_value=is_value and _holds_values(items, index))

    def _read_text(self, token: Token, key: str) -> None:
        if key in self.rules.other_keys:
            return
        text, code, _ = token.text.partition(PLACEHOLDER)
        self.findings.add_text(token.line, text, exact=not code, is_model=is_model_key(key))

    # Objects that a client sends, and lists of models.

    def _read_object(self, bracket: Bracket) -> None:
        entries = dict(_entries(bracket.items))
        if self.rules.parameters in entries:
            self._read_deployment(entries)
        if "model" not in entries or not self.rules.companions & entries.keys():
            return
        line = _line_of(entries["model"], bracket.line)
        self._add_features(entries, line)
        reason = self._reason_unknown(entries["model"], depth=0)
        if reason:
            self.findings.add_unknown(line, "{ model: ... }", reason)

    def _add_features(self, entries: Mapping[str, _Items], line: int) -> None:
        for name, feature in self.rules.arguments.items():
            if name in entries:
                self.findings.add_feature_use(line, feature, f"{{ {name}: ... }}")

    def _read_call(self, bracket: Bracket, called: str) -> None:
        function = self._find_method(called)
        first = bracket.items[0] if bracket.items else None
        if function is None or not isinstance(first, Bracket) or first.opening != "{":
            return
        entries = dict(_entries(first.items))
        stream = entries.get("stream")
        is_streaming = bool(function.streaming) and stream is not None and _source_text(stream) != "false"
        line = _line_of(entries.get("model", ()), first.line)
        for feature in (function.streaming,) if is_streaming else function.features:
            self.findings.add_feature_use(line, feature, f"{called}(...)")
        if "model" in entries and not self.rules.companions & entries.keys():
            reason = self._reason_unknown(entries["model"], depth=0)
            if reason:
                self.findings.add_unknown(line, f"{called}(...)", reason)

    def _find_method(self, called: str) -> Function | None:
        """The method with the longest name that *called* ends with."""
        parts = called.split(".")
        ends = (".".join(parts[index:]) for index in range(len(parts)))
        return next((self.rules.methods[end] for end in ends if end in self.rules.methods), None)

    def _read_deployment(self, entries: Mapping[str, _Items]) -> None:
        for item in entries.get(self.rules.alias, ()):
            if isinstance(item, Token) and item.kind == "text":
                self.findings.add_alias(item.text)
        for item in entries[self.rules.parameters]:
            if isinstance(item, Bracket):
                for token in dict(_entries(item.items)).get("model", ()):
                    if isinstance(token, Token) and token.kind == "text":
                        self.findings.add_deployment(token.line, token.text)

    def _reason_unknown(self, value: _Items, depth: int) -> str:
        """Why this file does not show the model that is the *value*, "" if it does."""
        for operand in _operands(value):
            match operand:
                case [Token(kind="text")]:
                    continue
                case [Token(kind="template", text=text)] if (
                    PLACEHOLDER not in text or "/" in text.partition(PLACEHOLDER)[0]
                ):
                    continue
                case [Token(kind="name", text=name)] if name in _CONSTANTS:
                    continue
                case [Token(kind="name", text=name), *rest] if name in self.constants and depth < len(self.constants):
                    if not self._is_resolved(name, rest, depth):
                        return f"comes from {_source_text(operand)}"
                    continue
            return f"comes from {_source_text(operand)}"
        return ""

    def _is_resolved(self, name: str, rest: _Items, depth: int) -> bool:
        """Whether the file assigns a value to a constant, or to an entry of a table."""
        for value in self.constants[name]:
            first = value[0] if value else None
            if isinstance(first, Bracket):
                # The texts in it were read where they are.
                if first.opening == "(" or not rest:
                    return False
            elif rest or self._reason_unknown(value, depth + 1):
                return False
            else:
                self._add_bare_names(value)
        return True

    def _add_bare_names(self, value: _Items) -> None:
        """Add the texts of a constant that is used as a model: they may be bare names."""
        for item in value:
            if isinstance(item, Token) and item.kind == "text":
                self.findings.add_text(item.line, item.text, is_model=True)


def _is_sign(item: Token | Bracket | None, *texts: str) -> bool:
    return isinstance(item, Token) and item.kind == "sign" and item.text in texts


def _at(items: _Items, index: int) -> Token | Bracket | None:
    return items[index] if 0 <= index < len(items) else None


def _is_key(items: _Items, index: int, opening: str) -> bool:
    """Whether the word at *index* is a key: the beginning of an entry, followed by a colon (in TOML by ``=``)."""
    follower = _at(items, index + 1)
    if _is_sign(follower, "?"):
        follower = _at(items, index + 2)
    if opening == "{" and _is_sign(follower, ":", "?:"):
        return index == 0 or _is_sign(items[index - 1], ",", ";")
    item = items[index]
    return isinstance(item, Token) and item.kind == "text" and _is_sign(follower, "=")


def _assigned_name(items: _Items, index: int) -> str:
    """The name that the ``=`` at *index* assigns to: ``MODEL`` in ``const MODEL: string =``."""
    before = _at(items, index - 1)
    if _is_sign(_at(items, index - 2), ":"):
        before = _at(items, index - 3) or before
    if isinstance(before, Token) and before.kind in {"name", "text"}:
        return before.text
    return ""


def _is_prose(items: _Items, index: int) -> bool:
    """Whether the text at *index* names a module (``from "..."``) or is part of prose in JSX."""
    before, text, after = _at(items, index - 1), items[index], _at(items, index + 1)
    if isinstance(before, Token) and before.kind == "name":
        return before.text not in _WORDS_BEFORE_TEXT or before.text in {"from", "import"}
    is_word = (
        isinstance(after, Token) and after.kind == "name" and after.text not in _WORDS_AFTER_TEXT | _STATEMENT_WORDS
    )
    # The next line may begin another statement.
    return is_word and after is not None and after.line == text.line


def _holds_values(items: _Items, index: int) -> bool:
    """Whether a bracket holds values: no parameters of a function, no destructuring, no type."""
    bracket, follower = items[index], _at(items, index + 1)
    if _is_sign(follower, "=", "=>"):
        return False
    before = [item.text for item in items[max(0, index - 3) : index] if isinstance(item, Token)]
    if isinstance(bracket, Bracket) and bracket.opening == "(":
        is_definition = "function" in before or _is_followed_by_body(items, index + 1)
        return not is_definition or bool({"if", "for", "switch", "while", "catch"} & {*before[-1:]})
    return not {"interface", "type", "enum"} & {*before}


def _is_followed_by_body(items: _Items, index: int) -> bool:
    """Whether a body follows at *index*, after an optional return type: then the parentheses before hold parameters."""
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


def _called_name(items: _Items, index: int) -> str:
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
    """Yield the entries of an object with their values; none for a bracket with statements."""
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
    """Yield the alternatives of a value: the sides of ``||`` and ``??``, and all of ``? :`` but the condition."""
    question = next((index for index, item in enumerate(value) if _is_sign(item, "?")), None)
    alternatives = value if question is None else value[question + 1 :]
    for operand in _split(alternatives, _ALTERNATIVES):
        relevant = [item for item in operand if not (isinstance(item, Bracket) and item.opening == TEMPLATE_CODE)]
        if relevant:
            yield relevant


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
    """*part* without ``as const`` and the like, which do not change the value."""
    for index, item in enumerate(part[1:], 1):
        if isinstance(item, Token) and item.kind == "name" and item.text in {"as", "satisfies"}:
            return part[:index]
    return part


def _assigned_value(items: _Items, index: int) -> Iterator[Token | Bracket]:
    """Yield the assigned value: up to the end of the statement, or to a word that begins another one."""
    line = None
    for item in items[index:]:
        if _is_sign(item, ";", ",", "\n") or (isinstance(item, Token) and item.text in _STATEMENT_WORDS):
            return
        # Where there are no semicolons, a name on a new line after a value begins a statement.
        if line is not None and isinstance(item, Token) and item.line > line and item.kind == "name":
            return
        line = item.line
        yield item


def _line_of(items: _Items, otherwise: int) -> int:
    return items[0].line if items else otherwise


def _source_text(items: _Items) -> str:
    words = (f"{item.opening}..." if isinstance(item, Bracket) else item.text for item in items)
    return "".join(words).replace(PLACEHOLDER, "${...}") or "nowhere"
