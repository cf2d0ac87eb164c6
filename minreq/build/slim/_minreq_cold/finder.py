"""Imports cold modules: a hook for the folders of this tree, whose finder has the hot files and the cold ones."""

from __future__ import annotations

import os
import stat
import sys
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import spec_from_file_location
from time import perf_counter

# Not late: Python holds the lock of all imports while it asks a finder, and another thread may be loading the module.
from . import archives, bypath
from .archives import ROOT, ColdFileError, Member, Package, package_of, read_data, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType, ModuleType
    from typing import Any

_SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES)


class Finder:
    """The finder of one folder of this tree. It has the hot files first; no module is hot and cold."""

    def __init__(self, path: str, inside: str, package: Package) -> None:
        #: In the tree: ``app``.
        self._folder = inside
        self._package = package
        self._hot = FileFinder(
            path,
            (HotExtensionLoader, EXTENSION_SUFFIXES),
            (HotLoader, SOURCE_SUFFIXES),
            (HotCompiledLoader, BYTECODE_SUFFIXES),
        )
        #: As the path for imports has it, which may be ``/opt/./python/app``, but absolute.
        self.path = self._hot.path

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module in this folder."""
        spec = self._hot.find_spec(fullname, target)
        if spec is not None and spec.loader is not None:
            return spec
        name = fullname.rpartition(".")[2]
        try:
            member, is_package = self._find(name)
            if member is not None:
                file = self.path + member.path[len(self._folder) :]
                return _make_spec(fullname, file, is_package=is_package)
            inside = f"{self._folder}/{name}"
            if self._package.is_folder(inside):
                # The reader of its resources is none of ours.
                serve_paths()
                if spec is None:
                    spec = ModuleSpec(fullname, None)
                    spec.submodule_search_locations = [f"{self.path}/{name}"]
        except ColdFileError as error:
            raise ImportError(error.strerror, name=fullname) from error
        return spec

    def _find(self, name: str) -> tuple[Member | None, bool]:
        for stem, is_package in ((f"{self._folder}/{name}/__init__", True), (f"{self._folder}/{name}", False)):
            for suffix in _SUFFIXES:
                member = self._package.find(stem + suffix)
                if member is not None:
                    return member, is_package
        return None, False

    def invalidate_caches(self) -> None:
        """Forget the listing of the folder."""
        self._hot.invalidate_caches()

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """Yield the modules of this folder as `pkgutil.iter_modules` does: sorted, without namespace packages."""
        from inspect import getmodulename

        names = dict.fromkeys(self._package.names_in(self._folder))
        try:
            names.update(dict.fromkeys(archives.real_listdir(self.path)))
        except OSError:
            pass
        seen = {"__init__"}
        for name in sorted(names):
            module = getmodulename(name)
            is_package = "." not in name and self._is_package(name)
            module = name if is_package else module
            if module and "." not in module and module not in seen:
                seen.add(module)
                yield prefix + module, is_package

    def _is_package(self, name: str) -> bool:
        inside = f"{self._folder}/{name}"
        try:
            hot = archives.real_listdir(ROOT + inside)
        except OSError:
            hot = []
        files = (*hot, *self._package.names_in(inside))
        return any(file.partition(".")[0] == "__init__" and file.endswith((".py", ".pyc", ".so")) for file in files)


class _TreeLoader:
    """A loader of a module in a package with cold files: it reads the data of the package, hot or cold."""

    name: str
    path: str
    #: Whether the module itself is cold.
    is_cold = False

    def get_data(self, path: str) -> bytes:
        """Return the contents of a file of this tree, and log a cold one."""
        own = find_member(path) if self.is_cold and path == self.path else None
        if own is not None:
            # The loader logs the import of its own module.
            return own.read()
        try:
            return super().get_data(path)  # type: ignore[misc, no-any-return]
        except FileNotFoundError:
            # A compiled file is never cold, and Python asks for the one of each module.
            member = None if path.endswith(".pyc") else find_member(path)
            if member is None:
                raise
        return read_data(member)

    def get_resource_reader(self, name: str | None = None) -> Any:
        """Return the standard reader of files: from now on cold files can be opened by their path."""
        serve_paths()
        return super().get_resource_reader(name or self.name)  # type: ignore[misc]


class HotLoader(_TreeLoader, SourceFileLoader):  # type: ignore[misc]
    """The loader of a hot source."""


class HotCompiledLoader(_TreeLoader, SourcelessFileLoader):
    """The loader of a hot compiled file without its source."""


class HotExtensionLoader(_TreeLoader, ExtensionFileLoader):
    """The loader of a hot extension module."""


class ColdLoader(_TreeLoader, SourceFileLoader):  # type: ignore[misc]
    """The loader of a cold source. Python finds no compiled file of it, and writes none."""

    is_cold = True

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the compiled module, and log that it is cold; raises ``ImportError`` if it cannot be served."""
        began = perf_counter()
        inside = path_in_tree(self.path) or ""
        package = package_of(inside)
        if package is not None and package.by_path == "cold":
            serve_paths()
        try:
            code = super().get_code(fullname)
        except ColdFileError as error:
            raise ImportError(error.strerror, name=fullname, path=self.path) from error
        report(fullname, inside, perf_counter() - began)
        return code


class ColdExtensionLoader(_TreeLoader, ExtensionFileLoader):
    """The loader of a cold extension module: the system loads it from a file of its own."""

    is_cold = True

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Unpack the file and load it; raises ``ImportError`` if it cannot be served."""
        from . import unpacked

        began = perf_counter()
        member = find_member(self.path)
        if member is None:
            raise ImportError(f"{self.path} is not in the archive", name=spec.name, path=self.path)
        try:
            with unpacked.provide_file(member) as file:
                module = super().create_module(_with_origin(spec, file))
        except ColdFileError as error:
            raise ImportError(error.strerror, name=spec.name, path=self.path) from error
        module.__file__ = self.path
        report(spec.name, member.path, perf_counter() - began)
        return module


#: The loaders of Python, and those that read cold data, too.
_HOT_LOADERS = {SourceFileLoader: HotLoader, SourcelessFileLoader: HotCompiledLoader}


def serve_package(namespace: dict[str, Any], path: str) -> None:
    """Serve the cold files of the package with the globals *namespace*; *path* is its ``__init__`` in this tree."""
    if _find_in_folder not in sys.path_hooks:
        sys.path_hooks.insert(0, _find_in_folder)
        sys.meta_path.append(LateFinder)
        for folder in [*sys.path_importer_cache]:
            if path_in_tree(folder) is not None:
                # Another thread may do the same.
                sys.path_importer_cache.pop(folder, None)
    spec = namespace.get("__spec__")
    loader: Any = getattr(spec, "loader", None)
    make_loader = _HOT_LOADERS.get(type(loader))
    if spec is not None and make_loader is not None:
        spec.loader = namespace["__loader__"] = make_loader(loader.name, loader.path)
    else:
        # Another loader, such as one that rewrites sources, opens data by its path.
        serve_paths()
    package = package_of(os.path.dirname(path).replace(os.sep, "/"))
    if package is not None and package.by_path == "any":
        serve_paths()


def serve_paths() -> None:
    """From now on serve cold files by their path, too."""
    bypath.install()


def _find_in_folder(path: str) -> Finder:
    """Return the finder of the folder *path*, as an entry of ``sys.path_hooks``."""
    inside = path_in_tree(path)
    package = package_of(inside) if inside else None
    if inside is None or package is None or not (_is_folder(path) or package.is_folder(inside)):
        raise ImportError("only for folders of this tree with cold files", path=path)
    return Finder(path.rstrip("/"), inside, package)


class LateFinder:
    """Finds cold modules in folders whose finders are older than the hook: another thread may import at once."""

    @staticmethod
    def find_spec(fullname: str, path: Sequence[Any] | None = None, target: ModuleType | None = None) -> Any:
        """Return the spec of a cold module, as the last entry of ``sys.meta_path``."""
        for folder in path or ():
            if not isinstance(folder, str) or isinstance(sys.path_importer_cache.get(folder), Finder):
                continue
            try:
                spec = _find_in_folder(folder).find_spec(fullname, target)
            except ImportError:
                continue
            sys.path_importer_cache.pop(folder, None)
            if spec is not None:
                return spec
        return None


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(archives.real_stat(path).st_mode)
    except OSError:
        return False


def path_in_tree(path: str) -> str | None:
    """Return *path* relative to the tree; ``None`` if it is elsewhere."""
    if not path.startswith("/"):
        path = os.path.abspath(path)
    if "/." in path or "//" in path or path.endswith("/"):
        path = os.path.normpath(path)
    return path[len(ROOT) :] if path.startswith(ROOT) else None


def find_member(path: str) -> Member | None:
    """Return the cold file at *path*."""
    inside = path_in_tree(path)
    package = package_of(inside) if inside else None
    return package.find(inside) if inside and package is not None else None


def _make_spec(fullname: str, path: str, *, is_package: bool) -> ModuleSpec | None:
    loader = (ColdLoader if path.endswith(".py") else ColdExtensionLoader)(fullname, path)
    locations = [os.path.dirname(path)] if is_package else None
    return spec_from_file_location(fullname, path, loader=loader, submodule_search_locations=locations)


def _with_origin(spec: ModuleSpec, file: str) -> ModuleSpec:
    """Return a copy of *spec*, for the one call that loads *file*."""
    copy = ModuleSpec(spec.name, spec.loader, origin=file)
    copy.submodule_search_locations = spec.submodule_search_locations
    return copy
