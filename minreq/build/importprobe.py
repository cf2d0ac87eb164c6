"""Runs in the interpreter of a build: imports modules of a tree, in processes of their own, and records what happens.

The standard library alone. The first argument is a file with a JSON object: the folders to import from, the packages,
each with lists of modules, the most seconds of one module, the names to look up by module besides all public ones (null
looks up none), and the modules whose type hints are compared. A package may have no name: then nothing is imported
first. The second argument is the file of the results: one JSON object in a line for each module.

For each package a process imports the package. For each list it forks one that imports the modules of the list. A
process that ends or hangs is recorded at its module, and another one goes on behind it.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.resources
import json
import os
import re
import select
import signal
import sys
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

#: What is no data: sources, compiled files, extension modules.
_CODE = (".py", ".pyc", ".so")

#: Where an object is in memory.
_ADDRESS = re.compile("0x[0-9a-f]+")

#: Imports a module, and returns its record.
Recorder = Callable[[str], "dict[str, Any]"]


def main() -> None:
    """Import all modules."""
    with open(sys.argv[1], encoding="utf-8") as file:
        task = json.load(file)
    sys.path[:0] = task["folders"]
    results = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    record = partial(_record, looks_up=task.get("looks_up"), hinted={*task.get("hinted", ())})
    for package in task["packages"]:
        _run_forked(partial(_import_lists, package, results, task["seconds"], record), 0)


def _import_lists(package: dict[str, Any], results: int, seconds: float, record: Recorder) -> None:
    """Import *package* in this process, if that does not end it, and its lists in processes of their own."""
    name = package["name"]
    if name and not _run_forked(lambda: importlib.import_module(name), seconds):
        _try_import(name)
    for modules in package["lists"]:
        rest = modules
        while rest:
            rest = rest[_import_list(rest, results, seconds, record) :]


def _import_list(modules: Sequence[str], results: int, seconds: float, record: Recorder) -> int:
    """Import *modules* one after the other in one process; return how many of them have a result."""
    receiver, sender = os.pipe()
    process = _fork(lambda: _record_all(modules, sender, record))
    os.close(sender)
    content, done = b"", 0
    problem = "the process ended"
    while True:
        if not select.select([receiver], [], [], seconds)[0]:
            problem = f"no end after {seconds} seconds"
            break
        piece = os.read(receiver, 1 << 16)
        if not piece:
            break
        content += piece
        done = content.count(b"\n")
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.close(receiver)
    lines = content.splitlines(keepends=True)[:done]
    if done < len(modules):
        lines.append(json.dumps({"module": modules[done], "outcome": problem}).encode() + b"\n")
    os.write(results, b"".join(lines))
    return len(lines)


def _record_all(modules: Sequence[str], sender: int, record: Recorder) -> None:
    for module in modules:
        os.write(sender, json.dumps(record(module)).encode() + b"\n")


def _record(module: str, *, looks_up: Mapping[str, Sequence[str]] | None, hinted: Collection[str]) -> dict[str, Any]:
    """Import *module* and return its record."""
    record: dict[str, Any] = {"module": module, "outcome": _try_import(module)}
    found = sys.modules.get(module)
    if record["outcome"] != "imported" or found is None:
        return record
    names = {name for name in (dir(found) if looks_up is not None else vars(found)) if not name.startswith("_")}
    if looks_up is None:
        record["names"] = _digest(json.dumps(sorted(names)).encode())
    else:
        record["kinds"] = {name: _look_up(found, name) for name in sorted(names.union(looks_up.get(module, ())))}
        record["names"] = _digest(json.dumps(_read_hints(found)).encode()) if module in hinted else ""
    # A module such as six has an empty path, and the resources of the folder that it is in.
    if [*getattr(found, "__path__", ())]:
        record["data"] = _digest_data(module)
    return record


def _look_up(module: ModuleType, name: str) -> str:
    """Return what *name* of *module* is, in words that are the same in each run."""
    try:
        value = getattr(module, name)
        kind = type(value)
        if isinstance(value, ModuleType):
            return f"module {value.__name__}"
        if isinstance(value, (type, FunctionType)):
            return f"{kind.__name__} {value.__module__}.{value.__qualname__}"
    except BaseException as error:  # noqa: BLE001 - Any exception is a result.
        return f"raises {type(error).__name__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def _read_hints(module: ModuleType) -> list[str]:
    """Return the type hints of the functions and classes that *module* defines, but for its look-up of names.

    Where imports are deferred, that is another one, which asks the one of the module.
    """
    found = []
    for name, value in sorted(vars(module).items()):
        if name in {"__getattr__", "__dir__"}:
            continue
        if getattr(value, "__module__", None) != module.__name__ or not isinstance(value, (type, FunctionType)):
            continue
        for inner in (value, *(vars(value).values() if isinstance(value, type) else ())):
            target = getattr(inner, "__func__", getattr(inner, "fget", inner))
            if isinstance(target, (type, FunctionType)) and target.__module__ == module.__name__:
                try:
                    hints = repr(sorted((key, repr(hint)) for key, hint in typing.get_type_hints(target).items()))
                except Exception as error:  # noqa: BLE001 - Any exception is a result.
                    hints = f"raises {type(error).__name__}"
                found.append(f"{name} {target.__qualname__} {_ADDRESS.sub('', hints)}")
    return found


def _try_import(module: str) -> str:
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - Any exception is a result.
        return type(error).__name__
    return "imported"


def _digest_data(module: str) -> str:
    """Return a digest of the data files in the package *module*, read through ``importlib.resources``.

    Where that fails, return the type of the exception.
    """
    try:
        return _digest(json.dumps(sorted(_read_data(module))).encode())
    except Exception as error:  # noqa: BLE001 - Any exception is a result.
        return type(error).__name__


def _read_data(module: str) -> Iterator[tuple[str, str]]:
    waiting = [("", importlib.resources.files(module))]
    while waiting:
        place, folder = waiting.pop()
        entries = {entry.name: entry for entry in folder.iterdir()}
        if place and any(name.partition(".")[0] == "__init__" for name in entries):
            continue
        for name, entry in entries.items():
            if entry.is_dir():
                waiting += [] if name == "__pycache__" else [(f"{place}{name}/", entry)]
            elif not name.endswith(_CODE):
                yield place + name, _digest(entry.read_bytes())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _run_forked(function: Callable[[], object], seconds: float) -> int:
    """Run *function* in a process, which a signal ends after *seconds* (0: never); return its status."""
    process = _fork(lambda: (signal.alarm(int(seconds)), function()))
    return os.waitpid(process, 0)[1]


def _fork(function: Callable[[], object]) -> int:
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        function()
        status = 0
    except BaseException:  # noqa: BLE001, S110 - The caller sees the status.
        pass
    finally:
        os._exit(status)


main()
