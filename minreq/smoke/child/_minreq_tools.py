"""Keep the tools of the smoke apart from the program: no import of the program sees what only a tool brings.

The tools lie in folders that are not on ``sys.path``. Who imports decides what is found:

- A module that only the tools have is there for the tools and for the smoke. For code of the program it is missing, as
  in production; except for code that a tool calls itself, such as a plug-in: it may import that tool.
- A module that the program has too is there twice. The tools import a copy of their own, under its own name: while
  they import it, their copies take the place of the program's in ``sys.modules``. The program and the smoke import it
  in the usual way, so its absence is a miss as any other.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import os
import sys
import threading
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder

from _minreq_frames import is_machinery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from importlib.metadata import Distribution, DistributionFinder
    from types import FrameType, ModuleType
    from typing import Any

    from _minreq_state import State

TOOL, RUNNER, PROGRAM, SMOKE = "tool", "runner", "program", "smoke"

_STANDARD_LIBRARY = os.path.dirname(os.__file__) + "/"
_METADATA_MODULES = frozenset({"importlib.metadata", "importlib_metadata"})
#: Seconds to wait for the import of another thread; without an end, two imports could wait for each other.
_PATIENCE = 5.0


class Tools:
    """The tools of the smoke in this process, as the configuration of the parent describes them."""

    def __init__(self, configuration: Mapping[str, Any], state: State) -> None:
        self.folders: list[str] = configuration["folders"]
        self._state = state
        self._tool_files = tuple(f"{folder}/" for folder in self.folders)
        self._program_files = tuple(f"{folder}/" for folder in configuration["program"])
        self._runners = frozenset(configuration["runners"])
        #: By module of the outermost level that only the tools have: the distribution.
        self.own: dict[str, str] = configuration["own"]
        #: The modules of the outermost level that the program has too, and the distributions.
        self.shared = frozenset(configuration["shared"])
        self.shared_distributions = frozenset(configuration["shared_distributions"])
        self._named = frozenset(configuration["named"])
        #: The tools' copies of shared modules.
        self._copies: dict[str, ModuleType] = {}
        self._lock = threading.RLock()
        self._importing_thread: int | None = None

    def is_tool_name(self, top: str) -> bool:
        """Whether a tool has the module *top* of the outermost level."""
        return top in self.own or top in self.shared

    @property
    def is_importing(self) -> bool:
        """Whether this thread imports a copy for the tools."""
        return self._importing_thread == threading.get_ident()

    def wait_for_copies(self) -> None:
        """Wait until no other thread imports a copy for the tools, which the program must not find."""
        if self._importing_thread not in {None, threading.get_ident()} and self._lock.acquire(timeout=_PATIENCE):
            self._lock.release()

    @contextmanager
    def install_copies(self) -> Iterator[None]:
        """Let the tools' copies take the place of the program's in ``sys.modules``."""
        with self._lock:
            if self.is_importing:
                yield
                return
            program = self._take_shared_modules()
            importers = {name: self._state.importers.pop(name) for name in self._importers()}
            sys.modules.update(self._copies)
            self._importing_thread = threading.get_ident()
            try:
                yield
            finally:
                self._importing_thread = None
                self._copies = self._take_shared_modules()
                sys.modules.update(program)
                for name in self._importers():
                    del self._state.importers[name]
                self._state.importers.update(importers)

    def _take_shared_modules(self) -> dict[str, ModuleType]:
        names = [name for name in list(sys.modules) if name.partition(".")[0] in self.shared]
        return {name: sys.modules.pop(name) for name in names}

    def _importers(self) -> list[str]:
        return [name for name in list(self._state.importers) if name.partition(".")[0] in self.shared]

    def loaded_copy(self, name: str, fromlist: Sequence[str] | None) -> ModuleType | None:
        """Return what an import statement of a tool gets, if it has nothing left to load."""
        module = self._copies.get(name)
        if module is None or self.is_importing:
            return None
        if not fromlist:
            return self._copies.get(name.partition(".")[0])
        return module if all(hasattr(module, each) for each in fromlist) else None

    def needs_copy(self, frame: FrameType | None, *, by_name: bool) -> bool:
        """Whether the import at *frame* of a shared module is one of the tools' own.

        What a tool imports by a name (*by_name*) that it was given, it imports for the smoke: ``-p PLUGIN``. An entry
        point of a tool, and a name that a copy imports, are its own.
        """
        loads_entry_point = frame is not None and frame.f_globals.get("__name__") in _METADATA_MODULES
        inner = next(self._places(frame), None)
        if inner is None or inner[0] not in {TOOL, RUNNER}:
            return False
        is_copy = inner[1] in self.shared and inner[0] == TOOL
        return not by_name or loads_entry_point or is_copy

    def may_see(self, top: str, frame: FrameType | None) -> bool:
        """Whether the code at *frame* may import *top*, which only the tools have."""
        places = list(self._places(frame))
        if not places or places[0][0] != PROGRAM:
            return True
        caller = next((place for place in places if place[0] != PROGRAM), None)
        if caller is None or caller[0] != TOOL:
            return False
        outermost = [place for place in places if place[0] == TOOL][-1]
        distribution = self.own[top]
        return distribution in self._named or distribution in {self.own.get(each[1]) for each in (caller, outermost)}

    def is_inner_caller(self, frame: FrameType | None, *kinds: str) -> bool:
        """Whether the innermost code at *frame*, apart from the standard library's, is of one of *kinds*."""
        inner = next(self._places(frame), None)
        return (SMOKE if inner is None else inner[0]) in kinds

    def _places(self, frame: FrameType | None) -> Iterator[tuple[str, str]]:
        """Yield for each frame, from the innermost, whose code it runs, and its module of the outermost level."""
        while frame is not None:
            module, file = str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename
            kind = None if is_machinery(module, file) else self._kind_of(file)
            if kind is not None:
                yield kind, module.partition(".")[0]
            frame = frame.f_back

    def _kind_of(self, file: str) -> str | None:
        if file.startswith(self._tool_files):
            return TOOL
        if file in self._runners:
            return RUNNER
        if file.startswith(self._program_files):
            return PROGRAM
        # Code without a file runs for whoever has made it.
        return None if file.startswith(("<", _STANDARD_LIBRARY)) else SMOKE

    def is_of_tool(self, module: ModuleType | None) -> bool:
        """Whether *module* was loaded from a folder of the tools; modules are not asked, since some are lazy."""
        attributes = getattr(module, "__dict__", {})
        places = [attributes.get("__file__"), *(attributes.get("__path__") or ())]
        return any(isinstance(place, str) and f"{place}/".startswith(self._tool_files) for place in places)

    def check_may_see(self, name: str, frame: FrameType | None) -> None:
        """Raise ``ModuleNotFoundError`` where *name* is loaded, but not for the code at *frame*."""
        top = name.partition(".")[0]
        if top in self.own and self.is_of_tool(sys.modules.get(top)) and not self.may_see(top, frame):
            raise ModuleNotFoundError(f"No module named {top!r}", name=top)


class CopyFinder:
    """The first finder: it finds copies of shared modules for the tools, and the metadata of the tools."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a copy of a shared module, while the tools import one."""
        if path is not None or not self._tools.is_importing or fullname not in self._tools.shared:
            return None
        return find_in(self._tools.folders, fullname, target)

    def find_distributions(self, context: DistributionFinder.Context) -> list[Distribution]:
        """Answer a look-up of the tools, and one of the smoke for what only the tools have."""
        tools, frame = self._tools, sys._getframe(1)  # noqa: SLF001 - The documented way to frames.
        if "path" in vars(context):
            return []
        name: str | None = getattr(context, "name", None)
        kinds = [TOOL, RUNNER]
        if name is not None and name.lower().replace("_", "-").replace(".", "-") not in tools.shared_distributions:
            kinds.append(SMOKE)
        if not tools.is_inner_caller(frame, *kinds):
            return []
        from importlib import metadata  # noqa: PLC0415 - Costly, and already loaded in a program that looks up metadata.

        folders = metadata.DistributionFinder.Context(name=name, path=tools.folders)
        return list(metadata.MetadataPathFinder.find_distributions(folders))


class OwnFinder:
    """A finder behind those of the program: it finds the modules that only the tools have."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module for the tools and for the smoke."""
        tools = self._tools
        if path is not None or fullname not in tools.own:
            return None
        frame = sys._getframe(1)  # noqa: SLF001 - The documented way to frames.
        return find_in(tools.folders, fullname, target) if tools.may_see(fullname, frame) else None


def find_in(folders: Sequence[str], fullname: str, target: ModuleType | None) -> ModuleSpec | None:
    """Find a module in *folders*; the path of a namespace package must not follow ``sys.path``."""
    spec = PathFinder.find_spec(fullname, folders, target)
    if spec is not None and spec.loader is None and spec.submodule_search_locations is not None:
        spec.submodule_search_locations = list(spec.submodule_search_locations)
    return spec


def keep_tools_apart(configuration: Mapping[str, Any], state: State) -> Tools:
    """Install the finders, and let imports by statement and by name depend on who imports."""
    tools = Tools(configuration, state)
    sys.meta_path.insert(0, CopyFinder(tools))
    sys.meta_path.append(OwnFinder(tools))
    builtins.__import__ = make_import(tools)
    importlib.import_module = make_import_module(tools)
    importlib.util.find_spec = make_find_spec(tools)
    return tools


def make_import(tools: Tools) -> Callable[..., Any]:
    """Return what takes the place of ``builtins.__import__``."""
    plain = builtins.__import__

    def import_with_tools(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - The name that callers use.
        locals: Mapping[str, Any] | None = None,  # noqa: A002 - As above.
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        package = str((globals or {}).get("__package__") or (globals or {}).get("__name__", "")) if level else ""
        top = (package if level else name).partition(".")[0]
        if not tools.is_tool_name(top):
            return plain(name, globals, locals, fromlist, level)
        frame = sys._getframe(1)  # noqa: SLF001 - The documented way to frames.
        if top in tools.own:
            tools.check_may_see(top, frame)
        elif tools.is_importing:
            pass
        elif tools.needs_copy(frame, by_name=globals is None):
            base = package.rsplit(".", level - 1)[0] if level > 1 else package
            full_name = ".".join(filter(None, [base, name]))
            loaded = tools.loaded_copy(full_name, fromlist) if fromlist or not level else None
            if loaded is not None:
                return loaded
            with tools.install_copies():
                return plain(name, globals, locals, fromlist, level)
        else:
            tools.wait_for_copies()
        return plain(name, globals, locals, fromlist, level)

    return mark_as_machinery(import_with_tools)


def make_import_module(tools: Tools) -> Callable[..., Any]:
    """Return what takes the place of ``importlib.import_module``."""
    plain = importlib.import_module

    def import_module(name: str, package: str | None = None) -> ModuleType:
        top = (package or "" if name.startswith(".") else name).partition(".")[0]
        if tools.is_tool_name(top):
            frame = sys._getframe(1)  # noqa: SLF001 - The documented way to frames.
            tools.check_may_see(top, frame)
            if top in tools.shared and tools.needs_copy(frame, by_name=True):
                with tools.install_copies():
                    return plain(name, package)
            tools.wait_for_copies()
        return plain(name, package)

    return import_module


def make_find_spec(tools: Tools) -> Callable[..., Any]:
    """Return what takes the place of ``importlib.util.find_spec``, which looks into ``sys.modules`` first."""
    plain = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        top = (package or "" if name.startswith(".") else name).partition(".")[0]
        if tools.is_tool_name(top):
            frame = sys._getframe(1)  # noqa: SLF001 - The documented way to frames.
            try:
                tools.check_may_see(top, frame)
            except ModuleNotFoundError:
                if name == top:
                    return None
                raise
            if top in tools.shared and tools.needs_copy(frame, by_name=False):
                with tools.install_copies():
                    return plain(name, package)
        return plain(name, package)

    return find_spec


def mark_as_machinery(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return *function* as code of the import machinery: a warning is then that of the line that imports."""
    code: Any = function.__code__
    function.__code__ = code.replace(co_filename="<frozen importlib._bootstrap>")
    return function
