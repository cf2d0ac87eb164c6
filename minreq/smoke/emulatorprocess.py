"""Start and stop the process of the emulator, and send it commands."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import trustme

from minreq.errors import EmulatorStopped
from minreq.model import RecordedRequest
from minreq.smoke.emulator.routing import PROXIED_HOSTS
from minreq.system import temporary

#: The process ends when its stdin is closed; after this many seconds it is killed.
_STOP_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The addresses of the listeners that one name has."""

    #: ``http://127.0.0.1:PORT``
    http: str
    #: ``https://127.0.0.1:PORT``, with a certificate of the emulator's authority.
    https: str


class Emulator:
    """The local server that answers in place of the providers; it runs while the context is open.

    Several threads may use it. *wrap_command* changes the command line that starts the process, for instance to give
    it a network of its own.
    """

    def __init__(self, wrap_command: Callable[[Sequence[str]], list[str]] = list) -> None:
        self._wrap_command = wrap_command
        authority = trustme.CA()
        self._certificate = authority.issue_cert("127.0.0.1", "localhost", *PROXIED_HOSTS)
        self._issue_key = partial(authority.issue_cert, "localhost", key_type=trustme.KeyType.RSA)
        #: The certificate of the authority that signed the emulator's, PEM; each emulator has an authority of its own.
        self.authority: str = authority.cert_pem.bytes().decode()
        self._lock = threading.Lock()
        self._resources = ExitStack()
        self._process: subprocess.Popen[str] | None = None
        self._folder = Path()

    def __enter__(self) -> Emulator:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        with ExitStack() as stack:
            # Only the user may read the folder, as it holds a key.
            folder = stack.enter_context(temporary.make_temporary_folder())
            certificate, key = folder / "certificate.pem", folder / "key.pem"
            certificate.write_bytes(b"".join(blob.bytes() for blob in self._certificate.cert_chain_pems))
            key.write_bytes(self._certificate.private_key_pem.bytes())
            self._folder = folder
            error_output = stack.enter_context(self._stderr_file.open("w", encoding="utf-8"))
            command = [sys.executable, "-I", "-m", "minreq.smoke.emulator"]
            self._process = subprocess.Popen(
                self._wrap_command([*command, f"--certificate={certificate}", f"--key={key}"]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=error_output,
                encoding="utf-8",
                # No variable of the user: under hooks a smoke may read those of other processes.
                env={},
                # An interrupt from the keyboard is for minreq; the emulator ends when its stdin does.
                start_new_session=True,
            )
            stack.callback(_stop, self._process)
            self._resources = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()
        self._process = None

    @cached_property
    def private_key(self) -> str:
        """A temporary RSA key of 2,048 bits: what stands between the first and the last line of its PEM.

        It takes some time to make, so it is made when a program asks for it.
        """
        lines = self._issue_key().private_key_pem.bytes().decode().splitlines()
        return "".join(lines[1:-1])

    @property
    def pid(self) -> int:
        """The process that listens."""
        if self._process is None:
            message = "the emulator is not running: use it as a context manager"
            raise RuntimeError(message)
        return self._process.pid

    @property
    def _stderr_file(self) -> Path:
        """What the process writes on stderr."""
        return self._folder / "stderr.txt"

    def open(self, name: str) -> Endpoints:
        """Listen under *name*, which stands for one stage of one run; raises `EmulatorStopped`."""
        answer = self._send({"open": name})
        return Endpoints(http=f"http://127.0.0.1:{answer['http']}", https=f"https://127.0.0.1:{answer['https']}")

    def close(self, name: str) -> tuple[RecordedRequest, ...]:
        """Stop listening under *name*; return the requests in the order of arrival. Raises `EmulatorStopped`."""
        return tuple(_read_request(request) for request in self._send({"close": name})["requests"])

    def _send(self, command: dict[str, str]) -> dict[str, Any]:
        with self._lock:
            process = self._process
            if process is None or process.stdin is None or process.stdout is None:
                message = "the emulator is not running: use it as a context manager"
                raise RuntimeError(message)
            try:
                process.stdin.write(json.dumps(command) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            if not line:
                raise EmulatorStopped(process.wait(), self._stderr_file.read_text(encoding="utf-8"))
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


def _read_request(request: dict[str, Any]) -> RecordedRequest:
    return RecordedRequest(
        method=request["method"],
        target=request["target"],
        headers=tuple((name, value) for name, value in request["headers"]),
        body=request["body"],
    )


def _stop(process: subprocess.Popen[str], timeout: float = _STOP_TIMEOUT) -> None:
    """Close the stdin of *process*, and kill it if it has not ended after *timeout* seconds."""
    if process.stdin:
        with suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
