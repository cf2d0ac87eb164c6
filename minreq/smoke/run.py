"""A smoke run in a child interpreter, seen from the parent: its processes, and what each stage did.

The messages are told in docs/protocol.md, and on their other side in ``child/_minreq_child.py`` and
``child/_minreq_driver.py``.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from packaging.utils import NormalizedName

from minreq.model import Need, RecordedRequest, Script
from minreq.smoke import endings, messages
from minreq.smoke.emulation import Endpoints
from minreq.smoke.listening import Server
from minreq.smoke.oracle import Oracle
from minreq.smoke.processes import MAIN, Process, Processes
from minreq.smoke.results import StageResult, no_result
from minreq.smoke.sandbox import Sandbox
from minreq.smoke.world import World

#: Seconds that a fork at a miss may take: it fails within milliseconds or is of no use.
FORK_LIMIT = 60.0
#: Bytes of what a child wrote: more than the lines that are told.
_LAST_WORDS = 64 << 10
_PORT = re.compile(r"(127\.0\.0\.1|localhost):\d{4,5}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A fork at a miss, which goes without a distribution; when it passes the first stage, it is a template."""

    process: str
    result: Future[StageResult] = field(default_factory=Future)


class Run:
    """One child interpreter with its forks; a context manager that ends them all.

    *paths* are importable from the start; what else is asked for, the *oracle* answers. Without an oracle, what is
    missing is missing. With *opens* the files that each stage opens are told.
    """

    def __init__(
        self,
        world: World,
        name: str,
        *,
        paths: Sequence[Path] = (),
        oracle: Oracle | None = None,
        shared: Sequence[str] = (),
        seed: int = 0,
        forks: int = 1,
        opens: bool = False,
    ) -> None:
        self._world = world
        self._name = name
        self._paths = paths
        self._oracle = oracle
        self._shared = shared
        self._seed = seed
        self._opens = opens
        self._processes = Processes()
        self._slots = threading.Semaphore(max(forks, 1))
        self._error: Exception | None = None
        self._stopped = False
        self._first: Mapping[str, Any] | None = None
        #: Forks at a miss, by the distribution they go without.
        self.forks: dict[NormalizedName, Miss] = {}
        self.sandbox = Sandbox(world.executable, world.version)
        self.places = world.places(self.sandbox.folder)

    def __enter__(self) -> Run:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        world, sandbox = self._world, self.sandbox
        asks = self._oracle is not None
        # What links lead to, too.
        readable = [each for path in self._paths for each in {path, path.resolve()}]
        sandbox.prepare(
            paths=self._paths,
            asks=asks,
            shared=self._shared,
            authority=world.emulator.authority,
            folders=world.walls.folders(writable=sandbox.folder, readable=readable),
            opens=self._opens,
            store=None if world.compiler is None else str(world.walls.unpacked),
        )
        if world.plan.first is not None:
            self._first = self._open(MAIN, world.plan.first)
        self._server = Server(sandbox.socket, self)
        self._output = (sandbox.folder / "output").open("w+b")
        self._child = subprocess.Popen(
            world.walls.command(
                sandbox.command(),
                writable=sandbox.folder,
                readable=readable,
                network=world.emulator.pid,
            ),
            env=sandbox.environment(world.plan.environment, seed=self._seed),
            cwd=sandbox.work,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Whatever mattered has been told: templates, forks and what the smoke left running end here.
        self.stop()
        self._child.wait()
        self._processes.end()
        self._server.close()
        self._output.close()
        self.sandbox.__exit__(kind, error, traceback)

    def stop(self) -> None:
        """End the run at once: whoever waits for a stage is told that its process died."""
        self._stopped = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def first_stage(self) -> StageResult | None:
        """Wait for the first stage; ``None`` when the plan has none."""
        script = self._world.plan.first
        return None if script is None else self._await_stage(MAIN, script, self._world.limit)

    def run(
        self, scripts: Sequence[Script], *, without: NormalizedName | None = None, template: str = MAIN
    ) -> tuple[StageResult, ...]:
        """Run *scripts* one after the other in a fork of what the first stage left; ends at the first that fails.

        *template* is the process to fork, a fork at a miss for one. May be called from several threads.
        """
        process = self._processes.expect("fork", without)
        commands = [self._open(process, script) for script in scripts]
        self._processes[template].commands.put({"run": process, "scripts": commands})
        found: list[StageResult] = []
        for script in scripts:
            if found and not found[-1].passed:
                self._close(process, script)
            else:
                found.append(self._await_stage(process, script, self._world.limit))
        return tuple(found)

    # The listener of the socket.

    def hello(self, process: str, pid: int, *, inside: int) -> bool:
        """Note the process behind a new connection."""
        return self._processes.connected(process, pid, inside=inside)

    def receive(self, process: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one message of *process*."""
        state = self._processes[process]
        if "ask" in message:
            try:
                return self._answer(process, message)
            except Exception as error:
                # Raised again where the stage is waited for; the child cannot go on without an answer.
                self._error = error
                self.stop()
                raise ConnectionAbortedError from error
        if "compile" in message:
            compiler = self._world.compiler
            file, optimize = str(message["compile"]), int(message["optimize"])
            return {"compiled": compiler is not None and compiler.compile(file, optimize)}
        if "begin" in message:
            return {"first": self._first}
        if "next" in message:
            return state.commands.get()
        if "result" in message:
            state.events.put(message["result"])
            return {"go": True}
        if "unsettled" in message:
            state.ended = True
            state.unsettled = str(message["unsettled"])
            state.events.put("unsettled")
        if "end" in message:
            state.ended = True
            state.events.put(None)
        return {}

    def closed(self, process: str) -> None:
        """Tell whoever waits that *process* is gone."""
        state = self._processes[process]
        if not state.ended:
            state.events.put("death")

    def _watch(self) -> None:
        """A child that ends before it connects must not be waited for."""
        self._child.wait()
        self._processes.over()

    def _answer(self, process: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._oracle is None:
            return {"answer": "unknown"}
        question = messages.question(message)
        owners = tuple(self.places.owner(frame.file) for frame in question.frames)
        without = self._processes[process].without
        if question.need is Need.LIST:
            found = self._oracle.enumerate(question, owners=owners, without=without)
            return messages.listing(found)
        reply = self._oracle.ask(question, owners=owners, without=without, quiet=bool(message["quiet"]))
        fork = None
        if reply.fork and reply.distribution is not None:
            fork = self._expect_fork(reply.distribution, question.stage)
        return messages.answer(reply, fork=fork)

    def _expect_fork(self, distribution: NormalizedName, stage: str) -> str:
        self._slots.acquire()
        process = self._processes.expect("miss", distribution)
        miss = self.forks[distribution] = Miss(process=process)

        def wait() -> None:
            try:
                miss.result.set_result(self._await_result(process, stage, FORK_LIMIT))
            except Exception as error:  # noqa: BLE001 - whoever waits for the result gets it
                miss.result.set_exception(error)
            finally:
                self._slots.release()

        threading.Thread(target=wait, daemon=True).start()
        return process

    def _endpoint_name(self, process: str, script: Script) -> str:
        return f"{self._name}/{process}/{script.stage}"

    def _open(self, process: str, script: Script) -> Mapping[str, Any]:
        """Open the emulator for a stage; return the stage as the protocol words it."""
        endpoints = self._world.emulator.open(self._endpoint_name(process, script))
        environment = {name: self._filled(value, endpoints) for name, value in script.environment.items()}
        return messages.stage(script, environment)

    def _filled(self, value: str, endpoints: Endpoints) -> str:
        """*value* with what stands in braces in a profile."""
        if "{private_key}" in value:
            value = value.replace("{private_key}", self._world.emulator.private_key)
        return value.replace("{http}", endpoints.http).replace("{https}", endpoints.https)

    def _close(self, process: str, script: Script) -> tuple[RecordedRequest, ...]:
        return self._world.emulator.close(self._endpoint_name(process, script))

    def _await_stage(self, process: str, script: Script, limit: float) -> StageResult:
        result = self._await_result(process, script.stage, limit)
        requests = self._close(process, script)
        return replace(
            result, behaviour=replace(result.behaviour, requests=tuple(map(self._neutral_request, requests)))
        )

    def _await_result(self, process: str, stage: str, limit: float) -> StageResult:
        state = self._processes[process]
        try:
            event = state.events.get(timeout=limit)
        except queue.Empty:
            self._kill(state)
            return no_result(stage, f"did not end within {limit:g} seconds", "timeout")
        if event == "unsettled":
            return no_result(stage, f"did what a fork must not: {state.unsettled}", "unsettled")
        if self._error is not None:
            raise self._error
        if event is None or isinstance(event, str):
            return no_result(stage, self._ending(state), "death", self._last_words())
        return messages.result(stage, event, self._neutral)

    def _kill(self, state: Process) -> None:
        if state.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(state.pid, signal.SIGKILL)

    def _ending(self, state: Process) -> str:
        """How *state* ended: as the first process of its world saw it, or as ours did where it has no other world."""
        if self._world.walls.kernel and state.inside is not None and not self._stopped:
            return endings.sentence(endings.status_of(self.sandbox.folder, state.inside))
        return endings.sentence(self._child.poll() if state is self._processes[MAIN] else None)

    def _last_words(self) -> str:
        """What the child wrote on stdout and stderr, its end."""
        # By what was opened before: the child may have put another file, or a pipe, in its place.
        written = self._output.fileno()
        begin = max(os.fstat(written).st_size - _LAST_WORDS, 0)
        text = os.pread(written, _LAST_WORDS, begin).decode("utf-8", "replace")
        return self._neutral("\n".join(text.splitlines()[-20:]) + "\n")

    def _neutral(self, text: str) -> str:
        """Return *text* without what differs between machines and runs: folders, and ports on loopback."""
        return _PORT.sub(r"\1:{port}", self.places.name(text))

    def _neutral_request(self, request: RecordedRequest) -> RecordedRequest:
        return replace(
            request,
            target=self._neutral(request.target),
            headers=tuple((name, self._neutral(value)) for name, value in request.headers),
            body=self._neutral(request.body),
        )
