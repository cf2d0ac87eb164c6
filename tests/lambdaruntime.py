"""The runtime API of AWS Lambda on loopback, for one invocation (Lambda developer guide, "Runtime API")."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_PREFIX = "/2018-06-01/runtime"


@dataclass(slots=True)
class Invocation:
    """One invocation of a function: its event, and its answer or error."""

    event: Any
    #: ``HOST:PORT``, for ``AWS_LAMBDA_RUNTIME_API``.
    address: str = ""
    answer: Any = None
    #: The error that the function reported, in the invocation or at its start.
    error: Any = None
    #: Seconds until the function asks for its first event: the init phase.
    init: float | None = None
    done: threading.Event = field(default_factory=threading.Event)
    _began: float = field(default_factory=time.monotonic)

    def record_request(self) -> bool:
        """Record that the function asks for an event; return whether it is the first time."""
        first = self.init is None
        if first:
            self.init = time.monotonic() - self._began
        return first


@contextmanager
def serve_event(event: Any) -> Iterator[Invocation]:
    """Serve one *event* to the first request; a second request waits until the server stops."""
    runtime = Invocation(event=event)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            assert self.path == f"{_PREFIX}/invocation/next", self.path
            if not runtime.record_request():
                runtime.done.wait(60)
            body = json.dumps(runtime.event).encode()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 60) * 1000)))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:f")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("/response"):
                runtime.answer = content
            else:
                runtime.error = content
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            runtime.done.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - The base class names it so.
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    runtime.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield runtime
    finally:
        runtime.done.set()
        server.shutdown()
        server.server_close()


def install_client(folder: Path) -> None:
    """Install AWS's runtime client, which a runtime has, into *folder*."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "awslambdaric>=3"]
    subprocess.run(pip, check=True)


def run_function(runtime: Invocation, task: Path, environment: Mapping[str, str]) -> None:
    """Start the handler in `function.py` of the folder *task* as Lambda does, and wait for its answer or error."""
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_RUNTIME_API": runtime.address,
        "AWS_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": str(task),
        "PATH": os.defpath,
        "PYTHONDONTWRITEBYTECODE": "1",
        **environment,
    }
    command = [sys.executable, "-S", "-m", "awslambdaric", "function.handler"]
    with subprocess.Popen(
        command, env=variables, cwd=task, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as function:
        try:
            assert runtime.done.wait(120), "no answer"
        finally:
            function.kill()
