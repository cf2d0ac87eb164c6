"""Reads the evidence of a lock as it was in a revision of git."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from pathlib import Path

from minreq.errors import EvidenceUnreadable, NoSuchRevision
from minreq.lockfile import evidence, reading
from minreq.model import Lock

_LOG = logging.getLogger(__name__)

#: Seconds; git reads one object of its own files.
_TIMEOUT = 60.0


def read_lock_or_revision(old: str, lock: Path) -> Lock:
    """Return the lock in the file *old*, or what *lock* was in the revision *old* of its git repository.

    Raises ``LockMissing``, ``EvidenceUnreadable`` and ``NoSuchRevision``.
    """
    file = Path(old)
    # A lock and a revision may both have no suffix.
    is_named_as_lock = bool(file.suffix) and file.suffix == lock.suffix
    if file.exists() or evidence.evidence_path(file).exists() or is_named_as_lock:
        return reading.read_evidence(file)
    return _read_revision(old, lock)


def _read_revision(revision: str, lock: Path) -> Lock:
    path = evidence.evidence_path(lock)
    git = shutil.which("git")
    if git is None:
        raise NoSuchRevision(revision, path, "there is no file of that name, and no git on PATH")
    # `./` makes the path relative to the folder, which need not be the top of the repository. An option cannot begin
    # like that; `cat-file` runs no programs that a repository configures.
    command = [git, "-C", str(path.parent), "cat-file", "blob", f"{revision}:./{path.name}"]
    if revision.startswith("-"):
        raise NoSuchRevision(revision, path, "a revision does not begin with a dash")
    try:
        # Git of another user's repository would run nothing here, and refuses to read: it says so itself.
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoSuchRevision(revision, path, f"git does not answer: {error}") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = lines[0].removeprefix("fatal: ").rstrip(".") if lines else f"git ends with status {done.returncode}"
        raise NoSuchRevision(revision, path, why)
    place = f"{revision}:{path.name}"
    _LOG.info("read %s from git", place)
    try:
        return evidence.load(done.stdout.decode("utf-8"), filename=place)
    except UnicodeDecodeError as error:
        raise EvidenceUnreadable(place, "", f"cannot be read: {error}") from error
