"""What the deferred imports of this tree go through. `minreq build --lazy` writes this file beside the packages.

The sources that it changed call these functions. A deferred name is no global of its module: whoever reads it as an
attribute of the module runs the very import statement, and from then on the name is a global like any other.

With `MINREQ_LAZY=0` in the environment no import is deferred.
"""

from __future__ import annotations

import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

IS_LAZY = os.environ.get("MINREQ_LAZY") != "0"

#: By module: deferred names, each with its import statement and the line that had it.
_DEFERRED: dict[str, dict[str, tuple[str, int]]] = {}
#: By package: attributes that are modules, which the import of a program used to load.
_SUBMODULES: dict[str, dict[str, str]] = {}
#: By module: the `__getattr__` of its own.
_OWN: dict[str, Callable[[str], Any]] = {}
#: The look-ups that run: the thread, the module, the name.
_RUNNING: set[tuple[int, str, str]] = set()
#: The module and the name of each deferred import that has run, in order.
RESOLVED: list[tuple[str, str]] = []
#: What an import statement needs of the namespace that it is in.
_CONTEXT = ("__name__", "__package__", "__path__", "__spec__", "__file__", "__loader__", "__builtins__")


def defer(module: str, line: int, origin: str, aliases: str) -> ModuleType:
    """Defer ``from origin import aliases``, or ``import aliases``, which was in *line*; return the *module*."""
    found = sys.modules[module]
    if IS_LAZY:
        table = _DEFERRED.setdefault(module, {})
        for alias in aliases.split(", "):
            name = alias.rpartition(" as ")[2].partition(".")[0]
            table[name] = (_statement(origin, alias), line)
        _install(module)
    else:
        _run(_statement(origin, aliases), line, vars(found), vars(found))
    return found


def load(modules: str) -> None:
    """Load *modules*, which change something outside of themselves, where they were loaded before."""
    if IS_LAZY:
        for module in modules.split():
            __import__(module)


def serve_modules(package: str, modules: str) -> None:
    """Let *modules* be attributes of *package*, as when they were loaded; ``.a`` is a submodule of it.

    A *package* that is not loaded is a namespace package: it has no code.
    """
    if IS_LAZY:
        if package not in sys.modules:
            __import__(package)
        full = (package + each if each.startswith(".") else each for each in modules.split())
        _SUBMODULES.setdefault(package, {}).update((each.rpartition(".")[2], each) for each in full)
        _install(package)


def keep_getattr(module: str) -> None:
    """Ask the `__getattr__` that *module* has defined for all other names."""
    if IS_LAZY:
        _install(module)


def _statement(origin: str, aliases: str) -> str:
    return f"from {origin} import {aliases}" if origin else f"import {aliases}"


def _run(statement: str, line: int, context: dict[str, Any], names: dict[str, Any]) -> None:
    file = context.get("__file__") or "<unknown>"
    exec(compile("\n" * (line - 1) + statement, file, "exec", dont_inherit=True), context, names)  # noqa: S102


def _install(module: str) -> None:
    """Let *module* look up deferred names."""
    namespace = vars(sys.modules[module])
    own = namespace.get("__getattr__")
    if getattr(own, "__module__", None) == __name__:
        return
    if own is not None:
        _OWN[module] = own

    def __getattr__(name: str) -> Any:  # noqa: N807 - PEP 562.
        return _look_up(module, namespace, name)

    namespace["__getattr__"] = __getattr__
    if "__dir__" not in namespace:

        def __dir__() -> list[str]:  # noqa: N807 - PEP 562.
            return sorted({*namespace, *_DEFERRED.get(module, ()), *_SUBMODULES.get(module, ())})

        namespace["__dir__"] = __dir__


def _look_up(module: str, namespace: dict[str, Any], name: str) -> Any:
    deferred = _DEFERRED.get(module, {}).get(name)
    if deferred is not None:
        key = (_thread.get_ident(), module, name)
        if key not in _RUNNING:
            return _import(key, namespace, *deferred)
        # ``from . import name`` asks whether the name is there before it loads the submodule.
    elif name in _SUBMODULES.get(module, ()):
        return _import_module(module, namespace, name)
    elif module in _OWN:
        return _OWN[module](name)
    raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name, obj=sys.modules.get(module))


def _import(key: tuple[int, str, str], namespace: dict[str, Any], statement: str, line: int) -> Any:
    """Run *statement* apart, so that it does not replace what somebody has set meanwhile."""
    _, module, name = key
    _RUNNING.add(key)
    try:
        context = {each: namespace[each] for each in _CONTEXT if each in namespace}
        found: dict[str, Any] = {}
        _run(statement, line, context, found)
    finally:
        _RUNNING.discard(key)
    RESOLVED.append((module, name))
    return namespace.setdefault(name, found[name])


def _import_module(package: str, namespace: dict[str, Any], name: str) -> Any:
    module = _SUBMODULES[package][name]
    __import__(module)
    RESOLVED.append((package, name))
    return namespace.setdefault(name, sys.modules[module])
