"""Runs in an isolated interpreter: imports what a program imports, and records what the import of each module does.

The standard library alone. The first argument is a file with a JSON object: the folders to import from, the script or
the modules to import, and what to record; the second is the file of the results, a JSON object.

- ``loaded``: which modules are loaded, and which deferred names were looked up;
- ``costs``: the seconds and the bytes of each module, without those that it imports and the collection of garbage;
- ``lines``: which line imported each module first, and what each line imports, loaded before or not;
- ``effects``: who imported each module first, and what its execution changed in other modules, and in the interpreter.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import copyreg
import ctypes
import gc
import importlib
import json
import logging
import os
import runpy
import signal
import socket
import sys
import threading
import time
import traceback
import types
import warnings
from collections.abc import Callable, Mapping
from importlib import _bootstrap
from types import FrameType, ModuleType
from typing import Any

bootstrap: Any = _bootstrap  # Every import of a module calls its `_load_unlocked`.

#: Modules in which the interpreter and the standard library keep caches.
_CACHING = frozenset(
    {
        *("__main__", "_frozen_importlib", "_frozen_importlib_external", "_minreq_lazy", "_weakref", "abc", "enum"),
        *("encodings", "functools", "importlib", "importlib._bootstrap", "linecache", "re", "sys", "tokenize"),
        *("typing", "warnings", "weakref", "re._compiler", "re._parser", "sre_compile", "sre_parse"),
        "importlib.metadata",
    }
)
#: What the import system sets on a module.
_OF_IMPORT = frozenset({"__spec__", "__path__", "__warningregistry__", "__annotations__"})
_DEALLOCATED = 5  # Of ``PyDict_WatchEvent``.


def main() -> None:
    """Import, and write the results."""
    with open(sys.argv[1], encoding="utf-8") as file:
        task = json.load(file)
    sys.path[:0] = task["folders"]
    sys.argv[:] = [task["script"] or ""]
    kinds: Mapping[str, Any] = {"loaded": Recorder, "costs": Costs, "lines": Lines, "effects": Effects}
    recorder = kinds[task["record"]]()
    load = bootstrap._load_unlocked  # noqa: SLF001
    recorder.start(load)
    error = ""
    began = time.process_time()
    try:
        for module in task["modules"]:
            __import__(module)
        if task["script"]:
            sys.path.insert(0, os.path.dirname(task["script"]))
            runpy.run_path(task["script"], run_name="__main__")
    except BaseException:  # noqa: BLE001 - Any exception is a result.
        error = traceback.format_exc()
    seconds = time.process_time() - began
    bootstrap._load_unlocked = load  # noqa: SLF001
    modules = _list_modules()
    found = {**recorder.results(), "error": error, "seconds": seconds, "modules": modules}
    with open(task["results"], "w", encoding="utf-8") as file:
        json.dump(found, file)
    # What the modules have registered for the end of the process is no concern.
    os._exit(0)


def _list_modules() -> dict[str, str]:
    found = {}
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if spec is None or spec.name == name:
            # A namespace package has no file.
            namespace = getattr(module, "__dict__", {})
            places = [namespace.get("__file__")]
            with contextlib.suppress(KeyError):  # The package around a namespace package is gone if its import failed.
                places += namespace.get("__path__") or ()
            found[name] = next((place for place in places if isinstance(place, str)), "")
    return found


def _list_unresolved() -> list[tuple[str, str]]:
    """Return the module and the name of each lazy import of the interpreter (PEP 810) that did not run."""
    kind = getattr(types, "LazyImportType", None)
    return [
        (name, key)
        for name, module in list(sys.modules.items())
        for key, value in list(getattr(module, "__dict__", {}).items() if kind else ())
        if type(value) is kind
    ]


def _list_aliases() -> dict[str, list[str]]:
    """Return by module the modules that it has as attributes, under their own names."""
    found: dict[str, list[str]] = {}
    for name, module in list(sys.modules.items()):
        for key, value in list(getattr(module, "__dict__", {}).items()):
            # Anything else may be an object that imports something when somebody looks at it.
            other = value.__name__ if type(value) is ModuleType else None
            if isinstance(other, str) and other.rpartition(".")[2] == key and other != f"{name}.{key}":
                found.setdefault(name, []).append(other)
    return found


class Recorder:
    """Records nothing but the deferred names that were looked up."""

    def start(self, load: Callable[[Any], Any]) -> None:
        """Begin to record."""

    def results(self) -> dict[str, Any]:
        """Return what was recorded."""
        lazy = sys.modules.get("_minreq_lazy")
        with open("/proc/self/status", encoding="utf-8") as file:
            peak = next((int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM")), 0)
        return {"resolved": list(getattr(lazy, "RESOLVED", ())), "unresolved": _list_unresolved(), "peak": peak}


class Costs:
    """Records the seconds and bytes of each module."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[float, int]] = {}
        self._inner: list[list[float]] = [[0.0, 0]]
        self._memory = open("/proc/self/statm", encoding="utf-8")  # noqa: SIM115 - Open until the process ends.
        self._page = os.sysconf("SC_PAGE_SIZE")
        #: The seconds of the collection of garbage, which comes at any time.
        self._collected = 0.0

    def _measure(self) -> tuple[float, int]:
        self._memory.seek(0)
        return time.thread_time() - self._collected, int(self._memory.read().split()[1]) * self._page

    def _note_collection(self, phase: str, _facts: object) -> None:
        now = time.thread_time()
        self._collected += now if phase == "stop" else -now

    def start(self, load: Callable[[Any], Any]) -> None:
        """Begin to record."""

        def load_and_measure(spec: Any) -> Any:
            seconds, size = self._measure()
            self._inner.append([0.0, 0])
            try:
                return load(spec)
            finally:
                end, end_size = self._measure()
                inner = self._inner.pop()
                self._rows[spec.name] = (end - seconds - inner[0], int(end_size - size - inner[1]))
                self._inner[-1][0] += end - seconds
                self._inner[-1][1] += end_size - size

        gc.callbacks.append(self._note_collection)
        bootstrap._load_unlocked = load_and_measure  # noqa: SLF001

    def results(self) -> dict[str, Any]:
        """Return what was recorded."""
        return {"costs": self._rows, "collected": self._collected}


class Lines:
    """Records which line imported each module first, and all imports that run, also those of loaded modules."""

    def __init__(self) -> None:
        self._stack = [""]
        self._importers: dict[str, str] = {}
        self._places: dict[str, tuple[str, str, int]] = {}
        #: The names that an import reads from a module, by the module that runs, the place, and what it imports.
        self._imports: dict[tuple[str, tuple[str, str, int], str], set[str]] = {}

    def start(self, load: Callable[[Any], Any]) -> None:
        """Begin to record."""
        interpreter: Any = builtins
        imports, import_module = interpreter.__import__, importlib.import_module

        def load_and_note(spec: Any) -> Any:
            if self._stack[-1]:
                self._importers[spec.name] = self._stack[-1]
            self._places[spec.name] = _find_place(sys._getframe(1))  # noqa: SLF001
            self._stack.append(spec.name)
            try:
                return load(spec)
            finally:
                self._stack.pop()

        def import_and_note(name: str, globals: Any = None, locals: Any = None, names: Any = (), level: int = 0) -> Any:  # noqa: A002
            module = imports(name, globals, locals, names, level)
            package = (globals.get("__package__") or "") if level else ""
            base = package.rsplit(".", level - 1)[0] if level else ""
            self._note(sys._getframe(1), f"{base}.{name}".strip("."), _list_names(module, names or ()))  # noqa: SLF001
            return module

        def import_module_and_note(name: str, package: str | None = None) -> Any:
            module = import_module(name, package)
            self._note(sys._getframe(1), module.__name__, ())  # noqa: SLF001
            return module

        bootstrap._load_unlocked = load_and_note  # noqa: SLF001
        interpreter.__import__ = import_and_note
        importlib.import_module = import_module_and_note

    def _note(self, frame: FrameType, module: str, names: Any) -> None:
        place = _find_place(frame)
        for target in (module, *(f"{module}.{name}" for name in names)):
            if target == module or target in sys.modules:
                self._imports.setdefault((self._stack[-1], place, target), set()).update(names)

    def results(self) -> dict[str, Any]:
        """Return what was recorded."""
        imports = [(*key, sorted(names)) for key, names in self._imports.items()]
        return {"importers": self._importers, "places": self._places, "imports": imports}


def _list_names(module: Any, names: Any) -> Any:
    """Return *names*, with those that ``*`` stands for."""
    if "*" not in names:
        return names
    return getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]


def _find_place(frame: FrameType | None) -> tuple[str, str, int]:
    """Return the module, the file and the line of the import that *frame* runs; those of nothing for this script."""
    while frame is not None:
        name, file = frame.f_globals.get("__name__") or "", frame.f_code.co_filename
        is_of_import = name.partition(".")[0] in {"importlib", "_frozen_importlib", "_frozen_importlib_external"}
        if frame.f_globals is not globals() and not is_of_import:
            return name, file, frame.f_lineno
        frame = frame.f_back
    return "", "", 0


class Effects:
    """Records who imports each module, and what the execution of each changes outside of it.

    Dictionaries of modules and in modules are watched: from Python 3.12 on by the interpreter, before that by their
    version, which every change increases.
    """

    def __init__(self) -> None:
        self._importers: dict[str, str] = {}
        self._effects: dict[str, set[str]] = {}
        self._stack: list[str] = []
        #: By identity: the dictionary, its module, its name there, and a copy where the interpreter does not watch.
        self._watched: dict[int, tuple[dict[Any, Any], str, str]] = {}
        self._versions: dict[int, tuple[int, dict[Any, Any]]] = {}
        self._lengths: dict[tuple[str, str], tuple[list[Any], int]] = {}
        self._is_busy = False
        self._state = _read_state()
        self._watch: Callable[[dict[Any, Any]], object] | None = None
        if sys.version_info >= (3, 12):
            kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
            self._callback = kind(self._changed)
            add, watch = ctypes.pythonapi.PyDict_AddWatcher, ctypes.pythonapi.PyDict_Watch
            add.argtypes, watch.argtypes = [kind], [ctypes.c_int, ctypes.py_object]
            number = add(self._callback)
            self._watch = lambda found: watch(number, found)
        for name in list(sys.modules):
            self._watch_module(name)

    def start(self, load: Callable[[Any], Any]) -> None:
        """Begin to record."""

        def load_and_compare(spec: Any) -> Any:
            self._settle()
            if self._stack:
                self._importers[spec.name] = self._stack[-1]
            self._stack.append(spec.name)
            try:
                return load(spec)
            finally:
                self._settle()
                self._stack.pop()
                self._watch_module(spec.name)

        bootstrap._load_unlocked = load_and_compare  # noqa: SLF001

    def results(self) -> dict[str, Any]:
        """Return what was recorded."""
        self._is_busy = True
        effects = {name: sorted(its) for name, its in self._effects.items()}
        return {"importers": self._importers, "effects": effects, "aliases": _list_aliases()}

    def _note(self, effect: str) -> None:
        if self._stack:
            self._effects.setdefault(self._stack[-1], set()).add(effect)

    def _changed(self, event: int, found: int, key: int | None, _value: int | None) -> int:
        if event != _DEALLOCATED and not self._is_busy and self._stack and found in self._watched:
            self._is_busy = True
            self._note_change(found, ctypes.cast(key, ctypes.py_object).value if key else None)
            self._is_busy = False
        return 0

    def _note_change(self, found: int, key: object) -> None:
        values, module, name = self._watched[found]
        if module == self._stack[-1] or module.partition(".")[0] in _CACHING or module in _CACHING:
            return
        if not name and isinstance(key, str):
            # The import system sets a submodule on its package; a package may add what somebody looks up in it.
            if f"{module}.{key}" in sys.modules or key in _OF_IMPORT:
                return
            if "__getattr__" in values and key not in values:
                return
        self._note(f"{module}{'.' if name else ''}{name}[{str(key)[:60]!r}]")

    def _watch_module(self, name: str) -> None:
        namespace = getattr(sys.modules.get(name), "__dict__", None)
        if type(namespace) is not dict:
            return
        self._is_busy = True
        self._add(namespace, name, "")
        for key, value in list(namespace.items()):
            if type(value) is dict and key not in {"__builtins__", "__annotations__"}:
                self._add(value, name, key)
            elif type(value) is list:
                self._lengths[name, key] = value, len(value)
        self._is_busy = False

    def _add(self, found: dict[Any, Any], module: str, name: str) -> None:
        if id(found) in self._watched:
            return
        self._watched[id(found)] = found, module, name
        if self._watch is not None:
            self._watch(found)
        else:
            self._versions[id(found)] = _version(found), dict(found)

    def _settle(self) -> None:
        """Charge the module that runs with what has changed since the last time."""
        state = _read_state()
        for name, value in state.items():
            if value != self._state[name]:
                self._note(name)
        self._state = state
        for place, (found, length) in list(self._lengths.items()):
            if len(found) != length:
                if self._stack and place[0] != self._stack[-1] and place[0].partition(".")[0] not in _CACHING:
                    self._note(f"{place[0]}.{place[1]}")
                self._lengths[place] = found, len(found)
        for number, (version, before) in list(self._versions.items()):
            now = self._watched[number][0]
            if _version(now) != version:
                changed = {key for key in {*before, *now} if before.get(key, self) is not now.get(key, self)}
                self._versions[number] = _version(now), dict(now)
                for key in changed if self._stack else ():
                    self._note_change(number, key)


def _version(found: dict[Any, Any]) -> int:
    """Return the version of a dictionary (PEP 509, until Python 3.11)."""
    return ctypes.c_uint64.from_address(id(found) + 3 * ctypes.sizeof(ctypes.c_void_p)).value


def _read_state() -> dict[str, Any]:
    """Return what modules change in the interpreter."""
    loggers = logging.root.manager.loggerDict.items()
    return {
        "os.environ": dict(os.environ),
        "sys.path": [*sys.path],
        "sys.meta_path": [*map(id, sys.meta_path)],
        "sys.path_hooks": len(sys.path_hooks),
        "sys.excepthook": sys.excepthook,
        "the recursion limit": sys.getrecursionlimit(),
        "the filters of warnings": [*warnings.filters],
        "the handlers of the root logger": [*map(id, logging.root.handlers)],
        "loggers": {
            (name, each.level, len(each.handlers), each.propagate, each.disabled)
            for name, each in loggers
            if isinstance(each, logging.Logger) and (each.handlers or each.level or each.disabled or not each.propagate)
        },
        "the level of the root logger": logging.root.level,
        "the class of loggers": logging.getLoggerClass(),
        "the factory of log records": logging.getLogRecordFactory(),
        "functions that run at the end": atexit._ncallbacks(),  # noqa: SLF001 - Nothing public has the number.
        "threads": threading.active_count(),
        "functions of copyreg": len(copyreg.dispatch_table),
        "the timeout of sockets": socket.getdefaulttimeout(),
        "signals": [*map(signal.getsignal, (signal.SIGINT, signal.SIGTERM, signal.SIGALRM))],
        "the garbage collector": (gc.isenabled(), gc.get_threshold()),
        "the working folder": os.getcwd(),
    }


main()
