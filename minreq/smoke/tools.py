"""Where the tools of a smoke lie, and which of their modules the program has too."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from minreq.model import Wheel
from minreq.system import temporary

_MODULE_SUFFIXES = (".py", ".so")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPlaces:
    """The unpacked tools of a smoke, which the imports of the program do not see."""

    #: The folder of each tool, with those of all that the tools require.
    folders: Mapping[NormalizedName, Path]
    #: Those of them that the program declares too: the tools have a copy of their own.
    shared: frozenset[NormalizedName]
    #: The tools that the user has named.
    named: frozenset[NormalizedName]
    #: Returns the modules of the outermost level that the program declares; it may declare more after a run.
    program_modules: Callable[[], Iterable[str]] = frozenset

    def configure(self, links: Iterable[Path], *, program: Iterable[Path], runners: Iterable[Path]) -> dict[str, Any]:
        """Return the part of the child's configuration; *links* are the folders of the tools as the child sees them.

        Files below *program* are the program's, and *runners* are scripts that start a tool.
        """
        modules = {name: list_modules(folder) for name, folder in self.folders.items()}
        declared = set(self.program_modules()).union(*(modules[name] for name in self.shared))
        return {
            "folders": [str(link) for link in links],
            "program": [str(folder) for folder in program],
            "runners": sorted(str(file) for file in runners),
            "named": sorted(self.named),
            "own": {module: name for name in sorted(modules) for module in sorted(modules[name] - declared)},
            "shared": sorted(declared.intersection(frozenset().union(*modules.values()))),
            "shared_distributions": sorted(self.shared),
        }


def list_modules(folder: Path) -> frozenset[str]:
    """Return the modules and packages of the outermost level in *folder*."""
    names = (
        entry.name.partition(".")[0] for entry in folder.iterdir() if entry.is_dir() or entry.suffix in _MODULE_SUFFIXES
    )
    # `NAME.dist-info` has a dot too, and mostly a hyphen.
    return frozenset(name for name in names if name.isidentifier() and name != "__pycache__")


@contextmanager
def place_tools(
    wheels: Mapping[NormalizedName, Wheel],
    unpack: Callable[[Wheel], Path],
    scratch: Path,
    *,
    shared: frozenset[NormalizedName],
    named: frozenset[NormalizedName],
    program_modules: Callable[[], Iterable[str]] = frozenset,
) -> Iterator[ToolPlaces | None]:
    """Unpack the *wheels* of tools; the context removes what only its runs need. Without wheels there are no tools.

    The other parameters are those of `ToolPlaces`.
    """
    if not wheels:
        yield None
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with temporary.make_temporary_folder(scratch) as copies, ThreadPoolExecutor() as pool:
        folders = dict(zip(wheels, pool.map(unpack, wheels.values()), strict=True))
        for name in shared & folders.keys():
            # A process loads an extension module from one file only once: the program would have the tools' one.
            if next(folders[name].rglob("*.so"), None) is not None:
                folders[name] = Path(shutil.copytree(folders[name], copies / name, symlinks=True))
        yield ToolPlaces(folders=folders, shared=shared, named=named, program_modules=program_modules)
