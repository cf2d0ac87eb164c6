"""What a run did, and the evidence that follows from it."""

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
