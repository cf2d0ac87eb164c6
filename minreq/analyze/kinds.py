"""What kind of file a path is, by the conventions of packaging; pure."""

from __future__ import annotations

from enum import Enum
from pathlib import PurePosixPath


class Kind(Enum):
    """What a file of a package is for."""

    CODE = "code"
    COMPILED = "compiled"
    SHARED_OBJECT = "shared objects"
    #: Of shared objects: what a linker and a debugger read, and no program.
    SYMBOLS = "debug symbols"
    STUBS = "type stubs"
    TESTS = "tests"
    DOCS = "docs"
    METADATA = "metadata"
    #: Sources and headers of extension modules.
    SOURCES = "C sources"
    DATA = "data"


#: Folders that hold tests, and those that hold documentation.
TESTS = frozenset({"test", "tests"})
DOCS = frozenset({"doc", "docs"})

#: What a compiler reads, of C, C++, Cython, Fortran and CUDA; and archives for a linker.
SOURCES = frozenset(
    {
        ".a",
        ".c",
        ".cc",
        ".cpp",
        ".cu",
        ".cuh",
        ".cxx",
        ".f",
        ".f90",
        ".h",
        ".hh",
        ".hpp",
        ".hxx",
        ".pxd",
        ".pxi",
        ".pyx",
    }
)

_METADATA = (".dist-info", ".egg-info")


_BY_SUFFIX = {
    ".debug": Kind.SYMBOLS,
    ".py": Kind.CODE,
    ".pyc": Kind.COMPILED,
    ".pyi": Kind.STUBS,
    ".pyo": Kind.COMPILED,
    ".pyw": Kind.CODE,
    **dict.fromkeys(SOURCES, Kind.SOURCES),
}


def kind_of(path: str) -> Kind:
    """Return the kind of the file *path*, relative to where packages lie, with ``/``."""
    *folders, name = path.split("/")
    if any(folder.endswith(_METADATA) for folder in folders):
        return Kind.METADATA
    kind = Kind.SHARED_OBJECT if is_shared_object(name) else _BY_SUFFIX.get(PurePosixPath(name).suffix, Kind.DATA)
    inside = {folder.lower() for folder in folders}
    if inside & TESTS:
        return Kind.TESTS
    # Code in a folder of that name may well make documentation for a program that asks for it, as in boto3.
    return Kind.DOCS if inside & DOCS and kind is Kind.DATA else kind


def is_shared_object(name: str) -> bool:
    """Whether a file of this *name* is one: ``x.so``, ``x.abi3.so``, ``libx.so.6``, ``x.pyd``, ``x.dylib``."""
    return name.endswith((".so", ".pyd", ".dylib", ".dll")) or ".so." in name
