"""Finds the module that a program imports from a distribution: PyYAML is imported as ``yaml``."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

from minreq.init.codefiles import list_code_files
from minreq.source.syntax import PARSE_ERRORS, parse
from minreq.system import regularfile

#: Where a layer or an environment has distributions.
_SITE_PACKAGES = "lib/python3*/site-packages"
#: Where a project may have the distribution installed, beside its layers.
_ENVIRONMENTS = (".venv", "venv")
#: The most files whose imports are read, and the most bytes of one.
_MOST_FILES, _MOST_BYTES = 300, 1_000_000
#: A shorter name resembles too many others.
_LEAST_LETTERS = 3


def find_module(folder: Path, layers: Iterable[str], root: str) -> str:
    """Return what *root*, a normalized name, is imported as by the project in *folder*.

    The files of the distribution say it, where the project has them installed; or else an import of the code that
    resembles the name. Without both it is the name itself.
    """
    plain = root.replace("-", "_")
    installed = {name for place in _list_places(folder, layers) for name in _list_modules(place, root)}
    modules = installed or _choose_similar({*_read_imports(folder)}, plain)
    if not modules or plain in modules:
        return plain
    return min(modules, key=lambda name: (-len(name), name))


def _list_places(folder: Path, layers: Iterable[str]) -> Iterator[Path]:
    for each in layers:
        yield folder / each
        yield from (folder / each).glob(_SITE_PACKAGES)
    for each in _ENVIRONMENTS:
        yield from (folder / each).glob(_SITE_PACKAGES)


def _list_modules(place: Path, root: str) -> Iterator[str]:
    """Yield the modules of *root* that an import can name, if it is installed in *place*."""
    for found in distributions(path=[str(place)]):
        if re.sub(r"[-_.]+", "-", found.name or "").lower() != root:
            continue
        for file in found.files or ():
            first = file.parts[0] if len(file.parts) > 1 else file.name.partition(".")[0]
            if file.suffix in {".py", ".so"} and first.isidentifier() and not first.startswith("_"):
                yield first


def _choose_similar(modules: set[str], plain: str) -> set[str]:
    """Return those of *modules* whose letters are part of *plain*, or the other way round: ``yaml`` and ``pyyaml``."""
    letters = re.sub(r"[^a-z0-9]", "", plain)
    found: set[str] = set()
    for name in modules - sys.stdlib_module_names:
        own = re.sub(r"[^a-z0-9]", "", name.lower())
        if len(own) >= _LEAST_LETTERS and (own in letters or letters in own):
            found.add(name)
    return found


def _read_imports(folder: Path) -> Iterator[str]:
    """Yield the top modules that the code imports."""
    for path in list_code_files(folder, (".py",), _MOST_FILES):
        with suppress(OSError, *PARSE_ERRORS):
            for node in ast.walk(parse(regularfile.read(path, _MOST_BYTES))):
                if isinstance(node, ast.Import):
                    yield from (each.name.partition(".")[0] for each in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield node.module.partition(".")[0]
