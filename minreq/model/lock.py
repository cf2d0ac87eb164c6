"""The lock: what it keeps and leaves out, the evidence, and the certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from minreq.model.distributions import Candidate, Platform, Resolution
from minreq.model.evidence import Behaviour, Difference, Evidence, Failure
from minreq.model.plan import EMPTY
from minreq.model.questions import Asker, Question

#: Without measuring: the bytes that compiling adds for each byte of Python source.
_COMPILED_PER_SOURCE = 1.2


#: Above this part of a limit an estimate does not do, and a smaller build is worth while.
_NEAR = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildForecast:
    """What a build of a lock comes to, before it is made."""

    #: The level of slimming: ``cold``.
    slim: str
    #: About the bytes of the tree.
    bytes: int


def is_near(size: int, limit: int) -> bool:
    """Whether *size* is near *limit*, or over it."""
    return size > _NEAR * limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A distribution in the lock."""

    candidate: Candidate
    evidence: Evidence
    #: Unpacked bytes of its wheel.
    bytes: int
    #: The distributions (or ``smoke``) that imported it in a run, sorted.
    via: tuple[str, ...] = ()
    #: The providers with stages that asked for it, sorted; empty if the import of the root asked.
    providers: tuple[str, ...] = ()
    #: The first question about it; ``None``: nothing asked (kept on request, or found by running without it).
    question: Question | None = None
    #: Every place that asked for it, sorted by place.
    askers: tuple[Asker, ...] = ()
    #: Its Python files that the trace loaded, sorted, as paths below ``site-packages``.
    loaded: tuple[str, ...] = ()
    #: Bytes of all its Python files, a part of *bytes*; compiled files would add about as many.
    sources: int = 0
    #: Bytes that pip adds when it compiles these files, as measured; ``None``: not measured.
    compiled: int | None = None
    #: The extra that supplied it, ``litellm[mcp]``.
    extra: str | None = None

    @property
    def compiled_bytes(self) -> int:
        """The bytes that compiling adds, an estimate where they are not measured."""
        return round(self.sources * _COMPILED_PER_SOURCE) if self.compiled is None else self.compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A distribution of the closure that is not in the lock."""

    candidate: Candidate
    bytes: int
    #: ``never asked for``, ``optional: ...``, ``passed without it``, ``degraded: ...``, ``provided``, ``excluded``,
    #: ``project``.
    reason: str
    #: The first declined question about it; ``None``: no question.
    question: Question | None = None
    #: Every place that asked for it, sorted by place.
    askers: tuple[Asker, ...] = ()
    #: Its top modules that no kept distribution has, sorted: they cannot be imported.
    modules: tuple[str, ...] = ()
    #: With ``--smallest``: the accepted difference.
    degraded: Difference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is kept and left out: a partition of the closure. Both are sorted by name."""

    kept: tuple[Kept, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def bytes(self) -> int:
        """The unpacked bytes of the kept wheels."""
        return sum(each.bytes for each in self.kept)

    @property
    def installed_bytes(self) -> int:
        """The bytes that ``pip install --target`` writes, compiled files included."""
        return sum(each.bytes + each.compiled_bytes for each in self.kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a run in a clean environment without one distribution of the lock."""

    distribution: NormalizedName
    #: ``None``: the smoke passed and behaved the same.
    result: Failure | Difference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The results of ``--certify``, which tests the set by separate runs."""

    #: SHA-256 of the inputs of the runs: the wheels of the lock, the scripts, the profile.
    subject: str
    #: One for each distribution of the lock, sorted by name.
    outcomes: tuple[Outcome, ...]
    #: The other orders in which the lock and the reference ran: ``features in reverse order``.
    orders: tuple[str, ...] = ()
    #: The stages that also ran in a plain interpreter, without minreq's hook.
    plain_stages: tuple[str, ...] = ()
    #: Sentences about what the smoke does with nothing left out.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The content of a lock file and its evidence. Equal locks are written as equal bytes."""

    #: The requirements of the roots as requested, ``litellm==1.78.7`` or ``first, second``.
    root: str
    #: The command line that makes the same lock, without ``minreq``: ``lock --providers openai,bedrock``.
    command: str
    #: Providers and features (or smoke files) in the order of the plan, ``openai/chat``.
    stages: tuple[str, ...]
    resolution: Resolution
    selection: Selection
    platforms: tuple[Platform, ...]
    #: The platform the smoke ran on.
    proven_on: Platform
    #: The behaviour of the proof; ``minreq verify`` compares with it.
    behaviour: Behaviour
    #: Names of the noise: what differed between two runs of one set.
    noise: tuple[str, ...] = ()
    #: Digests of the inputs (smoke scripts, profile), by name; ``--check`` compares them.
    inputs: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    #: With ``--certify``.
    certificate: Certificate | None = None
    #: The tools of the smoke (``--smoke-with``), sorted by name.
    tools: tuple[Candidate, ...] = ()
    hashes: bool = True
    annotate: bool = True

    @property
    def is_measured(self) -> bool:
        """Whether the bytes of compiled files are measured; for another platform than the host they are estimates."""
        is_of_host = all(platform.name == self.proven_on.name for platform in self.platforms)
        return is_of_host and all(each.compiled is not None for each in self.selection.kept)

    @property
    def declared(self) -> tuple[Kept | LeftOut, ...]:
        """What a plain install of the root has, without what extras added, and without a project that is the root."""
        members: tuple[Kept | LeftOut, ...] = (*self.selection.kept, *self.selection.left_out)
        project = self.resolution.provided & {self.resolution.root}
        return tuple(each for each in members if each.candidate.name not in project and not self.is_of_extra(each))

    def is_of_extra(self, member: Kept | LeftOut) -> bool:
        """Whether *member* is in the closure only because the smoke failed without an extra."""
        return member.candidate.name in self.resolution.extras

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The left-out distributions that the runtime does not provide."""
        return tuple(each for each in self.selection.left_out if each.candidate.name not in self.resolution.provided)

    @property
    def declared_left_out(self) -> tuple[LeftOut, ...]:
        """Those of `left_out` that a plain install has."""
        return tuple(each for each in self.left_out if not self.is_of_extra(each))

    @property
    def root_requirements(self) -> tuple[str, ...]:
        """The requirement of each root."""
        return tuple(self.root.split(", "))

    @property
    def provided(self) -> tuple[LeftOut, ...]:
        """The left-out distributions that the runtime provides; a project that is the root is not one of them."""
        return tuple(
            each
            for each in self.selection.left_out
            if each.candidate.name in self.resolution.provided - {self.resolution.root}
        )
