"""Whether an import is optional, read from the source around it: the handlers that would catch its failure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from minreq import regularfile, syntax
from minreq.model import Frame, Need, Question

#: What an ``except`` clause or ``contextlib.suppress`` names when it catches a failed import.
_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
#: The same for a look-up of metadata; ``PackageNotFoundError`` is a ``ModuleNotFoundError``.
_METADATA_ERRORS = _IMPORT_ERRORS | {"PackageNotFoundError"}
#: Bytes: the largest source that is read.
_LARGEST = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Code that catches the failure of an import and goes on."""

    file: str
    line: int
    #: ``except ImportError``, ``suppress(ImportError)``.
    text: str


@cache
def read_source(file: str) -> ast.Module | None:
    """Return the syntax tree of *file*; ``None`` where there is no readable Python. Files of the store never change.

    Code may call itself by any name: what a child names may be a device, or a pipe.
    """
    try:
        return syntax.tree(regularfile.read(Path(file), _LARGEST))
    except (OSError, *syntax.NO_TREE):
        return None


def optional_because(question: Question, source: Callable[[str], ast.Module | None] = read_source) -> str | None:
    """Tell why the program seems to do without what *question* asks for; ``None`` when it does not seem so.

    Looks at the frames of the import, outwards, up to the first function frame: a handler farther up was not written
    for this import, unless it names what a handler there raised instead: `except ImportError: raise DidNotEnable`.
    The answer decides only what is tried first.
    """
    if question.need is Need.PROBE:
        return "a probe with find_spec"
    if question.need is Need.LIST:
        return "in a list of what is installed alone"
    caught = _METADATA_ERRORS if question.need is Need.METADATA else _IMPORT_ERRORS
    near = [*frames_of_import(question.frames)]
    instead: frozenset[str] = frozenset()
    for position, frame in enumerate(question.frames):
        looked_for = caught | instead if position < len(near) else instead
        found = source(frame.file) if looked_for else None
        if found is None:
            continue
        raised: set[str] = set()
        handler = _handler(found, frame, looked_for, raised)
        if handler is not None:
            return f"{handler.text} at {handler.file}:{handler.line}"
        instead |= raised - _IMPORT_ERRORS
    return None


def raising_again(tree: ast.Module, frame: Frame) -> Handler | None:
    """Return the innermost handler around the line of *frame* that catches a failed import and raises again."""
    around = _catching(tree, frame, _IMPORT_ERRORS)
    return next((handler for handler, clause in reversed(around) if clause is not None and _reraises(clause)), None)


def frames_of_import(frames: Sequence[Frame]) -> Iterator[Frame]:
    """Yield *frames* from the innermost up to the first function frame, that one included."""
    for frame in frames:
        yield frame
        if frame.function != "<module>" and not frame.function.startswith("<class "):
            return


def _handler(tree: ast.Module, frame: Frame, caught: frozenset[str], raised: set[str]) -> Handler | None:
    """Return the innermost handler around the line of *frame* that does not raise again.

    *raised* gets the exceptions that the others raise instead.
    """
    found: Handler | None = None
    for handler, clause in _catching(tree, frame, caught):
        if clause is not None and _reraises(clause):
            raised.update(_raised(clause))
        else:
            found = handler
    return found


def _catching(tree: ast.Module, frame: Frame, caught: frozenset[str]) -> list[tuple[Handler, ast.ExceptHandler | None]]:
    """Return what catches one of *caught* around the line of *frame*, within its function, the outermost first.

    Beside each is its clause; ``contextlib.suppress`` has none.
    """
    found: list[tuple[Handler, ast.ExceptHandler | None]] = []
    for node in _around(tree, frame.line):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            # Only what stands in the frame's own function counts; the innermost function comes last.
            found.clear()
        elif isinstance(node, _TRIES) and _spans(node.body, frame.line):
            clause = next((clause for clause in node.handlers if _catches(clause.type, caught)), None)
            if clause is not None:
                kind = f" {_text(clause.type)}" if clause.type else ""
                found.append((Handler(file=frame.file, line=clause.lineno, text=f"except{kind}"), clause))
        elif isinstance(node, (ast.With, ast.AsyncWith)) and _spans(node.body, frame.line):
            for item in node.items:
                if _suppresses(item.context_expr, caught):
                    handler = Handler(file=frame.file, line=node.lineno, text=_text(item.context_expr))
                    found.append((handler, None))
    return found


_TRIES: tuple[type[ast.Try], ...] = (ast.Try, *((ast.TryStar,) if hasattr(ast, "TryStar") else ()))


def _text(expression: ast.expr) -> str:
    """As it would be written; dots where it is deeper than can be told."""
    try:
        return ast.unparse(expression)
    except RecursionError:
        return "..."


def _around(tree: ast.AST, line: int) -> Iterator[ast.AST]:
    """Yield the nodes whose lines hold *line*, the outermost first."""
    for child in ast.iter_child_nodes(tree):
        if getattr(child, "lineno", line + 1) <= line <= (getattr(child, "end_lineno", None) or 0):
            yield child
            yield from _around(child, line)


def _spans(body: Sequence[ast.stmt], line: int) -> bool:
    return bool(body) and body[0].lineno <= line <= (body[-1].end_lineno or body[-1].lineno)


def _names(expression: ast.expr | None) -> Iterator[str]:
    """Yield the last part of each name in an ``except`` clause: of ``metadata.PackageNotFoundError`` the last word."""
    if isinstance(expression, ast.Tuple):
        for element in expression.elts:
            yield from _names(element)
    elif isinstance(expression, ast.Attribute):
        yield expression.attr
    elif isinstance(expression, ast.Name):
        yield expression.id


def _catches(expression: ast.expr | None, caught: frozenset[str]) -> bool:
    return (expression is None and not _IMPORT_ERRORS.isdisjoint(caught)) or not caught.isdisjoint(_names(expression))


def _reraises(clause: ast.ExceptHandler) -> bool:
    """Whether the handler always raises; one that raises only if its own fallback fails does not count."""
    return any(isinstance(statement, ast.Raise) for statement in clause.body)


def _raised(clause: ast.ExceptHandler) -> Iterator[str]:
    for statement in clause.body:
        if isinstance(statement, ast.Raise) and statement.exc is not None:
            exception = statement.exc
            yield from _names(exception.func if isinstance(exception, ast.Call) else exception)


def _suppresses(expression: ast.expr, caught: frozenset[str]) -> bool:
    return (
        isinstance(expression, ast.Call)
        and "suppress" in _names(expression.func)
        and any(not caught.isdisjoint(_names(argument)) for argument in expression.args)
    )
