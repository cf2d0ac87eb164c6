"""Imports every top-level module of a distribution that the user keeps (``--include``), and prints how that ends."""

import importlib
import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import PurePosixPath

#: The ends of the names of modules, longest first.
SUFFIXES = tuple(sorted(importlib.machinery.all_suffixes(), key=len, reverse=True))


def top_modules(name: str) -> list[str]:
    """The top-level modules in the files of the distribution *name*, sorted; packages without Python are none."""
    found = set()
    for file in distribution(name).files or ():
        path = PurePosixPath(file)
        suffix = next((each for each in SUFFIXES if path.name.endswith(each)), None)
        if suffix is not None and ".." not in path.parts:
            found.add(path.parts[0] if len(path.parts) > 1 else path.name.removesuffix(suffix))
    return sorted(each for each in found if each.isidentifier() and each != "__pycache__")


def describe_import(module: str) -> str:
    """Import *module* and return how that ends: whatever a full install does, the lock has to do as well."""
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - SystemExit is one of them.
        return f"{type(error).__name__} {error}"
    return "is imported"


def main() -> None:
    """Print a line for each module: whether it imports, or the error."""
    name = os.environ["MINREQ_INCLUDED"]
    try:
        modules = top_modules(name)
    except PackageNotFoundError:
        modules = []
    for module in modules:
        print(module, describe_import(module))


main()
