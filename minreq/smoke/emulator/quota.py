"""What the emulator may hold of requests: a client is code of a package, and may send anything."""

from __future__ import annotations

#: Bytes of all requests under one name that are being read and answered at a time.
MAX_HELD_SIZE = 128 * 1024 * 1024
#: Bytes of all requests that are recorded under one name: minreq reads them at once, and they become evidence.
MAX_RECORDED_SIZE = 16 * 1024 * 1024
#: Bytes that a recorded request takes beyond its texts, and each of its headers.
_REQUEST_COST, _HEADER_COST = 1024, 256


class QuotaExceeded(Exception):
    """A client has sent too much; the text is sent back."""


class Quota:
    """Counts what is held and recorded under one name."""

    def __init__(self) -> None:
        self._held = 0
        self._recorded = 0

    def hold(self, size: int) -> None:
        """Count *size* bytes as held; `release` counts them as held no longer. Raises `QuotaExceeded`."""
        if self._held + size > MAX_HELD_SIZE:
            message = f"The emulator holds {MAX_HELD_SIZE >> 20} MiB of requests already."
            raise QuotaExceeded(message)
        self._held += size

    def release(self, size: int) -> None:
        """Count *size* bytes as held no longer."""
        self._held -= size

    def count_record(self, texts: list[str], headers: int) -> None:
        """Count a recorded request of these *texts* and this number of *headers*. Raises `QuotaExceeded`."""
        self._recorded += sum(map(len, texts)) + _REQUEST_COST + headers * _HEADER_COST
        if self._recorded > MAX_RECORDED_SIZE:
            message = f"The emulator has recorded {MAX_RECORDED_SIZE >> 20} MiB of requests, and answers no more."
            raise QuotaExceeded(message)
