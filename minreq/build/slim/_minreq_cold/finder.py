"""Imports cold modules: a hook for the folders of this tree, whose finder has the hot files and the cold ones."""

from __future__ import annotations

import os
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

from . import archives
from .archives import ROOT, ColdFileError, Member, Package, package_of, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType, ModuleType
    from typing import Any

_SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES)


class Finder:
    """The finder of one folder of this tree. It has the hot files first; no module is hot and cold."""

    def __init__(self, path: str, package: Package) -> None:
        self.path = path
        self._folder = path[len(ROOT) :]
        self._package = package
        self._hot = FileFinder(
            path,
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (HotLoader, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module in this folder."""
        spec = self._hot.find_spec(fullname, target)
        if spec is not None and spec.loader is not None:
            return spec
        name = fullname.rpartition(".")[2]
        try:
            member, is_package = self._find(name)
            if member is not None:
                return _make_spec(fullname, member, is_package=is_package)
            inside = f"{self._folder}/{name}"
            if self._package.is_folder(inside):
                # The reader of its resources is none of ours.
                serve_paths()
                if spec is None:
                    spec = ModuleSpec(fullname, None)
                    spec.submodule_search_locations = [ROOT + inside]
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


class HotLoader(SourceFileLoader):
    """The loader of a hot module in a package with cold files."""

    def get_data(self, path: str) -> bytes:
        """Return the contents of a file; `pkgutil.get_data` may ask for a cold one."""
        try:
            return super().get_data(path)
        except FileNotFoundError:
            member = find_member(path)
            if member is None:
                raise
            return member.read()

    def get_resource_reader(self, name: str | None = None) -> Any:
        """Return the standard reader of files: from now on cold files can be opened by their path."""
        serve_paths()
        return super().get_resource_reader(name or self.name)


class ColdLoader(SourceFileLoader):
    """The loader of a cold module that is a source."""

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the compiled module, and log that it is cold; raises ``ImportError`` if it cannot be served."""
        from time import perf_counter

        began = perf_counter()
        package = package_of(self.path[len(ROOT) :])
        if package is not None and package.by_path == "cold":
            serve_paths()
        try:
            code = super().get_code(fullname)
        except ColdFileError as error:
            raise ImportError(error.strerror, name=fullname, path=self.path) from error
        report(fullname, self.path[len(ROOT) :], perf_counter() - began)
        return code

    def get_data(self, path: str) -> bytes:
        """Return the contents of a file of this tree."""
        member = find_member(path)
        return super().get_data(path) if member is None else member.read()

    def path_stats(self, path: str) -> dict[str, Any]:
        """Raise an error: a cold source has no compiled file, and Python cannot write one."""
        raise OSError(f"{path} is a cold file")

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Write nothing."""

    def get_resource_reader(self, name: str | None = None) -> Any:
        """Return the standard reader of files: from now on cold files can be opened by their path."""
        serve_paths()
        return super().get_resource_reader(name or self.name)


class ColdExtensionLoader(ExtensionFileLoader):
    """The loader of a cold extension module: the system loads it from a file of its own."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Unpack the file and load it; raises ``ImportError`` if it cannot be served."""
        from time import perf_counter

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
        report(spec.name, self.path[len(ROOT) :], perf_counter() - began)
        return module

    def get_resource_reader(self, name: str | None = None) -> Any:
        """Return the standard reader of files: from now on cold files can be opened by their path."""
        serve_paths()
        return super().get_resource_reader(name or self.name)

    def get_data(self, path: str) -> bytes:
        """Return the contents of a file of this tree."""
        member = find_member(path)
        return super().get_data(path) if member is None else member.read()


def serve_package(namespace: dict[str, Any], path: str) -> None:
    """Serve the cold files of the package with the globals *namespace*; *path* is its ``__init__`` in this tree."""
    if _find_in_folder not in sys.path_hooks:
        sys.path_hooks.insert(0, _find_in_folder)
        for folder in [*sys.path_importer_cache]:
            if folder.startswith(ROOT):
                del sys.path_importer_cache[folder]
    spec = namespace.get("__spec__")
    loader = getattr(spec, "loader", None)
    if spec is not None and type(loader) is SourceFileLoader:
        spec.loader = namespace["__loader__"] = HotLoader(loader.name, loader.path)
    else:
        # The loader of a compiled file has no resources but those that have a path.
        serve_paths()
    package = package_of(os.path.dirname(path).replace(os.sep, "/"))
    if package is not None and package.by_path == "any":
        serve_paths()


def serve_paths() -> None:
    """From now on serve cold files by their path, too."""
    from . import bypath

    bypath.install()


def _find_in_folder(path: str) -> Finder:
    """Return the finder of the folder *path*, as an entry of ``sys.path_hooks``."""
    package = package_of(path[len(ROOT) :]) if path.startswith(ROOT) else None
    if package is None:
        raise ImportError("only for folders of this tree with cold files", path=path)
    return Finder(path.rstrip("/"), package)


def find_member(path: str) -> Member | None:
    """Return the cold file at *path*."""
    if not path.startswith(ROOT):
        return None
    package = package_of(path[len(ROOT) :])
    return None if package is None else package.find(path[len(ROOT) :])


def _make_spec(fullname: str, member: Member, *, is_package: bool) -> ModuleSpec | None:
    path = ROOT + member.path
    loader = (ColdLoader if path.endswith(".py") else ColdExtensionLoader)(fullname, path)
    locations: Sequence[str] | None = [os.path.dirname(path)] if is_package else None
    return spec_from_file_location(
        fullname, path, loader=loader, submodule_search_locations=None if locations is None else [*locations]
    )


def _with_origin(spec: ModuleSpec, file: str) -> ModuleSpec:
    """Return a copy of *spec*, for the one call that loads *file*."""
    copy = ModuleSpec(spec.name, spec.loader, origin=file)
    copy.submodule_search_locations = spec.submodule_search_locations
    return copy
