"""The behaviour of a run, and the kinds of evidence."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

from packaging.utils import NormalizedName


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request that reached the emulator."""

    method: str
    #: Path and query.
    target: str
    #: In the order sent, names in lower case.
    headers: tuple[tuple[str, str], ...]
    #: Text, or for other bodies the hex SHA-256 with the prefix ``sha256:``.
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBehaviour:
    """The observable behaviour of one stage: the import, or one feature of one provider."""

    #: ``import``, or ``openai/chat``.
    stage: str
    #: ``passed``, or the type and text of the exception that ended it.
    status: str
    #: The lines on stdout.
    output: tuple[str, ...] = ()
    #: The lines on stderr, without those that show `warnings` and `logs`.
    errors: tuple[str, ...] = ()
    #: ``Category: message (module)``.
    warnings: tuple[str, ...] = ()
    #: ``LEVEL logger: message`` for WARNING and above.
    logs: tuple[str, ...] = ()
    #: ``exit STATUS (FILE:LINE)``: how the processes ended that the code started, with the line that waited for them.
    exits: tuple[str, ...] = ()
    #: What isolation refused, ``host:port``, ``read PATH``, ``write PATH``; and the programs that the code started,
    #: ``run PATH``.
    connections: tuple[str, ...] = ()
    requests: tuple[RecordedRequest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The behaviour of a run of the smoke, stage by stage in the order of the plan."""

    stages: tuple[StageBehaviour, ...]

    def in_stages(self, stages: Container[str]) -> Behaviour:
        """Return the behaviour in *stages* only."""
        return Behaviour(stages=tuple(each for each in self.stages if each.stage in stages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Evidence: the smoke fails without the distribution."""

    kind: Literal["failure"] = "failure"
    distribution: NormalizedName
    stage: str
    #: The type and first line of the exception that ended the run.
    error: str
    #: The run that failed. ``fork``: a fork at the import; ``feature``: a run of the feature; ``trace``: a trace that
    #: declined the distribution; ``run``: a run in a clean environment.
    method: Literal["fork", "feature", "trace", "run"]
    #: The kinds of files of the machine that the run did not see: ``time zones``.
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Evidence: the smoke passes without the distribution, but behaves differently."""

    kind: Literal["difference"] = "difference"
    distribution: NormalizedName
    stage: str
    #: What differs: ``warnings``, ``logs``, ``output``, ``order of output``, ``request header accept``...
    what: str
    with_it: str
    without_it: str
    #: As of a failure.
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Evidence: the user requested the distribution (the root, ``--include``, ``-r``, ``--whole``)."""

    kind: Literal["request"] = "request"
    distribution: NormalizedName
    #: The words of the user: ``root``, ``--include orjson``, ``-r requirements.in``.
    asked_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A reason without a test: a tool of the smoke uses the program's distribution, so no run can be without it."""

    kind: Literal["masked"] = "masked"
    distribution: NormalizedName
    #: A line of a kept distribution or of the smoke that imports it: ``app/main.py:3``.
    place: str


Evidence = Failure | Difference | Request | Masked
