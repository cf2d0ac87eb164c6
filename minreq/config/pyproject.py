"""Finds, checks and converts ``[tool.minreq]`` of ``pyproject.toml``."""

from __future__ import annotations

import difflib
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

# tomlkit, which can also write, takes ten times as long.
if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from minreq.config.artifacts import BUILD_OPTIONS
from minreq.config.options import OPTIONS, Option
from minreq.config.settings import DEFAULT_OUTPUT
from minreq.errors import ConfigurationUnreadable, InvalidOptions, UnknownLock
from minreq.system import regularfile

_LOG = logging.getLogger(__name__)

_LOCKS = "locks"
_BUILD = "build"
_TOML_NAMES: Mapping[type, str] = {str: "a string", int: "an integer", float: "a number", date: "a date"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The table ``[tool.minreq]`` and its file."""

    #: Relative to the folder where the search began.
    file: Path
    table: Mapping[str, Any]


def find_configuration(start: Path) -> Configuration | None:
    """Return the configuration of the nearest ``pyproject.toml`` with ``[tool.minreq]``, in *start* or above.

    Raises ``ConfigurationUnreadable`` for a nearer file that cannot be read: it may have the table.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if file.is_file() and (table := _read_table(file)) is not None:
            found = Path(os.path.relpath(file, start))
            _LOG.info("read [tool.minreq] of %s", found)
            return Configuration(file=found, table=table)
    return None


def read_shared_values(configuration: Configuration) -> Mapping[str, Any]:
    """Return the values that all locks share, by field of ``Settings``; raise ``InvalidOptions`` for any fault."""
    return _read_tables(configuration)[0][0]


def has_table(file: Path) -> bool:
    """Whether *file* has ``[tool.minreq]``, or cannot be read: then it may have it."""
    try:
        return _read_table(file) is not None
    except ConfigurationUnreadable:
        return True


def read_values(configuration: Configuration, name: str | None) -> Mapping[str, Any]:
    """Return the values of the lock *name* (``None``: the only one), by field of ``Settings``.

    Paths become relative to the working directory. The values in ``[tool.minreq]`` are the defaults of a named lock.
    All locks are checked. Raises ``InvalidOptions`` with every fault and its key, and ``UnknownLock``.
    """
    return _read(configuration, name)[0]


def read_build_values(configuration: Configuration, name: str | None) -> Mapping[str, Any]:
    """Return the values in ``[tool.minreq.build]``, by field of ``BuildSettings``.

    A named lock has its own table, ``[tool.minreq.locks.NAME.build]``; this one is its default. Raises as
    ``read_values`` does.
    """
    return _read(configuration, name)[1]


def read_every_lock(configuration: Configuration) -> Mapping[str | None, Mapping[str, Any]]:
    """Return the values of all locks by name, by field of ``Settings``; the key is ``None`` if no lock has a name.

    Raises ``InvalidOptions`` with every fault and its key.
    """
    base, locks = _read_tables(configuration)
    return {name: values for name, (values, _) in locks.items()} or {None: base[0]}


def _read(configuration: Configuration, name: str | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the values of the lock *name*, and those of builds from it."""
    base, locks = _read_tables(configuration)
    if not locks and name is None:
        return base
    if name is None and len(locks) == 1:
        (name,) = locks
    if name is None or name not in locks:
        raise UnknownLock(name, sorted(locks), suggestion(name or "", locks))
    return locks[name]


#: The values of a lock, and those of builds from it.
_Values = tuple[Mapping[str, Any], Mapping[str, Any]]


def _read_tables(configuration: Configuration) -> tuple[_Values, Mapping[str, _Values]]:
    """Return the values that all locks share, and those of each named lock."""
    faults: list[str] = []
    folder = configuration.file.parent
    shared = {key: value for key, value in configuration.table.items() if key != _LOCKS}
    values, build = _split_build(shared, folder, f"{configuration.file}: tool.minreq", faults)
    base = {"output": folder / DEFAULT_OUTPUT, **values}
    locks = {}
    for lock, table in _lock_tables(configuration, faults).items():
        default = folder / DEFAULT_OUTPUT.with_stem(f"{DEFAULT_OUTPUT.stem}-{lock}")
        own, own_build = _split_build(table, folder, f"{configuration.file}: tool.minreq.{_LOCKS}.{lock}", faults)
        locks[lock] = ({**base, "output": default, **own}, {**build, **own_build})
    if faults:
        raise InvalidOptions(faults)
    return (base, build), locks


def _split_build(
    table: Mapping[str, Any], folder: Path, place: str, faults: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of *table*, and those of its table ``build``."""
    build = table.get(_BUILD, {})
    if not isinstance(build, dict):
        faults.append(f"{place}.{_BUILD}: is not a table")
        build = {}
    values = {key: value for key, value in table.items() if key != _BUILD}
    return (
        convert_table(values, folder, place, faults),
        convert_table(build, folder, f"{place}.{_BUILD}", faults, known=BUILD_OPTIONS),
    )


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests the nearest of *known*, or ""."""
    nearest = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _read_table(file: Path) -> Mapping[str, Any] | None:
    try:
        document = tomllib.loads(regularfile.read_text(file))
    except OSError as error:
        raise ConfigurationUnreadable(file, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        # No TOML, no UTF-8, a number of thousands of digits, or tables nested as deeply.
        raise ConfigurationUnreadable(file, str(error)) from error
    tool = document.get("tool")
    table = tool.get("minreq") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigurationUnreadable(file, "tool.minreq is not a table")
    return table


def _lock_tables(configuration: Configuration, faults: list[str]) -> dict[str, Mapping[str, Any]]:
    locks = configuration.table.get(_LOCKS, {})
    if isinstance(locks, dict) and all(isinstance(table, dict) for table in locks.values()):
        return locks
    faults.append(f"{configuration.file}: tool.minreq.{_LOCKS}: is not a table of tables, one for each lock")
    return {}


def convert_table(
    table: Mapping[str, Any], folder: Path, place: str, faults: list[str], *, known: Mapping[str, Option] = OPTIONS
) -> dict[str, Any]:
    """Return the values of *table* by field; add what is wrong, with its key, to *faults*. Paths are in *folder*."""
    converted = {}
    for key, value in table.items():
        with _collect_fault(faults, f"{place}.{key}"):
            option = _find_option(key, known)
            converted[option.field] = _convert_value(option, value, folder)
    return converted


@contextmanager
def _collect_fault(faults: list[str], place: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        faults.append(f"{place}: {error}")


def _find_option(key: str, known: Mapping[str, Option]) -> Option:
    option = known.get(key)
    if option is not None and option.configurable:
        return option
    if option is not None:
        raise ValueError(f"works only on the command line, as --{key}")
    configurable = [name for name, option in known.items() if option.configurable]
    tables = [_LOCKS, _BUILD] if known is OPTIONS else []
    raise ValueError(f"unknown key{suggestion(key, [*configurable, *tables])}")


def _convert_value(option: Option, value: Any, folder: Path) -> Any:
    if option.switch:
        if not isinstance(value, bool):
            raise ValueError("is not true or false")
        return value
    if not option.many:
        return _convert_single(option, value, folder)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("is not an array of strings")
    return tuple(_convert_single(option, each, folder) for each in value)


def _convert_single(option: Option, value: Any, folder: Path) -> Any:
    # In Python a bool is an int; in TOML it is not.
    has_type = isinstance(value, option.toml) and not isinstance(value, bool)
    if not has_type:
        raise ValueError(f"is not {' or '.join(_TOML_NAMES[each] for each in option.toml)}")
    text = value.isoformat() if isinstance(value, date) else str(value)
    return option.convert(str(folder / text) if option.path and _is_path(option, text) else text)


def _is_path(option: Option, text: str) -> bool:
    """Return whether *text* is a path. An output may be ``-``, find-links a URL, an interpreter a program name."""
    is_program_name = option.name == "python" and Path(text).name == text
    return not (is_program_name or text == "-" or "://" in text)
