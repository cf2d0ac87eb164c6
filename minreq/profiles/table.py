"""A TOML table that collects every fault in it, each with the path of its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

_T = TypeVar("_T")


class Table:
    """A table at *path*. A missing value or a value of another type adds to *faults* and reads as an empty value."""

    def __init__(self, content: Mapping[str, Any], path: str, faults: list[str]) -> None:
        self._content, self._path, self._faults = content, path, faults
        self._read_keys: set[str] = set()

    def string(self, key: str, default: str | None = None) -> str:
        """The string at *key*, which is required unless there is a *default*."""
        value = self._value(key, default, str)
        return value if isinstance(value, str) else ""

    def integer(self, key: str, default: int) -> int:
        """The whole number at *key*, *default* where it is missing."""
        value = self._value(key, default, int)
        return value if isinstance(value, int) else default

    def strings(self, key: str) -> tuple[str, ...]:
        """The list of strings at *key*, empty where it is missing."""
        value = self._value(key, [], list)
        for index, each in enumerate(value or ()):
            self._check(each, str, f"{key}[{index}]")
        return tuple(each for each in value or () if isinstance(each, str))

    def string_table(self, key: str) -> dict[str, str]:
        """The table of strings at *key*, empty where it is missing."""
        value = self._value(key, {}, dict) or {}
        for name, each in value.items():
            self._check(each, str, f"{key}.{name}")
        return {name: each for name, each in value.items() if isinstance(each, str)}

    def json_table(self, key: str) -> dict[str, Any]:
        """The table of any JSON values at *key*, empty where it is missing."""
        return dict(self._value(key, {}, dict) or {})

    def boolean(self, key: str, *, default: bool) -> bool:
        """The boolean at *key*, *default* where it is missing."""
        value = self._value(key, default, bool)
        return default if value is None else bool(value)

    def with_prepended(self, key: str, entries: list[Any]) -> Table:
        """A copy whose list at *key* begins with *entries*. The copy remembers which keys were read."""
        content = {**self._content, key: [*entries, *(self._value(key, [], list) or ())]}
        table = Table(content, self._path, self._faults)
        table._read_keys |= self._read_keys
        return table

    def table(self, key: str) -> Table:
        """The table at *key*, empty where it is missing."""
        return Table(self._value(key, {}, dict) or {}, self._path_of(key), self._faults)

    def tables(self, key: str) -> Iterator[Table]:
        """The array of tables at *key*, empty where it is missing."""
        for index, each in enumerate(self._value(key, [], list) or ()):
            self._check(each, dict, f"{key}[{index}]")
            if isinstance(each, dict):
                yield Table(each, self._path_of(f"{key}[{index}]"), self._faults)

    def items(self) -> Iterator[tuple[str, Table]]:
        """Every key of this table with the table it holds."""
        for key in self._content:
            yield key, self.table(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def parse(self, key: str, text: str, parse: Callable[[str], _T], error: type[Exception]) -> _T | None:
        """What *parse* makes of the *text* at *key*; `None` and a fault where *parse* raises *error*."""
        try:
            return parse(text)
        except error as fault:
            self.add_fault(key, str(fault))
            return None

    def add_fault(self, key: str, sentence: str) -> None:
        """Record that the value at *key* is wrong."""
        self._faults.append(f"{self._path_of(key)}: {sentence}")

    def refuse_unknown_keys(self) -> None:
        """Add a fault for each key that nothing has read. Call this after the last read."""
        for key in self._content:
            if key not in self._read_keys:
                self.add_fault(key, "no such key")

    def _value(self, key: str, default: Any, kind: type) -> Any:
        self._read_keys.add(key)
        if key not in self._content:
            if default is None:
                self.add_fault(key, "missing")
            return default
        value = self._content[key]
        return value if self._check(value, kind, key) else None

    def _check(self, value: object, kind: type, key: str) -> bool:
        if not isinstance(value, kind):
            self.add_fault(key, f"must be {_TYPE_NAMES[kind]}, not {value!r}")
        return isinstance(value, kind)

    def _path_of(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key


_TYPE_NAMES: Mapping[type, str] = {
    str: "a string",
    int: "a whole number",
    list: "a list",
    dict: "a table",
    bool: "true or false",
}
