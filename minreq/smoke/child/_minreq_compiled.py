"""Compiled files of the store, which no process of a smoke may write: asked for where there is none yet."""

from __future__ import annotations

import marshal
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import cache_from_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _minreq_link import Link

#: Magic number, flags, time and size of the source (PEP 552).
_HEADER = 16


def ask_for_compiled(link: Link, store: str) -> None:
    """Let the import system take code below the folder *store* from the parent's compiler, which leaves a file.

    The next process finds that file by the usual way. What the compiler cannot compile is compiled here.
    """
    compile_here = SourceFileLoader.source_to_code
    inside = store + "/"

    def source_to_code(self: SourceFileLoader, data: Any, path: Any, **options: Any) -> Any:
        # Loaders derived from it may have changed what they read.
        if type(self) is SourceFileLoader and isinstance(path, str) and path.startswith(inside) and not options:
            optimize = sys.flags.optimize
            if link.request({"compile": path, "optimize": optimize}).get("compiled"):
                try:
                    with open(cache_from_source(path), "rb") as file:
                        return marshal.loads(file.read()[_HEADER:])  # noqa: S302 - What the parent has just made.
                except (OSError, EOFError, ValueError, TypeError):
                    pass
        return compile_here(self, data, path, **options)

    SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign,assignment]  # For every loader there is.
