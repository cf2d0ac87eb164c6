"""Bytes from outside: whatever they are, every parser returns or raises an error of ours, and soon."""

from __future__ import annotations

import io
import json
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version
from samplelock import LOCK
from wheelhouse import Release

from minreq.config import pyproject
from minreq.errors import MinreqError
from minreq.index import archive, coremetadata, simple
from minreq.lockfile import edits, evidence, requirements as lockfile
from minreq.model import Wheel
from minreq.requirements import read_requirements
from minreq.smoke.listening import Server

WHEEL = Wheel(
    name=canonicalize_name("a"),
    version=Version("1.0"),
    filename="a-1.0-py3-none-any.whl",
    url="https://index.example/a-1.0-py3-none-any.whl",
    sha256="0" * 64,
    tags=frozenset(parse_tag("py3-none-any")),
)
METADATA = b"Metadata-Version: 2.1\nName: a\nVersion: 1.0\nRequires-Dist: b>1; extra == 'x'\nRequires-Python: >=3.8\n"
PAGE = {
    "meta": {"api-version": "1.1"},
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
REQUIREMENTS = (
    b"a==1.0 --hash=sha256:00 # why\n-c other.txt\n--index-url https://x/\nb[x]>1 ; python_version < '4' \\\n"
)
PROJECT = b'[tool.minreq]\nproviders = ["openai"]\nbudget = 5\n[tool.minreq.locks.x]\nsmoke = ["a.py"]\n'


@st.composite
def damaged(draw: st.DrawFn, original: bytes) -> bytes:
    """*original* with something cut, put in, or put in the place of something else; or any bytes at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    data = original
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        junk = draw(
            st.binary(max_size=8)
            | st.sampled_from(
                [b"\n", b"\0", b'"', b"'", b"[", b"{", b"\xff\xfe", b"<<<<<<< HEAD\n", b"1e999", b"null", b"-"]
            )
        )
        data = data[:place] + junk + data[place + draw(st.integers(0, 20)) :]
    return data


#: Any JSON, where something else was expected.
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def replaced(draw: st.DrawFn, value: Any) -> Any:
    """*value* with one part of it something else."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: replaced(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], replaced(draw, value[place]), *value[place + 1 :]]
    return draw(ANYTHING)


@st.composite
def changed(draw: st.DrawFn, value: Any) -> bytes:
    return json.dumps(replaced(draw, value)).encode()


def links(body: bytes, kind: str) -> None:
    for link in simple.parse(body, content_type=kind, url="https://index.example/simple/a/"):
        simple.release_of(link.filename)
        simple.file_of(link)


@given(damaged(json.dumps(PAGE).encode()) | changed(PAGE))
def test_index_pages_of_json(body: bytes) -> None:
    _ours(lambda: links(body, "application/vnd.pypi.simple.v1+json"))


@given(damaged(b'<!DOCTYPE html><a href="a-1.0-py3-none-any.whl#sha256=00" data-yanked="x">a-1.0-py3-none-any.whl</a>'))
def test_index_pages_of_html(body: bytes) -> None:
    _ours(lambda: links(body, "text/html"))


@given(st.text(max_size=30))
def test_content_types(kind: str) -> None:
    _ours(lambda: links(b"{}", kind))


@given(damaged(METADATA))
def test_metadata(text: bytes) -> None:
    _ours(lambda: coremetadata.parse(text, WHEEL))


@given(damaged(Release(name="a", version="1.0", files={"a/__init__.py": "x = 1\n" * 9}).wheel("py3-none-any")))
def test_zip_directories(data: bytes) -> None:
    def read() -> None:
        with archive.open_zip(io.BytesIO(data), WHEEL) as opened:
            archive.read_metadata(opened, WHEEL)
            archive.members(opened)
            archive.contents(opened, ["a/__init__.py"], WHEEL)

    _ours(read)


@given(damaged(lockfile.render(LOCK).encode()))
def test_locks(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    _ours(lambda: lockfile.parse(text))
    _ours(lambda: edits.edits(LOCK, text, filename="requirements-minimal.txt"))
    lockfile.parse_damaged(text)


DUMPED = evidence.dump(LOCK)


@given(damaged(DUMPED.encode()) | changed(json.loads(DUMPED)))
def test_evidence(data: bytes) -> None:
    _ours(lambda: evidence.load(data.decode("utf-8", "replace")))


@given(damaged(REQUIREMENTS))
def test_requirement_files(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "requirements.in")
        path.write_bytes(data)
        _ours(lambda: read_requirements(path, {}))


@given(damaged(PROJECT))
def test_configuration(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_bytes(data)

        def read() -> None:
            found = pyproject.find(Path(folder))
            if found is not None:
                pyproject.values(found, None)
                pyproject.values(found, "x")

        _ours(read)


class Quiet:
    """Answers nothing of use, and remembers nothing."""

    def __init__(self) -> None:
        self.gone = 0

    def hello(self, process: str, pid: int, *, inside: int) -> bool:  # noqa: ARG002 - The seam has it.
        return process == "main"

    def receive(self, process: str, message: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        return {"answer": str(message["ask"])}

    def closed(self, process: str) -> None:  # noqa: ARG002
        self.gone += 1

    def stop(self) -> None:
        """There is nothing to stop."""


@settings(max_examples=40)
@given(st.lists(damaged(b'{"ask": "import", "name": "a", "frames": [["f", 1, "g"]]}\n'), max_size=3))
def test_messages_of_a_child(messages: list[bytes]) -> None:
    """Nonsense ends its own connection, and the next one is served."""
    with tempfile.TemporaryDirectory() as folder:
        listener = Quiet()
        server = Server(Path(folder, "s"), listener)
        try:
            for body in (b"".join(messages), b""):
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.settimeout(30)
                    connection.connect(str(Path(folder, "s")))
                    connection.sendall(b'{"hello": "main", "pid": 1}\n')
                    assert connection.recv(100) == b"{}\n"
                    connection.sendall(body)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
        finally:
            server.close()


def _ours(call: Any) -> None:
    """Call, and let any error of ours pass; another fails the test."""
    try:
        call()
    except MinreqError as error:
        assert str(error).strip(), "an error is a sentence"  # noqa: PT017 - Whether there is one is not the question.


@pytest.mark.parametrize("text", ["", "\n", "<<<<<<< HEAD\na==1\n=======\na==2\n>>>>>>> other\n"])
def test_a_lock_merged_with_markers_is_no_lock(text: str) -> None:
    """And it is said which line is wrong."""
    _, faults = lockfile.parse_damaged(text)
    assert bool(faults) == ("<<<" in text)
