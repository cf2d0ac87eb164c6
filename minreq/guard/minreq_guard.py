# minreq: skip this file
"""Reports imports of distributions that a minimal lock leaves out, and how to keep them.

Import this module before anything else. It needs only the standard library. It acts when an import of a left-out
module, or a look-up of its metadata (``importlib.metadata.version``), fails. Then it raises ``ModuleNotFoundError`` or
``PackageNotFoundError`` with the distribution, the lock and the command that keeps the distribution, and writes one
line to stderr: ``minreq-miss`` and a JSON object, for ``minreq lock --misses``.

It does nothing where the run that made the lock asked for the same module at the same place and went on without it. If
a handler caught the failure there, one has to be around it now, too: a module may be optional for one importer, and
needed by another. If that handler was farther up the stack, in a function that called the importer, the same handler
has to be on the stack now. Where no such handler is known, as for a failure in a thread or a task that another one
catches, the error says how to keep the distribution, but nothing is written.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ast import AST
    from collections.abc import Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from importlib.metadata import Distribution, DistributionFinder
    from types import FrameType, ModuleType
    from typing import TypeAlias

    #: A handler farther up the stack: the end of the path, the function, the first and the last line that it guards.
    Handler: TypeAlias = tuple[str, str, int, int]
    #: A place that went on: the end of the path, the line, whether by a handler near the import, and the handlers
    #: farther up that caught the failure; none of both: nobody knows what did.
    Place: TypeAlias = tuple[str, int, bool, Sequence[Handler]]

# <data>
#: The lock, and the command that makes it.
LOCK = ""
COMMAND = ""
#: Left-out module -> distribution.
MODULES: Mapping[str, str] = {}
#: The left-out distributions, sorted.
DISTRIBUTIONS: Sequence[str] = []
#: Module or distribution -> places that went on without it.
DECLINED: Mapping[str, Sequence[Place]] = {}
# </data>

#: Modules whose frames do not count as a place that imports: the rule of the run that made the lock.
MACHINERY = frozenset(
    {
        "importlib",
        "importlib._bootstrap",
        "importlib._bootstrap_external",
        "importlib.metadata",
        "importlib.util",
        "importlib_metadata",
        "pkgutil",
    }
)
#: The part of the machinery that imports other distributions for itself: such an import statement counts.
BACKPORT = "importlib_metadata"
IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
#: ``inspect.CO_OPTIMIZED``: set for functions, not for modules and class bodies.
_OPTIMIZED = 1

#: What `raised_by_handlers` has found. Python forgets a failed import, so a function may try it in each call.
_found: dict[tuple[str, int, frozenset[str]], tuple[bool, frozenset[str]]] = {}

_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep
_PACKAGES = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


class Guard:
    """The last finder on ``sys.meta_path``: it gets the modules that no other finder has."""

    def __init__(self) -> None:
        self._reported: set[tuple[str, str, int]] = set()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - Named by the import system (PEP 451).
        target: ModuleType | None = None,  # noqa: ARG002 - As above.
    ) -> ModuleSpec | None:
        """Raise an error for a left-out module; find no other module."""
        distribution = MODULES.get(fullname)
        if distribution is None:
            return None
        frames, is_probe = importing_frames(sys._getframe(1))  # noqa: SLF001 - The documented way to get a frame.
        if is_probe or not self.report_unless_declined(fullname, distribution, frames, IMPORT_ERRORS):
            return None
        raise ModuleNotFoundError(f"No module named {fullname!r}: {advice(distribution)}", name=fullname)

    def find_distributions(self, context: DistributionFinder.Context) -> Sequence[Distribution]:
        """Raise an error for a look-up of a left-out distribution by its name; find no other distribution."""
        import re  # noqa: PLC0415 - Slow to import; a program that looks up metadata has it already.

        name = getattr(context, "name", None) or ""
        distribution = re.sub(r"[-_.]+", "-", name).lower()  # PEP 503.
        if distribution not in DISTRIBUTIONS:
            return []
        error, caller = find_lookup(sys._getframe(1))  # noqa: SLF001 - As above.
        frames, _ = importing_frames(caller, is_look_up=True)
        handled = IMPORT_ERRORS | {"PackageNotFoundError"}
        if error is None or not self.report_unless_declined(distribution, distribution, frames, handled):
            return []
        text = f"No package metadata was found for {name}: {advice(distribution)}"
        # Its class makes its text in a method, so a subclass is needed.
        raise type(error.__name__, (error,), {"__str__": lambda _: text, "__module__": error.__module__})(name)

    def report_unless_declined(
        self, name: str, distribution: str, frames: Sequence[FrameType], errors: frozenset[str]
    ) -> bool:
        """Return whether the error for *name*, of *distribution*, has to explain itself; report each miss once.

        It has to for a miss at *frames*, and where nobody knows whether it is one. *errors* are the names of the
        exceptions whose handlers catch it.
        """
        frame = next((each for each in frames if not is_standard_library(each.f_code.co_filename)), None)
        if frame is None:
            return False
        handled = is_handled([(f.f_code.co_filename, f.f_lineno, is_function(f)) for f in frames], errors)
        file, line = frame.f_code.co_filename, frame.f_lineno
        stack = whole_stack(frame)
        if is_declined(name, file, line, stack, handled=handled):
            return not is_catcher_known(name, file, line, stack)
        if (name, file, line) not in self._reported:
            self._reported.add((name, file, line))
            report(name, distribution, file, line, frame.f_code.co_name, handled=handled is True)
        return True


def advice(distribution: str) -> str:
    """Return which distribution is left out, by which lock, and how to keep it."""
    return f"{LOCK} leaves out the distribution {distribution}; to keep it, run: {COMMAND} --include {distribution}"


def find_lookup(frame: FrameType | None) -> tuple[type[ModuleNotFoundError] | None, FrameType | None]:
    """Return the error of the ``Distribution.from_name`` that does the look-up, and the frame that called it.

    The backport ``importlib_metadata``, and each copy of it, raises a ``PackageNotFoundError`` of its own.
    """
    while frame is not None:
        error, module = frame.f_globals.get("PackageNotFoundError"), frame.f_globals.get("__name__")
        if frame.f_code.co_name == "from_name" and isinstance(error, type) and issubclass(error, ModuleNotFoundError):
            while frame is not None and frame.f_globals.get("__name__") == module:
                frame = frame.f_back
            return error, frame
        frame = frame.f_back
    return None, None


def importing_frames(frame: FrameType | None, *, is_look_up: bool = False) -> tuple[list[FrameType], bool]:
    """Return the frames that led to an import, innermost first, and whether ``find_spec`` only probes for it.

    With *is_look_up* they led to a look-up of metadata. The rule of the run that made the lock, in ``_minreq_frames``.
    """
    frames: list[FrameType] = []
    is_probe = False
    is_statement = not is_look_up
    while frame is not None:
        is_frozen = frame.f_code.co_filename.startswith("<frozen importlib")
        module = str(frame.f_globals.get("__name__", ""))
        if module == "importlib.util" and frame.f_code.co_name == "find_spec" and not frames:
            is_probe = True
        elif (module not in MACHINERY and not is_frozen) or (module == BACKPORT and is_statement):
            frames.append(frame)
        is_statement = is_statement and is_frozen
        frame = frame.f_back
    return frames, is_probe


def is_standard_library(file: str) -> bool:
    """Whether *file* is a module of Python itself."""
    inside = file.startswith(_STANDARD_LIBRARY) and not any(part in file for part in _PACKAGES)
    return file.startswith("<frozen") or inside


def is_function(frame: FrameType) -> bool:
    """Whether *frame* runs a function, and not a module or the body of a class."""
    return bool(frame.f_code.co_flags & _OPTIMIZED)


def whole_stack(frame: FrameType | None) -> list[tuple[str, int, str]]:
    """Return file, line and function of *frame* and its callers; the body of a class is ``<class NAME>``."""
    stack = []
    while frame is not None:
        name = frame.f_code.co_name
        function = name if is_function(frame) or name == "<module>" else f"<class {name}>"
        stack.append((frame.f_code.co_filename, frame.f_lineno, function))
        frame = frame.f_back
    return stack


def is_declined(
    name: str, file: str, line: int, stack: Sequence[tuple[str, int, str]], *, handled: bool | None
) -> bool:
    """Whether the run that made the lock asked for *name* at this place and went on, as it will now.

    *stack* has the file, the line and the function of each frame. *handled* is whether a handler near the import
    catches the failure now; ``None``: unknown, for lack of a source.
    """
    return any(
        line == there
        and is_file(file, end)
        and (handled is not False or not by_handler)
        and (not handlers or any(is_guarded_by(handler, stack) for handler in handlers))
        for end, there, by_handler, handlers in DECLINED.get(name, ())
    )


def is_catcher_known(name: str, file: str, line: int, stack: Sequence[tuple[str, int, str]]) -> bool:
    """Whether a handler that catches the failure at this declined place is known, and on *stack* if it is far.

    Those of Python itself do not count: ``asyncio`` and ``concurrent.futures`` catch the failures of tasks and threads
    to raise them again where somebody waits for the result.
    """
    own = [each for each in stack if not is_standard_library(each[0])]
    return any(
        line == there
        and is_file(file, end)
        and (by_handler or any(is_guarded_by(handler, own) for handler in handlers))
        for end, there, by_handler, handlers in DECLINED.get(name, ())
    )


def is_guarded_by(handler: Handler, stack: Sequence[tuple[str, int, str]]) -> bool:
    """Whether one of the frames of *stack* is at a line that *handler* guards."""
    end, function, first, last = handler
    return any(first <= line <= last and name == function and is_file(file, end) for file, line, name in stack)


def is_file(file: str, end: str) -> bool:
    """Whether the path of *file* ends with *end*."""
    return file.replace(os.sep, "/").endswith("/" + end)


def is_handled(frames: Sequence[tuple[str, int, bool]], errors: frozenset[str]) -> bool | None:
    """Whether a handler near an import catches its failure, by the sources; ``None`` where the first has none.

    *frames* are file, line and whether it is a function, innermost first. Handlers count up to the first function:
    those farther up were not written for this import, unless they catch what such a handler raises.
    """
    raised: frozenset[str] = frozenset()
    is_near = True
    for position, (file, line, function) in enumerate(frames):
        caught = (errors | raised) if is_near else raised
        if not caught:
            break
        is_near = is_near and not function
        found = _found.get((file, line, caught)) or raised_by_handlers(file, line, caught)
        if found is None:
            if position == 0:
                return None
            continue
        _found[file, line, caught] = catches, raises = found
        if catches:
            return True
        raised |= raises - IMPORT_ERRORS
    return False


def raised_by_handlers(file: str, line: int, errors: frozenset[str]) -> tuple[bool, frozenset[str]] | None:
    """Return whether a handler around *line* in its function catches one of *errors*, and what the others raise."""
    import ast  # noqa: PLC0415 - Heavy, and needed only where a left-out module is imported.

    try:
        with open(file, "rb") as source:
            tree = ast.parse(source.read())
        nodes = nodes_around(tree, line)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    catches, raised = False, set[str]()
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            catches, raised = False, set()
        for caught, raises in caught_names(node, line):
            if errors & (IMPORT_ERRORS if caught is None else caught):
                catches = catches or raises is None
                raised |= raises or frozenset()
                break
    return catches, frozenset(raised)


def nodes_around(tree: AST, line: int) -> list[AST]:
    """Return the nodes of *tree* that *line* is in, outer ones first."""
    import ast  # noqa: PLC0415 - As above.

    found: list[AST] = []
    waiting: list[AST] = [tree]
    while waiting:
        for child in ast.iter_child_nodes(waiting.pop()):
            first = getattr(child, "lineno", None)
            if first is None or first <= line <= (getattr(child, "end_lineno", None) or first):
                found.append(child)
                waiting.append(child)
    return found


def caught_names(node: AST, line: int) -> Iterator[tuple[frozenset[str] | None, frozenset[str] | None]]:
    """Yield what each clause of *node* around *line* catches (``None``: all), and raises (``None``: it may go on)."""
    import ast  # noqa: PLC0415 - As above.

    body = getattr(node, "body", None)
    if not isinstance(body, list) or not body or not body[0].lineno <= line <= body[-1].end_lineno:
        return
    for clause in getattr(node, "handlers", ()):
        raises = [each.exc for each in clause.body if isinstance(each, ast.Raise)]
        names = frozenset(name for each in raises if each for name in last_names(getattr(each, "func", each)))
        yield frozenset(last_names(clause.type)) if clause.type else None, names if raises else None
    for item in reversed(getattr(node, "items", ())):
        call = item.context_expr
        if isinstance(call, ast.Call) and "suppress" in last_names(call.func):
            yield frozenset(name for argument in call.args for name in last_names(argument)), None


def last_names(expression: AST) -> list[str]:
    """Return the last part of each name in *expression*: ``b`` for ``a.b``."""
    elements = getattr(expression, "elts", None)
    if elements is not None:
        return [name for element in elements for name in last_names(element)]
    name = getattr(expression, "attr", None) or getattr(expression, "id", None)
    return [name] if name else []


def report(module: str, distribution: str, file: str, line: int, function: str, *, handled: bool) -> None:
    """Write the line for a log collector. A stderr that cannot be written is no error."""
    import json  # noqa: PLC0415 - Costs each start of a program 10 ms, and needed only for a miss.

    miss = {
        "module": module,
        "distribution": distribution,
        "lock": LOCK,
        "file": file,
        "line": line,
        "function": function,
        "handled": handled,
    }
    try:
        sys.stderr.write("minreq-miss " + json.dumps(miss) + "\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass


def install() -> None:
    """Put a guard at the end of ``sys.meta_path``, once."""
    if not any(type(finder).__name__ == "Guard" and type(finder).__module__ == __name__ for finder in sys.meta_path):
        sys.meta_path.append(Guard())


install()
