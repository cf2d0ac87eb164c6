"""Insert a call before the first statement of a source, without moving a line where that can be; pure."""

from __future__ import annotations

import ast
import codecs

from minreq.analyze.kinds import COLD_CALL
from minreq.source import syntax

_COMPOUND = (
    *(ast.If, ast.For, ast.While, ast.Try, ast.With, ast.FunctionDef, ast.ClassDef, ast.Match),
    *(ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith),
)


def insert_call(source: bytes) -> bytes | None:
    """Return *source* with the call after its docstring and its imports from ``__future__``.

    Lines keep their numbers, so that tracebacks show what the distribution has; only where the first statement begins a
    block in the first line, the call gets a line of its own. Return ``None`` if *source* is no valid Python in UTF-8.
    """
    try:
        tree = syntax.parse(source.decode("utf-8"))
        changed = _insert(source, tree)
        found = syntax.parse(changed)
    except syntax.PARSE_ERRORS:
        return None
    is_same = len(found.body) == len(tree.body) + 1 and ast.get_docstring(found) == ast.get_docstring(tree)
    return changed if is_same and not source.startswith(codecs.BOM_UTF8) else None


def _insert(source: bytes, tree: ast.Module) -> bytes:
    call = COLD_CALL.encode()
    lines = source.splitlines(keepends=True)
    before = [each for number, each in enumerate(tree.body) if _precedes(number, each)]
    if before:
        last = before[-1]
        return _insert_at(lines, (last.end_lineno or last.lineno) - 1, last.end_col_offset or 0, b"; " + call)
    if not tree.body:
        return source + (b"" if source.endswith(b"\n") or not source else b"\n") + call + b"\n"
    first = tree.body[0]
    if not isinstance(first, _COMPOUND):
        return _insert_at(lines, first.lineno - 1, 0, call + b"; ")
    start = min([first.lineno, *(each.lineno for each in getattr(first, "decorator_list", ()))]) - 1
    for number in range(start):
        text = lines[number].strip()
        # A comment in the first two lines may name the encoding or the interpreter.
        if not text or (text.startswith(b"#") and number > 1):
            lines[number] = call + (b"  " + text if text else b"") + lines[number][len(lines[number].rstrip(b"\r\n")) :]
            return b"".join(lines)
    lines.insert(start, call + b"\n")
    return b"".join(lines)


def _precedes(number: int, statement: ast.stmt) -> bool:
    """Whether *statement*, which has this *number*, has to come before all others."""
    is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    is_docstring = is_docstring and isinstance(statement.value.value, str)  # type: ignore[attr-defined]
    return (number == 0 and is_docstring) or (
        isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
    )


def _insert_at(lines: list[bytes], number: int, column: int, text: bytes) -> bytes:
    line = lines[number]
    lines[number] = line[:column] + text + line[column:]
    return b"".join(lines)
