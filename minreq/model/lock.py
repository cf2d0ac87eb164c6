"""What a lock keeps and leaves out, why, and with what proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from minreq.model.distributions import Candidate, Platform, Resolution
from minreq.model.evidence import Behaviour, Difference, Evidence, Failure
from minreq.model.plan import EMPTY
from minreq.model.questions import Asker, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A distribution in the lock."""

    candidate: Candidate
    evidence: Evidence
    #: Unpacked bytes of its wheel.
    bytes: int
    #: The distributions (or ``smoke``) that were seen to import it, sorted.
    via: tuple[str, ...] = ()
    #: The providers whose stages asked for it, sorted; empty when the import of the root did.
    providers: tuple[str, ...] = ()
    #: The first question about it, ``None`` when nothing asked (kept on request).
    question: Question | None = None
    #: Every place that asked for it, sorted by place.
    askers: tuple[Asker, ...] = ()
    #: Its files of Python that the trace loaded, sorted, as paths below ``site-packages``.
    loaded: tuple[str, ...] = ()
    #: Bytes of all its files of Python, part of *bytes*; compiled files come to about as much again.
    sources: int = 0
    #: The extra that supplied it, ``litellm[mcp]``.
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A distribution of the closure that is not in the lock."""

    candidate: Candidate
    bytes: int
    #: ``never asked for``, ``optional: ...``, ``passed without it``, ``degraded: ...``, ``provided``, ``excluded``.
    reason: str
    #: The first question about it that was declined, ``None`` when nothing asked.
    question: Question | None = None
    #: Every place that asked for it, sorted by place.
    askers: tuple[Asker, ...] = ()
    #: What no longer can be imported: its modules that nothing kept has, sorted; what lies below them is left unsaid.
    modules: tuple[str, ...] = ()
    #: With ``--smallest``: the difference that was accepted.
    degraded: Difference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the runs decided; kept and left out partition the closure. Both sorted by name."""

    kept: tuple[Kept, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run in a clean environment showed that lacked one distribution of the lock."""

    distribution: NormalizedName
    #: ``None``: the smoke passed and behaved the same.
    result: Failure | Difference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What ``--certify`` checked, without the shortcuts that found the set."""

    #: SHA-256 over what was run: the wheels of the lock, the scripts, the profile.
    subject: str
    #: One for each distribution of the lock, sorted by name.
    outcomes: tuple[Outcome, ...]
    #: Other ways in which all of the lock was run, each beside all of the baseline: ``features in reverse order``.
    orders: tuple[str, ...] = ()
    #: What the smoke does by itself, nothing left out: sentences.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Everything a lock file and its evidence say; equal locks are written as equal bytes."""

    #: The requirement of the root as asked, ``litellm`` or ``litellm==1.78.7``.
    root: str
    #: The command line that makes it anew, without ``minreq``: ``lock --providers openai,bedrock``.
    command: str
    #: Providers and features (or smoke files) in the order of the plan, ``openai/chat``.
    stages: tuple[str, ...]
    resolution: Resolution
    selection: Selection
    platforms: tuple[Platform, ...]
    #: The platform the smoke ran on.
    proven_on: Platform
    #: What the proof did: recorded, and compared by ``minreq verify``.
    behaviour: Behaviour
    #: Names of what differed between two runs of one set.
    noise: tuple[str, ...] = ()
    #: What the lock was made from: digests of smoke scripts and profile, by name. What ``--check`` compares.
    inputs: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    #: With ``--certify``.
    certificate: Certificate | None = None
    #: What the smoke ran with beside the lock (``--smoke-with``), sorted by name.
    tools: tuple[Candidate, ...] = ()
    hashes: bool = True
    annotate: bool = True

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What of the selection is left out and not provided: nowhere when the lock is installed."""
        return tuple(each for each in self.selection.left_out if each.candidate.name not in self.resolution.provided)

    @property
    def provided(self) -> tuple[LeftOut, ...]:
        """What of the selection is left out since the runtime has it."""
        return tuple(each for each in self.selection.left_out if each.candidate.name in self.resolution.provided)
