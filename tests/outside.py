"""Every parser that reads bytes from outside of minreq, each as a function of bytes.

A function must return, or raise an error of minreq; anything else is a bug. `test_bad_input` calls them with bytes of
hypothesis, `fuzzing` with bytes of atheris.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version
from platforms import linux
from samplelock import LOCK
from wheelhouse import Release

from minreq.config import pyproject
from minreq.errors import MinreqError, RequirementsUnreadable
from minreq.exposure import parser
from minreq.index import archive, coremetadata, cutoff, filenames, simple
from minreq.lockfile import edits, evidence, requirements as lockfile
from minreq.minimize import prefetch
from minreq.model import Frame, Question, QuestionKind, Wheel
from minreq.requirements import Fetched, RequirementsReader
from minreq.source import imports, optionalimports
from minreq.wheels import rules
from minreq.wheels.unpacking import unpack

WHEEL = Wheel(
    name=canonicalize_name("a"),
    version=Version("1.0"),
    filename="a-1.0-py3-none-any.whl",
    url="https://index.example/a-1.0-py3-none-any.whl",
    sha256="0" * 64,
    tags=frozenset(parse_tag("py3-none-any")),
)

PAGE = {
    "meta": {"api-version": "1.4"},
    "project-status": {"status": "deprecated", "reason": "see b"},
    "name": "a",
    "files": [
        {
            "filename": "a-1.0-py3-none-any.whl",
            "url": "../a-1.0-py3-none-any.whl",
            "hashes": {"sha256": "0" * 64},
            "upload-time": "2026-01-01T00:00:00Z",
            "requires-python": ">=3.8",
            "yanked": False,
            "core-metadata": {"sha256": "0" * 64},
            "size": 5,
        }
    ],
}
MARKERS = linux().markers
DUMPED = evidence.dump(LOCK)
_FILES = {"a/__init__.py": "x = 1\n" * 9}
_POINTS = {"console_scripts": {"a": "a:main"}}
_WHEEL = Release(name="a", version="1.0", files=_FILES, entry_points=_POINTS).wheel("py3-none-any")
#: A typical input of each target. A fuzzer starts from it.
SEEDS: Mapping[str, bytes] = {
    "json_page": json.dumps(PAGE).encode(),
    "html_page": b'<!DOCTYPE html><meta name="pypi:project-status" content="archived"><base href="b/">'
    b'<a href="a-1.0-py3-none-any.whl#sha256=00" data-yanked="x" data-requires-python="&gt;3">a-1.0</a>',
    "metadata": b"Metadata-Version: 2.1\nName: a\nVersion: 1.0\n"
    b"Requires-Dist: b>1; extra == 'x'\nRequires-Python: >=3.8\n",
    "zip_directory": _WHEEL,
    "wheel": _WHEEL,
    "entry_points": b"[console_scripts]\na = a:main\n[gui_scripts]\nb=a:b [x]\n",
    "lock": lockfile.render(LOCK).encode(),
    "lock_evidence": DUMPED.encode(),
    "pylock_file": b"lock-version = '1.0'\ncreated-by = 'a'\n[[packages]]\nname = 'a'\nversion = '1.0'\n"
    b"marker = 'python_version > \"3\"'\n[packages.sdist]\nname = 'a-1.0.tar.gz'\nurl = 'https://a.example/a'\n"
    b"hashes = { sha256 = '" + b"0" * 64 + b"' }\n",
    "requirements_file": b"a==1.0 --hash=sha256:00 # why\n-c other.txt\n--index-url https://x/\n"
    b"b[x]>1 ; python_version < '4' \\\n",
    "configuration": b'[tool.minreq]\nproviders = ["openai"]\nbudget = 5\n[tool.minreq.locks.x]\nsmoke = ["a.py"]\n',
    "cutoffs": b"1 week 2 days",
    "source_file": b"from . import (a,  # x\n    b)\n"
    b"try:\n    import c\nexcept (ImportError, d.E) as e:\n    raise F from e\n"
    b"NAMES = {'x': ('.y', 'z')}\ndef f():\n    return __import__('g' + h)\n",
}

#: Inputs of bugs that a fuzzer found.
FOUND: Sequence[tuple[str, bytes]] = (
    ("requirements_file", b"-c a\0b\n"),
    # The compressed bytes of the first member, and a hash of anything else.
    ("zip_directory", _WHEEL[:43] + b"\xff" * 4 + _WHEEL[47:]),
)


def json_page(data: bytes) -> None:
    _links(data, "application/vnd.pypi.simple.v1+json")


def html_page(data: bytes) -> None:
    _links(data, "text/html")


def _links(body: bytes, kind: str) -> None:
    for link in simple.parse(body, content_type=kind, url="https://index.example/simple/a/").links:
        filenames.release_from_filename(link.filename)
        simple.file_from_link(link)


def metadata(data: bytes) -> None:
    coremetadata.parse(data, WHEEL)


def zip_directory(data: bytes) -> None:
    with archive.open_zip(io.BytesIO(data), WHEEL) as opened:
        archive.read_metadata(opened, WHEEL)
        archive.list_members(opened)
        archive.read_members(opened, ["a/__init__.py"], WHEEL)


def wheel(data: bytes) -> None:
    """Afterwards only the files of the wheel may exist, all of them below its folder."""
    with tempfile.TemporaryDirectory() as name:
        path, folder = Path(name, WHEEL.filename), Path(name, "unpacked")
        folder.mkdir()
        path.write_bytes(data)
        with contextlib.suppress(MinreqError):
            unpack(path, folder)
        assert {each.name for each in Path(name).iterdir()} == {path.name, "unpacked"}
        assert not [each for each in folder.rglob("*") if each.is_symlink()]


def entry_points(data: bytes) -> None:
    rules.check_entry_points(WHEEL.filename, "entry_points.txt", data.decode("utf-8", "replace"))


def lock(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(MinreqError):
        lockfile.parse(text)
    with contextlib.suppress(MinreqError):
        edits.find_edits(LOCK, text, filename="requirements-minimal.txt")
    lockfile.parse_leniently(text)


def lock_evidence(data: bytes) -> None:
    evidence.load(data.decode("utf-8", "replace"))


def requirements_file(data: bytes) -> None:
    _as_file("requirements.in", data, RequirementsReader(environ={}, environments=[MARKERS], fetch=_fetch_nothing).read)


def pylock_file(data: bytes) -> None:
    _as_file("pylock.toml", data, RequirementsReader(environ={}, environments=[MARKERS], fetch=_fetch_nothing).read)


def _fetch_nothing(url: str) -> Fetched:
    raise RequirementsUnreadable(url, None, "there is no network")


def configuration(data: bytes) -> None:
    def read(path: Path) -> None:
        found = pyproject.find_configuration(path.parent)
        if found is not None:
            pyproject.read_values(found, None)

    _as_file("pyproject.toml", data, read)


def cutoffs(data: bytes) -> None:
    cutoff.parse(data.decode("utf-8", "replace"), datetime(2026, 11, 26, tzinfo=timezone.utc))


def source_file(data: bytes) -> None:
    """Call everything that reads the code of a package without running it."""
    list(prefetch.top_level_imports(data, "a.b", is_package=False))
    list(imports.static_imports(data, "a.b", "a/b.py"))
    parser.read_lines(data, "a/b.py")
    _as_file("b.py", data, _places)


def _places(path: Path) -> None:
    parser.read_statements(str(path), "a/b.py")
    for line in (1, 2, 4):
        frame = Frame(file=str(path), line=line, function="<module>")
        optionalimports.find_optional_reason(
            Question(need=QuestionKind.IMPORT, name="c", frames=(frame,), stage="import")
        )


def _as_file(name: str, data: bytes, read: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        read(path)


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (
        json_page,
        html_page,
        metadata,
        zip_directory,
        wheel,
        entry_points,
        lock,
        lock_evidence,
        requirements_file,
        pylock_file,
        configuration,
        cutoffs,
        source_file,
    )
}
