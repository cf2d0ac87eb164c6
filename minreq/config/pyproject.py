"""The configuration in ``[tool.minreq]`` of ``pyproject.toml``: found, checked, converted."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

# Only read: tomlkit, which writes as well, takes ten times as long.
if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from minreq.config.artifacts import BUILD_OPTIONS
from minreq.config.options import OPTIONS, Option
from minreq.config.settings import DEFAULT_OUTPUT
from minreq.errors import ConfigurationUnreadable, InvalidOptions, UnknownLock

_LOCKS = "locks"
_BUILD = "build"
_TOML_NAMES: Mapping[type, str] = {str: "a string", int: "an integer", float: "a number", date: "a date"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The table ``[tool.minreq]`` and where it stands."""

    #: Relative to where the search began.
    file: Path
    table: Mapping[str, Any]


def find(start: Path) -> Configuration | None:
    """Return the configuration of the nearest ``pyproject.toml`` in *start* or above that has one.

    Raises ``ConfigurationUnreadable`` for a nearer file that cannot be read, since it might have been the one.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if file.is_file() and (table := _table(file)) is not None:
            return Configuration(file=Path(os.path.relpath(file, start)), table=table)
    return None


def values(configuration: Configuration, name: str | None) -> Mapping[str, Any]:
    """Return the values of the lock *name*, by field of ``Settings``; paths are made relative to where one stands.

    ``None`` means the only one there is. A named lock has what stands in ``[tool.minreq]`` itself as its defaults.
    All locks are checked. Raises ``InvalidOptions`` with every fault at once, each with its key, and ``UnknownLock``.
    """
    return _read(configuration, name)[0]


def build_values(configuration: Configuration, name: str | None) -> Mapping[str, Any]:
    """Return what ``[tool.minreq.build]`` says, by field of ``BuildSettings``; as ``values`` does, with its errors.

    A named lock has a table of its own, ``[tool.minreq.locks.NAME.build]``, with this one as its defaults.
    """
    return _read(configuration, name)[1]


def _read(configuration: Configuration, name: str | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What is said of the lock *name*, and of builds from it."""
    faults: list[str] = []
    folder = configuration.file.parent
    shared = {key: value for key, value in configuration.table.items() if key != _LOCKS}
    values, build = _both(shared, folder, f"{configuration.file}: tool.minreq", faults)
    base = {"output": folder / DEFAULT_OUTPUT, **values}
    locks = {}
    for lock, table in _named(configuration, faults).items():
        default = folder / DEFAULT_OUTPUT.with_stem(f"{DEFAULT_OUTPUT.stem}-{lock}")
        own, its = _both(table, folder, f"{configuration.file}: tool.minreq.{_LOCKS}.{lock}", faults)
        locks[lock] = ({**base, "output": default, **own}, {**build, **its})
    if faults:
        raise InvalidOptions(faults)
    if not locks and name is None:
        return base, build
    if name is None and len(locks) == 1:
        (name,) = locks
    if name is None or name not in locks:
        raise UnknownLock(name, sorted(locks), suggestion(name or "", locks))
    return locks[name]


def _both(
    table: Mapping[str, Any], folder: Path, place: str, faults: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What *table* says, and what its table of builds does."""
    build = table.get(_BUILD, {})
    if not isinstance(build, dict):
        faults.append(f"{place}.{_BUILD}: is not a table")
        build = {}
    values = {key: value for key, value in table.items() if key != _BUILD}
    return (
        _converted(values, folder, place, faults),
        _converted(build, folder, f"{place}.{_BUILD}", faults, known=BUILD_OPTIONS),
    )


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the nearest of *known*, or nothing."""
    nearest = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _table(file: Path) -> Mapping[str, Any] | None:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationUnreadable(file, error.strerror or str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationUnreadable(file, str(error)) from error
    tool = document.get("tool")
    table = tool.get("minreq") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigurationUnreadable(file, "tool.minreq is not a table")
    return table


def _named(configuration: Configuration, faults: list[str]) -> dict[str, Mapping[str, Any]]:
    locks = configuration.table.get(_LOCKS, {})
    if isinstance(locks, dict) and all(isinstance(table, dict) for table in locks.values()):
        return locks
    faults.append(f"{configuration.file}: tool.minreq.{_LOCKS}: is not a table of tables, one for each lock")
    return {}


def _converted(
    table: Mapping[str, Any], folder: Path, place: str, faults: list[str], *, known: Mapping[str, Option] = OPTIONS
) -> dict[str, Any]:
    converted = {}
    for key, value in table.items():
        with _collected(faults, f"{place}.{key}"):
            option = _option(key, known)
            converted[option.field] = _value(option, value, folder)
    return converted


@contextmanager
def _collected(faults: list[str], place: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        faults.append(f"{place}: {error}")


def _option(key: str, known: Mapping[str, Option]) -> Option:
    option = known.get(key)
    if option is not None and option.configurable:
        return option
    if option is not None:
        raise ValueError(f"is for the command line alone, as --{key}")
    configurable = [name for name, option in known.items() if option.configurable]
    tables = [_LOCKS, _BUILD] if known is OPTIONS else []
    raise ValueError(f"unknown key{suggestion(key, [*configurable, *tables])}")


def _value(option: Option, value: Any, folder: Path) -> Any:
    if option.switch:
        if not isinstance(value, bool):
            raise ValueError("is not true or false")
        return value
    if not option.many:
        return _single(option, value, folder)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("is not an array of strings")
    return tuple(_single(option, each, folder) for each in value)


def _single(option: Option, value: Any, folder: Path) -> Any:
    # A bool is an int to Python, but not to TOML.
    is_value = isinstance(value, option.toml) and not isinstance(value, bool)
    if not is_value:
        raise ValueError(f"is not {' or '.join(_TOML_NAMES[each] for each in option.toml)}")
    text = value.isoformat() if isinstance(value, date) else str(value)
    return option.convert(str(folder / text) if option.path and _is_path(option, text) else text)


def _is_path(option: Option, text: str) -> bool:
    """An output may be ``-``, find-links a URL, and an interpreter a name to be looked up."""
    is_program_name = option.name == "python" and Path(text).name == text
    return not (is_program_name or text == "-" or "://" in text)
