"""The files of the child in real interpreters, against a parent whose answers each test chooses."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from minreq import interpreter
from minreq.smoke.runfolder import RunFolder
from minreq.smoke.server import RunServer

#: Seconds that nothing here takes.
LIMIT = 60.0
#: The name of a fork at a miss.
MISS = "miss-1"
Message = Mapping[str, Any]


class Parent:
    """A message handler that answers from a table and records the messages."""

    def __init__(self, answers: Mapping[str, Message]) -> None:
        #: By the name asked for; any other is unknown.
        self.answers = answers
        #: Seconds that an answer takes, by the same name.
        self.delays: dict[str, float] = {}
        self.first: Message | None = None
        #: What the first process runs in forks, in this order.
        self.commands: list[Message] = []
        self.connected: list[tuple[str, bool]] = []
        #: With the process that asks.
        self.questions: list[tuple[str, Message]] = []
        self.results: dict[str, Message] = {}
        self.unsettled: dict[str, str] = {}
        #: What workers recorded, each with its stage.
        self.records: list[tuple[str, Message]] = []
        #: What the server refused: process and reason.
        self.refusals: list[tuple[str, str]] = []
        self._ended: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def process_connected(self, process: str, pid: int, *, inner_pid: int) -> bool:  # noqa: ARG002 - The seam has it.
        with self._lock:
            own = process not in [name for name, own in self.connected if own]
            self.connected.append((process, own))
        return own

    def answer_message(self, process: str, message: Message, *, is_own: bool) -> Message:  # noqa: ARG002 - As above.
        if "ask" in message:
            self.questions.append((process, message))
            time.sleep(self.delays.get(message["name"], 0))
            if process == MISS:
                return {"answer": "no", "distribution": message["name"]}
            return self.answers.get(message["name"], {"answer": "unknown"})
        if "begin" in message:
            return {"first": self.first}
        if "next" in message:
            return self._next(process)
        if "result" in message:
            self.results[f"{process}:{message['result']['stage']}"] = message["result"]
            return {"go": True}
        if "record" in message:
            self.records.append((message["stage"], message["record"]))
        if "unsettled" in message:
            self.unsettled[process] = message["unsettled"]
        return {}

    def process_disconnected(self, process: str) -> None:
        self._end(process).set()

    def message_refused(self, process: str, reason: str, *, is_own: bool) -> None:  # noqa: ARG002 - As above.
        self.refusals.append((process, reason))

    def stop(self) -> None:
        """End nothing: each test waits for the child that it starts."""

    def await_end(self, process: str) -> None:
        """Wait until *process* has disconnected: a fork may outlive the process that it was forked from."""
        assert self._end(process).wait(LIMIT)

    def asked(self, need: str) -> list[str]:
        return [question["name"] for _, question in self.questions if question["ask"] == need]

    def question(self, name: str) -> Message:
        """Return the first question about *name*."""
        return next(question for _, question in self.questions if question["name"] == name)

    def _next(self, process: str) -> Message:
        if process != "main" or not self.commands:
            return {"end": True}
        return self.commands.pop(0)

    def _end(self, process: str) -> threading.Event:
        with self._lock:
            return self._ended.setdefault(process, threading.Event())


class Child:
    """A run folder whose processes connect to a parent."""

    def __init__(self, run_folder: RunFolder, parent: Parent, folder: Path) -> None:
        self.run_folder, self.parent, self.folder = run_folder, parent, folder

    def script(self, name: str, text: str, *arguments: str, **environment: str) -> Message:
        """Return a stage that runs *text*."""
        file = self.folder / f"{name}.py"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return {"stage": name, "file": str(file), "environment": environment, "arguments": arguments}

    def start(self, command: Sequence[str | Path], **variables: str) -> subprocess.CompletedProcess[str]:
        environment = self.run_folder.environment(variables, seed=0)
        return subprocess.run(
            command,
            env=environment,
            cwd=self.run_folder.work,
            capture_output=True,
            encoding="utf-8",
            timeout=LIMIT,
            check=False,
        )

    def run(self, text: str, *arguments: str, **variables: str) -> str:
        """Run *text* with the hook and without the driver; return what it prints."""
        done = self.start([self.run_folder.python, self.script("program", text)["file"], *arguments], **variables)
        assert not done.returncode, done.stderr
        return done.stdout

    def drive(self, text: str = "", *stages: str) -> dict[str, Message]:
        """Run *text* as the first stage, and *stages* after one another in one fork of it; return the results."""
        if text:
            self.parent.first = self.script("first", text)
        if stages:
            scripts = [self.script(f"stage-{number}", stage) for number, stage in enumerate(stages)]
            self.parent.commands.append({"run": "fork-1", "scripts": scripts})
        done = self.start(self.run_folder.command())
        assert not done.returncode, done.stderr
        if stages:
            self.parent.await_end("fork-1")
        return self.parent.results


@pytest.fixture(scope="module")
def python() -> tuple[Path, tuple[int, int]]:
    """The interpreter that runs the tests, without its virtual environment."""
    return interpreter.find_interpreter().base_executable, sys.version_info[:2]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The certificate authority of the emulator."""
    return trustme.CA()


class Start:
    """Start a child that can import *paths*, with a parent that gives *answers*."""

    def __init__(self, python: tuple[Path, tuple[int, int]], authority: trustme.CA, folder: Path) -> None:
        self._python, self._folder = python, folder
        self._authority = authority.cert_pem.bytes().decode()

    @contextmanager
    def __call__(
        self, answers: Mapping[str, Message] | None = None, *, paths: Sequence[Path] = (), asks: bool = True
    ) -> Iterator[Child]:
        parent = Parent(answers or {})
        with RunFolder(*self._python) as run_folder:
            run_folder.prepare(paths=paths, asks=asks, shared=[], authority=self._authority)
            server = RunServer(run_folder.socket, parent)
            try:
                yield Child(run_folder, parent, self._folder)
            finally:
                server.close()


@pytest.fixture
def start(python: tuple[Path, tuple[int, int]], authority: trustme.CA, tmp_path: Path) -> Start:
    """Starts a child."""
    return Start(python, authority, tmp_path)


def distribution(folder: Path, name: str, **files: str) -> Message:
    """Unpack a distribution of these modules, with metadata; return the answer that makes it importable."""
    target = folder / "unpacked" / name
    information = target / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    information.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    for path, text in files.items():
        file = target.joinpath(*path.split("__")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return {"answer": "yes", "path": str(target), "shared": [], "fork": None}


NO = {"answer": "no", "distribution": "gone"}


# Questions.


def test_a_miss_is_a_question_with_the_frames_that_led_to_it(start: Start, tmp_path: Path) -> None:
    """The innermost frame is first, without the import machinery. A yes makes the module importable."""
    with start({"needed": distribution(tmp_path, "needed", needed="VALUE = 7")}) as child:
        printed = child.run(
            """
            def outer():
                class Body:
                    import needed
                return Body.needed.VALUE
            print(outer())
            """
        )
        question = child.parent.question("needed")
    program = str(tmp_path / "program.py")
    assert printed == "7\n"
    assert question["ask"] == "import"
    assert question["stage"] == "start"
    assert question["frames"] == [[program, 4, "<class Body>"], [program, 3, "outer"], [program, 6, "<module>"]]


def test_an_installed_module_is_no_question(start: Start, tmp_path: Path) -> None:
    """Nor is a submodule of an installed distribution, whether it exists or not."""
    path = Path(distribution(tmp_path, "there", there____init__="", there__part="")["path"])
    with start(paths=[path]) as child:
        child.run(
            """
            import there.part
            try:
                import there.other
            except ModuleNotFoundError as error:
                assert error.name == "there.other"
            """
        )
        assert not [name for name in child.parent.asked("import") if name.startswith("there")]


def test_without_asking_a_miss_is_a_miss(start: Start) -> None:
    """The proof runs so."""
    with start(asks=False) as child:
        child.run("try:\n    import gone\nexcept ModuleNotFoundError:\n    pass")
        assert child.parent.connected == []


def test_find_spec_is_a_probe(start: Start, tmp_path: Path) -> None:
    """A no makes a probe return None; a yes makes it return a spec."""
    with start({"gone": NO, "needed": distribution(tmp_path, "needed", needed="")}) as child:
        printed = child.run(
            "from importlib.util import find_spec; print(find_spec('gone'), find_spec('needed').name)",
        )
        assert printed == "None needed\n"
        assert child.parent.asked("probe") == ["gone", "needed"]
        assert child.parent.question("gone")["frames"][0][2] == "<module>"


def test_a_look_up_of_metadata_is_a_question(start: Start, tmp_path: Path) -> None:
    """A no raises PackageNotFoundError; a list of everything is no such question."""
    with start({"gone": NO, "needed": distribution(tmp_path, "needed")}) as child:
        printed = child.run(
            """
            from importlib import metadata
            metadata.entry_points()
            list(metadata.distributions())
            print(metadata.version("needed"))
            for name in ("gone", "unheard"):
                try:
                    metadata.version(name)
                except metadata.PackageNotFoundError as error:
                    print(error.name, getattr(error, "_minreq_declined", None))
            """
        )
        assert printed == "1.0\ngone gone\nunheard None\n"
        assert child.parent.asked("metadata") == ["needed", "gone", "unheard"]


def test_a_list_of_entry_points_is_that_of_a_full_install(start: Start, tmp_path: Path) -> None:
    """The parent lists distributions that are not here yet, for the requested group; to load one is a question."""
    rows = [["plugin", "1.0", "plugin-1.0.dist-info", "[app.plugins]\nfirst = plugin:VALUE\n"]]
    answers = {"app.plugins": {"listed": rows}, "": {"listed": rows}, "plugin": distribution(tmp_path, "plugin")}
    target = Path(str(answers["plugin"]["path"])) / "plugin.py"
    target.write_text("VALUE = 7")
    with start(answers) as child:
        printed = child.run(
            """
            from importlib.metadata import distributions, entry_points
            (point,) = entry_points(group="app.plugins")
            print(point.name, point.dist.name, point.dist.version, point.load())
            # It is here now, and stands in the list once.
            print([each.metadata["Name"] for each in distributions()].count("plugin"))
            print(len(entry_points(group="others.plugins")))
            """
        )
        assert printed == "first plugin 1.0 7\n1\n0\n"
        assert child.parent.asked("list") == ["app.plugins", "", "others.plugins"]
        assert "plugin" in child.parent.asked("import")


@pytest.mark.parametrize("how", ["point.load()", "import_module(point.module)"])
def test_an_error_of_a_listed_distribution_is_not_marked(start: Start, how: str) -> None:
    """Its import by name proves nothing: without the distribution, the list would not have had it. A statement does."""
    rows = [["gone", "1.0", "gone-1.0.dist-info", "[app.plugins]\nfirst = gone:VALUE\n"]]
    lines = "from importlib import import_module\nfrom importlib.metadata import entry_points\n"
    lines += "(point,) = entry_points(group='app.plugins')\n"
    with start({"app.plugins": {"listed": rows}, "gone": NO}) as child:
        results = child.drive(lines + how)
        assert results["main:first"]["status"] == "ModuleNotFoundError: No module named 'gone'"
        assert results["main:first"]["declined"] == []
    with start({"app.plugins": {"listed": rows}, "gone": NO}) as child:
        assert child.drive(lines + "import gone")["main:first"]["declined"] == ["gone"]


def test_a_backport_of_metadata_raises_its_own_error(start: Start, tmp_path: Path) -> None:
    """Code that catches PackageNotFoundError of ``importlib_metadata`` does not catch that of the standard library."""
    backport = """
import sys
class PackageNotFoundError(ModuleNotFoundError):
    pass
class Context:
    name = "gone"
def from_name():
    for finder in sys.meta_path:
        if type(finder).__name__ == "Finder":
            return finder.find_distributions(Context())
"""
    path = Path(distribution(tmp_path, "backport", importlib_metadata=backport)["path"])
    with start({"gone": NO}, paths=[path]) as child:
        assert (
            child.run(
                """
            import importlib_metadata
            try:
                importlib_metadata.from_name()
            except importlib_metadata.PackageNotFoundError as error:
                print(error._minreq_declined)
            """
            )
            == "gone\n"
        )


def test_a_namespace_is_empty_and_its_children_are_questions(start: Start, tmp_path: Path) -> None:
    """Its path follows ``sys.path`` (PEP 420), so it includes the folders of later distributions."""
    answers = {"shared": {"answer": "namespace"}, "shared.one": distribution(tmp_path, "one", shared__one="VALUE = 1")}
    with start({**answers, "shared.two": NO}) as child:
        printed = child.run(
            """
            import shared
            print(len(shared.__path__), "nowhere" in shared.__path__)
            import shared.one
            print(shared.one.VALUE, len(shared.__path__), shared.__path__[0] in list(shared.__path__), shared.__file__
                  if hasattr(shared, "__file__") else None)
            try:
                import shared.two
            except ModuleNotFoundError as error:
                print(error)
            """
        )
        assert printed == "0 False\n1 1 True None\nNo module named 'shared.two'\n"
        assert [name for name in child.parent.asked("import") if "shared" in name] == [
            "shared",
            "shared.one",
            "shared.two",
        ]


def test_a_finder_installed_later_is_asked_first(start: Start) -> None:
    """A module that the program finds by itself is no question."""
    with start() as child:
        child.run(
            """
            import importlib.machinery, sys
            class Own:
                @staticmethod
                def find_spec(name, path=None, target=None):
                    return importlib.machinery.ModuleSpec(name, Loader, origin="own") if name == "own" else None
            class Loader:
                create_module = staticmethod(lambda spec: None)
                exec_module = staticmethod(lambda module: None)
            sys.meta_path.append(Own)
            import own
            """
        )
        assert "own" not in child.parent.asked("import")


def test_a_repeated_miss_asks_once(start: Start) -> None:
    """Until the program invalidates the import caches."""
    with start({"gone": NO}) as child:
        child.run(
            """
            import importlib
            for number in range(6):
                if number == 3:
                    importlib.invalidate_caches()
                try:
                    import gone
                except ModuleNotFoundError:
                    pass
            """
        )
        assert child.parent.asked("import").count("gone") == 2


def test_threads_that_start_with_a_miss_share_one_connection(start: Start) -> None:
    """Otherwise one would send a message before the process has sent its name."""
    with start() as child:
        child.run(
            """
            import threading
            def miss(name):
                try:
                    __import__(name)
                except ModuleNotFoundError:
                    pass
            threads = [threading.Thread(target=miss, args=(f"gone_{number}",)) for number in range(20)]
            for each in threads: each.start()
            for each in threads: each.join()
            """
        )
        assert sorted(name for name in child.parent.asked("import") if name.startswith("gone_")) == sorted(
            f"gone_{number}" for number in range(20)
        )
        assert child.parent.connected == [("main", True)]


@pytest.mark.parametrize(
    ("before", "quiet"),
    [
        pytest.param("pass", True, id="nothing"),
        pytest.param("file = open(__file__)", True, id="a-file-to-read"),
        pytest.param("file = open('written', 'w')", False, id="a-file-to-write"),
        pytest.param("import socket; pair = socket.socketpair()", False, id="a-socket"),
        pytest.param("import os; pipe = os.pipe()", False, id="a-pipe"),
        pytest.param("import tempfile; folder = tempfile.TemporaryDirectory()", False, id="a-temporary-folder"),
        pytest.param(
            "import threading; event = threading.Event(); threading.Thread(target=event.wait, daemon=True).start()",
            False,
            id="a-thread",
        ),
        pytest.param("import subprocess; waiting = subprocess.Popen(['sleep', '30'])", False, id="a-process"),
    ],
)
def test_a_fork_is_safe_when_it_harms_no_process(start: Start, before: str, quiet: bool) -> None:  # noqa: FBT001
    """With two threads, a file open for writing, or a child, a fork could harm its parent, or hang."""
    with start() as child:
        child.run(
            f"{before}\ntry:\n    import gone\nexcept ModuleNotFoundError:\n    pass\n"
            "if 'waiting' in globals():\n    waiting.kill()\n    waiting.wait()\n"
        )
        assert child.parent.question("gone")["quiet"] is quiet


def test_a_fork_is_not_safe_in_a_running_loop(start: Start) -> None:
    """The descriptors of a loop make a fork unsafe; so does a loop without descriptors."""
    with start() as child:
        child.run(
            """
            import asyncio
            async def main():
                try:
                    import gone
                except ModuleNotFoundError:
                    pass
            asyncio.run(main())
            """
        )
        assert child.parent.question("gone")["quiet"] is False


def test_a_subprocess_has_the_hook_and_the_stage(start: Start) -> None:
    """It has the name of the process that started it, and a connection of its own."""
    with start() as child:
        results = child.drive(
            """
            import subprocess, sys
            code = "try:\\n    import gone\\nexcept ModuleNotFoundError:\\n    pass"
            subprocess.run([sys.executable, "-c", code], check=True)
            """
        )
        assert results["main:first"]["status"] == "passed", results
        assert child.parent.question("gone")["stage"] == "first"
        assert child.parent.connected == [("main", True), ("main", False)]


def test_a_fork_of_the_program_has_a_connection_of_its_own(start: Start) -> None:
    """Two processes on one connection would read each other's answers."""
    with start() as child:
        child.run(
            """
            import os
            try:
                import before
            except ModuleNotFoundError:
                pass
            pid = os.fork()
            try:
                import after
            except ModuleNotFoundError:
                pass
            if pid:
                os.waitpid(pid, 0)
            """
        )
        assert child.parent.asked("import").count("after") == 2
        assert child.parent.connected == [("main", True), ("main", False)]


# The network.


def test_only_loopback_is_reachable(start: Start) -> None:
    """Any other address fails as on a machine without network, and is recorded."""
    with start() as child:
        results = child.drive(
            """
            import errno, socket
            for family, kind, reach in (
                (socket.AF_INET, socket.SOCK_STREAM, lambda s: s.connect(("192.0.2.1", 443))),
                (socket.AF_INET, socket.SOCK_DGRAM, lambda s: s.sendto(b"x", ("192.0.2.2", 53))),
                (socket.AF_INET, socket.SOCK_DGRAM, lambda s: s.sendmsg([b"x"], [], 0, ("192.0.2.3", 53))),
            ):
                with socket.socket(family, kind) as tried:
                    try:
                        reach(tried)
                    except OSError as error:
                        assert error.errno == errno.ENETUNREACH, error
                    else:
                        raise AssertionError
            for host in ("index.example", b"bytes.example"):
                try:
                    socket.getaddrinfo(host, 443)
                except socket.gaierror as error:
                    assert error.errno == socket.EAI_NONAME
                else:
                    raise AssertionError
            try:
                socket.gethostbyname("name.example")
            except socket.gaierror:
                pass
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(("localhost", server.getsockname()[1])).close()
            """
        )
        result = results["main:first"]
        assert result["status"] == "passed", result["traceback"]
        assert result["connections"] == [
            "192.0.2.1:443",
            "192.0.2.2:53",
            "192.0.2.3:53",
            "index.example:443",
            "bytes.example:443",
            "name.example:",
        ]


HANDSHAKE = """
import ssl, sys
certificate, other = sys.argv[1:]
def handshake(host, *authorities):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    client = ssl.create_default_context()
    for each in authorities:
        client.load_verify_locations(each)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server, server_hostname=host),
            server.wrap_bio(to_server, to_client, server_side=True)]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                pass
"""


def certificate(authority: trustme.CA, folder: Path, host: str) -> str:
    """Return a certificate of *authority* for *host*, with its key."""
    file = folder / f"{host}.pem"
    authority.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(str(file))
    return str(file)


def test_tls_trusts_the_authority_for_its_hosts_and_no_other(
    start: Start, authority: trustme.CA, tmp_path: Path
) -> None:
    """Verification stays on: a wrong host fails, and so does a missing file of authorities."""
    with start() as child:
        assert (
            child.run(
                HANDSHAKE
                + textwrap.dedent(
                    """
                handshake("emulator.example")
                try:
                    handshake("other.example")
                except ssl.SSLCertVerificationError as error:
                    print("refused")
                try:
                    handshake("emulator.example", other)
                except FileNotFoundError:
                    print("not there")
                """
                ),
                certificate(authority, tmp_path, "emulator.example"),
                str(tmp_path / "nothing.pem"),
            )
            == "refused\nnot there\n"
        )


def test_tls_trusts_what_a_program_loads_too(start: Start, tmp_path: Path) -> None:
    """The authority of the emulator is trusted in addition; an authority that was not loaded is not trusted."""
    other = trustme.CA()
    other.cert_pem.write_to_path(str(tmp_path / "other-authority.pem"))
    with start() as child:
        assert (
            child.run(
                HANDSHAKE
                + textwrap.dedent(
                    """
                handshake("other.example", other)
                try:
                    handshake("other.example")
                except ssl.SSLCertVerificationError as error:
                    print("refused")
                """
                ),
                certificate(other, tmp_path, "other.example"),
                str(tmp_path / "other-authority.pem"),
            )
            == "refused\n"
        )


# Stages.


def test_warnings_logs_and_uncaught_exceptions_are_recorded(start: Start) -> None:
    """They are behaviour too, unless a filter or a level suppresses them."""
    with start() as child:
        result = child.drive(
            """
            import logging, threading, warnings
            warnings.warn("seen")
            warnings.warn("not shown by default", DeprecationWarning, stacklevel=9)
            logging.getLogger("app").warning("%d of %d", 1, 2)
            logging.getLogger("app").error("%d", "no number")
            logging.getLogger("app").info("too low")
            class Mute(Exception):
                def __str__(self):
                    raise ValueError
            def fail(error):
                raise error
            for error in (KeyError("lost"), Mute()):
                thread = threading.Thread(target=fail, args=(error,))
                thread.start()
                thread.join()
            class Late:
                def __del__(self):
                    raise RuntimeError("late")
            del Late
            class Final:
                def __del__(self):
                    raise RuntimeError("final")
            Final()
            """
        )["main:first"]
    assert result["warnings"] == [f"UserWarning: seen ({child.folder / 'first.py'})"]
    assert result["logs"] == [
        "WARNING app: 1 of 2",
        "ERROR app: %d",
        "ERROR uncaught: KeyError: 'lost'",
        "ERROR uncaught: Mute: (no text: ValueError)",
        "ERROR uncaught: RuntimeError: final",
    ]
    assert result["errors"] == ""


@pytest.mark.parametrize(
    "show", ["logging.basicConfig(format='%(created)f %(message)s')", "logging.captureWarnings(True)", ""]
)
def test_stderr_is_recorded_without_what_is_recorded_already(start: Start, show: str) -> None:
    """However a record is formatted, its line on stderr is no second record of it."""
    with start() as child:
        result = child.drive(
            f"""
            import logging, subprocess, sys, threading, warnings
            {show}
            def fail():
                raise KeyError("lost")
            print("before", file=sys.stderr)
            logging.getLogger("app").warning("one\\ntwo")
            subprocess.run("echo of a subprocess >&2", shell=True, check=True)
            warnings.warn("old")
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
            logging.getLogger("app").error("three")
            sys.stderr.write("after")
            """
        )["main:first"]
    assert result["status"] == "passed", result["traceback"]
    assert result["errors"] == "before\nof a subprocess\nafter"
    assert len(result["logs"]) == (4 if "capture" in show else 3)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_sends_what_it_records(start: Start, method: str) -> None:
    """The result of the stage comes from another process."""
    with start() as child:
        (child.folder / "work.py").write_text(
            "import logging, subprocess, sys, warnings\n"
            "def work():\n"
            "    logging.getLogger('work').warning('of a worker')\n"
            "    warnings.warn('old')\n"
            "    print('more', file=sys.stderr)\n"
            "    subprocess.run(['false'])\n"
        )
        result = child.drive(
            f"""
            import multiprocessing, work
            if __name__ == "__main__":
                worker = multiprocessing.get_context("{method}").Process(target=work.work)
                worker.start()
                worker.join()
            """
        )["main:first"]
    assert result["status"] == "passed", result["traceback"]
    assert (result["logs"], result["warnings"]) == ([], [])
    assert {stage for stage, _ in child.parent.records} == {"first"}
    log, warning, ended = [record for _, record in child.parent.records]
    file = child.folder / "work.py"
    assert log == {"logs": ["WARNING work: of a worker"], "shown": ["of a worker\n"]}
    assert warning["warnings"] == [f"UserWarning: old ({file})"]
    assert ended == {"exits": [f"exit 1 ({file}:6)"]}
    assert result["errors"] == f"of a worker\n{warning['shown'][0]}more\n"
    assert f"exit 0 ({child.folder / 'first.py'}:6)" in result["exits"]


def test_a_finalizer_in_a_request_of_a_worker_does_not_block_it(start: Start) -> None:
    """Its record has a connection of its own while the same thread waits for an answer."""
    with start() as child:
        result = child.drive(
            """
            import logging, os
            from _minreq_link import Connection
            pid = os.fork()
            if not pid:
                exchange, logged = Connection.exchange, []
                def exchange_and_log(self, message):
                    if not logged:
                        logged.append(True)
                        logging.getLogger("app").warning("within")
                    return exchange(self, message)
                Connection.exchange = exchange_and_log
                logging.getLogger("app").warning("outside")
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            """
        )["main:first"]
    assert result["status"] == "passed", result["traceback"]
    recorded = [record["logs"] for _, record in child.parent.records]
    assert recorded == [["WARNING app: within"], ["WARNING app: outside"]]


def test_exit_statuses_are_recorded_with_the_line_that_waits(start: Start) -> None:
    with start() as child:
        result = child.drive(
            """
            import asyncio, os, signal, subprocess, sys
            subprocess.run([sys.executable, "-c", "raise SystemExit(3)"])
            subprocess.Popen(["sleep", "9"]).kill()
            os.system("exit 4")
            async def main():
                process = await asyncio.create_subprocess_exec("false")
                await process.wait()
            asyncio.run(main())
            """
        )["main:first"]
    assert result["status"] == "passed", result["traceback"]
    file = child.folder / "first.py"
    assert {f"exit 3 ({file}:3)", f"exit 4 ({file}:5)"} <= set(result["exits"])
    assert [line[:6] for line in result["exits"]].count("exit 1") == 1


def test_a_fork_begins_where_the_first_stage_ended(start: Start) -> None:
    """It has the loaded modules, and none of the records. Each stage has its own output, with that of subprocesses."""
    with start() as child:
        results = child.drive(
            "import json, warnings\nwarnings.warn('first')\nprint('one')",
            "import sys, subprocess\nassert 'json' in sys.modules\nprint('two', flush=True)\n"
            "subprocess.run(['echo', 'three'], check=True)",
            "import atexit\natexit.register(print, 'at the end')\nprint(__name__, end=' ')",
        )
    assert {name: result["status"] for name, result in results.items()} == dict.fromkeys(results, "passed")
    assert results["main:first"]["output"] == "one\n"
    assert results["fork-1:stage-0"]["output"] == "two\nthree\n"
    assert results["fork-1:stage-0"]["warnings"] == []
    assert results["fork-1:stage-1"]["output"] == "__main__ at the end\n"


def test_a_stage_waits_for_the_jobs_it_left_to_threads(start: Start) -> None:
    """What the jobs do belongs to that stage, and not to the next; a job may submit another."""
    with start() as child:
        results = child.drive(
            "",
            """
            import time, warnings
            from concurrent.futures import ThreadPoolExecutor
            pool = ThreadPoolExecutor(1)
            def second():
                time.sleep(0.2)
                warnings.warn("late")
            def first():
                time.sleep(0.2)
                pool.submit(second)
            pool.submit(first)
            import threading
            threading.Thread(target=lambda: (time.sleep(0.6), print("in a thread"))).start()
            """,
            "print('next')",
        )
    assert results["fork-1:stage-0"]["output"] == "in a thread\n"
    assert results["fork-1:stage-0"]["warnings"] == [f"UserWarning: late ({child.folder / 'stage-0.py'})"]
    assert results["fork-1:stage-1"]["warnings"] == []


def test_jobs_may_end_at_any_moment() -> None:
    """Also between two checks of the jobs that are left."""
    program = """
        import sys
        from concurrent.futures import ThreadPoolExecutor
        sys.path.insert(0, sys.argv[1])
        from _minreq_jobs import Jobs
        sys.setswitchinterval(1e-6)
        jobs, pool = Jobs(), ThreadPoolExecutor(4)
        jobs.track()
        for _ in range(4000):
            done = [pool.submit(pow, 2, 3) for _ in range(3)]
            jobs.wait_until_done()
            assert all(each.done() for each in done)
        """
    folder = Path(interpreter.__file__).parent / "smoke" / "child"
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), folder], check=True, timeout=LIMIT)


def test_a_service_in_a_pool_holds_up_no_stage_for_ever(start: Start) -> None:
    """A stage waits for it once, as long as for a job."""
    with start() as child:
        results = child.drive(
            "",
            "import threading\nfrom concurrent.futures import ThreadPoolExecutor\n"
            "pool, over = ThreadPoolExecutor(1), threading.Event()\npool.submit(over.wait)\n"
            "threading.Thread(target=over.wait).start()\nimport builtins\nbuiltins.over = over",
            "print('next')",
            "over.set()\nprint('last')",
        )
    assert [result["output"] for result in results.values()] == ["", "next\n", "last\n"]


def test_a_fork_ends_at_its_first_failure(start: Start) -> None:
    """A later stage would show the effects of the failure."""
    with start() as child:
        results = child.drive("", "raise SystemExit('no')", "print('never')")
    assert [name for name in results if name.startswith("fork")] == ["fork-1:stage-0"]
    assert results["fork-1:stage-0"]["status"] == "SystemExit: no"


@pytest.mark.parametrize("ending", ["", "raise SystemExit", "raise SystemExit(0)", "import sys; sys.stdout.close()"])
def test_a_script_passes_as_a_program_does(start: Start, ending: str) -> None:
    """An exit without a status or with zero is no failure, nor is a closed stdout."""
    with start() as child:
        result = child.drive(f"print('done')\n{ending}")["main:first"]
    assert (result["status"], result["output"]) == ("passed", "done\n")


def test_loaded_modules_are_reported_with_their_first_importer(start: Start, tmp_path: Path) -> None:
    """Once for a process and its forks; a module that loads itself lazily stays unloaded."""
    path = Path(distribution(tmp_path, "app", app="import part", part="", later="", lazy="raise ValueError")["path"])
    with start(paths=[path]) as child:
        results = child.drive(
            """
            import app
            import importlib.util, sys
            spec = importlib.util.find_spec("lazy")
            spec.loader = importlib.util.LazyLoader(spec.loader)
            module = sys.modules["lazy"] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            """,
            "import later",
        )
    assert results["main:first"]["status"] == "passed", results
    first, second = (
        {Path(file).name: importer for file, importer in results[name]["loaded"]}
        for name in ("main:first", "fork-1:stage-0")
    )
    assert first["part.py"] == [str(path / "app.py"), 1, "<module>"]
    assert first["app.py"] == [str(child.folder / "first.py"), 2, "<module>"]
    assert second["later.py"] == [str(child.folder / "stage-0.py"), 1, "<module>"]
    assert "part.py" not in second


CHAINS = {
    "cause": "raise RuntimeError('wrapped') from error",
    "context": "raise RuntimeError('wrapped')",
    "suppressed": "raise RuntimeError('wrapped') from None",
    "attribute": "wrapped = RuntimeError('wrapped'); wrapped.exceptions = 7; raise wrapped",
    "members": "wrapped = RuntimeError('wrapped'); wrapped.exceptions = [error]; raise wrapped",
}


@pytest.mark.parametrize("how", CHAINS)
def test_a_marked_error_is_found_behind_what_wraps_it(start: Start, how: str) -> None:
    """A failure is evidence only if an exception that minreq has marked led to it."""
    with start({"gone": NO}) as child:
        result = child.drive(f"try:\n    import gone\nexcept ImportError as error:\n    {CHAINS[how]}")["main:first"]
    assert result["status"] == "RuntimeError: wrapped"
    assert result["declined"] == ["gone"]
    assert [module for module, _ in result["missing"]] == ["gone"]
    assert "No module named 'gone'" in result["traceback"] or how in {"suppressed", "members"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with 3.11")
def test_a_marked_error_is_found_in_a_group(start: Start) -> None:
    """A TaskGroup that failed raises a group."""
    with start({"gone": NO}) as child:
        result = child.drive(
            """
            import asyncio
            async def miss():
                import gone
            async def main():
                async with asyncio.TaskGroup() as group:
                    group.create_task(miss())
            asyncio.run(main())
            """
        )["main:first"]
    assert result["declined"] == ["gone"]


def test_an_equal_error_of_the_program_is_not_marked(start: Start) -> None:
    """It names a module, and no distribution; an exception that cannot be printed is reported."""
    with start() as child:
        results = child.drive(
            "",
            """
            class Proxy(ModuleNotFoundError):
                def __getattr__(self, name):
                    return "anything"
                def __str__(self):
                    raise ValueError("no words")
            raise Proxy(name="gone")
            """,
        )
    result = results["fork-1:stage-0"]
    assert result["status"] == "Proxy: (no text: ValueError)"
    assert result["declined"] == []
    assert [module for module, _ in result["missing"]] == ["gone"]


# Forks at a miss.


def drive_with_a_fork(start: Start, folder: Path, text: str) -> Parent:
    """Run *text* as the first stage, let it fork at its miss of ``needed``, and wait for both processes."""
    with start({"needed": {**distribution(folder, "needed", needed=""), "fork": MISS}}) as child:
        child.drive(text)
        child.parent.await_end(MISS)
        return child.parent


def test_a_fork_at_a_miss_goes_on_without_it(start: Start, tmp_path: Path) -> None:
    """The other process goes on with it. The output of the fork begins with what was printed so far."""
    parent = drive_with_a_fork(start, tmp_path, "print('before')\nimport needed\nprint('after')")
    assert parent.results["main:first"]["output"] == "before\nafter\n"
    fork = parent.results[f"{MISS}:first"]
    assert (fork["status"], fork["output"]) == ("ModuleNotFoundError: No module named 'needed'", "before\n")
    assert fork["declined"] == ["needed"]
    assert parent.unsettled == {}


def test_a_fork_at_a_miss_changes_no_order_of_output(start: Start, tmp_path: Path) -> None:
    """Both processes go on with what is printed and not written yet."""
    text = """
        import subprocess, sys
        print("buffered")
        print("seen", file=sys.stderr)
        try:
            import needed
        except ImportError:
            print("without")
        else:
            subprocess.run(["echo", "first"], check=True)
        """
    with start({"needed": distribution(tmp_path, "needed", needed="")}) as child:
        plain = child.drive(text)["main:first"]
    parent = drive_with_a_fork(start, tmp_path / "forked", text)
    forked, fork = parent.results["main:first"], parent.results[f"{MISS}:first"]
    assert plain["output"] == forked["output"] == "first\nbuffered\n"
    assert fork["output"] == "buffered\nwithout\n"
    assert plain["errors"] == forked["errors"] == fork["errors"] == "seen\n"


def test_a_fork_may_write_in_a_temporary_folder_of_its_own(start: Start, tmp_path: Path) -> None:
    """And its output stays its own."""
    parent = drive_with_a_fork(
        start,
        tmp_path,
        """
        import os, pathlib, sys, tempfile
        try:
            import needed
        except ImportError:
            with tempfile.NamedTemporaryFile("w") as file:
                os.mkdir(file.name + "-folder")
                os.rename(file.name + "-folder", file.name + "-moved")
                print("written")
            open(os.devnull, "w").close()
        """,
    )
    assert parent.unsettled == {}
    assert parent.results[f"{MISS}:first"]["output"] == "written\n"
    assert parent.results["main:first"]["output"] == ""


@pytest.mark.parametrize(
    ("harm", "event"),
    [
        ("os.remove(outside)", "os.remove"),
        ("open(outside, 'w')", "open"),
        ("os.mkdir(outside + '-folder')", "os.mkdir"),
        ("os.rename(tempfile.mkdtemp(), outside + '-moved')", "os.rename"),
        ("open(os.path.join(os.environ['TMPDIR'], '..', 'escaped'), 'w')", "open"),
        ("subprocess.run(['true'])", "subprocess.Popen"),
        ("os.fork()", "os.fork"),
        ("os.kill(os.getppid(), 0)", "os.kill"),
        ("socket.create_connection(('127.0.0.1', 9))", "socket.connect"),
    ],
)
def test_a_fork_that_reaches_outside_ends_unsettled(start: Start, tmp_path: Path, harm: str, event: str) -> None:
    """Before it does anything: it shares files and descriptors with the process that it was forked from."""
    outside = tmp_path / "outside"
    outside.write_text("kept", "utf-8")
    parent = drive_with_a_fork(
        start,
        tmp_path,
        f"""
        import os, socket, subprocess, tempfile
        outside = {str(outside)!r}
        try:
            import needed
        except ImportError:
            {harm}
        """,
    )
    assert list(parent.unsettled) == [MISS]
    assert parent.unsettled[MISS].startswith(f"{event} ")
    assert f"{MISS}:first" not in parent.results
    assert outside.read_text("utf-8") == "kept"
    assert parent.results["main:first"]["status"] == "passed"


# Start and end.


def test_another_protocol_is_refused(start: Start) -> None:
    """With a message, before anything runs: without the hook a program would ask nothing, and reach anything."""
    with start() as child:
        configuration = next(child.run_folder.path.rglob("_minreq_child.json"))
        document = json.loads(configuration.read_text("utf-8"))
        configuration.write_text(json.dumps({**document, "protocol": document["protocol"] + 1}), "utf-8")
        done = child.start([child.run_folder.python, "-c", "print('ran')"])
    assert done.returncode == 70
    assert done.stdout == ""
    number = document["protocol"]
    assert f"it speaks version {number + 1} of the protocol, these files version {number}" in done.stderr


def test_nothing_runs_where_the_hook_cannot(start: Start) -> None:
    """``site`` would only print the error."""
    with start() as child:
        next(child.run_folder.path.rglob("_minreq_child.json")).write_text("{}", "utf-8")
        done = child.start([child.run_folder.python, "-c", "print('ran')"])
    assert (done.returncode, done.stdout) == (70, "")
    assert "KeyError: 'protocol'" in done.stderr


def test_a_process_that_lost_its_parent_ends(start: Start) -> None:
    """Nobody waits for the rest of its run."""
    with start() as child:
        child.run_folder.socket.unlink()
        done = child.start([child.run_folder.python, "-c", "import gone; print('ran')"])
    assert (done.returncode, done.stdout) == (70, "")
