"""The emulator as the parent sees it: its process, its throw-away authority, and what it recorded."""

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
from minreq.smoke.emulator.routing import PROXIED
from minreq.system import temporary

#: The process ends by itself when its stdin does; after this many seconds it is ended.
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The addresses one name listens on."""

    #: ``http://127.0.0.1:PORT``
    http: str
    #: ``https://127.0.0.1:PORT``, with a certificate of the emulator's authority.
    https: str


class Emulator:
    """The provider server, running while the context is open; usable from several threads.

    *start* says how its command line is started: in a network of its own, for one.
    """

    def __init__(self, start: Callable[[Sequence[str]], list[str]] = list) -> None:
        self._start = start
        authority = trustme.CA()
        self._leaf = authority.issue_cert("127.0.0.1", "localhost", *PROXIED)
        self._issue_key = partial(authority.issue_cert, "localhost", key_type=trustme.KeyType.RSA)
        #: The certificate of the authority that signed for the emulator, PEM; it is made anew for each emulator.
        self.authority: str = authority.cert_pem.bytes().decode()
        self._lock = threading.Lock()
        self._resources = ExitStack()
        self._process: subprocess.Popen[str] | None = None
        self._folder = Path()

    def __enter__(self) -> Emulator:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        with ExitStack() as stack:
            # Only the user may read the folder, as it holds a key.
            folder = stack.enter_context(temporary.folder())
            certificate, key = folder / "certificate.pem", folder / "key.pem"
            certificate.write_bytes(b"".join(blob.bytes() for blob in self._leaf.cert_chain_pems))
            key.write_bytes(self._leaf.private_key_pem.bytes())
            self._folder = folder
            complaints = stack.enter_context(self._complaints.open("w", encoding="utf-8"))
            command = [sys.executable, "-I", "-m", "minreq.smoke.emulator"]
            self._process = subprocess.Popen(
                self._start([*command, f"--certificate={certificate}", f"--key={key}"]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                encoding="utf-8",
                # An interrupt from the keyboard is for the parent; the end of stdin is for the emulator.
                start_new_session=True,
            )
            stack.callback(_end, self._process)
            self._resources = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()
        self._process = None

    @cached_property
    def private_key(self) -> str:
        """A throw-away key of 2,048 bits for whoever must sign with RSA: what stands between the lines of its PEM.

        It takes some time to make, so nobody gets one unasked.
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
    def _complaints(self) -> Path:
        """What the process writes on stderr."""
        return self._folder / "stderr.txt"

    def open(self, name: str) -> Endpoints:
        """Listen under *name*, one run of one stage; raises `EmulatorStopped`."""
        answer = self._ask({"open": name})
        return Endpoints(http=f"http://127.0.0.1:{answer['http']}", https=f"https://127.0.0.1:{answer['https']}")

    def close(self, name: str) -> tuple[RecordedRequest, ...]:
        """Stop listening under *name*; what came in, in the order of arrival. Raises `EmulatorStopped`."""
        return tuple(_recorded(request) for request in self._ask({"close": name})["requests"])

    def _ask(self, command: dict[str, str]) -> dict[str, Any]:
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
                raise EmulatorStopped(process.wait(), self._complaints.read_text(encoding="utf-8"))
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


def _recorded(request: dict[str, Any]) -> RecordedRequest:
    return RecordedRequest(
        method=request["method"],
        target=request["target"],
        headers=tuple((name, value) for name, value in request["headers"]),
        body=request["body"],
    )


def _end(process: subprocess.Popen[str], patience: float = _PATIENCE) -> None:
    """End *process* by closing its stdin, by force where that does not help."""
    if process.stdin:
        with suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
