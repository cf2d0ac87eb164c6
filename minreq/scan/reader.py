"""Reads the files of a code base: in several processes, each file by the reader of its language."""

from __future__ import annotations

import codecs
import io
import os
import re
import stat
import tokenize
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minreq.errors import ScanInterrupted
from minreq.scan import walk
from minreq.scan.findings import FileFindings
from minreq.scan.patterns import FileFilter, make_file_filter
from minreq.scan.scopes import Module
from minreq.scan.usage import Findings, ScanRules
from minreq.system.workers import WorkerEnded, call_in_processes

#: Bytes. A program wrote what is larger.
_MAX_BYTES = 1 << 20
#: Files that a process reads for one job. This process reads a single job itself.
_FILES_PER_JOB = 400
#: Bytes that hold the first two lines of a Python file, which may name its encoding (PEP 263).
_ENCODING_LINES_BYTES = 400
#: No text contains this.
_BINARY = b"\0"

#: The first line of files that minreq writes (guard, exported smoke), and of others that call no model for the program;
#: and the first lines of the evidence of a lock, which has no comment and names the stages of an earlier choice.
_NOT_SCANNED = re.compile(
    rb"""(?:\#!.*\n)?\#[ ]?minreq:[ ]?skip[ ]this[ ]file\b
    |\{\s*"schema":\s\d+,\s*"root":\s"[^"]*",\s*"command":\s"lock\b""",
    re.VERBOSE,
)

#: Gets the number of files that were read, and of all files.
Progress = Callable[[int, int], object]


def scan_paths(paths: Sequence[Path], rules: ScanRules, *, jobs: int, progress: Progress) -> Findings:
    """Return the findings in the files of *paths*; the name of each file begins with its path as the user gave it.

    Raises ``ScanInterrupted`` when a process is killed.
    """
    parts: list[Findings] = []
    for path in paths:
        root = os.path.abspath(path)  # noqa: PTH100 - Links stay as they were named.
        base = root if os.path.isdir(root) else os.path.dirname(root)  # noqa: PTH112, PTH120
        prefix = "" if path == Path() else f"{path.as_posix()}/" if base == root else _folder(path)
        found = [*walk.find_files(path)]
        parts += _read_all(found, _FileReader(base, prefix, rules), jobs, progress)
    return join_findings(parts)


def _folder(path: Path) -> str:
    parent = path.parent.as_posix()
    return "" if parent == "." else f"{parent}/"


def _read_all(files: Sequence[str], reader: _FileReader, jobs: int, progress: Progress) -> list[Findings]:
    batches = [files[start : start + _FILES_PER_JOB] for start in range(0, len(files), _FILES_PER_JOB)]
    done = 0
    found: list[Findings] = []
    progress(done, len(files))
    if len(batches) <= 1 or jobs == 1:
        for batch in batches:
            found.append(reader.read(batch))
            done += len(batch)
            progress(done, len(files))
        return found
    try:
        for number, part in call_in_processes(reader.read, batches, jobs):
            found.append(part)
            done += len(batches[number])
            progress(done, len(files))
    except OSError as error:
        raise ScanInterrupted(str(error)) from error
    except WorkerEnded as error:
        raise ScanInterrupted("a process that read files was killed") from error
    return found


def join_findings(parts: Iterable[Findings]) -> Findings:
    """Return the findings of several files as one, sorted."""
    found = [*parts]
    return Findings(
        model_names=_sort_by_place((each for part in found for each in part.model_names), lambda each: each.text),
        unknown=_sort_by_place((each for part in found for each in part.unknown), lambda each: each.reason),
        feature_uses=_sort_by_place((each for part in found for each in part.feature_uses), lambda each: each.feature),
        aliases=frozenset().union(*(part.aliases for part in found)),
        skipped=tuple(sorted({*(each for part in found for each in part.skipped)}, key=lambda each: each.file)),
        files=sum(part.files for part in found),
    )


def _sort_by_place(found: Iterable[Any], text: Callable[[Any], str]) -> tuple[Any, ...]:
    by_place = {each: (each.place.file, each.place.line, each.description, text(each)) for each in found}
    return tuple(sorted(by_place, key=lambda each: by_place[each]))


@dataclass(slots=True)
class _FileReader:
    """Reads files below *base*. It holds only values, so that it can be sent to other processes."""

    base: str
    #: Put before the path of each file.
    prefix: str
    rules: ScanRules
    _filter: FileFilter = field(init=False)
    #: Modules of the code base that other modules import, by path.
    _modules: dict[str, Module | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._filter = make_file_filter(
            self.rules.module,
            self.rules.prefixes,
            (*self.rules.functions, *(name.rpartition(".")[2] for name in self.rules.constructors)),
        )

    def read(self, files: Iterable[str]) -> Findings:
        """Return the findings in *files*."""
        return join_findings([self._read_file(file) for file in files])

    def _read_file(self, file: str) -> Findings:
        findings = FileFindings(self.prefix + file[len(self.base) :].lstrip(os.sep).replace(os.sep, "/"), self.rules)
        content = _read_bytes(file, findings.skip)
        if content is not None and _NOT_SCANNED.match(content):
            return findings.findings()
        suffix = os.path.splitext(file)[1].lower()  # noqa: PTH122 - A hundred thousand times.
        if content is not None and (text := _decode(content, suffix, findings.skip)) is not None:
            if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                content = text.encode()
            if self._filter.matches(content, python=suffix in walk.PYTHON):
                try:
                    self._parse(file, text, suffix, findings)
                except RecursionError:
                    findings.skip("is nested too deeply")
        return findings.findings()

    def _parse(self, file: str, text: str, suffix: str, findings: FileFindings) -> None:
        # These imports are late: most files need none of them.
        if suffix in walk.PYTHON:
            self._read_python(file, text, findings)
        elif suffix in walk.YAML:
            from minreq.scan import documents  # noqa: PLC0415

            try:
                documents.read_yaml(text, self.rules, findings)
            except documents.InvalidYaml as error:
                findings.skip(f"is not YAML: {error}")
        elif suffix in walk.SCRIPT | walk.JSON:
            from minreq.scan import brackets, scripts  # noqa: PLC0415

            scripts.read(brackets.parse_script(text), self.rules, findings)
        elif suffix in walk.TOML:
            from minreq.scan import brackets, scripts  # noqa: PLC0415

            scripts.read(brackets.parse_toml(text), self.rules, findings)
        else:
            from minreq.scan import documents  # noqa: PLC0415

            documents.read_variables(text, self.rules, findings)

    def _read_python(self, file: str, text: str, findings: FileFindings) -> None:
        from minreq.scan import python  # noqa: PLC0415 - See above.

        try:
            tree = python.parse(text)
        except SyntaxError as error:
            place = f" in line {error.lineno}" if error.lineno else ""
            findings.skip(f"is not Python: {error.msg}{place}")
        except (ValueError, MemoryError) as error:
            findings.skip(f"is not Python: {str(error) or 'it is nested too deeply'}")
        else:
            python.read(file, tree, self.rules, self, findings)

    def find(self, module: str, level: int, file: str) -> Module | None:
        """Return a module of the code base. An absolute import looks beside *file* and in the folders above it."""
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
            content = _read_bytes(file, _ignore)
            text = None if content is None else _decode(content, ".py", _ignore)
            if text is not None:
                try:
                    return Module(file, python.parse(text), self)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    return None
        return None


def _ignore(_reason: str) -> None:
    """Record nothing: the fault of a file is recorded where the scan reads that file itself."""


def _read_bytes(file: str, skip: Callable[[str], object]) -> bytes | None:
    """Return the bytes of *file*; ``None`` after a call of *skip* with the reason where it cannot be read."""
    try:
        # Without O_NONBLOCK, opening a pipe waits for a writer.
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                skip("is no regular file")
            elif status.st_size > _MAX_BYTES:
                skip(f"is larger than {_MAX_BYTES:,} bytes")
            else:
                return os.read(descriptor, _MAX_BYTES)
        finally:
            os.close(descriptor)
    except OSError as error:
        skip(f"cannot be read: {error.strerror or error}")
    return None


def _decode(content: bytes, suffix: str, skip: Callable[[str], object]) -> str | None:
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif _BINARY in content:
        skip("is binary")
        return None
    try:
        if suffix in walk.PYTHON and encoding != "utf-16" and b"coding" in content[:_ENCODING_LINES_BYTES]:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (UnicodeDecodeError, SyntaxError, LookupError):
        skip("is not text in an encoding that can be read")
        return None
