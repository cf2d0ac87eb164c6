"""Limits the requests that all processes of this machine send to one host, and lets all of them wait where it asks.

The processes share a cache, and so a folder of lock files (``flock(2)``): who holds one of the files of a host may send
a request to it. The kernel releases the files of a process that dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from minreq.system import regularfile

#: Requests to one host at the same time: as many as one process sends.
SLOTS = 16
#: Seconds between two tries to get a slot; each process waits another time.
_POLL = 0.02
#: Seconds after which a request is sent without a slot. The limit is a courtesy, and never a reason to fail.
_PATIENCE = 60.0


class Slot:
    """A place among the requests to a host, until `release`; a second call does no harm."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def release(self) -> None:
        """Let another request take the place."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.release()


class HostLimit:
    """The limit for each host, kept in *folder*; shared by threads and processes.

    *pause* waits for some seconds. A file system without locks has no limit.
    """

    def __init__(self, folder: Path, pause: Callable[[float], object], *, slots: int = SLOTS) -> None:
        self._folder = folder
        self._pause = pause
        self._slots = slots
        self._is_checked = False
        #: The moments that this thread has set itself: it waits before it asks again.
        self._own = threading.local()

    def acquire(self, host: str) -> Slot:
        """Wait until *host* wants requests and has a free slot, and return the slot."""
        if not self._is_checked:
            self._remove_foreign_files()
        self._wait_for_host(host)
        give_up = time.monotonic() + _PATIENCE
        while time.monotonic() < give_up:
            try:
                if (found := self._try_slots(host)) is not None:
                    return Slot(found)
            except OSError:
                break
            self._pause(_POLL * (0.5 + random.random()))  # noqa: S311 # No secret.
        return Slot(None)

    def hold_back(self, host: str, seconds: float) -> None:
        """Let no process send a request to *host* for some *seconds*; the caller waits by itself."""
        file, moment = self._file(host, "wait"), time.time() + seconds
        setattr(self._own, _name(host), moment)
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            os.utime(file, (moment, moment))

    def _remove_foreign_files(self) -> None:
        """Remove what is no regular file: a link would be followed, and a pipe waited for."""
        with suppress(OSError):
            for file in self._folder.iterdir():
                if not (regularfile.is_regular(file) and os.access(file, os.R_OK | os.W_OK)):
                    regularfile.remove_any(file)
        self._is_checked = True

    def _wait_for_host(self, host: str) -> None:
        try:
            moment = self._file(host, "wait").stat().st_mtime
        except OSError:
            return
        # A file system may keep less than a clock has.
        if abs(moment - getattr(self._own, _name(host), 0.0)) > 1 and (left := moment - time.time()) > 0:
            self._pause(left)

    def _try_slots(self, host: str) -> int | None:
        """Return the open file of a free slot, ``None`` if there is none; raise ``OSError``."""
        self._folder.mkdir(parents=True, exist_ok=True)
        first = random.randrange(self._slots)  # noqa: S311 # As above.
        for number in range(self._slots):
            file = self._file(host, str((first + number) % self._slots))
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            except OSError:
                os.close(descriptor)
                raise
            else:
                return descriptor
        return None

    def _file(self, host: str, suffix: str) -> Path:
        return self._folder / f"{_name(host)}.{suffix}"


def _name(host: str) -> str:
    return hashlib.sha256(host.encode()).hexdigest()[:32]
