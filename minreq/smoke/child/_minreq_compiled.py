"""Ask the parent to compile files of the store, into which no process of a smoke may write."""

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
_HEADER_SIZE = 16


def let_parent_compile(link: Link, store: str) -> None:
    """Let the import system ask the parent to compile each source below the folder *store*.

    The parent's compiler leaves a file, which the next process finds in the usual way. What the compiler cannot compile
    is compiled here.
    """
    compile_here = SourceFileLoader.source_to_code
    prefix = store + "/"

    def source_to_code(self: SourceFileLoader, data: Any, path: Any, **options: Any) -> Any:
        # Loaders derived from this one may have changed what they read.
        if type(self) is SourceFileLoader and isinstance(path, str) and path.startswith(prefix) and not options:
            optimize = sys.flags.optimize
            if link.request({"compile": path, "optimize": optimize}).get("compiled"):
                try:
                    with open(cache_from_source(path), "rb") as file:
                        return marshal.loads(file.read()[_HEADER_SIZE:])  # noqa: S302 - The parent has just written it.
                except (OSError, EOFError, ValueError, TypeError):
                    pass
        return compile_here(self, data, path, **options)

    SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign,assignment]  # For every loader there is.
