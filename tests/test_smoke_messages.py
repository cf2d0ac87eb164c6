"""What a child may send: code of packages that breaks the rules of the protocol ends its process with a sentence."""

from __future__ import annotations

import socket
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from scenariorun import OpenScenario, open_scenario, run_scenario
from wheelhouse import parse, write

from minreq.errors import SmokeFailed
from minreq.model import Script
from minreq.smoke import isolation, lines
from minreq.smoke.lines import CANCEL, MessageQuota, MessageRefused, check_structure, parse_message, read_message
from minreq.smoke.messages import read_pytest_event
from minreq.smoke.run import Run

#: Lets a program send anything.
RAW = """
import json, os, socket, time
from _minreq_child import LINK

def connect():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(LINK._address)
    return connection

def send(*lines, hello=b'{"hello": "main", "pid": 1, "id": 1}'):
    connection = connect()
    for line in (hello, *lines):
        connection.sendall(b"\\x18\\n" + line + b"\\n")
    time.sleep(60)

def ask(**changes):
    question = {"ask": "import", "name": "a", "frames": [], "stage": "s", "order": 1, "quiet": False, "id": 2}
    send(json.dumps(question | changes).encode())

def result(**changes):
    value = {"stage": "smoke/program", "status": "passed", "output": "", "errors": "", "warnings": [], "logs": [],
             "exits": [], "declined": [], "missing": [], "traceback": "", "opened": [], "loaded": [], "caught": [],
             "connections": []}
    LINK.request({"result": value | changes})
    time.sleep(60)
"""

#: Program to the sentence of the error.
BROKEN_RULES = {
    "ask(ask='everything')": "asked minreq for what it does not know",
    "ask(ask=['import'])": "sent a message to minreq whose 'ask' is not as the protocol says",
    "ask(name=7)": "whose 'name' is not",
    "ask(name=None)": "whose 'name' is not",
    "result(caught=[['s', 1]])": "whose 'caught' is not",
    "result(caught=[['s', -1, ['a', 1, 'c']]])": "whose 'frame' is not",
    "ask(frames=[[1, 2]])": "whose 'frame' is not",
    "ask(frames=[['a', 'b', 'c']])": "whose 'frame' is not",
    "ask(frames=[['/dev/null\\0', 1, 'c']])": "whose 'path' is not",
    "ask(frames=[['a', 1, 'c']] * 2000)": "whose 'frames' is not",
    "ask(order=True)": "whose 'order' is not",
    "ask(order=10 ** 400)": "whose 'order' is not",
    "ask(order=float('nan'))": "that is no JSON",
    "send(b'{\"ask\": ' + b'1' * 5000 + b'}')": "that is no JSON",
    "send(b'nonsense')": "that is no JSON",
    "send(b'\\xff')": "that is no JSON",
    "send(b'[1]')": "that is no object",
    "send(b'{}')": "whose 'id' is not",
    "send(b'{\"id\": 2}')": "that the protocol does not have",
    'send(b\'{"compile": 1, "optimize": 0, "id": 2}\')': "whose 'compile' is not",
    "ask(name=eval('[' * 16 + ']' * 16))": "of more than 16 levels",
    "send(b'{\"ask\": ' + b'[' * 3_000_000)": "of more than 1,000,000 values",
    "send(b'{\"ask\": ' + b'[' * 900_000)": "of more than 16 levels",
    "send(b'{\"ask\": [' + b'\"\",' * 5_000_000)": "of more than 1,000,000 values",
    "send(b'\"' + b'x' * (33 << 20))": "of more than 32 MiB",
    'send(hello=b\'{"hello": "other", "pid": 1, "id": 1}\')': "a name to minreq that no process of the run has",
    'send(hello=b\'{"ask": "import", "id": 1}\')': "before its name",
    'send(b\'{"hello": "fork-1", "pid": 1, "id": 1}\')': "changed the name of a process",
    "kept = [connect() for _ in range(300)]; time.sleep(60)": "opened more than 256 connections",
    "LINK.request({'result': 5}); time.sleep(60)": "whose 'result' is not",
    "result(status=None)": "whose 'status' is not",
    "result(stage='other')": "the result of a stage that it did not have to run",
    "result(output=7)": "whose 'output' is not",
    "result(logs='text')": "whose 'logs' is not",
    "result(logs=[{}])": "whose 'logs' is not",
    "result(loaded=[[1, 2, 3]])": "whose 'loaded' is not",
    "result(loaded=[['a\\0', None]])": "whose 'path' is not",
    "LINK.request({'unsettled': []}); time.sleep(60)": "whose 'unsettled' is not",
    "LINK.request({'anything': 1}); time.sleep(60)": "that the protocol does not have",
    "print('ab\\n' * 200_000)": "printed or logged more than 100,000 lines in one stage",
    "result(errors='x' * (9 << 20))": "printed or logged more than 8 MiB in one stage",
    "while True: LINK.request({'record': {'logs': ['x'] * 50_000}, 'stage': 's'})": "logged more in subprocesses",
    "while True: LINK.request({'record': {'shown': ['x' * (3 << 20)]}, 'stage': 's'})": "logged more in subprocesses",
}


def scenario(program: str) -> str:
    return f"""
explanation = "A program that speaks for the hook."
requirements = ["app"]
program = '''
{RAW}
{program}
'''
kept = ["app"]
[wheels.app."1.0"]
"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenScenario]:
    """A runner, for stages that a test chooses."""
    with open_scenario(write(parse(scenario("import app")), tmp_path_factory.mktemp("house"))) as opened:
        yield opened


@pytest.mark.parametrize("program", BROKEN_RULES)
def test_a_broken_rule_is_a_sentence(program: str, opened: OpenScenario, capfd: pytest.CaptureFixture[str]) -> None:
    """And no traceback, and no wait until the limit."""
    file = opened.house.program.with_name("broken.py")
    file.write_text(RAW + program, "utf-8")
    began = time.monotonic()
    with Run(opened.runner.setup, "run") as run:
        (result,) = run.run_scripts([Script(stage="smoke/program", file=file, environment={})])
    assert result.behaviour.status.startswith("minreq ended its process: it ")
    assert BROKEN_RULES[program] in result.behaviour.status
    assert result.ended_by == "death"
    assert "Traceback" not in "".join(capfd.readouterr())
    assert time.monotonic() - began < 25


def test_the_command_says_so(tmp_path: Path) -> None:
    with pytest.raises(SmokeFailed, match="it asked minreq for what it does not know"):
        run_scenario(write(parse(scenario("ask(ask='everything')")), tmp_path / "house"))


def test_the_same_under_hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(isolation.SANDBOX_VARIABLE, "hooks")
    with pytest.raises(SmokeFailed, match="it asked minreq for what it does not know"):
        run_scenario(write(parse(scenario("ask(ask='everything')")), tmp_path / "house"))


def test_a_rule_broken_without_a_distribution_is_a_failure_that_has_to_repeat(tmp_path: Path) -> None:
    """In a fork it proves nothing, and ends no other process."""
    text = scenario(
        "import app\ntry:\n    import needed\nexcept ImportError:\n    LINK.request({'ask': 'all'})\nimport other"
    ).replace('[wheels.app."1.0"]', '[wheels.app."1.0"]\nrequires = ["needed", "other"]')
    text += '[wheels.needed."1.0"]\n[wheels.other."1.0"]\n'
    found = run_scenario(write(parse(text), tmp_path / "house"))
    assert found.kept == ("app", "needed", "other")


def test_a_copy_of_the_process_gives_no_result(tmp_path: Path) -> None:
    """A program may fork, and both copies come to its end: the result is that of the process that was started."""
    program = """
import app, os, sys
pid = os.fork()
if pid:
    os.waitpid(pid, 0)
    import needed
else:
    raise SystemExit(3)
"""
    text = scenario(program).replace('[wheels.app."1.0"]', '[wheels.app."1.0"]\nrequires = ["needed"]')
    found = run_scenario(write(parse(text + '[wheels.needed."1.0"]\n'), tmp_path / "house"))
    assert found.kept == ("app", "needed")


def test_names_that_nothing_has_are_only_unknown(tmp_path: Path) -> None:
    """Also those that no file and no text may have."""
    names = ["", ".", "..", "a..b", "/etc/passwd", "a\nb", "a\0b", "\ud800", "x" * 100_000, "ü", "%s", "{0}", "\x1b[2J"]
    program = f"""
import app
for name in {names!r}:
    for need in ("import", "probe", "metadata", "list"):
        message = {{"ask": need, "name": name, "frames": [[name.replace(chr(0), ""), -1, name]], "stage": name,
                    "order": 1, "quiet": False}}
        answer = LINK.request(message)
        assert answer.get("answer") == "unknown" or answer["listed"] == [], (name, answer)
print("\\ud800".encode("utf-8", "surrogatepass"))
"""
    assert run_scenario(write(parse(scenario(program)), tmp_path / "house")).kept == ("app",)


def resident() -> int:
    """Return the bytes of memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


@contextmanager
def peak_of_memory() -> Iterator[list[int]]:
    """Measure by how much the memory of this process grows at most."""
    before, peak, done = resident(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], resident() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory in use is read from /proc")
@pytest.mark.parametrize(
    "line",
    ["b'\"' + b'x' * (30 << 20)", "b'{\"ask\": [' + b'[],' * 300_000 + b'0]}'"],
    ids=["texts", "values"],
)
def test_many_large_messages_at_once(line: str, tmp_path: Path) -> None:
    """Forty connections of sixty megabytes once took 2.8 GB."""
    program = f"""
import app, threading
for _ in range(40):
    threading.Thread(target=send, args=({line},), daemon=True).start()
time.sleep(60)
"""
    with peak_of_memory() as peak, pytest.raises(SmokeFailed, match="minreq ended its process: it sent "):
        run_scenario(write(parse(scenario(program)), tmp_path / "house"))
    assert peak[0] < 400 << 20, peak[0] >> 20


def test_the_total_of_messages_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_TOTAL", 1 << 20)
    program = "import app\nwhile True: LINK.request({'ask': 'list', 'name': '', 'frames': [], 'stage': '', 'order': 1})"
    with pytest.raises(SmokeFailed, match="it sent more than 1 MiB of messages to minreq"):
        run_scenario(write(parse(scenario(program)), tmp_path / "house"))


# Lines and messages.


def read_all(sent: bytes) -> list[object]:
    """Return the messages in *sent*."""
    ours, theirs = socket.socketpair()
    with ours, theirs, theirs.makefile("rb") as stream:
        ours.sendall(sent)
        ours.shutdown(socket.SHUT_WR)
        quota = MessageQuota()
        found: list[object] = []
        while True:
            with read_message(stream, quota) as message:
                if message is None:
                    return found
                found.append(message)


def test_an_interrupted_line_is_no_message() -> None:
    whole = CANCEL + b'{"a": 1}\n'
    assert read_all(whole * 2) == [{"a": 1}] * 2
    for length in range(len(whole)):
        assert read_all(whole[:length] + whole) in ([{"a": 1}], [{"a": 1}] * 2)
        assert read_all(whole[:length]) == []


def test_the_structure_is_told_by_what_is_outside_of_texts() -> None:
    assert check_structure(rb'{"a[[[[{,": ["\"[[,", "\\", [1, 2]], "b": 3}') == 7
    deep = b"[" * lines.MAX_DEPTH + b"]" * lines.MAX_DEPTH
    assert check_structure(deep) == lines.MAX_DEPTH
    with pytest.raises(MessageRefused):
        check_structure(b"[" + deep + b"]")


def test_half_a_character_is_replaced() -> None:
    """A file could not hold it."""
    sent = rb'{"a": "\ud83d\ude00 \ud83d", "\udc00": "\\ud800"}'
    assert parse_message(sent) == {"a": "\U0001f600 ?", "?": "\\ud800"}


def test_reading_takes_time_proportional_to_the_length() -> None:
    """Escapes without end would be tried again from each of them by some expressions."""
    began = time.monotonic()
    for part in (rb"\"", rb"\\", b'"', b"x", b"[]"):
        line = b'{"' + part * (1 << 21)
        with suppress(MessageRefused):
            check_structure(line)
        with suppress(MessageRefused):
            parse_message(line)
    assert time.monotonic() - began < 20


def test_the_program_of_these_tests_speaks_the_protocol(tmp_path: Path) -> None:
    """Otherwise any message would be refused."""
    program = textwrap.dedent(
        """
        import app, threading
        threading.Thread(target=ask, daemon=True).start()
        time.sleep(0.5)
        """
    )
    assert run_scenario(write(parse(scenario(program)), tmp_path / "house")).kept == ("app",)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"test": "everything"}, "sent a message about a test that the protocol does not have"),
        ({"test": 5}, "whose 'test' is not"),
        ({"test": "begin"}, "whose 'node' is not"),
        ({"test": "collected", "ids": ["a", 1]}, "whose 'ids' is not"),
        ({"test": "report", "node": "a", "when": "call", "outcome": None, "text": ""}, "whose 'outcome' is not"),
        ({"test": "error", "node": "a", "text": "", "missing": [["a"]]}, "whose 'missing' is not"),
        ({"test": "error", "node": "a", "text": "", "missing": [["a", ["b\0", 1, "c"]]]}, "whose 'path' is not"),
    ],
    ids=str,
)
def test_broken_rules_of_messages_about_tests(message: dict[str, object], sentence: str) -> None:
    with pytest.raises(MessageRefused) as refused:
        read_pytest_event(message)
    assert sentence in refused.value.reason


def test_a_message_about_tests_that_nobody_expects(tmp_path: Path) -> None:
    """Where no recorder is, the protocol does not have them."""
    with pytest.raises(SmokeFailed, match="that the protocol does not have"):
        run_scenario(write(parse(scenario("LINK.request({'test': 'session'})")), tmp_path / "house"))
