"""The frozen values that pass between the stages of a lock."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import NormalizedName
from packaging.version import Version

#: A mapping nobody can change, for defaults of frozen fields.
EMPTY: Mapping[str, str] = MappingProxyType({})

#: AWS Lambda's limit for a function and its layers together, unpacked, in bytes.
LAMBDA_LIMIT = 262_144_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """An interpreter on an operating system, as wheels and markers see it."""

    #: ``host`` for the interpreter at hand, else the name of a preset such as ``lambda-python3.12-x86_64``.
    name: str
    #: The full version of Python, ``3.12.1``.
    python_version: Version
    #: The environment markers of PEP 508, without ``extra``.
    markers: Mapping[str, str]
    #: Compatible wheel tags, most wanted first.
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel on an index, as the Simple API describes it (PEP 503, 592, 658, 691, 700)."""

    name: NormalizedName
    version: Version
    filename: str
    #: Absolute, ``https:``, ``http:`` or ``file:``, without the fragment; credentials are kept out.
    url: str
    #: Hex digest; ``None`` where the index offers no SHA-256 (such a wheel is hashed when it is fetched).
    sha256: str | None
    tags: frozenset[Tag]
    #: Bytes of the archive, where the index tells.
    size: int | None = None
    requires_python: SpecifierSet | None = None
    upload_time: datetime | None = None
    #: ``None``: not yanked. Else the reason, which may be empty.
    yanked: str | None = None
    #: Hex SHA-256 of the metadata file beside the wheel (PEP 658); "" when offered without hash, ``None`` when not.
    metadata_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdist:
    """A source distribution on an index; becomes a wheel before anything else looks at it."""

    name: NormalizedName
    version: Version
    filename: str
    url: str
    sha256: str | None
    size: int | None = None
    requires_python: SpecifierSet | None = None
    upload_time: datetime | None = None
    yanked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What the resolver reads from core metadata (``METADATA`` in ``.dist-info``)."""

    name: NormalizedName
    version: Version
    requires: tuple[Requirement, ...] = ()
    #: ``Provides-Extra``, normalized.
    extras: frozenset[NormalizedName] = frozenset()
    requires_python: SpecifierSet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in a wheel, read from the zip's central directory."""

    #: Path inside the archive, with ``/``.
    path: str
    #: Unpacked bytes.
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A version of a project that can be installed, with the wheels of it that fit.

    A candidate is found in an index and not installed yet.
    """

    name: NormalizedName
    version: Version
    #: The wheel the host installs: what is traced and proven.
    wheel: Wheel
    #: Every wheel of this version that fits a target platform, sorted by file name; their hashes go into the lock.
    wheels: tuple[Wheel, ...]
    #: What *wheel* was built from, where the index has no wheel that fits: an installer builds it again, so the lock
    #: pins this file. Each build makes other bytes.
    sdist: Sdist | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A newer version of the root that was not taken, and why."""

    name: NormalizedName
    version: Version
    #: A sentence for a person.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The declared closure of the roots, pinned: what a full install would bring."""

    #: By name, sorted by name.
    pins: Mapping[NormalizedName, Candidate]
    #: The project whose distributions are minimized (``litellm``).
    root: NormalizedName
    #: Projects kept whole, with their closures (``-r``, ``--whole``).
    whole: frozenset[NormalizedName] = frozenset()
    #: Projects the runtime already has (``--provided``): pinned, traced, not written.
    provided: frozenset[NormalizedName] = frozenset()
    #: Who requires whom: the names each pin declares under the markers and extras in use.
    requires: Mapping[NormalizedName, frozenset[NormalizedName]] = field(default_factory=dict)
    #: For each pin that an extra brought in at a hard miss, ``litellm[mcp]``.
    extras: Mapping[NormalizedName, str] = field(default_factory=dict)
    #: Newest first.
    passed_over: tuple[PassedOver, ...] = ()
    #: Sentences about constraints that were set aside: overrides, and floors of distributions nothing needs.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A place in running code."""

    file: str
    line: int
    #: ``<module>`` at module level, ``<class NAME>`` in the body of a class.
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A smoke that is a command line: ``pytest -q tests/smoke``."""

    #: The program first.
    words: tuple[str, ...]
    #: Absolute: where it is run.
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One stage of a smoke: a file of Python that a child interpreter runs as ``__main__``."""

    #: ``import`` for the first stage, else ``openai/chat``; ``smoke/check.py`` for a user's own.
    stage: str
    file: Path
    #: Added to the plan's environment. ``{http}`` and ``{https}`` stand for the emulator's addresses of this stage.
    environment: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    arguments: tuple[str, ...] = ()
    #: Of a command line: where it is run, and its first argument.
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Scripts that run one after the other in a process of their own: the features of one provider."""

    name: str
    scripts: tuple[Script, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a smoke runs: a first stage that all groups share, then the groups, independent of each other."""

    #: The whole environment of the child beside what the sandbox sets (home, temp, locale).
    environment: Mapping[str, str]
    #: Run once, before the groups; ``None`` when there is nothing to share.
    first: Script | None
    groups: tuple[Group, ...]

    def groups_of(self, stages: Container[str]) -> tuple[Group, ...]:
        """Return the groups that have one of *stages*."""
        return tuple(group for group in self.groups if any(script.stage in stages for script in group.scripts))


class Need(Enum):
    """How a name was asked for."""

    IMPORT = "import"
    #: ``importlib.util.find_spec``.
    PROBE = "probe"
    #: ``importlib.metadata`` looked up a project.
    METADATA = "metadata"
    #: ``importlib.metadata`` listed what is installed: ``entry_points``, ``distributions``.
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An import, probe or metadata look-up that nothing in the child satisfied."""

    need: Need
    #: A dotted module, the name of a project for ``Need.METADATA``, a group of entry points (or "") for ``Need.LIST``.
    name: str
    #: Where it was asked, innermost frame first, the machinery of import left out.
    frames: tuple[Frame, ...]
    #: The feature that ran, ``import`` for the first stage, else ``openai/chat``.
    stage: str
    #: Position among the questions of its process.
    order: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A place in code that asked for a distribution."""

    need: Need
    #: What it asked for: a module, a project for ``Need.METADATA``, a group of entry points for ``Need.LIST``.
    name: str
    #: The innermost frame of a distribution, else the innermost; ``None`` where no Python asked.
    frame: Frame | None = None
    #: Whose file that is, ``None`` for the smoke's and Python's own.
    distribution: NormalizedName | None = None
    #: The handler or probe that makes it optional: ``except ImportError at a/b.py:3``; ``None``: nothing does.
    why_optional: str | None = None
    #: The stages in which it asked, sorted.
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the trace said to the first question about a distribution."""

    distribution: NormalizedName
    accepted: bool
    question: Question
    #: Why a no was tried first, or why a yes was given: a few words.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request that reached the emulator."""

    method: str
    #: Path and query.
    target: str
    #: In the order sent, names in lower case.
    headers: tuple[tuple[str, str], ...]
    #: Decoded where it is text, else the hex SHA-256 with the prefix ``sha256:``.
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBehaviour:
    """What one stage (the import, or one feature of one provider) did that can be seen from outside."""

    #: ``import``, or ``openai/chat``.
    stage: str
    #: ``passed``, or the type and text of the exception that ended it.
    status: str
    #: Lines it printed on stdout.
    output: tuple[str, ...] = ()
    #: ``Category: message (module)``.
    warnings: tuple[str, ...] = ()
    #: ``LEVEL logger: message`` for WARNING and above.
    logs: tuple[str, ...] = ()
    #: What the code tried and could not, ``host:port``, ``read PATH``, ``write PATH``; and programs it started,
    #: ``run PATH``.
    connections: tuple[str, ...] = ()
    requests: tuple[RecordedRequest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a whole run of the smoke did, stage by stage in plan order."""

    stages: tuple[StageBehaviour, ...]

    def of(self, stages: Container[str]) -> Behaviour:
        """Return what it did in *stages* alone."""
        return Behaviour(stages=tuple(each for each in self.stages if each.stage in stages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Evidence: without the distribution the smoke fails."""

    kind: Literal["failure"] = "failure"
    distribution: NormalizedName
    stage: str
    #: The type and first line of the exception that ended the run.
    error: str
    #: ``fork``: by a fork at the very import; ``feature``: by a run of the feature; ``trace``: by a trace that declined
    #: it; ``run``: by a run in a clean environment of its own.
    method: Literal["fork", "feature", "trace", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Evidence: without the distribution the smoke passes but behaves differently."""

    kind: Literal["difference"] = "difference"
    distribution: NormalizedName
    stage: str
    #: What differs: ``warnings``, ``logs``, ``output``, ``request header user-agent`` and the like.
    what: str
    with_it: str
    without_it: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Evidence: the user asked for it (the root itself, ``--include``, ``-r``, ``--whole``)."""

    kind: Literal["request"] = "request"
    distribution: NormalizedName
    #: The words of the user: ``root``, ``--include orjson``, ``-r requirements.in``.
    asked_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """No evidence, but a reason: the tools of the smoke have it too, so that no run could go without it."""

    kind: Literal["masked"] = "masked"
    distribution: NormalizedName
    #: The line of a kept distribution that imports it with nothing to catch a failure: ``app/main.py:3``.
    place: str


Evidence = Failure | Difference | Request | Masked


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
