"""Checks and converts the keyword arguments of ``minreq.api``, by the converters of the options."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from packaging.requirements import Requirement
from packaging.version import Version

from minreq.config.artifacts import BUILD_OPTIONS
from minreq.config.options import (
    OPTIONS,
    Option,
    Provided,
    parse_byte_count,
    parse_count,
    parse_path,
    parse_seconds,
)
from minreq.config.paths import cache_dir
from minreq.config.settings import IndexOptions
from minreq.errors import InvalidOptions

_Joined = TypeVar("_Joined")

#: The types whose text the converter of an option takes.
_TEXTS = (str, Path, Requirement, Version, Provided, date)
#: The converters that take the text of a number.
_NUMBERS = (parse_byte_count, parse_count, parse_seconds)
#: Keyword arguments that are no options of `lock` or `build`.
_OTHERS = (
    Option(name="lock", field="lock", convert=parse_path),
    Option(name="path", field="path", convert=parse_path),
    Option(name="against-full", field="against_full"),
    Option(name="interpreter", field="interpreter"),
    Option(name="environment", field="environment"),
    Option(name="last", field="last", convert=parse_count),
    Option(name="plot", field="plot", convert=parse_path),
    Option(name="module", field="modules", many=True),
)
_LOCK_FIELDS = {each.field: each for each in (*_OTHERS, *OPTIONS.values())}
#: An option of a build wins: its platform is one, and that of a lock are several.
_BUILD_FIELDS = {**_LOCK_FIELDS, **{each.field: each for each in BUILD_OPTIONS.values()}}


def convert_keywords(
    values: Mapping[str, Any], known: Iterable[str], *, needed: Collection[str] = (), build: bool = False
) -> dict[str, Any]:
    """Return *values* with the types of the settings; *known* are the names that the function takes.

    A text stands for what it means on the command line. ``None`` is the default, except of what is *needed*. Raises
    ``InvalidOptions`` with all faults.
    """
    options = _BUILD_FIELDS if build else _LOCK_FIELDS
    names, faults, converted = frozenset(known), list[str](), dict[str, Any]()
    for name, value in values.items():
        with _collect_fault(faults, name):
            if name not in names:
                nearest = difflib.get_close_matches(name, sorted(names), n=1)
                raise ValueError("is no argument" + (f"; did you mean {nearest[0]}?" if nearest else ""))
            if value is not None or name in needed:
                converted[name] = _convert(options[name], value)
    if faults:
        raise InvalidOptions(faults)
    return converted


def join_keywords(
    join: Callable[[Mapping[str, Any], Mapping[str, Any]], _Joined],
    settings: type[Any],
    values: Mapping[str, Any],
    *,
    needed: Collection[str] = (),
    build: bool = False,
) -> _Joined:
    """Return the *settings* that *join* makes of *values*, converted; there is no configuration to join them with."""
    known = {each.name for kind in (settings, IndexOptions) for each in fields(kind)} - {
        "index",
        "cache_dir",
        "trace",
        "names_places",
    }
    return join({**convert_keywords(values, known, needed=needed, build=build), "cache_dir": cache_dir()}, {})


def convert_path(value: object) -> Path:
    """Return *value*, a path or its text, as a path; raise ``InvalidOptions``."""
    converted: Path = convert_keywords({"path": value}, ["path"], needed=["path"])["path"]
    return converted


@contextmanager
def _collect_fault(faults: list[str], name: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        faults.append(f"{name}: {error}")


def _convert(option: Option, value: Any) -> Any:
    if option.switch:
        if value not in (True, False):
            raise ValueError(f"{value!r} is not True or False")
        return bool(value)
    if not option.many:
        return _convert_single(option, value)
    is_sequence = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    if not is_sequence:
        raise ValueError(f"{value!r} is not a sequence, such as [{value!r}]")
    return tuple(_convert_single(option, each) for each in value)


def _convert_single(option: Option, value: Any) -> Any:
    # In Python a bool is an int. A number is no path, and 3.10 as a number is 3.1.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (isinstance(value, _TEXTS) or (is_number and option.convert in _NUMBERS)):
        raise ValueError(f"{value!r} has the type {type(value).__name__}")
    return option.convert(value.isoformat() if isinstance(value, date) else str(value))
