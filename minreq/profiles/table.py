"""A TOML table that is read key by key; what is wrong is collected, each fault under the path of its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

_T = TypeVar("_T")


class Table:
    """A table at *path*; what is missing or of another type becomes a fault and an empty value."""

    def __init__(self, content: Mapping[str, Any], path: str, faults: list[str]) -> None:
        self._content, self._path, self._faults = content, path, faults
        self._read: set[str] = set()

    def text(self, key: str, default: str | None = None) -> str:
        """A string; required unless there is a *default*."""
        value = self._value(key, default, str)
        return value if isinstance(value, str) else ""

    def number(self, key: str, default: int) -> int:
        """A whole number, *default* where it is missing."""
        value = self._value(key, default, int)
        return value if isinstance(value, int) else default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, empty where it is missing."""
        value = self._value(key, [], list)
        for index, each in enumerate(value or ()):
            self._check(each, str, f"{key}[{index}]")
        return tuple(each for each in value or () if isinstance(each, str))

    def strings(self, key: str) -> dict[str, str]:
        """A table of strings, empty where it is missing."""
        value = self._value(key, {}, dict) or {}
        for name, each in value.items():
            self._check(each, str, f"{key}.{name}")
        return {name: each for name, each in value.items() if isinstance(each, str)}

    def anything(self, key: str) -> dict[str, Any]:
        """A table of whatever JSON holds, empty where it is missing."""
        return dict(self._value(key, {}, dict) or {})

    def switch(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._value(key, default, bool)
        return default if value is None else bool(value)

    def with_more(self, key: str, more: list[Any]) -> Table:
        """The same table, with *more* before what the list at *key* has; what was read counts as read."""
        content = {**self._content, key: [*more, *(self._value(key, [], list) or ())]}
        table = Table(content, self._path, self._faults)
        table._read |= self._read
        return table

    def table(self, key: str) -> Table:
        """A table of its own, empty where it is missing."""
        return Table(self._value(key, {}, dict) or {}, self._at(key), self._faults)

    def tables(self, key: str) -> Iterator[Table]:
        """An array of tables, empty where it is missing."""
        for index, each in enumerate(self._value(key, [], list) or ()):
            self._check(each, dict, f"{key}[{index}]")
            if isinstance(each, dict):
                yield Table(each, self._at(f"{key}[{index}]"), self._faults)

    def named(self) -> Iterator[tuple[str, Table]]:
        """Every key of this table with the table it holds."""
        for key in self._content:
            yield key, self.table(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def parsed(self, key: str, text: str, parse: Callable[[str], _T], error: type[ValueError]) -> _T | None:
        """What *parse* makes of the *text* at *key*; `None` and a fault where it raises *error*."""
        try:
            return parse(text)
        except error as fault:
            self.fault(key, str(fault))
            return None

    def fault(self, key: str, sentence: str) -> None:
        """Remember that what stands at *key* is wrong."""
        self._faults.append(f"{self._at(key)}: {sentence}")

    def end(self) -> None:
        """Every key was asked for that can be: what is left over is unknown."""
        for key in self._content:
            if key not in self._read:
                self.fault(key, "no such key")

    def _value(self, key: str, default: Any, kind: type) -> Any:
        self._read.add(key)
        if key not in self._content:
            if default is None:
                self.fault(key, "missing")
            return default
        value = self._content[key]
        return value if self._check(value, kind, key) else None

    def _check(self, value: object, kind: type, key: str) -> bool:
        if not isinstance(value, kind):
            self.fault(key, f"{_KINDS[kind]} is wanted, not {value!r}")
        return isinstance(value, kind)

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key


_KINDS: Mapping[type, str] = {
    str: "a string",
    int: "a whole number",
    list: "a list",
    dict: "a table",
    bool: "true or false",
}
