"""The kinds of files in a package, decided by path and the conventions of packaging; pure."""

from __future__ import annotations

from enum import Enum
from pathlib import PurePosixPath


class Kind(Enum):
    """The purpose of a file in a package."""

    CODE = "code"
    COMPILED = "compiled"
    SHARED_OBJECT = "shared objects"
    #: The part of a shared object that only linkers and debuggers read.
    SYMBOLS = "debug symbols"
    STUBS = "type stubs"
    TESTS = "tests"
    DOCS = "docs"
    METADATA = "metadata"
    #: Sources and headers of extension modules.
    SOURCES = "C sources"
    DATA = "data"
    #: What a build packed, to serve it on demand.
    COLD = "cold archives"


#: Names of folders with tests, and of folders with documentation.
TESTS = frozenset({"test", "tests"})
DOCS = frozenset({"doc", "docs"})

#: Endings of files for compilers (C, C++, Cython, Fortran, CUDA) and of archives for linkers.
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
#: The folder with the cold files of a build, and the package that serves them.
COLD_FOLDER = "_minreq_cold"
#: The call that the `__init__` of a package with cold files begins with.
COLD_CALL = f'__import__("{COLD_FOLDER}").serve(globals())'
#: The file in every tree that minreq built.
BUILD_DESCRIPTION = "minreq-build.json"
#: The module that reports what a build left out, and the one that runs deferred imports.
REPORTING_MODULE = "_minreq_build"
LAZY_MODULE = "_minreq_lazy"
#: All topmost modules that a build adds to a tree.
BUILD_MODULES = frozenset({COLD_FOLDER, REPORTING_MODULE, LAZY_MODULE})


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
    """Return the kind of the file *path*, relative to the folder of packages, with ``/``."""
    *folders, name = path.split("/")
    if any(folder.endswith(_METADATA) for folder in folders):
        return Kind.METADATA
    if folders[-1:] == [COLD_FOLDER] and name.endswith(".zip"):
        return Kind.COLD
    kind = Kind.SHARED_OBJECT if is_shared_object(name) else _BY_SUFFIX.get(PurePosixPath(name).suffix, Kind.DATA)
    inside = {folder.lower() for folder in folders}
    if inside & TESTS:
        return Kind.TESTS
    # Code in such a folder may make documentation for a program that asks for it, as in boto3.
    return Kind.DOCS if inside & DOCS and kind is Kind.DATA else kind


def is_shared_object(name: str) -> bool:
    """Whether *name* is that of a shared object: ``x.so``, ``x.abi3.so``, ``libx.so.6``, ``x.pyd``, ``x.dylib``."""
    return name.endswith((".so", ".pyd", ".dylib", ".dll")) or ".so." in name
