"""Frozen values as JSON and back, told by their type hints, so that each field is written down in one place only."""

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


class Malformed(ValueError):
    """JSON that is not the value it should be; *key* leads to the fault: ``kept[3].bytes``."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(key, why)
        self.key, self.why = key, why


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a type is written whose hint does not tell."""

    encode: Callable[[Any], Any]
    #: Called with JSON of the type *json*; a ``ValueError`` of it says what is wrong.
    decode: Callable[[Any], Any]
    json: type = str


def _project_name(text: str) -> NormalizedName:
    if not is_normalized_name(text):
        raise ValueError(f"{text!r} is not a normalized project name")
    return NormalizedName(text)


_SCALARS: Mapping[Any, Form] = {
    str: Form(encode=str, decode=str),
    bool: Form(encode=bool, decode=bool, json=bool),
    int: Form(encode=int, decode=int, json=int),
    NormalizedName: Form(encode=str, decode=_project_name),
    Version: Form(encode=str, decode=Version),
}
_NAMES = {str: "a string", bool: "true or false", int: "an integer", list: "an array", dict: "an object"}


class Codec:
    """Encodes and decodes dataclasses, tuples, frozensets, mappings, enums, literals, unions and scalars.

    Fields that have their default are not written. Mappings are written sorted by key, sets sorted. Dataclasses
    in a union are told apart by a field ``kind`` whose type is a ``Literal``. *forms* are looked up by hint first.
    """

    def __init__(self, forms: Mapping[Any, Form]) -> None:
        self._forms = {**_SCALARS, **forms}

    def encode(self, hint: Any, value: Any) -> Any:
        """Return *value* of type *hint* as what ``json.dumps`` takes."""
        origin, arguments = get_origin(hint), get_args(hint)
        if form := self._forms.get(hint):
            return form.encode(value)
        if is_dataclass(hint):
            return {name: self.encode(each, getattr(value, name)) for name, each in _written(hint, value)}
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
        """Return the value of type *hint* that *value*, found at *key*, stands for; raises ``Malformed``."""
        if form := self._forms.get(hint):
            checked = _checked(form.json, value, key)
            try:
                return form.decode(checked)
            except Malformed as error:
                raise Malformed(key + error.key, error.why) from error
            except ValueError as error:
                raise Malformed(key, str(error)) from error
        if is_dataclass(hint):
            return self._decode_dataclass(hint, _checked(dict, value, key), key)
        # Asked for last, since most of what is decoded is text.
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in _SEQUENCES:
            hints = _member_hints(origin, arguments, len(_checked(list, value, key)))
            return origin(self._decode_members(hints, value, key))
        if origin is Mapping:
            return self._decode_mapping(arguments, _checked(dict, value, key), key)
        if origin in _UNIONS:
            return self._decode_union(arguments, value, key)
        choices = zip(arguments, arguments, strict=True) if origin is Literal else ((each.value, each) for each in hint)
        return _choice(dict(choices), value, key)

    def _decode_dataclass(self, hint: Any, value: Mapping[str, Any], key: str) -> Any:
        hints = _hints(hint)
        if unknown := sorted(value.keys() - hints.keys()):
            raise Malformed(_below(key, unknown[0]), "unknown key")
        if missing := sorted(name for name in _required(hint) if name not in value):
            raise Malformed(_below(key, missing[0]), "is missing")
        members = {name: self.decode(hints[name], member, _below(key, name)) for name, member in value.items()}
        return hint(**members)

    def _decode_members(self, hints: Sequence[Any], value: Sequence[Any], key: str) -> list[Any]:
        if len(hints) != len(value):
            raise Malformed(key, f"has {len(value)} items instead of {len(hints)}")
        pairs = enumerate(zip(hints, value, strict=True))
        return [self.decode(hint, member, f"{key}[{index}]") for index, (hint, member) in pairs]

    def _decode_mapping(self, arguments: Sequence[Any], value: Mapping[str, Any], key: str) -> Mapping[Any, Any]:
        key_hint, hint = arguments
        return MappingProxyType(
            {
                self.decode(key_hint, name, _below(key, name)): self.decode(hint, member, _below(key, name))
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
        kind = _checked(dict, value, key).get("kind")
        return self.decode(_choice(kinds, kind, _below(key, "kind")), value, key)


_SEQUENCES = (tuple, frozenset)
# `X | None` is one or the other by the version of Python.
_UNIONS = (Union, types.UnionType)

# get_type_hints compiles every annotation anew.
_hints = cache(get_type_hints)


def _without_none(arguments: Sequence[Any]) -> list[Any]:
    return [each for each in arguments if each is not types.NoneType]


def _member_hints(origin: Any, arguments: Sequence[Any], length: int) -> Sequence[Any]:
    """``tuple[X, ...]`` and ``frozenset[X]`` have one hint for all members, ``tuple[X, Y]`` one for each."""
    return [arguments[0]] * length if origin is frozenset or arguments[-1] is Ellipsis else arguments


def _written(hint: Any, value: Any) -> Iterator[tuple[str, Any]]:
    """The fields that go into the file: what differs from its default, and what tells members of a union apart."""
    for field in fields(hint):
        field_hint = _hints(hint)[field.name]
        if get_origin(field_hint) is Literal or getattr(value, field.name) != _default(field):
            yield field.name, field_hint


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _required(hint: Any) -> list[str]:
    return [field.name for field in fields(hint) if _default(field) is MISSING]


def _checked(json: type, value: Any, key: str) -> Any:
    # Not isinstance: true is no integer.
    if type(value) is not json:
        raise Malformed(key, f"is not {_NAMES[json]}")
    return value


def _choice(choices: Mapping[str, Any], value: Any, key: str) -> Any:
    if not isinstance(value, str) or value not in choices:
        raise Malformed(key, f"is none of {', '.join(choices)}")
    return choices[value]


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
