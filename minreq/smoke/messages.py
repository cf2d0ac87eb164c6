"""The messages between a run and its processes, read and written; pure. docs/protocol.md describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from minreq.model import Frame, Need, Question, Script, StageBehaviour
from minreq.smoke.oracle import Listed, Reply
from minreq.smoke.results import StageResult


def question(message: Mapping[str, Any]) -> Question:
    """Read a question."""
    return Question(
        need=Need(message["ask"]),
        name=str(message["name"]),
        frames=tuple(_frame(*frame) for frame in message["frames"]),
        stage=str(message["stage"]),
        order=int(message["order"]),
    )


def answer(reply: Reply, *, fork: str | None) -> Mapping[str, Any]:
    """Write *reply*; *fork* is the name of the process that shall go on without it."""
    return {
        "answer": reply.answer,
        "distribution": reply.distribution,
        "path": str(reply.path) if reply.path else None,
        "shared": list(reply.shared),
        "fork": fork,
    }


def listing(found: Iterable[Listed]) -> Mapping[str, Any]:
    """Write the answer to who lists everything installed."""
    return {"listed": [[each.distribution, each.version, each.folder, each.entry_points] for each in found]}


def stage(script: Script, environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Write what to run, with the variables of its *environment* as they are by now."""
    return {
        "stage": script.stage,
        "file": str(script.file),
        "environment": dict(environment),
        "arguments": list(script.arguments),
    }


def result(stage: str, message: Mapping[str, Any], neutral: Callable[[str], str]) -> StageResult:
    """Read what a *stage* told; *neutral* takes out of a text what differs between machines."""
    behaviour = StageBehaviour(
        stage=stage,
        status=neutral(message["status"]),
        output=tuple(neutral(message["output"]).splitlines()),
        warnings=tuple(map(neutral, message["warnings"])),
        logs=tuple(map(neutral, message["logs"])),
        # Each once: how often depends on which thread is faster, where several want the same.
        connections=tuple(dict.fromkeys(map(neutral, message["connections"]))),
    )
    return StageResult(
        behaviour=behaviour,
        declined=tuple(map(canonicalize_name, message["declined"])),
        missing=tuple(message["missing"]),
        traceback=neutral(message["traceback"]),
        opened=tuple(message["opened"]),
        loaded=tuple((file, _frame(*importer) if importer else None) for file, importer in message["loaded"]),
    )


def _frame(file: object, line: object, function: object) -> Frame:
    return Frame(file=str(file), line=int(str(line)), function=str(function))
