"""Bytes from outside: whatever they are, every parser returns or raises an error of ours, and soon."""

from __future__ import annotations

import json
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from outside import DUMPED, FOUND, PAGE, SEEDS, TARGETS

from minreq.errors import MinreqError
from minreq.index import simple
from minreq.lockfile import requirements as lockfile
from minreq.smoke import messages
from minreq.smoke.lines import CANCEL
from minreq.smoke.server import RunServer


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


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    """What a target reads in daily life, damaged."""
    _ours(lambda: TARGETS[name](data.draw(damaged(SEEDS[name]))))


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_was_found(name: str, data: bytes) -> None:
    with pytest.raises(MinreqError):
        TARGETS[name](data)


#: A number that Python refuses to read, a marker that packaging cannot parse, and JSON that Python cannot.
NUMBER, MARKER, DEEP = b"1" * 5000, b"(" * 1000 + b"os_name == 'a'" + b")" * 1000, b"[" * 100_000
EXCESSIVE: Mapping[str, tuple[bytes, ...]] = {
    "json_page": (
        json.dumps(PAGE).replace("1.4", NUMBER.decode()).encode(),
        json.dumps(PAGE).replace(">=3.8", f">={NUMBER.decode()}").encode(),
        json.dumps(PAGE).replace("-1.0-", f"-{NUMBER.decode()}-").encode(),
        json.dumps(PAGE).replace('"size": 5', f'"size": {NUMBER.decode()}').encode(),
        b'{"files": ' + DEEP,
        b'{"a": ' + DEEP,
    ),
    "html_page": (
        SEEDS["html_page"].replace(b"a-1.0-py3", b"a-" + NUMBER + b"-py3"),
        SEEDS["html_page"].replace(b"&gt;3", b"&gt;" + NUMBER),
        b"<a " * 20_000,
        b"<a x" * 15_000 + b">",
        b'<a "' * 15_000,
        b"<!--" * 15_000,
        b"<![" * 20_000,
        b"<?" * 30_000,
        b"</" * 30_000,
        b"&" * 60_000,
        b'<a href="' + b"&#" * 30_000 + b'">',
    ),
    "metadata": (
        b"Name: a\nVersion: " + NUMBER,
        b"Name: a\nVersion: 1.0\nRequires-Python: >=" + NUMBER,
        b"Name: a\nVersion: 1.0\nRequires-Dist: b>=" + NUMBER,
        b"Name: a\nVersion: 1.0\nRequires-Dist: b; python_version > '" + NUMBER + b"'",
        b"Name: a\nVersion: 1.0\nRequires-Dist: b; " + MARKER,
        b"Name: a\nVersion: 1.0\nRequires-Dist: b; " + b" or ".join([b"os_name == 'a'"] * 100_000),
        b"Name: a\nVersion: 1.0\n" + b"Requires-Dist: b\n" * 100_000,
    ),
    "lock": (b"a==" + NUMBER, b"a==1; " + MARKER),
    "lock_evidence": (
        DUMPED.replace("1.0", NUMBER.decode()).encode(),
        DUMPED.replace("1.0", "1.0; " + MARKER.decode()).encode(),
        b'{"schema": 1, "lock": ' + DEEP,
        b'{"schema": ' + NUMBER + b"}",
        DEEP,
    ),
    "requirements_file": (b"a>=" + NUMBER, b"a; " + MARKER, b"--index-url " + b"'" * 20_001),
    "configuration": (
        b"[tool.minreq]\nroot = 'a; " + MARKER.replace(b"'", b'"') + b"'",
        b"[tool.minreq]\nbudget = " + NUMBER,
        b"[tool.minreq]\nproviders = " + DEEP[:5000],
        b"[tool.minreq" + b".a" * 5000 + b"]",
    ),
    "cutoffs": (NUMBER, NUMBER + b" days", b"9" * 300 + b" weeks", b"99999-01-01"),
    "source_file": (
        b"x = " + b"(" * 5000,
        b"x = " + b"-" * 50_000 + b"1",
        b"x = " + b"a." * 20_000 + b"a",
        b"x=" + NUMBER,
    ),
}


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name in EXCESSIVE for number in range(len(EXCESSIVE[name]))]
)
def test_input_beyond_any_limit(name: str, number: int) -> None:
    """It is read or refused soon, and the sentence does not repeat all of it."""
    begin = time.monotonic()
    _ours(lambda: TARGETS[name](EXCESSIVE[name][number]), longest=1000)
    assert time.monotonic() - begin < 20


@given(changed(PAGE))
def test_index_pages_with_anything_in_them(body: bytes) -> None:
    _ours(lambda: TARGETS["json_page"](body))


@given(changed(json.loads(DUMPED)))
def test_evidence_with_anything_in_it(body: bytes) -> None:
    _ours(lambda: TARGETS["lock_evidence"](body))


@given(st.text(max_size=30))
def test_content_types(kind: str) -> None:
    _ours(lambda: simple.parse(b"{}", content_type=kind, url="https://index.example/simple/a/"))


QUESTION = (
    b'\x18\n{"ask": "import", "name": "a", "frames": [["f", 1, "g"]], '
    b'"stage": "s", "order": 1, "quiet": true, "id": 2}\n'
)


class Quiet:
    """Answers nothing of use, and remembers nothing."""

    def __init__(self) -> None:
        self.gone = 0
        self.refusals: list[tuple[str, str]] = []

    def process_connected(self, process: str, pid: int, *, inner_pid: int) -> bool:  # noqa: ARG002 - The seam has it.
        return process == "main"

    def answer_message(self, process: str, message: Mapping[str, Any], *, is_own: bool) -> Mapping[str, Any]:  # noqa: ARG002
        return {"answer": messages.read_question(message).name}

    def message_refused(self, process: str, reason: str, *, is_own: bool) -> None:  # noqa: ARG002 - As above.
        self.refusals.append((process, reason))

    def process_disconnected(self, process: str) -> None:  # noqa: ARG002
        self.gone += 1

    def stop(self) -> None:
        """There is nothing to stop."""


@settings(max_examples=40)
@given(st.lists(damaged(QUESTION), max_size=3))
def test_messages_of_a_child(sent: list[bytes]) -> None:
    """Nonsense is refused with a reason and ends its own connection, and the next one is served."""
    with tempfile.TemporaryDirectory() as folder:
        listener = Quiet()
        server = RunServer(Path(folder, "s"), listener)
        try:
            for body in (b"".join(sent), b""):
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.settimeout(30)
                    connection.connect(str(Path(folder, "s")))
                    connection.sendall(b'{"hello": "main", "pid": 1, "id": 1}\n')
                    assert connection.recv(100) == CANCEL + b'{"id": 1}\n'
                    connection.sendall(body)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
        finally:
            server.close()
        assert all(
            process == "main" and reason.startswith(("sent ", "asked ", "changed "))
            for process, reason in listener.refusals
        )


def _ours(call: Any, *, longest: int = 100_000) -> None:
    """Call, and let any error of ours pass; another fails the test."""
    try:
        call()
    except MinreqError as error:
        assert 0 < len(str(error).strip()) < longest, str(error)[:1000]  # noqa: PT017 - Whether there is one is not the question.


@pytest.mark.parametrize("text", ["", "\n", "<<<<<<< HEAD\na==1\n=======\na==2\n>>>>>>> other\n"])
def test_a_lock_merged_with_markers_is_no_lock(text: str) -> None:
    """And it is said which line is wrong."""
    _, faults = lockfile.parse_leniently(text)
    assert bool(faults) == ("<<<" in text)
