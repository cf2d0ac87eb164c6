"""Names of modules: the packages above a module, and what relative imports refer to."""

from __future__ import annotations

from collections.abc import Iterator


def with_parents(module: str) -> Iterator[str]:
    """Yield the packages that importing *module* imports, then *module*: ``a``, ``a.b``, ``a.b.c``."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def absolute_name(module: str, level: int, package: str) -> str:
    """Return the absolute name of *module*, imported from *package* with *level* leading dots.

    Returns "" where the dots lead out of the top package.
    """
    if not level:
        return module
    parts = package.split(".")
    if level > len(parts):
        return ""
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, module] if module else base)


def resolve_dots(name: str, package: str) -> str:
    """Return the absolute name of *name*, which may begin with dots, in *package*; "" as `absolute_name`."""
    module = name.lstrip(".")
    return absolute_name(module, len(name) - len(module), package)


def module_of(path: str) -> str | None:
    """Return the module that the file *path* is: ``a.b`` for ``a/b.py`` and for ``a/b/__init__.abi3.so``."""
    *folders, name = path.split("/")
    stem, _, suffix = name.partition(".")
    if suffix.rpartition(".")[2] not in {"py", "so", "pyd"} or ".so." in name:
        return None
    parts = folders if stem == "__init__" else [*folders, stem]
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None
