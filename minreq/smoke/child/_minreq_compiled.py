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
    from collections.abc import Iterable, Sequence
    from typing import Any

    from _minreq_link import Link

#: Magic number, flags, time and size of the source (PEP 552).
_HEADER_SIZE = 16
_SOURCE_FIELDS = slice(8, 16)


def let_parent_compile(link: Link, folders: Sequence[str], links: Iterable[str] = ()) -> None:
    """Let the import system ask the parent to compile each source below *folders*, or below *links* to the store.

    The parent's compiler leaves a file in the store, which the next process finds in the usual way; this process may
    see other files than those of the store, and would not see a new one among them. What the compiler cannot compile is
    compiled here.
    """
    compile_here = SourceFileLoader.source_to_code
    linked = tuple(f"{each}/" for each in links)
    prefixes = (*(folder + "/" for folder in folders), *linked)

    def source_to_code(self: SourceFileLoader, data: Any, path: Any, **options: Any) -> Any:
        # Loaders derived from this one may have changed what they read.
        if type(self) is SourceFileLoader and isinstance(path, str) and path.startswith(prefixes) and not options:
            source = os.path.realpath(path) if path.startswith(linked) else path
            answer = link.request({"compile": source, "optimize": sys.flags.optimize})
            if answer.get("compiled"):
                try:
                    with open(cache_from_source(answer["source"]), "rb") as file:
                        compiled = file.read()
                    # A package may have changed its file in the environment, and not that of the store.
                    if compiled[_SOURCE_FIELDS] == describe_source(path):
                        code = marshal.loads(compiled[_HEADER_SIZE:])  # noqa: S302 - The parent has just written it.
                        # As the import system does with the code of each compiled file.
                        _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]  # noqa: SLF001
                        return code
                except (OSError, EOFError, ValueError, TypeError):
                    pass
        return compile_here(self, data, path, **options)

    SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign,assignment]  # For every loader there is.


def describe_source(file: str) -> bytes:
    """Return time and size of *file* as the header of a compiled file has them."""
    status = os.stat(file)
    numbers = (int(status.st_mtime), status.st_size)
    return b"".join((number & 0xFFFFFFFF).to_bytes(4, "little") for number in numbers)
