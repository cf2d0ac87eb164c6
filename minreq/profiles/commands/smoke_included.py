"""Imports every top-level module of a distribution that the user keeps (``--include``), and prints how that ends.

Each is imported in a process of its own: without what the others load, and whatever they do to their process.
"""

import importlib
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, PackagePath, distribution

#: The ends of the names of modules, longest first.
SUFFIXES = tuple(sorted(importlib.machinery.all_suffixes(), key=len, reverse=True))
#: What the ``__init__.py`` of a namespace package calls where all its distributions have one.
NAMESPACE_CALLS = (b"extend_path", b"declare_namespace")


def top_modules(name: str) -> list[str]:
    """The modules of the distribution *name* that no package is around, sorted. A namespace package is none."""
    parts = {}
    for file in distribution(name).files or ():
        suffix = next((each for each in SUFFIXES if file.name.endswith(each)), None)
        if suffix is not None and file.parts[0] != "..":
            parts[(*file.parts[:-1], file.name.removesuffix(suffix))] = file
    packages = {path[:-1] for path, file in parts.items() if path[-1] == "__init__" and not is_namespace(file)}
    found = set()
    for path in parts:
        lengths = range(1, len(path))
        package = next((path[:length] for length in lengths if path[:length] in packages), None)
        if package or path[-1] not in {"__init__", "__main__"}:
            found.add(package or path)
    return sorted(".".join(each) for each in found if all(part.isidentifier() for part in each))


def is_namespace(init: PackagePath) -> bool:
    """Whether the package of the file *init* only says that other distributions have parts of it too."""
    return init.suffix == ".py" and any(each in init.read_binary() for each in NAMESPACE_CALLS)


def describe_import(module: str) -> str:
    """Import *module* and return how that ends: whatever a full install does, the lock has to do as well."""
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - SystemExit is one of them.
        return f"{type(error).__name__} {error}"
    return "is imported"


def main() -> None:
    """Print a line for each module: whether it imports, or the error."""
    if sys.argv[1:]:
        print(sys.argv[1], describe_import(sys.argv[1]))
        return
    try:
        modules = top_modules(os.environ["MINREQ_INCLUDED"])
    except PackageNotFoundError:
        modules = []
    # The last one takes this process: there minreq finds out faster what an import needs.
    for module in modules[:-1]:
        status = subprocess.run([sys.executable, __file__, module], check=False).returncode
        if status:
            print(module, "ends its process with status", status, flush=True)
    for module in modules[-1:]:
        print(module, describe_import(module))


main()
