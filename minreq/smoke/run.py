"""Run a smoke in a child interpreter, start and end its processes, and return the result of each stage.

docs/protocol.md describes the messages. The child's side of them is in ``child/_minreq_child.py`` and
``child/_minreq_driver.py``.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from packaging.utils import NormalizedName

from minreq.counts import pluralize
from minreq.model import QuestionKind, RecordedRequest, Script
from minreq.smoke import exitstatus, messages
from minreq.smoke.answers import QuestionHandler
from minreq.smoke.environment import Installed, StoredFiles
from minreq.smoke.lines import MessageRefused
from minreq.smoke.processes import MAIN, Process, ProcessTable, end_launched, wait_for_launched
from minreq.smoke.pytestevents import PytestRecorder
from minreq.smoke.results import CaughtImport, StageResult, interrupted_result
from minreq.smoke.runfolder import RunFolder
from minreq.smoke.runsetup import RunSetup
from minreq.smoke.server import RunServer
from minreq.smoke.start import Access, start_isolated
from minreq.smoke.tools import ToolPlaces
from minreq.system import regularfile

#: Seconds that a fork at a miss may take: it fails within milliseconds or is of no use.
FORK_TIMEOUT = 60.0
#: Seconds within which it has to start.
_FORK_START_TIMEOUT = 10.0
#: Bytes to read from the end of what a child printed; more than the lines that are shown.
_OUTPUT_TAIL_SIZE = 64 << 10
_OUTPUT_TAIL_LINES = 20
#: The keys that tell the messages of the code that runs the stages.
_DRIVER_MESSAGES = frozenset({"begin", "next", "result", "unsettled", "end"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MissFork:
    """A process that was forked at a miss and goes without a distribution.

    When it passes the first stage, it is a template.
    """

    process: str
    result: Future[StageResult] = field(default_factory=Future)


class Run:
    """One child interpreter with its forks; a context manager that ends them all.

    *paths* are importable from the start, and the environment has what is *installed*. The *handler* answers the
    questions for everything else; without a handler there are no questions, and what is missing is missing. *max_forks*
    is the number of forks at misses that run at a time. With *record_opens* the results name the files that each stage
    opens. The *recorder* gets what pytest reports, and the questions.
    """

    def __init__(
        self,
        setup: RunSetup,
        name: str,
        *,
        paths: Sequence[Path] = (),
        installed: Installed | None = None,
        handler: QuestionHandler | None = None,
        shared: Sequence[str] = (),
        seed: int = 0,
        max_forks: int = 1,
        record_opens: bool = False,
        recorder: PytestRecorder | None = None,
    ) -> None:
        self._setup = setup
        self._name = name
        self._paths = paths
        self._installed = installed
        self._handler = handler
        self._shared = shared
        self._seed = seed
        self._record_opens = record_opens
        self._recorder = recorder
        self._processes = ProcessTable()
        self._fork_slots = threading.Semaphore(max(max_forks, 1))
        self._error: Exception | None = None
        #: Why minreq has ended the run, if it did.
        self._refusal = ""
        self._was_stopped = False
        self._first_script: Mapping[str, Any] | None = None
        #: Forks at a miss, by the distribution that they go without.
        #: Where the exceptions of declined imports were caught, in all processes.
        self.caught: set[CaughtImport] = set()
        self.miss_forks: dict[NormalizedName, MissFork] = {}
        self.run_folder = RunFolder(setup.executable, setup.version)
        self.path_map = setup.make_path_map(self.run_folder.path)
        self._stored_files = StoredFiles(installed or Installed(trees=()), self.run_folder.venv.site_packages)

    def __enter__(self) -> Run:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        setup, run_folder = self._setup, self.run_folder
        # Also the folders that links lead to.
        folders = (*self._paths, *(setup.tools.folders.values() if setup.tools is not None else ()))
        readable = [each for path in folders for each in {path, path.resolve()}]
        run_folder.prepare(
            paths=self._paths,
            asks=self._handler is not None or (self._recorder is not None and self._recorder.asks),
            shared=self._shared,
            authority=setup.emulator.authority,
            folders=setup.isolation.folders_for_hooks(writable=run_folder.path, readable=readable),
            record_opens=self._record_opens,
            store=None if setup.compiler is None else setup.isolation.unpacked,
            installed=self._installed,
            merge=setup.isolation.merges,
            tools=None if setup.tools is None else self._configure_tools(setup.tools),
            files=setup.plan.files,
            fast_clock=setup.fast_clock,
            tests=None if self._recorder is None else self._recorder.configure(),
        )
        if setup.plan.first is not None:
            self._first_script = self._open_emulator(MAIN, setup.plan.first)
            self._processes[MAIN].stages.append(setup.plan.first.stage)
        self._server = RunServer(run_folder.socket, self)
        self._output = (run_folder.path / "output").open("w+b")
        self._child = start_isolated(
            setup.isolation,
            run_folder.command(),
            Access(
                writable=run_folder.path,
                readable=readable,
                merged=run_folder.merged,
                network=setup.emulator.pid,
            ),
            environment=run_folder.environment(setup.plan.environment, seed=self._seed),
            folder=run_folder.work,
            stdout=self._output,
            stderr=self._output,
        )
        threading.Thread(target=self._watch_child, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # All results have arrived: templates, forks and processes that the smoke left running end here.
        self.stop()
        wait_for_launched(self._child)
        self._processes.end_templates()
        self._server.close()
        self._output.close()
        self.run_folder.__exit__(kind, error, traceback)
        self._setup.check_store()

    def _configure_tools(self, tools: ToolPlaces) -> Mapping[str, object]:
        """Put the *tools* beside the environment of the program; return what the child has to know of them."""
        scripts = [script for group in self._setup.plan.groups for script in group.scripts]
        return tools.configure(
            self.run_folder.link_tools([*tools.folders.values()]),
            program=[self._setup.isolation.unpacked, self.run_folder.venv.site_packages, *self._paths],
            runners={script.file for script in scripts if script.folder is not None},
        )

    def stop(self) -> None:
        """End the run at once: the stages that are waited for get a death as their result."""
        self._was_stopped = True
        end_launched(self._child, in_namespace=self._setup.isolation.kernel)

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
        process = self._processes.add("fork", without, [script.stage for script in scripts])
        commands = [self._open_emulator(process, script) for script in scripts]
        self._processes[template].commands.put({"run": process, "scripts": commands})
        results: list[StageResult] = []
        for script in scripts:
            if results and not results[-1].passed:
                self._close_emulator(process, script)
            else:
                results.append(self._await_stage(process, script, self._setup.stage_timeout))
        return tuple(results)

    def find_stored(self, file: str) -> str:
        """Return the path in the store of a *file* of the environment; any other file as it is."""
        return self._stored_files.find(file)

    # The message handler of the server.

    def process_connected(self, process: str, pid: int, *, inner_pid: int) -> bool:
        """Store the numbers of the process behind a new connection."""
        return self._processes.set_connected(process, pid, inner_pid=inner_pid)

    def answer_message(self, process: str, message: Mapping[str, Any], *, is_own: bool) -> Mapping[str, Any]:
        """Answer one message of *process*."""
        state = self._processes[process]
        try:
            if "ask" in message:
                with state.clock.stop_clock():
                    return self._answer_question(process, message)
            if "compile" in message:
                with state.clock.stop_clock():
                    return self._compile(message)
            if "record" in message:
                state.add_record(messages.read_record(message))
                return {}
            if "test" in message and self._recorder is not None:
                self._recorder.add_event(messages.read_pytest_event(message))
                return {}
            return self._answer_driver(state, message, is_own=is_own)
        except MessageRefused:
            raise
        except Exception as error:
            # `_await_result` raises it again; the child cannot go on without an answer.
            self._error = error
            self.stop()
            raise ConnectionAbortedError from error

    def message_refused(self, process: str, reason: str, *, is_own: bool) -> None:
        """End *process*, or the whole run where it may have been another process; store the *reason*."""
        if is_own:
            state = self._processes[process]
            state.refusal = state.refusal or reason
            state.kill()
        else:
            self._refusal = self._refusal or reason
            self.stop()

    def process_disconnected(self, process: str) -> None:
        """Report a death of *process*, unless the process has announced its end."""
        state = self._processes[process]
        if not state.has_ended:
            state.events.put("death")

    def _watch_child(self) -> None:
        """Wait for the child: no stage may wait for a process that can no longer connect."""
        self._child.wait()
        self._processes.set_main_ended()

    def _answer_driver(self, state: Process, message: Mapping[str, Any], *, is_own: bool) -> Mapping[str, Any]:
        """Answer one message of the code that runs the stages of a process."""
        if message.keys().isdisjoint(_DRIVER_MESSAGES):
            raise MessageRefused("sent a message to minreq that the protocol does not have")
        if not is_own:
            # A copy of the process, which its program has forked, has come to the end of the program too.
            return {"go": False, "end": True}
        if "begin" in message:
            return {"first": self._first_script}
        if "next" in message:
            return state.commands.get()
        if "result" in message:
            result = messages.read_object(message, "result")
            stage = messages.read_text(result, "stage")
            if not state.stages or state.stages.popleft() != stage:
                raise MessageRefused("sent the result of a stage that it did not have to run")
            records = state.take_records(stage)
            found = messages.read_result(stage, result, self._make_portable, records)
            self.caught.update(found.caught)
            state.events.put(found)
            return {"go": True}
        if "unsettled" in message:
            state.unsettled_reason = messages.read_text(message, "unsettled")
            state.has_ended = True
            state.events.put("unsettled")
            return {}
        state.has_ended = True
        state.events.put(None)
        return {}

    def _compile(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        file, optimize = messages.read_text(message, "compile"), messages.read_integer(message, "optimize")
        source = self.find_stored(file)
        compiler = self._setup.compiler
        return {"compiled": compiler is not None and compiler.compile(source, optimize), "source": source}

    def _answer_question(self, process: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
        question = messages.read_question(message)
        if self._recorder is not None:
            self._recorder.add_question(question, test=messages.read_text(message, "test"))
        if self._handler is None:
            return {"answer": "unknown"}
        owners = tuple(self.path_map.owner_of(frame.file) for frame in question.frames)
        without = self._processes[process].without
        if question.need is QuestionKind.LIST:
            return messages.write_list(self._handler.list_distributions(question, owners=owners, without=without))
        reply = self._handler.answer(question, owners=owners, without=without, can_fork=message.get("quiet") is True)
        fork = None
        if reply.fork and reply.distribution is not None:
            fork = self._add_miss_fork(reply.distribution, question.stage)
        return messages.write_answer(reply, fork=fork)

    def _add_miss_fork(self, distribution: NormalizedName, stage: str) -> str:
        """Return the name of a fork that goes without *distribution*, and wait for its result in a thread."""
        self._fork_slots.acquire()
        process = self._processes.add("miss", distribution, [stage])
        miss_fork = self.miss_forks[distribution] = MissFork(process=process)

        def wait() -> None:
            try:
                if self._processes[process].has_started.wait(_FORK_START_TIMEOUT):
                    miss_fork.result.set_result(self._await_result(process, stage, FORK_TIMEOUT))
                else:
                    # A signal handler of the program may have raised while it waited for the answer.
                    miss_fork.result.set_result(interrupted_result(stage, "the fork did not start", "unsettled"))
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
        return messages.write_script(script, self._setup.fill_in(script, endpoints))

    def _close_emulator(self, process: str, script: Script) -> tuple[RecordedRequest, ...]:
        return self._setup.emulator.close(self._endpoint_name(process, script))

    def _await_stage(self, process: str, script: Script, timeout: float) -> StageResult:
        result = self._await_result(process, script.stage, timeout)
        requests = self._close_emulator(process, script)
        self._setup.on_stage(script.stage)
        return replace(
            result, behaviour=replace(result.behaviour, requests=tuple(map(self._make_request_portable, requests)))
        )

    def _await_result(self, process: str, stage: str, timeout: float) -> StageResult:
        state = self._processes[process]
        event = state.wait_for_event(timeout)
        if event == "timeout":
            state.kill()
            return interrupted_result(stage, f"did not end within {pluralize(timeout, 'second')}", "timeout")
        if event == "unsettled":
            return interrupted_result(
                stage, f"did something that is unsafe in a fork: {state.unsettled_reason}", "unsettled"
            )
        if self._error is not None:
            raise self._error
        if event is None or event == "death":
            return interrupted_result(stage, self._describe_end(state), "death", self._output_tail(state))
        return event

    def _describe_end(self, state: Process) -> str:
        """Describe how *state* ended.

        With isolation by the kernel, the first process of the child's namespace has written down how each process
        ended; otherwise only the exit status of the child itself is known.
        """
        if refusal := state.refusal or self._refusal:
            return f"minreq ended its process: it {refusal}"
        if self._setup.isolation.kernel and state.inner_pid is not None and not self._was_stopped:
            return exitstatus.describe_exit(exitstatus.read_exit_status(self.run_folder.path, state.inner_pid))
        return exitstatus.describe_exit(self._child.poll() if state is self._processes[MAIN] else None)

    def _output_tail(self, state: Process) -> str:
        """Return the last lines that the process of *state* wrote to stderr, and what came before its first stage."""
        # Read from the open file: the child may have put another file, or a pipe, in its place.
        descriptor = self._output.fileno()
        begin = max(os.fstat(descriptor).st_size - _OUTPUT_TAIL_SIZE, 0)
        tail = os.pread(descriptor, _OUTPUT_TAIL_SIZE, begin)
        if state.inner_pid is not None:
            with contextlib.suppress(OSError):
                file = self.run_folder.errors_file(state.inner_pid)
                tail += regularfile.read_end(file, _OUTPUT_TAIL_SIZE, below=self.run_folder.path)
        text = tail.decode("utf-8", "replace")
        return self._make_portable("\n".join(text.splitlines()[-_OUTPUT_TAIL_LINES:]) + "\n")

    def _make_portable(self, text: str) -> str:
        return self.path_map.make_output_portable(text)

    def _make_request_portable(self, request: RecordedRequest) -> RecordedRequest:
        return replace(
            request,
            target=self._make_portable(request.target),
            headers=tuple((name, self._make_portable(value)) for name, value in request.headers),
            body=self._make_portable(request.body),
        )
