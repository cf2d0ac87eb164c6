"""Run a smoke in a child interpreter, start and end its processes, and return the result of each stage.

docs/protocol.md describes the messages. The child's side of them is in ``child/_minreq_child.py`` and
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

from minreq.model import QuestionKind, RecordedRequest, Script
from minreq.smoke import exitstatus, messages
from minreq.smoke.answers import QuestionHandler
from minreq.smoke.emulatorprocess import Endpoints
from minreq.smoke.processes import MAIN, Process, ProcessTable
from minreq.smoke.results import StageResult, interrupted_result
from minreq.smoke.runsetup import RunSetup
from minreq.smoke.sandbox import Sandbox
from minreq.smoke.server import RunServer

#: Seconds that a fork at a miss may take: it fails within milliseconds or is of no use.
FORK_TIMEOUT = 60.0
#: Bytes to read from the end of what a child printed; more than the lines that are shown.
_OUTPUT_TAIL_SIZE = 64 << 10
_OUTPUT_TAIL_LINES = 20
_PORT = re.compile(r"(127\.0\.0\.1|localhost):\d{4,5}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class MissFork:
    """A process that was forked at a miss and goes without a distribution.

    When it passes the first stage, it is a template.
    """

    process: str
    result: Future[StageResult] = field(default_factory=Future)


class Run:
    """One child interpreter with its forks; a context manager that ends them all.

    *paths* are importable from the start. The *handler* answers the questions for everything else; without a handler
    there are no questions, and what is missing is missing. *max_forks* is the number of forks at misses that run at a
    time. With *record_opens* the results name the files that each stage opens.
    """

    def __init__(
        self,
        setup: RunSetup,
        name: str,
        *,
        paths: Sequence[Path] = (),
        handler: QuestionHandler | None = None,
        shared: Sequence[str] = (),
        seed: int = 0,
        max_forks: int = 1,
        record_opens: bool = False,
    ) -> None:
        self._setup = setup
        self._name = name
        self._paths = paths
        self._handler = handler
        self._shared = shared
        self._seed = seed
        self._record_opens = record_opens
        self._processes = ProcessTable()
        self._fork_slots = threading.Semaphore(max(max_forks, 1))
        self._error: Exception | None = None
        self._was_stopped = False
        self._first_script: Mapping[str, Any] | None = None
        #: Forks at a miss, by the distribution that they go without.
        self.miss_forks: dict[NormalizedName, MissFork] = {}
        self.sandbox = Sandbox(setup.executable, setup.version)
        self.path_map = setup.make_path_map(self.sandbox.folder)

    def __enter__(self) -> Run:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        setup, sandbox = self._setup, self.sandbox
        # Also the folders that links lead to.
        readable = [each for path in self._paths for each in {path, path.resolve()}]
        sandbox.prepare(
            paths=self._paths,
            asks=self._handler is not None,
            shared=self._shared,
            authority=setup.emulator.authority,
            folders=setup.isolation.folders_for_hooks(writable=sandbox.folder, readable=readable),
            record_opens=self._record_opens,
            store=None if setup.compiler is None else str(setup.isolation.unpacked),
            files=setup.plan.files,
        )
        if setup.plan.first is not None:
            self._first_script = self._open_emulator(MAIN, setup.plan.first)
        self._server = RunServer(sandbox.socket, self)
        self._output = (sandbox.folder / "output").open("w+b")
        self._child = subprocess.Popen(
            setup.isolation.wrap_command(
                sandbox.command(),
                writable=sandbox.folder,
                readable=readable,
                network=setup.emulator.pid,
            ),
            env=sandbox.environment(setup.plan.environment, seed=self._seed),
            cwd=sandbox.work,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )
        threading.Thread(target=self._watch_child, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # All results have arrived: templates, forks and processes that the smoke left running end here.
        self.stop()
        self._child.wait()
        self._processes.end_templates()
        self._server.close()
        self._output.close()
        self.sandbox.__exit__(kind, error, traceback)

    def stop(self) -> None:
        """End the run at once: the stages that are waited for get a death as their result."""
        self._was_stopped = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def wait_for_first_stage(self) -> StageResult | None:
        """Wait for the first stage, and return its result; ``None`` when the plan has none."""
        script = self._setup.plan.first
        return None if script is None else self._await_stage(MAIN, script, self._setup.stage_timeout)

    def run_scripts(
        self, scripts: Sequence[Script], *, without: NormalizedName | None = None, template: str = MAIN
    ) -> tuple[StageResult, ...]:
        """Run *scripts* one after the other in a fork of *template*, up to the first that fails.

        *template* is the name of the main process or of a fork at a miss. Several threads may call this.
        """
        process = self._processes.add("fork", without)
        commands = [self._open_emulator(process, script) for script in scripts]
        self._processes[template].commands.put({"run": process, "scripts": commands})
        results: list[StageResult] = []
        for script in scripts:
            if results and not results[-1].passed:
                self._close_emulator(process, script)
            else:
                results.append(self._await_stage(process, script, self._setup.stage_timeout))
        return tuple(results)

    # The message handler of the server.

    def process_connected(self, process: str, pid: int, *, inner_pid: int) -> bool:
        """Store the numbers of the process behind a new connection."""
        return self._processes.set_connected(process, pid, inner_pid=inner_pid)

    def answer_message(self, process: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one message of *process*."""
        state = self._processes[process]
        if "ask" in message:
            try:
                return self._answer_question(process, message)
            except Exception as error:
                # `_await_result` raises it again; the child cannot go on without an answer.
                self._error = error
                self.stop()
                raise ConnectionAbortedError from error
        if "compile" in message:
            compiler = self._setup.compiler
            file, optimize = str(message["compile"]), int(message["optimize"])
            return {"compiled": compiler is not None and compiler.compile(file, optimize)}
        if "begin" in message:
            return {"first": self._first_script}
        if "next" in message:
            return state.commands.get()
        if "result" in message:
            state.events.put(message["result"])
            return {"go": True}
        if "unsettled" in message:
            state.has_ended = True
            state.unsettled_reason = str(message["unsettled"])
            state.events.put("unsettled")
        if "end" in message:
            state.has_ended = True
            state.events.put(None)
        return {}

    def process_disconnected(self, process: str) -> None:
        """Report a death of *process*, unless the process has announced its end."""
        state = self._processes[process]
        if not state.has_ended:
            state.events.put("death")

    def _watch_child(self) -> None:
        """Wait for the child: no stage may wait for a process that can no longer connect."""
        self._child.wait()
        self._processes.set_main_ended()

    def _answer_question(self, process: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._handler is None:
            return {"answer": "unknown"}
        question = messages.read_question(message)
        owners = tuple(self.path_map.owner_of(frame.file) for frame in question.frames)
        without = self._processes[process].without
        if question.need is QuestionKind.LIST:
            return messages.write_list(self._handler.list_distributions(question, owners=owners, without=without))
        reply = self._handler.answer(question, owners=owners, without=without, can_fork=bool(message["quiet"]))
        fork = None
        if reply.fork and reply.distribution is not None:
            fork = self._add_miss_fork(reply.distribution, question.stage)
        return messages.write_answer(reply, fork=fork)

    def _add_miss_fork(self, distribution: NormalizedName, stage: str) -> str:
        """Return the name of a fork that goes without *distribution*, and wait for its result in a thread."""
        self._fork_slots.acquire()
        process = self._processes.add("miss", distribution)
        miss_fork = self.miss_forks[distribution] = MissFork(process=process)

        def wait() -> None:
            try:
                miss_fork.result.set_result(self._await_result(process, stage, FORK_TIMEOUT))
            except Exception as error:  # noqa: BLE001 - Raised again where the result is asked for.
                miss_fork.result.set_exception(error)
            finally:
                self._fork_slots.release()

        threading.Thread(target=wait, daemon=True).start()
        return process

    def _endpoint_name(self, process: str, script: Script) -> str:
        return f"{self._name}/{process}/{script.stage}"

    def _open_emulator(self, process: str, script: Script) -> Mapping[str, Any]:
        """Open the emulator for a stage; return the stage as a message."""
        endpoints = self._setup.emulator.open(self._endpoint_name(process, script))
        environment = {name: self._fill_in(value, endpoints) for name, value in script.environment.items()}
        return messages.write_script(script, environment)

    def _fill_in(self, value: str, endpoints: Endpoints) -> str:
        """Replace the names in braces that a profile may use in the *value* of a variable."""
        if "{private_key}" in value:
            value = value.replace("{private_key}", self._setup.emulator.private_key)
        return value.replace("{http}", endpoints.http).replace("{https}", endpoints.https)

    def _close_emulator(self, process: str, script: Script) -> tuple[RecordedRequest, ...]:
        return self._setup.emulator.close(self._endpoint_name(process, script))

    def _await_stage(self, process: str, script: Script, timeout: float) -> StageResult:
        result = self._await_result(process, script.stage, timeout)
        requests = self._close_emulator(process, script)
        return replace(
            result, behaviour=replace(result.behaviour, requests=tuple(map(self._make_request_portable, requests)))
        )

    def _await_result(self, process: str, stage: str, timeout: float) -> StageResult:
        state = self._processes[process]
        try:
            event = state.events.get(timeout=timeout)
        except queue.Empty:
            self._kill(state)
            return interrupted_result(stage, f"did not end within {timeout:g} seconds", "timeout")
        if event == "unsettled":
            return interrupted_result(stage, f"did what a fork must not: {state.unsettled_reason}", "unsettled")
        if self._error is not None:
            raise self._error
        if event is None or isinstance(event, str):
            return interrupted_result(stage, self._describe_end(state), "death", self._output_tail())
        return messages.read_result(stage, event, self._make_portable)

    def _kill(self, state: Process) -> None:
        if state.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(state.pid, signal.SIGKILL)

    def _describe_end(self, state: Process) -> str:
        """Describe how *state* ended.

        With isolation by the kernel, the first process of the child's namespace has written down how each process
        ended; otherwise only the exit status of the child itself is known.
        """
        if self._setup.isolation.kernel and state.inner_pid is not None and not self._was_stopped:
            return exitstatus.describe_exit(exitstatus.read_exit_status(self.sandbox.folder, state.inner_pid))
        return exitstatus.describe_exit(self._child.poll() if state is self._processes[MAIN] else None)

    def _output_tail(self) -> str:
        """Return the last lines that the child printed on stdout and stderr."""
        # Read from the open file: the child may have put another file, or a pipe, in its place.
        descriptor = self._output.fileno()
        begin = max(os.fstat(descriptor).st_size - _OUTPUT_TAIL_SIZE, 0)
        text = os.pread(descriptor, _OUTPUT_TAIL_SIZE, begin).decode("utf-8", "replace")
        return self._make_portable("\n".join(text.splitlines()[-_OUTPUT_TAIL_LINES:]) + "\n")

    def _make_portable(self, text: str) -> str:
        """Return *text* without what differs between machines and runs: folders, and ports on loopback."""
        return _PORT.sub(r"\1:{port}", self.path_map.make_portable(text))

    def _make_request_portable(self, request: RecordedRequest) -> RecordedRequest:
        return replace(
            request,
            target=self._make_portable(request.target),
            headers=tuple((name, self._make_portable(value)) for name, value in request.headers),
            body=self._make_portable(request.body),
        )
