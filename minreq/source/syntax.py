"""Sources as syntax trees, one at a time: the parser of some Pythons counts its depth in one place for all threads.

Where two threads come at once it may raise ``SystemError: AST constructor recursion depth mismatch`` (seen on Python
3.11.7; CPython issue 106905).
"""

from __future__ import annotations

import ast
import threading

#: What the parser raises for text that is no Python, or deeper than it goes.
NO_TREE = (SyntaxError, ValueError, RecursionError, MemoryError)

_ONE_AT_A_TIME = threading.Lock()


def tree(source: bytes | str) -> ast.Module:
    """Return the tree of *source*; raises what is in `NO_TREE`."""
    with _ONE_AT_A_TIME:
        return ast.parse(source)
