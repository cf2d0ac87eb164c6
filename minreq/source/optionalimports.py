"""Finds out whether an import is optional: whether a handler in the source around it catches its failure."""

from __future__ import annotations

import ast
import re
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from minreq.model import Frame, Question, QuestionKind
from minreq.source import syntax
from minreq.system import regularfile

#: An ``except`` clause or ``contextlib.suppress`` that names one of these catches a failed import.
IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
#: The same for a failed look-up of metadata: ``PackageNotFoundError`` is a ``ModuleNotFoundError``.
_METADATA_ERRORS = IMPORT_ERRORS | {"PackageNotFoundError"}
#: Larger files are not read.
MAX_SOURCE_BYTES = 64 << 20
#: What the parser takes for the end of a line.
_LINE_END = re.compile(rb"\r\n|[\r\n]")
#: An import at the left margin, which no other statement can contain. A line after a backslash does not match, and no
#: line with signs that may belong to a string or to another statement.
_TOP_LEVEL_IMPORT = re.compile(
    rb"(?<!\\\n)(?<!\\\r\n)^(?:import[ \t]+\w|from[ \t]+[.\w]+[ \t]+import[ \t]*[(*\w])[^{;'\"\n]*$", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Code that catches the failure of an import."""

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
    #: The last parts of the names of its exceptions: ``PackageNotFoundError`` for ``metadata.PackageNotFoundError``.
    #: ``None``: it names none and catches everything.
    names: frozenset[str] | None
    #: The last parts of the names that it raises, if it always raises. ``None``: it may go on.
    raises: frozenset[str] | None = None

    def catches(self, error_names: frozenset[str]) -> bool:
        """Whether it catches an exception of one of these names."""
        return not error_names.isdisjoint(IMPORT_ERRORS if self.names is None else self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A function, a ``try`` or a ``with``. Syntax trees are not kept: they take a hundred times the memory."""

    #: The lines of the block, within the lines of all blocks around it.
    lines: range
    #: The lines whose exceptions its clauses catch; ``None`` for a function.
    guarded: range | None = None
    #: The first clause that names an exception catches it.
    clauses: tuple[Clause, ...] = ()
    #: The lines of each clause; those of a ``suppress`` are the lines before the body of the ``with``.
    clause_lines: tuple[range, ...] = ()


def blocks_around(file: str, line: int) -> Sequence[Block] | None:
    """Return the blocks of *file*, or none where no block can be around *line*; ``None`` where *file* is no Python.

    Most imports are at the left margin, where no block is around them. Their files are not parsed: that takes a tenth
    of a second for a large file, while a run waits for the answer.
    """
    return () if line in _top_level_import_lines(file) else read_blocks(file)


@cache
def _top_level_import_lines(file: str) -> frozenset[int]:
    """Return the lines of *file* that hold just an import, at the left margin."""
    try:
        source = regularfile.read(Path(file), MAX_SOURCE_BYTES)
    except OSError:
        return frozenset()
    # A lone carriage return ends a line for the parser, but not for the pattern: leave such a file to the parser.
    if b"\r" in source.replace(b"\r\n", b"\n"):
        return frozenset()
    return frozenset(line for line, _ in syntax.matches_with_lines(_TOP_LEVEL_IMPORT, source))


@cache
def read_blocks(file: str) -> tuple[Block, ...] | None:
    """Return the blocks of *file*; ``None`` where it is no readable Python. Cached: files of the store never change.

    *file* comes from a child and may name anything, a device or a pipe for example. Only regular files are read.
    """
    try:
        source = regularfile.read(Path(file), MAX_SOURCE_BYTES)
        return find_blocks(syntax.parse(source), lambda_lines(source))
    except (OSError, *syntax.PARSE_ERRORS):
        return None


def lambda_lines(source: bytes) -> tuple[int, ...]:
    """Return the numbers of the lines that may contain a ``lambda``, in order."""
    return tuple(number for number, line in enumerate(_LINE_END.split(source), start=1) if b"lambda" in line)


def find_blocks(tree: ast.AST, lambdas: Sequence[int]) -> tuple[Block, ...]:
    """Return the blocks of *tree*, outer blocks first. *lambdas* are the lines that may contain a lambda, in order."""
    found: list[Block] = []
    waiting: list[tuple[ast.AST, range]] = [
        (child, range(1, sys.maxsize)) for child in reversed([*ast.iter_child_nodes(tree)])
    ]
    while waiting:
        node, around = waiting.pop()
        first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", None) or 0
        lines = range(max(first, around.start), min(last + 1, around.stop))
        # Most nodes are expressions. Of these only lambdas are blocks.
        if not first or not lines or (isinstance(node, ast.expr) and not _has_any(lambdas, lines)):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            found.append(Block(lines=lines))
        found += _guarding_blocks(node, lines)
        waiting += [(child, lines) for child in reversed([*ast.iter_child_nodes(node)])]
    return tuple(found)


def find_optional_reason(
    question: Question, blocks_of: Callable[[str, int], Sequence[Block] | None] = blocks_around
) -> str | None:
    """Return why the program can probably do without what *question* asks for; ``None`` where it probably cannot.

    The search goes through the frames of the import, from the innermost up to the first function. A handler farther up
    was not written for this import, unless it catches what such a handler raises: `except ImportError: raise X`.
    The result decides only what is tried first.
    """
    if question.need is QuestionKind.PROBE:
        return "a probe with find_spec"
    if question.need is QuestionKind.LIST:
        return "in a list of what is installed alone"
    error_names = _METADATA_ERRORS if question.need is QuestionKind.METADATA else IMPORT_ERRORS
    import_frames = [*frames_of_import(question.frames)]
    raised_instead: frozenset[str] = frozenset()
    for position, frame in enumerate(question.frames):
        handled_names = error_names | raised_instead if position < len(import_frames) else raised_instead
        blocks = blocks_of(frame.file, frame.line) if handled_names else None
        if blocks is None:
            continue
        raised: set[str] = set()
        handler = _find_handler(blocks, frame, handled_names, raised)
        if handler is not None:
            return f"{handler.text} at {handler.file}:{handler.line}"
        raised_instead |= raised - IMPORT_ERRORS
    return None


def find_reraising_handler(blocks: Sequence[Block], frame: Frame) -> Handler | None:
    """Return the innermost handler around the line of *frame* that catches a failed import and raises again."""
    reraising = None
    for _, clause in catching_clauses(blocks, frame.line, IMPORT_ERRORS):
        if clause is None:
            reraising = None
        elif clause.raises is not None:
            reraising = Handler(file=frame.file, line=clause.line, text=clause.text)
    return reraising


def find_raised_names(blocks: Sequence[Block], frame: Frame) -> frozenset[str]:
    """Return the names of what handlers around the line of *frame* raise in place of a failed import."""
    raised: set[str] = set()
    _find_handler(blocks, frame, IMPORT_ERRORS, raised)
    return frozenset(raised)


def frames_of_import(frames: Sequence[Frame]) -> Iterator[Frame]:
    """Yield *frames* from the innermost up to the first function frame, that one included."""
    for frame in frames:
        yield frame
        if frame.function != "<module>" and not frame.function.startswith("<class "):
            return


def _find_handler(
    blocks: Sequence[Block], frame: Frame, error_names: frozenset[str], raised: set[str]
) -> Handler | None:
    """Return the innermost handler around the line of *frame*, within its function.

    Where there is none, *raised* gets the names of the exceptions that handlers raise instead.
    """
    handler: Handler | None = None
    for _, clause in catching_clauses(blocks, frame.line, error_names):
        if clause is None:
            # Only handlers in the frame's own function count. The innermost function comes last.
            handler = None
            raised.clear()
        elif clause.raises is not None:
            raised |= clause.raises
        else:
            handler = Handler(file=frame.file, line=clause.line, text=clause.text)
    return handler


def catching_clauses(
    blocks: Sequence[Block], line: int, error_names: frozenset[str]
) -> Iterator[tuple[Block, Clause | None]]:
    """Yield the blocks around *line*, outermost first, each with the clause that catches; ``None`` for a function."""
    for block in blocks:
        if line not in block.lines:
            continue
        if block.guarded is None:
            yield block, None
        elif line in block.guarded and (clause := next((c for c in block.clauses if c.catches(error_names)), None)):
            yield block, clause


_TRIES: tuple[type[ast.Try], ...] = (ast.Try, *((ast.TryStar,) if hasattr(ast, "TryStar") else ()))
#: The statements that may have clauses.
GUARDS: tuple[type[ast.stmt], ...] = (*_TRIES, ast.With, ast.AsyncWith)


def _has_any(numbers: Sequence[int], lines: range) -> bool:
    """Whether one of *numbers*, in ascending order, is in *lines*."""
    place = bisect_left(numbers, lines.start)
    return place < len(numbers) and numbers[place] in lines


def _lines(body: Sequence[ast.stmt]) -> range:
    return range(body[0].lineno, (body[-1].end_lineno or body[-1].lineno) + 1) if body else range(0)


def _guarding_blocks(node: ast.AST, lines: range) -> Iterator[Block]:
    """Yield the block of *node* if it has clauses."""
    if clauses := tuple(guarding_clauses(node)):
        guarded = _lines(getattr(node, "body", ()))
        if isinstance(node, _TRIES):
            clause_lines = tuple(range(each.lineno, (each.end_lineno or each.lineno) + 1) for each in node.handlers)
        else:
            clause_lines = (range(lines.start, max(guarded.start, lines.start + 1)),) * len(clauses)
        yield Block(lines=lines, guarded=guarded, clauses=clauses, clause_lines=clause_lines)


def guarding_clauses(node: ast.AST) -> Iterator[Clause]:
    """Yield the clauses that catch what the body of *node* raises, in the order in which they catch."""
    if isinstance(node, _TRIES):
        yield from _except_clauses(node)
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        yield from _suppress_clauses(node)


def _except_clauses(node: ast.Try) -> Iterator[Clause]:
    """Yield the clauses of a ``try``, in the order in which they catch."""
    for clause in node.handlers:
        yield Clause(
            line=clause.lineno,
            text=f"except {_source_text(clause.type)}" if clause.type else "except",
            names=frozenset(_last_names(clause.type)) if clause.type else None,
            raises=frozenset(_raised_names(clause)) if _always_raises(clause) else None,
        )


def _suppress_clauses(node: ast.With | ast.AsyncWith) -> Iterator[Clause]:
    """Yield the ``suppress`` items of a ``with``. The last item catches first."""
    for item in reversed(node.items):
        call = item.context_expr
        if isinstance(call, ast.Call) and "suppress" in _last_names(call.func):
            names = frozenset(name for argument in call.args for name in _last_names(argument))
            yield Clause(line=node.lineno, text=_source_text(call), names=names)


def _source_text(expression: ast.expr) -> str:
    """The source of *expression*, ``...`` where it is nested too deeply."""
    if isinstance(expression, ast.Name):
        return expression.id
    try:
        return ast.unparse(expression)
    except RecursionError:
        return "..."


def _last_names(expression: ast.expr | None) -> Iterator[str]:
    """Yield the last part of each name in *expression*: ``b`` for ``a.b``."""
    if isinstance(expression, ast.Tuple):
        for element in expression.elts:
            yield from _last_names(element)
    elif isinstance(expression, ast.Attribute):
        yield expression.attr
    elif isinstance(expression, ast.Name):
        yield expression.id


def _always_raises(clause: ast.ExceptHandler) -> bool:
    """Whether the handler always raises. One that raises only if its fallback fails does not."""
    return any(isinstance(statement, ast.Raise) for statement in clause.body)


def _raised_names(clause: ast.ExceptHandler) -> Iterator[str]:
    for statement in clause.body:
        if isinstance(statement, ast.Raise) and statement.exc is not None:
            exception = statement.exc
            yield from _last_names(exception.func if isinstance(exception, ast.Call) else exception)
