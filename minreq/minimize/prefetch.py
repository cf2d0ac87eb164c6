"""Fetch the wheels that a trace will ask for before it does, and compile their files once.

A trace fetches one wheel after the other, each when a run asks for it; and two runs at a time compile the same files
twice. An import without indentation runs whenever its file is imported, so a run will ask for what it names. All other
imports are left to the runs. Prefetching decides nothing, and ignores errors: they come again when a run asks.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Protocol

from packaging.utils import NormalizedName

from minreq.minimize.runner import SmokeRunner
from minreq.model import Script
from minreq.source.modulenames import with_parents
from minreq.wheels import bytecode
from minreq.wheels.importmap import ImportMap

#: How many wheels are fetched at once.
_DOWNLOADS = 8

#: An import without indentation: its modules; or the module it imports from, and the names. Every part ends where the
#: next begins, so that no text can make the search slow.
_IMPORT = re.compile(
    rb"^(?:import[ \t]+([^\n#;]+)"
    rb"|from[ \t]+(?=[.\w])(\.*)(\w[\w.]*)?[ \t]+import[ \t]+"
    rb"(?:\(((?:[^()#]*#[^\n]*\n)*[^()#]*)\)|([^\n#;(]+)))",
    re.MULTILINE,
)
_NAME = re.compile(rb"[\w.]+")
_COMMENT = re.compile(rb"#[^\n]*")


class DistributionSource(Protocol):
    """What prefetching needs of the closure."""

    @property
    def import_map(self) -> ImportMap:
        """The owner of each module."""

    def unpack(self, name: NormalizedName) -> Path:
        """Return the folder that makes *name* importable; fetch it if it is missing."""

    def unpack_tree(self, name: NormalizedName) -> tuple[Path, bool]:
        """Return the folder of all that *name* installs, and whether its start-up files may run."""


class Prefetcher:
    """Fetches what *scripts* and the *likely* distributions import, and what these import in turn.

    It starts at once, in threads, and fetches none of the *excluded* distributions. Before all others it fetches those
    of *at_once*, or checks what the store has of them. It is a context manager; at its end it stops.
    """

    def __init__(
        self,
        closure: DistributionSource,
        scripts: Iterable[Script],
        *,
        likely: Collection[NormalizedName] = (),
        excluded: Collection[NormalizedName] = (),
        at_once: Iterable[NormalizedName] = (),
    ) -> None:
        self._closure = closure
        self._excluded = excluded
        self._pool = ThreadPoolExecutor(_DOWNLOADS, thread_name_prefix="prefetcher")
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._folders: dict[NormalizedName, Future[Path]] = {}
        self._files: set[Path] = set()
        #: How many modules are still being followed; the scripts count as one.
        self._pending = 1
        self._finished = threading.Event()
        self.fetch(at_once)
        found = [each for script in scripts for each in top_level_imports(_text(script.file), "", is_package=False)]
        owners = closure.import_map.owners
        tops = [module for module, names in owners.items() if "." not in module and {*names[:1]} & {*likely}]
        self._follow([*found, *tops])
        self._finish_one()

    def __enter__(self) -> Prefetcher:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wait_for_files(self) -> tuple[Path, ...]:
        """Wait until all wheels are fetched; return the source files that will be imported."""
        self._finished.wait()
        return tuple(sorted(self._files))

    def fetch(self, names: Iterable[NormalizedName]) -> None:
        """Fetch *names*, too, in the background."""
        for name in names:
            self._pool.submit(self._closure.unpack_tree, name)

    def _follow(self, modules: Iterable[str]) -> None:
        """Read what *modules* import, and so on: now where the wheel is fetched already, else as soon as it is."""
        waiting = list(modules)
        while waiting:
            for name in with_parents(waiting.pop()):
                folder = self._fetch_owner(name)
                if folder is None:
                    continue
                if folder.done():
                    waiting += self._imports_of(folder, name)
                    self._finish_one()
                else:
                    folder.add_done_callback(lambda done, name=name: self._follow_fetched(done, name))  # type: ignore[misc]

    def _follow_fetched(self, folder: Future[Path], module: str) -> None:
        try:
            self._follow(self._imports_of(folder, module))
        finally:
            self._finish_one()

    def _fetch_owner(self, module: str) -> Future[Path] | None:
        """Return the future folder of *module*; ``None`` where no distribution has it or it was followed before."""
        with self._lock:
            owner = None if module in self._seen else self._owner(module)
            self._seen.add(module)
            if owner is None or owner in self._excluded:
                return None
            if owner not in self._folders:
                try:
                    self._folders[owner] = self._pool.submit(self._closure.unpack, owner)
                except RuntimeError:
                    return None  # The pool is shut down.
            self._pending += 1
            return self._folders[owner]

    def _owner(self, module: str) -> NormalizedName | None:
        """Return the distribution that holds *module*: the owner of the longest part of its name that has one."""
        owners = self._closure.import_map.owners
        while module and module not in owners:
            module = module.rpartition(".")[0]
        return self._closure.import_map.owner(module)

    def _imports_of(self, folder: Future[Path], module: str) -> list[str]:
        """Return what the source of *module* imports; nothing where it could not be fetched or is not Python."""
        if folder.cancelled() or folder.exception() is not None:
            return []
        place = folder.result().joinpath(*module.split("."))
        for file, is_package in ((place / "__init__.py", True), (place.with_suffix(".py"), False)):
            if file.is_file():
                self._files.add(file)
                return list(top_level_imports(_text(file), module, is_package=is_package))
        return []

    def _finish_one(self) -> None:
        with self._lock:
            self._pending -= 1
            if not self._pending:
                self._finished.set()


def top_level_imports(source: bytes, module: str, *, is_package: bool) -> Iterator[str]:
    """Yield the absolute names that *source*, the text of *module*, imports without indentation.

    ``from a import b`` yields both ``a`` and ``a.b``, which need not be a module.
    """
    package = module if is_package else module.rpartition(".")[0]
    for match in _IMPORT.finditer(source):
        plain, dots, base, inside, names = match.groups()
        if plain is not None:
            yield from _names(plain)
            continue
        origin = (base or b"").decode("ascii", "ignore")
        if dots:
            parts = package.split(".")
            if len(dots) > len(parts):
                continue
            origin = ".".join([*parts[: len(parts) - len(dots) + 1], *filter(None, [origin])])
        if origin:
            yield origin
            yield from (f"{origin}.{name}" for name in _names(inside if inside is not None else names))


def _names(text: bytes) -> Iterator[str]:
    """Yield ``a`` and ``b`` of ``a, b as c  # d``; leave out what is no name, such as a path."""
    for each in _COMMENT.sub(b"", text).split(b","):
        if name := _NAME.match(each.strip()):
            yield name.group().decode("ascii")


def precompile(runner: SmokeRunner, files: Collection[Path]) -> None:
    """Compile those of *files* that are not compiled, as many at a time as there are jobs; none of them runs.

    The error of a file that cannot be compiled comes when a run imports it.
    """
    compiler = runner.setup.compiler
    if compiler is None:
        return
    tag = bytecode.cache_tag(runner.setup.version)
    missing = [file for file in files if not (file.parent / bytecode.FOLDER / f"{file.stem}.{tag}.pyc").exists()]
    pool = ThreadPoolExecutor(runner.jobs)
    try:
        list(pool.map(lambda file: compiler.compile(str(file), 0), missing))
    finally:
        pool.shutdown(cancel_futures=True)


def _text(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
