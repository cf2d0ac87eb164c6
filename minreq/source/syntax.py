"""Parses Python source, one file at a time, and reads simple facts from source and syntax trees.

The parser of some Pythons counts its depth in one place for all threads. When two threads parse at once, it may raise
``SystemError: AST constructor recursion depth mismatch`` (seen on Python 3.11.7; CPython issue 106905).
"""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Iterator

#: What the parser raises for text that is no Python, or is nested too deeply.
PARSE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)

_PARSER_LOCK = threading.Lock()


def parse(source: bytes | str) -> ast.Module:
    """Return the tree of *source*. Raises one of `PARSE_ERRORS`."""
    with _PARSER_LOCK:
        return ast.parse(source)


def parse_expression(text: str) -> ast.Expression:
    """Return the tree of *text*, which may be no Python: nothing warns of it. Raises one of `PARSE_ERRORS`."""
    with _PARSER_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text.strip(), mode="eval")


def last_name(expression: ast.expr) -> str:
    """Return ``c`` for ``a.b.c``, "" for an expression that is no name."""
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def matches_with_lines(pattern: re.Pattern[bytes], source: bytes) -> Iterator[tuple[int, re.Match[bytes]]]:
    """Yield each match of *pattern* with its line. Each line end is counted once."""
    line, counted = 1, 0
    for match in pattern.finditer(source):
        line += source.count(b"\n", counted, match.start())
        counted = match.start()
        yield line, match


def constant_text(node: ast.expr | None) -> str | None:
    """Return the string that *node* is, ``None`` where it is none."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
