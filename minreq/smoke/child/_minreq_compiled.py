"""Ask the parent to compile files of the store, into which no process of a smoke may write."""

from __future__ import annotations

import _imp
import marshal
import os
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import cache_from_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from _minreq_link import Link

#: Magic number, flags, time and size of the source (PEP 552).
_HEADER_SIZE = 16


def let_parent_compile(link: Link, store: str, links: Iterable[str] = ()) -> None:
    """Let the import system ask the parent to compile each source below the folder *store*, or below *links* to it.

    The parent's compiler leaves a file, which the next process finds in the usual way. What the compiler cannot compile
    is compiled here.
    """
    compile_here = SourceFileLoader.source_to_code
    prefix = store + "/"
    prefixes = (prefix, *(f"{link}/" for link in links))

    def source_to_code(self: SourceFileLoader, data: Any, path: Any, **options: Any) -> Any:
        # Loaders derived from this one may have changed what they read.
        if type(self) is SourceFileLoader and isinstance(path, str) and path.startswith(prefixes) and not options:
            source = path if path.startswith(prefix) else os.path.realpath(path)
            request = {"compile": source, "optimize": sys.flags.optimize}
            if source.startswith(prefix) and link.request(request).get("compiled"):
                try:
                    with open(cache_from_source(source), "rb") as file:
                        code = marshal.loads(file.read()[_HEADER_SIZE:])  # noqa: S302 - The parent has just written it.
                except (OSError, EOFError, ValueError, TypeError):
                    return compile_here(self, data, path)
                if source != path:
                    # As importlib does with what it reads.
                    _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]  # noqa: SLF001
                return code
        return compile_here(self, data, path, **options)

    SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign,assignment]  # For every loader there is.
