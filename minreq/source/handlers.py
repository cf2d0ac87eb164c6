"""Whether an import is optional, read from the source around it: the handlers that would catch its failure."""

from __future__ import annotations

import ast
import re
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from minreq.model import Frame, Need, Question
from minreq.source import syntax
from minreq.system import regularfile

#: What an ``except`` clause or ``contextlib.suppress`` names when it catches a failed import.
_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
#: The same for a look-up of metadata; ``PackageNotFoundError`` is a ``ModuleNotFoundError``.
_METADATA_ERRORS = _IMPORT_ERRORS | {"PackageNotFoundError"}
#: Bytes: the largest source that is read.
LARGEST = 64 << 20
#: Where the parser ends a line.
_LINE_END = re.compile(rb"\r\n|[\r\n]")
#: A statement that no other can be around: not what a backslash continues, and not the text of a string with a call,
#: whether that is in it or after its end.
_MARGIN_IMPORT = re.compile(
    rb"(?<!\\\n)(?<!\\\r\n)^(?:import[ \t]+\w|from[ \t]+[.\w]+[ \t]+import[ \t]*[(*\w])[^{;'\"\n]*$", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Code that catches the failure of an import and goes on."""

    file: str
    line: int
    #: ``except ImportError``, ``suppress(ImportError)``.
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """An ``except`` clause, or a ``contextlib.suppress``."""

    line: int
    #: ``except ImportError``, ``suppress(ImportError)``.
    text: str
    #: The last words of what it names, ``PackageNotFoundError`` of ``metadata.PackageNotFoundError``; ``None`` where it
    #: names nothing and catches everything.
    names: frozenset[str] | None
    #: Where it always raises, the last words of what; one that raises only if its own fallback fails does not count.
    raises: frozenset[str] | None = None

    def catches(self, caught: frozenset[str]) -> bool:
        """Whether it catches what has one of these names."""
        return not caught.isdisjoint(_IMPORT_ERRORS if self.names is None else self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A function, a ``try`` or a ``with``: a syntax tree has some hundred times the bytes of what is asked of it."""

    #: Where one is in it, and in all that is around it.
    lines: range
    #: Where its clauses watch; ``None`` for a function.
    watched: range | None = None
    #: Of those that catch a failure the first one does.
    clauses: tuple[Clause, ...] = ()


def blocks_around(file: str, line: int) -> Sequence[Block] | None:
    """Return the blocks of *file*, none of them at *line*; ``None`` where there is no readable Python.

    Most imports stand at the left margin, where nothing is around them: their files need no parser, which takes a tenth
    of a second for a large one while a run waits for its answer.
    """
    return () if line in _at_margin(file) else read_blocks(file)


@cache
def _at_margin(file: str) -> frozenset[int]:
    """Return the lines of *file* with an import at the left margin, and nothing else."""
    try:
        source = regularfile.read(Path(file), LARGEST)
    except OSError:
        return frozenset()
    # What ends a line there only on some systems, or goes on in the next one, is left to the parser.
    found = _MARGIN_IMPORT.finditer(b"" if b"\r" in source.replace(b"\r\n", b"\n") else source)
    lines, line, counted = set(), 1, 0
    for match in found:
        line += source.count(b"\n", counted, match.start())
        counted = match.start()
        lines.add(line)
    return frozenset(lines)


@cache
def read_blocks(file: str) -> tuple[Block, ...] | None:
    """Return the blocks of *file*; ``None`` where there is no readable Python. Files of the store never change.

    Code may call itself by any name: what a child names may be a device, or a pipe.
    """
    try:
        source = regularfile.read(Path(file), LARGEST)
        return blocks(syntax.tree(source), lambda_lines(source))
    except (OSError, *syntax.NO_TREE):
        return None


def lambda_lines(source: bytes) -> tuple[int, ...]:
    """Return the lines that may have a ``lambda``, in order."""
    return tuple(number for number, line in enumerate(_LINE_END.split(source), start=1) if b"lambda" in line)


def blocks(tree: ast.AST, lambdas: Sequence[int]) -> tuple[Block, ...]:
    """Return the blocks of *tree*, each after those around it; *lambdas* are the lines that may have one, in order."""
    found: list[Block] = []
    waiting: list[tuple[ast.AST, range]] = [
        (child, range(1, sys.maxsize)) for child in reversed([*ast.iter_child_nodes(tree)])
    ]
    while waiting:
        node, around = waiting.pop()
        first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", None) or 0
        lines = range(max(first, around.start), min(last + 1, around.stop))
        # Most of a tree are expressions; of them only functions without a name are of interest.
        if not first or not lines or (isinstance(node, ast.expr) and not _has_any(lambdas, lines)):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            found.append(Block(lines=lines))
        found += _watching(node, lines)
        waiting += [(child, lines) for child in reversed([*ast.iter_child_nodes(node)])]
    return tuple(found)


def optional_because(
    question: Question, source: Callable[[str, int], Sequence[Block] | None] = blocks_around
) -> str | None:
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
        found = source(frame.file, frame.line) if looked_for else None
        if found is None:
            continue
        raised: set[str] = set()
        handler = _handler(found, frame, looked_for, raised)
        if handler is not None:
            return f"{handler.text} at {handler.file}:{handler.line}"
        instead |= raised - _IMPORT_ERRORS
    return None


def raising_again(found: Sequence[Block], frame: Frame) -> Handler | None:
    """Return the innermost handler around the line of *frame* that catches a failed import and raises again."""
    again = None
    for clause in _catching(found, frame.line, _IMPORT_ERRORS):
        if clause is None:
            again = None
        elif clause.raises is not None:
            again = Handler(file=frame.file, line=clause.line, text=clause.text)
    return again


def frames_of_import(frames: Sequence[Frame]) -> Iterator[Frame]:
    """Yield *frames* from the innermost up to the first function frame, that one included."""
    for frame in frames:
        yield frame
        if frame.function != "<module>" and not frame.function.startswith("<class "):
            return


def _handler(found: Sequence[Block], frame: Frame, caught: frozenset[str], raised: set[str]) -> Handler | None:
    """Return the innermost handler around the line of *frame*, within its function.

    Where there is none, *raised* holds the exceptions that handlers raise instead.
    """
    handler: Handler | None = None
    for clause in _catching(found, frame.line, caught):
        if clause is None:
            # Only what stands in the frame's own function counts; the innermost function comes last.
            handler = None
            raised.clear()
        elif clause.raises is not None:
            raised |= clause.raises
        else:
            handler = Handler(file=frame.file, line=clause.line, text=clause.text)
    return handler


def _catching(found: Sequence[Block], line: int, caught: frozenset[str]) -> Iterator[Clause | None]:
    """Yield for each block around *line*, the outermost first, the clause that catches; ``None`` for a function."""
    for block in found:
        if line not in block.lines:
            continue
        if block.watched is None:
            yield None
        elif line in block.watched and (clause := next((c for c in block.clauses if c.catches(caught)), None)):
            yield clause


_TRIES: tuple[type[ast.Try], ...] = (ast.Try, *((ast.TryStar,) if hasattr(ast, "TryStar") else ()))


def _has_any(numbers: Sequence[int], lines: range) -> bool:
    """Whether one of *numbers*, which are in order, is in *lines*."""
    place = bisect_left(numbers, lines.start)
    return place < len(numbers) and numbers[place] in lines


def _lines(body: Sequence[ast.stmt]) -> range:
    return range(body[0].lineno, (body[-1].end_lineno or body[-1].lineno) + 1) if body else range(0)


def _watching(node: ast.AST, lines: range) -> Iterator[Block]:
    """Yield what *node* is where it catches anything."""
    if isinstance(node, _TRIES):
        body, clauses = node.body, tuple(_excepts(node))
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        body, clauses = node.body, tuple(_suppressed(node))
    else:
        return
    if clauses:
        yield Block(lines=lines, watched=_lines(body), clauses=clauses)


def _excepts(node: ast.Try) -> Iterator[Clause]:
    """Yield the clauses of a ``try``, the first to catch first."""
    for clause in node.handlers:
        yield Clause(
            line=clause.lineno,
            text=f"except {_text(clause.type)}" if clause.type else "except",
            names=frozenset(_names(clause.type)) if clause.type else None,
            raises=frozenset(_raised(clause)) if _reraises(clause) else None,
        )


def _suppressed(node: ast.With | ast.AsyncWith) -> Iterator[Clause]:
    """Yield what a ``with`` suppresses, the first to catch first: the last of its items."""
    for item in reversed(node.items):
        call = item.context_expr
        if isinstance(call, ast.Call) and "suppress" in _names(call.func):
            names = frozenset(name for argument in call.args for name in _names(argument))
            yield Clause(line=node.lineno, text=_text(call), names=names)


def _text(expression: ast.expr) -> str:
    """As it would be written; dots where it is deeper than can be told."""
    if isinstance(expression, ast.Name):
        return expression.id
    try:
        return ast.unparse(expression)
    except RecursionError:
        return "..."


def _names(expression: ast.expr | None) -> Iterator[str]:
    """Yield the last part of each name in an ``except`` clause: of ``metadata.PackageNotFoundError`` the last word."""
    if isinstance(expression, ast.Tuple):
        for element in expression.elts:
            yield from _names(element)
    elif isinstance(expression, ast.Attribute):
        yield expression.attr
    elif isinstance(expression, ast.Name):
        yield expression.id


def _reraises(clause: ast.ExceptHandler) -> bool:
    """Whether the handler always raises; one that raises only if its own fallback fails does not count."""
    return any(isinstance(statement, ast.Raise) for statement in clause.body)


def _raised(clause: ast.ExceptHandler) -> Iterator[str]:
    for statement in clause.body:
        if isinstance(statement, ast.Raise) and statement.exc is not None:
            exception = statement.exc
            yield from _names(exception.func if isinstance(exception, ast.Call) else exception)
