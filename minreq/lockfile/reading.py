"""Reads a lock on disk."""

from __future__ import annotations

import logging
from pathlib import Path

from minreq.errors import EvidenceUnreadable, LockMissing
from minreq.lockfile import evidence
from minreq.model import Lock
from minreq.system import regularfile

_LOG = logging.getLogger(__name__)


def read_evidence(lock: Path) -> Lock:
    """Read the evidence beside *lock*; raise ``LockMissing`` and ``EvidenceUnreadable``."""
    _check_file(lock)
    path = evidence.evidence_path(lock)
    if not path.exists() and not lock.exists():
        raise LockMissing(lock, "lock")
    return evidence.load(read_text(path, "evidence"), filename=path.name)


def read_text(path: Path, what: str) -> str:
    """Return the text of *path*; *what* is ``lock`` or ``evidence``, for errors. Raises as `read_evidence` does."""
    _check_file(path)
    try:
        text = regularfile.read_text(path)
    except FileNotFoundError:
        raise LockMissing(path, what) from None
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise EvidenceUnreadable(str(path), "", f"cannot be read: {why}") from error
    _LOG.info("read %s", path)
    return text


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise EvidenceUnreadable(str(path), "", "is a folder; name the file of a lock")
