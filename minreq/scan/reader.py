"""From a path to findings: files are read by several processes at once, each file by the reader of its language."""

from __future__ import annotations

import codecs
import io
import os
import stat
import tokenize
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from minreq.errors import ScanInterrupted
from minreq.scan import walking
from minreq.scan.gathering import Gathering
from minreq.scan.scopes import Module
from minreq.scan.texts import Sieve, sieve
from minreq.scan.usage import Findings, Vocabulary

#: Bytes; what is larger was written by a program.
_HUGE = 1 << 20
#: Files that one process is given at a time; fewer than two portions are read here.
_PORTION = 400
#: PEP 263: in these bytes a file of Python says its encoding, in one of its first two lines.
_COOKIE = 400
#: A text holds none of these.
_BINARY = b"\0"

#: Told how many files were read, and of how many.
Progress = Callable[[int, int], object]


def scan(paths: Sequence[Path], vocabulary: Vocabulary, *, jobs: int, progress: Progress) -> Findings:
    """Return what the files in *paths* say, each named relative to the path it was found in, or to a file's folder.

    Raises ``ScanInterrupted`` when a process is killed.
    """
    parts: list[Findings] = []
    for path in paths:
        root = os.path.abspath(path)  # noqa: PTH100 - Links stay as they were named.
        base = root if os.path.isdir(root) else os.path.dirname(root)  # noqa: PTH112, PTH120
        named = "" if path == Path() else f"{path.as_posix()}/" if base == root else _folder(path)
        files = [*walking.walk(path)]
        parts += _read_all(files, _Reader(base, named, vocabulary), jobs, progress)
    return join(parts)


def _folder(path: Path) -> str:
    parent = path.parent.as_posix()
    return "" if parent == "." else f"{parent}/"


def _read_all(files: Sequence[str], reader: _Reader, jobs: int, progress: Progress) -> list[Findings]:
    portions = [files[start : start + _PORTION] for start in range(0, len(files), _PORTION)]
    done = 0
    found: list[Findings] = []
    progress(done, len(files))
    if len(portions) <= 1 or jobs == 1:
        for portion in portions:
            found.append(reader.read(portion))
            done += len(portion)
            progress(done, len(files))
        return found
    # Not forked: what other threads of this process hold would stay held.
    pool = ProcessPoolExecutor(min(jobs, len(portions)), mp_context=get_context("spawn"))
    try:
        futures = {pool.submit(reader.read, portion): len(portion) for portion in portions}
        for future in as_completed(futures):
            found.append(future.result())
            done += futures[future]
            progress(done, len(files))
    except OSError as error:
        raise ScanInterrupted(str(error)) from error
    except RuntimeError as error:  # BrokenProcessPool
        raise ScanInterrupted("a process that read files was killed") from error
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def join(parts: Iterable[Findings]) -> Findings:
    """Return the findings of several files as one, sorted."""
    found = [*parts]
    return Findings(
        mentions=_sorted((each for part in found for each in part.mentions), lambda each: each.text),
        unknown=_sorted((each for part in found for each in part.unknown), lambda each: each.why),
        uses=_sorted((each for part in found for each in part.uses), lambda each: each.feature),
        aliases=frozenset().union(*(part.aliases for part in found)),
        skipped=tuple(sorted({*(each for part in found for each in part.skipped)}, key=lambda each: each.file)),
        files=sum(part.files for part in found),
    )


def _sorted(found: Iterable[Any], text: Callable[[Any], str]) -> tuple[Any, ...]:
    by_place = {each: (each.place.file, each.place.line, each.seen, text(each)) for each in found}
    return tuple(sorted(by_place, key=lambda each: by_place[each]))


@dataclass(slots=True)
class _Reader:
    """Reads files below *base*; sent to other processes, so it holds values alone."""

    base: str
    #: What stands before the names of files.
    named: str
    vocabulary: Vocabulary
    _sieve: Sieve = field(init=False)
    #: Modules of the code base that others import from.
    _modules: dict[str, Module | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._sieve = sieve(self.vocabulary.module, self.vocabulary.prefixes, self.vocabulary.functions)

    def read(self, files: Iterable[str]) -> Findings:
        """Return what *files* say."""
        return join([self._file(file) for file in files])

    def _file(self, file: str) -> Findings:
        gathering = Gathering(self.named + file[len(self.base) :].lstrip(os.sep).replace(os.sep, "/"), self.vocabulary)
        content = _content(file, gathering.skip)
        suffix = os.path.splitext(file)[1].lower()  # noqa: PTH122 - A hundred thousand times.
        if content is not None and (text := _decoded(content, suffix, gathering.skip)) is not None:
            if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                content = text.encode()
            if self._sieve.holds(content, python=suffix in walking.PYTHON):
                try:
                    self._parse(file, text, suffix, gathering)
                except RecursionError:
                    gathering.skip("is nested too deeply")
        return gathering.findings()

    def _parse(self, file: str, text: str, suffix: str, gathering: Gathering) -> None:
        # Imported where they are needed: most files need none of them.
        if suffix in walking.PYTHON:
            self._python(file, text, gathering)
        elif suffix in walking.YAML:
            from minreq.scan import documents  # noqa: PLC0415

            try:
                documents.read_yaml(text, self.vocabulary, gathering)
            except documents.Unreadable as error:
                gathering.skip(f"is not YAML: {error}")
        elif suffix in walking.SCRIPT | walking.JSON:
            from minreq.scan import brackets, scripts  # noqa: PLC0415

            scripts.read(brackets.script(text), self.vocabulary, gathering)
        elif suffix in walking.TOML:
            from minreq.scan import brackets, scripts  # noqa: PLC0415

            scripts.read(brackets.toml(text), self.vocabulary, gathering)
        else:
            from minreq.scan import documents  # noqa: PLC0415

            documents.read_variables(text, gathering)

    def _python(self, file: str, text: str, gathering: Gathering) -> None:
        from minreq.scan import python  # noqa: PLC0415 - See above.

        try:
            tree = python.parse(text)
        except SyntaxError as error:
            place = f" in line {error.lineno}" if error.lineno else ""
            gathering.skip(f"is not Python: {error.msg}{place}")
        except (ValueError, MemoryError) as error:
            gathering.skip(f"is not Python: {str(error) or 'it is nested too deeply'}")
        else:
            python.read(file, tree, self.vocabulary, self, gathering)

    def find(self, module: str, level: int, file: str) -> Module | None:
        """Return a module of the code base: beside the importing file, or for absolute imports in a folder above it."""
        folder = os.path.dirname(file)  # noqa: PTH120 - See above.
        parts = [part for part in module.split(".") if part]
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)  # noqa: PTH120
            return self._module(os.path.join(folder, *parts))  # noqa: PTH118
        while parts and folder.startswith(self.base):
            found = self._module(os.path.join(folder, *parts))  # noqa: PTH118
            if found is not None:
                return found
            if folder == self.base:
                break
            folder = os.path.dirname(folder)  # noqa: PTH120
        return None

    def _module(self, path: str) -> Module | None:
        if path not in self._modules:
            self._modules[path] = self._load(path)
        return self._modules[path]

    def _load(self, path: str) -> Module | None:
        from minreq.scan import python  # noqa: PLC0415 - See above.

        for file in (f"{path}.py", os.path.join(path, "__init__.py")):  # noqa: PTH118
            content = _content(file, _ignore)
            text = None if content is None else _decoded(content, ".py", _ignore)
            if text is not None:
                try:
                    return Module(file, python.parse(text), self)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    return None
        return None


def _ignore(_why: str) -> None:
    """What is wrong with a file is said where the file itself is read."""


def _content(file: str, skip: Callable[[str], object]) -> bytes | None:
    """Return the bytes of *file*; ``None``, and a word to *skip*, where they are of no use."""
    try:
        # A pipe without a writer would be waited for.
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                skip("is no regular file")
            elif status.st_size > _HUGE:
                skip(f"is larger than {_HUGE:,} bytes")
            else:
                return os.read(descriptor, _HUGE)
        finally:
            os.close(descriptor)
    except OSError as error:
        skip(f"cannot be read: {error.strerror or error}")
    return None


def _decoded(content: bytes, suffix: str, skip: Callable[[str], object]) -> str | None:
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif _BINARY in content:
        skip("is binary")
        return None
    try:
        if suffix in walking.PYTHON and encoding != "utf-16" and b"coding" in content[:_COOKIE]:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (UnicodeDecodeError, SyntaxError, LookupError):
        skip("is not text in an encoding that can be read")
        return None
