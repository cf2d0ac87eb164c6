"""``lock --all``: makes or checks many locks one after the other; a failure of one keeps no other from being made."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from minreq.config import STDOUT, Settings
from minreq.errors import IndexFailure, InvalidOptions, MinreqError, SystemFailure
from minreq.lock.lock import Forecast, lock_in_session
from minreq.lock.session import LockSession
from minreq.model import Lock
from minreq.reporting import Reporter

#: What became of a lock. ``current``: ``--check`` found nothing stale.
State = Literal["made", "unchanged", "current", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """A lock to make or to check."""

    #: The folder of its ``pyproject.toml``, and the name of its table, "" if it has none.
    folder: Path
    name: str
    #: Called in *folder*, to which all paths are relative; raises ``MinreqError``.
    read_settings: Callable[[], Settings]

    @property
    def title(self) -> str:
        """How messages call the lock: ``functions/chat: api``."""
        folder = self.folder.as_posix()
        return f"{folder}: {self.name}" if self.name and folder != "." else self.name or folder


@dataclass(frozen=True, slots=True, kw_only=True)
class LockResult:
    """What became of a requested lock."""

    request: LockRequest
    state: State
    seconds: float
    #: The file of the lock, relative to the folder of the request; ``None`` if its settings are wrong.
    output: Path | None = None
    lock: Lock | None = None
    error: MinreqError | None = None


def lock_all(
    requests: Sequence[LockRequest], reporter: Reporter, forecast: Forecast = lambda _lock, _settings: None
) -> tuple[LockResult, ...]:
    """Make, or check, all locks; return what became of each, in the same order.

    They share index pages, resolutions and equal locks: see `LockSession`. Each is written by itself, as soon as it is
    proven.
    """
    results: list[LockResult] = []
    written: dict[Path, LockRequest] = {}
    session = LockSession()
    try:
        for number, request in enumerate(requests, 1):
            reporter.note(f"lock {number} of {len(requests)}: {request.title}")
            result = _lock(request, reporter, session, forecast, written)
            results.append(result)
            if isinstance(result.error, IndexFailure):
                # The client keeps failures, so that the results of one lock agree; the next lock asks again.
                session.close()
                session = LockSession()
    finally:
        session.close()
    return tuple(results)


def _lock(
    request: LockRequest,
    reporter: Reporter,
    session: LockSession,
    forecast: Forecast,
    written: dict[Path, LockRequest],
) -> LockResult:
    began, output = time.monotonic(), None
    with _working_in(request.folder):
        try:
            settings = request.read_settings()
            output = settings.output
            _claim_output(request, settings, written)
            lock, is_new = lock_in_session(settings, reporter, session, forecast)
        except MinreqError as error:
            failure = error
        except OSError as error:
            failure = SystemFailure.from_error(error)
        else:
            state: State = "current" if settings.check else "made" if is_new else "unchanged"
            seconds = time.monotonic() - began
            return LockResult(request=request, state=state, seconds=seconds, output=output, lock=lock)
    reporter.note(f"{request.title} failed: {failure}")
    seconds = time.monotonic() - began
    return LockResult(request=request, state="failed", seconds=seconds, output=output, error=failure)


def _claim_output(request: LockRequest, settings: Settings, written: dict[Path, LockRequest]) -> None:
    """Raise ``InvalidOptions`` if another lock has the same file: the second would replace the first."""
    if settings.output == STDOUT:
        raise InvalidOptions([f"{request.title}: `--all` writes files, but the output is -"])
    first = written.setdefault(settings.output.resolve(), request)
    if first is not request:
        raise InvalidOptions([f"{request.title} and {first.title} have the same output, {settings.output}; rename one"])


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    """Work in *folder*: the command in a lock is then the one that a user gives there."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
