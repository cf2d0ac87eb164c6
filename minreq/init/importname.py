"""Finds the module that a program imports from a distribution: PyYAML is imported as ``yaml``."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

from minreq.source.syntax import PARSE_ERRORS, parse
from minreq.system import regularfile

#: Where a project may have the distribution installed, beside its layers.
_SITE_PACKAGES = ("lib/python3*/site-packages", ".venv/lib/python3*/site-packages", "venv/lib/python3*/site-packages")
#: The most files whose imports are read, and the most bytes of one.
_MOST_FILES, _MOST_BYTES = 300, 1_000_000
#: A shorter name resembles too many others.
_LEAST_LETTERS = 3
_NO_CODE = frozenset({"node_modules", "cdk.out", "site-packages", "build", "dist"})


def find_module(folder: Path, layers: Iterable[str], root: str) -> str:
    """Return what *root*, a normalized name, is imported as by the project in *folder*.

    The files of the distribution say it, where the project has them installed; or else an import of the code that
    resembles the name. Without both it is the name itself.
    """
    plain = root.replace("-", "_")
    owned = {name for place in _places(folder, layers) for name in _modules(place, root)}
    for modules in (owned, _resembling({*_imported(folder)}, plain) if not owned else set[str]()):
        if modules:
            return plain if plain in modules else min(modules, key=lambda name: (-len(name), name))
    return plain


def _places(folder: Path, layers: Iterable[str]) -> Iterator[Path]:
    for each in layers:
        yield folder / each
        yield from (folder / each).glob(_SITE_PACKAGES[0])
    for pattern in _SITE_PACKAGES[1:]:
        yield from folder.glob(pattern)


def _modules(place: Path, root: str) -> Iterator[str]:
    """Yield the modules of *root* that an import can name, if it is installed in *place*."""
    for found in distributions(path=[str(place)]):
        if re.sub(r"[-_.]+", "-", found.name or "").lower() != root:
            continue
        for file in found.files or ():
            first = file.parts[0] if len(file.parts) > 1 else file.name.partition(".")[0]
            if file.suffix in {".py", ".so"} and first.isidentifier() and not first.startswith("_"):
                yield first


def _resembling(modules: set[str], plain: str) -> set[str]:
    """Return those of *modules* whose letters are part of *plain*, or the other way round: ``yaml`` and ``pyyaml``."""
    letters = re.sub(r"[^a-z0-9]", "", plain)
    found: set[str] = set()
    for name in modules - sys.stdlib_module_names:
        own = re.sub(r"[^a-z0-9]", "", name.lower())
        if len(own) >= _LEAST_LETTERS and (own in letters or letters in own):
            found.add(name)
    return found


def _imported(folder: Path) -> Iterator[str]:
    """Yield the top modules that the code imports."""
    for path in _code_files(folder):
        with suppress(OSError, *PARSE_ERRORS):
            for node in ast.walk(parse(regularfile.read(path, _MOST_BYTES))):
                if isinstance(node, ast.Import):
                    yield from (each.name.partition(".")[0] for each in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield node.module.partition(".")[0]


def _code_files(folder: Path) -> Iterator[Path]:
    waiting, seen = [folder], 0
    while waiting and seen < _MOST_FILES:
        with suppress(OSError):
            for path in sorted(waiting.pop(0).iterdir()):
                if path.is_symlink() or path.name in _NO_CODE or path.name.startswith("."):
                    continue
                if path.is_dir() and not (path / "pyvenv.cfg").exists():
                    waiting.append(path)
                elif path.suffix == ".py":
                    seen += 1
                    yield path
