"""Wheels fetched before anybody asks, and compiled once: what the code that is there imports first thing.

A trace fetches a wheel when it is asked for, one after the other, and two runs side by side compile the same files
twice. What stands at the left margin of a file runs whenever the file is imported, so what it names will be asked for;
all else is left to the runs. Nothing is decided here, and a failure is left to whoever really asks.
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

from minreq.minimize.observe import Laboratory
from minreq.model import Script
from minreq.wheels.importmap import ImportMap

#: Wheels that are fetched at once.
_AT_ONCE = 8

#: An import at the left margin: its modules, or whence, and which names. Every part ends where the next begins, so that
#: a text made to be slow takes no longer than another.
_IMPORT = re.compile(
    rb"^(?:import[ \t]+([^\n#;]+)"
    rb"|from[ \t]+(?=[.\w])(\.*)(\w[\w.]*)?[ \t]+import[ \t]+"
    rb"(?:\(((?:[^()#]*#[^\n]*\n)*[^()#]*)\)|([^\n#;(]+)))",
    re.MULTILINE,
)
_NAME = re.compile(rb"[\w.]+")
_COMMENT = re.compile(rb"#[^\n]*")


class Distributions(Protocol):
    """What is asked of the closure."""

    @property
    def import_map(self) -> ImportMap:
        """Who owns what."""

    def unpacked(self, name: NormalizedName) -> Path:
        """Return the folder that makes *name* importable, fetching it if need be."""


class Foresight:
    """Follows the imports of *scripts*, and those of the distributions *likely*, and fetches what they lead to.

    Begins at once, on threads of its own; of *excluded* distributions nothing is fetched. A context manager: at its end
    nothing more is.
    """

    def __init__(
        self,
        closure: Distributions,
        scripts: Iterable[Script],
        *,
        likely: Collection[NormalizedName] = (),
        excluded: Collection[NormalizedName] = (),
    ) -> None:
        self._closure = closure
        self._excluded = excluded
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="foresight")
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._folders: dict[NormalizedName, Future[Path]] = {}
        self._files: set[Path] = set()
        #: Modules that are being followed; the scripts count as one.
        self._under_way = 1
        self._ended = threading.Event()
        found = [each for script in scripts for each in imports(_text(script.file), "", is_package=False)]
        owners = closure.import_map.owners
        tops = [module for module, names in owners.items() if "." not in module and {*names[:1]} & {*likely}]
        self._follow([*found, *tops])
        self._leave()

    def __enter__(self) -> Foresight:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def files(self) -> tuple[Path, ...]:
        """Wait until all is fetched; return the source files that will be imported."""
        self._ended.wait()
        return tuple(sorted(self._files))

    def _follow(self, modules: Iterable[str]) -> None:
        """Read what *modules* import, and so on: at once where it lies here, else when it has been fetched."""
        waiting = list(modules)
        while waiting:
            parts = waiting.pop().split(".")
            for length in range(1, len(parts) + 1):
                name = ".".join(parts[:length])
                folder = self._begin(name)
                if folder is None:
                    continue
                if folder.done():
                    waiting += self._read(folder, name)
                    self._leave()
                else:
                    folder.add_done_callback(lambda done, name=name: self._go_on(done, name))  # type: ignore[misc]

    def _go_on(self, folder: Future[Path], module: str) -> None:
        try:
            self._follow(self._read(folder, module))
        finally:
            self._leave()

    def _begin(self, module: str) -> Future[Path] | None:
        """Return the folder that *module* will lie in; ``None`` where nobody has it or it was followed before."""
        with self._lock:
            owner = None if module in self._seen else self._owner(module)
            self._seen.add(module)
            if owner is None or owner in self._excluded:
                return None
            if owner not in self._folders:
                try:
                    self._folders[owner] = self._pool.submit(self._closure.unpacked, owner)
                except RuntimeError:
                    return None  # Nobody waits any more.
            self._under_way += 1
            return self._folders[owner]

    def _owner(self, module: str) -> NormalizedName | None:
        """The distribution that holds *module*: the owner of the longest beginning that anybody owns."""
        owners = self._closure.import_map.owners
        while module and module not in owners:
            module = module.rpartition(".")[0]
        return self._closure.import_map.owner(module)

    def _read(self, folder: Future[Path], module: str) -> list[str]:
        """Return what the source of *module* imports; nothing where it could not be fetched or is not Python."""
        if folder.cancelled() or folder.exception() is not None:
            return []
        place = folder.result().joinpath(*module.split("."))
        for file, is_package in ((place / "__init__.py", True), (place.with_suffix(".py"), False)):
            if file.is_file():
                self._files.add(file)
                return list(imports(_text(file), module, is_package=is_package))
        return []

    def _leave(self) -> None:
        with self._lock:
            self._under_way -= 1
            if not self._under_way:
                self._ended.set()


def imports(source: bytes, module: str, *, is_package: bool) -> Iterator[str]:
    """Yield the absolute names of what the text of *module* imports at its left margin.

    Of ``from a import b`` both ``a`` and ``a.b`` are named: whether that is a module, the files tell.
    """
    package = module if is_package else module.rpartition(".")[0]
    for match in _IMPORT.finditer(source):
        plain, dots, base, inside, names = match.groups()
        if plain is not None:
            yield from _names(plain)
            continue
        whence = (base or b"").decode("ascii", "ignore")
        if dots:
            parts = package.split(".")
            if len(dots) > len(parts):
                continue
            whence = ".".join([*parts[: len(parts) - len(dots) + 1], *filter(None, [whence])])
        if whence:
            yield whence
            yield from (f"{whence}.{name}" for name in _names(inside if inside is not None else names))


def _names(text: bytes) -> Iterator[str]:
    """``a, b as c  # d`` as ``a`` and ``b``; whatever is no name, as a path, is left out."""
    for each in _COMMENT.sub(b"", text).split(b","):
        if name := _NAME.match(each.strip()):
            yield name.group().decode("ascii")


def compile_ahead(laboratory: Laboratory, files: Collection[Path]) -> None:
    """Have those of *files* compiled that are not, as many at a time as there are jobs; nothing of them runs.

    What cannot be compiled is left to whoever imports it.
    """
    compiler = laboratory.world.compiler
    if compiler is None:
        return
    tag = "cpython-{}{}".format(*laboratory.world.version)
    missing = [file for file in files if not (file.parent / "__pycache__" / f"{file.stem}.{tag}.pyc").exists()]
    pool = ThreadPoolExecutor(laboratory.jobs)
    try:
        list(pool.map(lambda file: compiler.compile(str(file), 0), missing))
    finally:
        pool.shutdown(cancel_futures=True)


def _text(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
