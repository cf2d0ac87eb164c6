"""The events of a lock and of the other commands. A subclass of `Reporter` overrides the ones that it needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum

from packaging.utils import NormalizedName

from minreq.model import Answer, Evidence, Lock, Resolution


class Step(Enum):
    """The steps of a lock and of a build, in order. A step may repeat if an answer changes."""

    SCAN = "scan"
    RESOLVE = "resolve"
    MAP = "map"
    REFERENCE = "reference"
    TRACE = "trace"
    SETTLE = "settle"
    COMPARE = "compare"
    #: Finding the files that the smoke opens.
    WATCH = "watch"
    #: Measuring what imports cost.
    IMPORT = "import"
    BUILD = "build"
    #: Deferring imports in a tree.
    DEFER = "defer"
    PROVE = "prove"
    #: Measuring compiled files that nothing compiled yet.
    COMPILE = "compile"
    CERTIFY = "certify"
    WRITE = "write"


class Reporter:
    """Receives the events. Several threads may call it at once."""

    def began(self, step: Step, detail: str = "") -> None:
        """*step* begins; the previous step has ended."""

    def resolved(self, resolution: Resolution) -> None:
        """The closure is resolved to pins."""

    def mapped(self, sizes: Mapping[NormalizedName, int]) -> None:
        """The unpacked *sizes* of all wheels of the closure are known."""

    def fetched(self, filename: str, size: int) -> None:
        """A wheel of *size* bytes was downloaded, and its hash is correct."""

    def scanned(self, done: int, files: int) -> None:
        """*done* of all *files* of a code base are read."""

    def planned(self, stages: int) -> None:
        """A run of the smoke has this number of *stages*."""

    def stage_ended(self, stage: str) -> None:
        """A *stage* of a run ended, passed or not. Several runs may be under way."""

    def answered(self, answer: Answer) -> None:
        """The trace answered the first question about a distribution."""

    def settled(self, name: NormalizedName, evidence: Evidence | None) -> None:
        """An accepted distribution is settled: *evidence* why it is needed, ``None`` if the smoke passed without it."""

    def provided(self, provider: str, needs: Collection[NormalizedName], failure: str) -> None:
        """A provider is measured: what it *needs* in addition to the import of the root, or the *failure*."""

    def repeated(self, why: str) -> None:
        """The trace is discarded and starts again; *why* is a sentence."""

    def locked(self, lock: Lock) -> None:
        """The lock is proven and written."""

    def note(self, sentence: str) -> None:
        """A note for the user."""
