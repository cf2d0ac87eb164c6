"""What the deferred imports of this tree go through. `minreq build --lazy` writes this file beside the packages.

The sources that it changed call these functions. A deferred name is no global of its module: whoever reads it as an
attribute of the module runs the very import statement, and from then on the name is a global like any other.

With `MINREQ_LAZY=0` in the environment no import is deferred. None is deferred either in a source that runs as a
script, or that is not the module of its name, as with `runpy`: who reads its namespace looks up nothing.
"""

from __future__ import annotations

import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

IS_LAZY = os.environ.get("MINREQ_LAZY") != "0"

#: The module and the name of each deferred import that has run, in order.
RESOLVED: list[tuple[str, str]] = []
#: What an import statement needs of the namespace that it is in.
_CONTEXT = ("__name__", "__package__", "__path__", "__spec__", "__file__", "__loader__", "__builtins__")


def defer(module: str, line: int, origin: str, aliases: str) -> Any:
    """Defer ``from origin import aliases``, or ``import aliases``, which was in *line* of the *module* that calls.

    Return what reads the names of the module as attributes: it, if it was imported.
    """
    namespace = _caller()
    found = _find_module(module, namespace)
    if IS_LAZY and found is not None:
        look_up = _install(module, namespace)
        for alias in aliases.split(", "):
            name = alias.rpartition(" as ")[2].partition(".")[0]
            look_up.deferred[name] = (_statement(origin, alias), line)
            # It was there if the module is executed again, or if an import of all names has set it.
            namespace.pop(name, None)
    else:
        _run(_statement(origin, aliases), line, namespace, namespace)
    return _Names(namespace) if found is None else found


def load(modules: str) -> None:
    """Load *modules*, which change something outside of themselves, where they were loaded before."""
    if IS_LAZY:
        for module in modules.split():
            __import__(module)


def serve_modules(package: str, modules: str) -> None:
    """Let *modules* be attributes of *package*, as when they were loaded; ``.a`` is a submodule of it.

    A *package* that does not call is a namespace package: it has no code.
    """
    if IS_LAZY:
        namespace = _caller()
        if package != namespace["__name__"]:
            __import__(package)
            namespace = vars(sys.modules[package])
        if _find_module(package, namespace) is not None:
            full = (package + each if each.startswith(".") else each for each in modules.split())
            _install(package, namespace).submodules.update((each.rpartition(".")[2], each) for each in full)


def keep_getattr(module: str) -> None:
    """Ask the `__getattr__` that *module*, which calls, has defined for all other names."""
    if IS_LAZY and _find_module(module, _caller()) is not None:
        _install(module, _caller())


def _caller() -> dict[str, Any]:
    """Return the namespace of the module that calls; the name `globals` may be another thing there."""
    return sys._getframe(2).f_globals  # noqa: SLF001


def _find_module(module: str, namespace: dict[str, Any]) -> Any:
    """Return the module that has *namespace*; ``None`` if it runs as a script, or is not the module of its name."""
    found = sys.modules.get(module)
    is_imported = getattr(namespace.get("__spec__"), "name", None) == module
    return found if is_imported and getattr(found, "__dict__", None) is namespace else None


class _Names:
    """Has the names of a namespace as attributes."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.__dict__ = namespace


def _statement(origin: str, aliases: str) -> str:
    return f"from {origin} import {aliases}" if origin else f"import {aliases}"


def _run(statement: str, line: int, context: dict[str, Any], names: dict[str, Any]) -> None:
    file = context.get("__file__") or "<unknown>"
    exec(compile("\n" * (line - 1) + statement, file, "exec", dont_inherit=True), context, names)  # noqa: S102


class _LookUp:
    """Is the `__getattr__` of a module: looks up deferred names (PEP 562)."""

    def __init__(self, module: str, namespace: dict[str, Any]) -> None:
        self.module = module
        self.namespace = namespace
        #: Deferred names, each with its import statement and the line that had it.
        self.deferred: dict[str, tuple[str, int]] = {}
        #: Attributes that are modules, which the import of a program used to load.
        self.submodules: dict[str, str] = {}
        #: The `__getattr__` that the module has defined.
        self.own: Callable[[str], Any] | None = None
        #: The imports that run: the thread, and the name.
        self._running: set[tuple[int, str]] = set()

    def __call__(self, name: str) -> Any:
        deferred = self.deferred.get(name)
        if deferred is not None:
            key = (_thread.get_ident(), name)
            if key not in self._running:
                return self._import(key, *deferred)
            # ``from . import name`` asks whether the name is there before it loads the submodule.
        elif name in self.namespace:  # Another thread has imported it meanwhile.
            return self.namespace[name]
        elif name in self.submodules:
            __import__(self.submodules[name])
            return self._keep(name, sys.modules[self.submodules[name]])
        elif self.own is not None:
            return self.own(name)
        error = f"module {self.module!r} has no attribute {name!r}"
        raise AttributeError(error, name=name, obj=sys.modules.get(self.module))

    def _import(self, key: tuple[int, str], statement: str, line: int) -> Any:
        """Run *statement* apart, so that it does not replace what somebody has set meanwhile."""
        name = key[1]
        self._running.add(key)
        try:
            context = {each: self.namespace[each] for each in _CONTEXT if each in self.namespace}
            found: dict[str, Any] = {}
            _run(statement, line, context, found)
        finally:
            self._running.discard(key)
        value = self._keep(name, found[name])
        # Who removes the name now removes it for good, as `unittest.mock` does before it sets what was there.
        self.deferred.pop(name, None)
        return value

    def _keep(self, name: str, value: Any) -> Any:
        RESOLVED.append((self.module, name))
        return self.namespace.setdefault(name, value)

    def list_names(self) -> list[str]:
        """Return the names of the module, for `dir`."""
        return sorted({*self.namespace, *self.deferred, *self.submodules})


#: By module.
_LOOK_UPS: dict[str, _LookUp] = {}


def _install(module: str, namespace: dict[str, Any]) -> _LookUp:
    """Let *module* look up deferred names."""
    if module not in _LOOK_UPS or _LOOK_UPS[module].namespace is not namespace:
        _LOOK_UPS[module] = _LookUp(module, namespace)
    look_up = _LOOK_UPS[module]
    own = namespace.get("__getattr__")
    if own is not look_up:
        look_up.own = own
        namespace["__getattr__"] = look_up
    namespace.setdefault("__dir__", look_up.list_names)
    return look_up
