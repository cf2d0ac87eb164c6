"""Encodes dataclasses as JSON and decodes them, by their type hints."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from packaging.utils import NormalizedName, is_normalized_name
from packaging.version import Version

from minreq.model.parsing import parse_version


class DecodeError(ValueError):
    """The JSON is not a value of the expected type; *key* is the place of the fault: ``kept[3].bytes``."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(key, why)
        self.key, self.why = key, why


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """The encoding of a type that its hint does not determine."""

    encode: Callable[[Any], Any]
    #: Called with JSON of the type *json*; raises ``ValueError`` with a sentence for an invalid value.
    decode: Callable[[Any], Any]
    json: type = str


def _project_name(text: str) -> NormalizedName:
    if not is_normalized_name(text):
        raise ValueError(f"{text!r} is not a normalized project name")
    return NormalizedName(text)


_SCALARS: Mapping[Any, Encoding] = {
    str: Encoding(encode=str, decode=str),
    bool: Encoding(encode=bool, decode=bool, json=bool),
    int: Encoding(encode=int, decode=int, json=int),
    NormalizedName: Encoding(encode=str, decode=_project_name),
    Version: Encoding(encode=str, decode=parse_version),
}
_NAMES = {str: "a string", bool: "true or false", int: "an integer", list: "an array", dict: "an object"}


class Codec:
    """Encodes and decodes dataclasses, tuples, frozensets, mappings, enums, literals, unions and scalars.

    Fields with their default value are not written. Mappings are sorted by key, and sets are sorted. The dataclasses of
    a union differ by a field ``kind`` of type ``Literal``. *encodings* have precedence over the hints.
    """

    def __init__(self, encodings: Mapping[Any, Encoding]) -> None:
        self._encodings = {**_SCALARS, **encodings}

    def encode(self, hint: Any, value: Any) -> Any:
        """Encode *value* of type *hint* for ``json.dumps``."""
        origin, arguments = get_origin(hint), get_args(hint)
        if encoding := self._encodings.get(hint):
            return encoding.encode(value)
        if is_dataclass(hint):
            return {name: self.encode(each, getattr(value, name)) for name, each in _fields_to_write(hint, value)}
        if origin in _SEQUENCES:
            hints = _member_hints(origin, arguments, len(value))
            members = [self.encode(each, member) for each, member in zip(hints, value, strict=True)]
            return sorted(members) if origin is frozenset else members
        if origin is Mapping:
            return {key: self.encode(arguments[1], value[key]) for key in sorted(value)}
        if origin in _UNIONS and value is not None:
            members = _without_none(arguments)
            return self.encode(members[0] if len(members) == 1 else type(value), value)
        return value.value if isinstance(value, Enum) else value

    def decode(self, hint: Any, value: Any, key: str = "") -> Any:
        """Decode *value*, found at *key*, to type *hint*; raise ``DecodeError``."""
        if encoding := self._encodings.get(hint):
            checked = _check_type(encoding.json, value, key)
            try:
                return encoding.decode(checked)
            except DecodeError as error:
                raise DecodeError(key + error.key, error.why) from error
            except ValueError as error:
                raise DecodeError(key, str(error)) from error
        if is_dataclass(hint):
            return self._decode_dataclass(hint, _check_type(dict, value, key), key)
        # Checked last, because most values are text.
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in _SEQUENCES:
            hints = _member_hints(origin, arguments, len(_check_type(list, value, key)))
            return origin(self._decode_members(hints, value, key))
        if origin is Mapping:
            return self._decode_mapping(arguments, _check_type(dict, value, key), key)
        if origin in _UNIONS:
            return self._decode_union(arguments, value, key)
        choices = zip(arguments, arguments, strict=True) if origin is Literal else ((each.value, each) for each in hint)
        return _choice(dict(choices), value, key)

    def _decode_dataclass(self, hint: Any, value: Mapping[str, Any], key: str) -> Any:
        hints = _hints(hint)
        if unknown := sorted(value.keys() - hints.keys()):
            raise DecodeError(_join_key(key, unknown[0]), "unknown key")
        if missing := sorted(name for name in _required(hint) if name not in value):
            raise DecodeError(_join_key(key, missing[0]), "is missing")
        members = {name: self.decode(hints[name], member, _join_key(key, name)) for name, member in value.items()}
        return hint(**members)

    def _decode_members(self, hints: Sequence[Any], value: Sequence[Any], key: str) -> list[Any]:
        if len(hints) != len(value):
            raise DecodeError(key, f"has {len(value)} items instead of {len(hints)}")
        pairs = enumerate(zip(hints, value, strict=True))
        return [self.decode(hint, member, f"{key}[{index}]") for index, (hint, member) in pairs]

    def _decode_mapping(self, arguments: Sequence[Any], value: Mapping[str, Any], key: str) -> Mapping[Any, Any]:
        key_hint, hint = arguments
        return MappingProxyType(
            {
                self.decode(key_hint, name, _join_key(key, name)): self.decode(hint, member, _join_key(key, name))
                for name, member in value.items()
            }
        )

    def _decode_union(self, arguments: Sequence[Any], value: Any, key: str) -> Any:
        members = _without_none(arguments)
        if value is None and len(members) < len(arguments):
            return None
        if len(members) == 1:
            return self.decode(members[0], value, key)
        kinds = {get_args(_hints(each)["kind"])[0]: each for each in members}
        kind = _check_type(dict, value, key).get("kind")
        return self.decode(_choice(kinds, kind, _join_key(key, "kind")), value, key)


_SEQUENCES = (tuple, frozenset)
# Which of the two `X | None` is depends on the version of Python.
_UNIONS = (Union, types.UnionType)

# get_type_hints compiles every annotation again at each call.
_hints = cache(get_type_hints)


def _without_none(arguments: Sequence[Any]) -> list[Any]:
    return [each for each in arguments if each is not types.NoneType]


def _member_hints(origin: Any, arguments: Sequence[Any], length: int) -> Sequence[Any]:
    """``tuple[X, ...]`` and ``frozenset[X]`` have one hint for all members, ``tuple[X, Y]`` one for each."""
    return [arguments[0]] * length if origin is frozenset or arguments[-1] is Ellipsis else arguments


def _fields_to_write(hint: Any, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields to write: those that differ from their default, and the ``kind`` of union members."""
    for field in fields(hint):
        field_hint = _hints(hint)[field.name]
        if get_origin(field_hint) is Literal or getattr(value, field.name) != _default(field):
            yield field.name, field_hint


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _required(hint: Any) -> list[str]:
    return [field.name for field in fields(hint) if _default(field) is MISSING]


def _check_type(json: type, value: Any, key: str) -> Any:
    # Not isinstance: true is no integer.
    if type(value) is not json:
        raise DecodeError(key, f"is not {_NAMES[json]}")
    return value


def _choice(choices: Mapping[str, Any], value: Any, key: str) -> Any:
    if not isinstance(value, str) or value not in choices:
        raise DecodeError(key, f"is none of {', '.join(choices)}")
    return choices[value]


def _join_key(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
