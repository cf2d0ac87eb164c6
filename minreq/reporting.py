"""What may be watched while a lock is made: events with empty bodies, so that a subclass overrides what it wants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum

from packaging.utils import NormalizedName

from minreq.model import Answer, Evidence, Lock, Resolution


class Step(Enum):
    """The steps of a lock, and of a build, in order; a step may come again when an answer changes."""

    SCAN = "scan"
    RESOLVE = "resolve"
    MAP = "map"
    BASELINE = "baseline"
    TRACE = "trace"
    SETTLE = "settle"
    COMPARE = "compare"
    #: Which files the smoke opens.
    WATCH = "watch"
    BUILD = "build"
    PROVE = "prove"
    CERTIFY = "certify"
    WRITE = "write"


class Reporter:
    """Told of everything that happens; may be called from several threads at once."""

    def began(self, step: Step, detail: str = "") -> None:
        """*step* begins; the one before it has ended."""

    def resolved(self, resolution: Resolution) -> None:
        """The declared closure is pinned."""

    def mapped(self, sizes: Mapping[NormalizedName, int]) -> None:
        """The unpacked bytes of every wheel of the closure are known."""

    def fetched(self, filename: str, size: int) -> None:
        """A wheel of *size* bytes was downloaded and its hash checked."""

    def scanned(self, done: int, files: int) -> None:
        """*done* of so many *files* of a code base are read."""

    def answered(self, answer: Answer) -> None:
        """The trace answered the first question about a distribution."""

    def settled(self, name: NormalizedName, evidence: Evidence | None) -> None:
        """A yes was tried as no: *evidence* why it stays, ``None`` when the smoke passed without it."""

    def provided(self, provider: str, needs: Collection[NormalizedName], failure: str) -> None:
        """It is found what a provider *needs* beside the import of the root, or why that could not be found."""

    def repeated(self, why: str) -> None:
        """The trace is void and starts again; *why* is a sentence."""

    def locked(self, lock: Lock) -> None:
        """The lock is proven and written."""

    def note(self, sentence: str) -> None:
        """Something a person should read, on a line of its own."""
