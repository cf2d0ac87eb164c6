"""A lock on disk, read back."""

from __future__ import annotations

from pathlib import Path

from minreq.errors import EvidenceUnreadable, LockMissing
from minreq.lockfile import evidence
from minreq.model import Lock


def read_evidence(lock: Path) -> Lock:
    """Return what the evidence beside *lock* says; raises ``LockMissing`` and ``EvidenceUnreadable``."""
    beside = evidence.beside(lock)
    return evidence.load(read_text(beside, "evidence"), filename=beside.name)


def read_text(path: Path, what: str) -> str:
    """Return the text of *path*, which is a *what* of a lock; raises as `read_evidence` does."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise LockMissing(path, what) from None
    except (OSError, UnicodeDecodeError) as error:
        raise EvidenceUnreadable(str(path), "", f"cannot be read: {error}") from error
