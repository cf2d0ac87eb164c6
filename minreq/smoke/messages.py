"""Read and write the messages between a run and its processes; docs/protocol.md describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from packaging.utils import canonicalize_name

from minreq.model import Frame, Question, QuestionKind, Script, StageBehaviour
from minreq.smoke.answers import ListedDistribution, Reply
from minreq.smoke.results import StageResult


def read_question(message: Mapping[str, Any]) -> Question:
    """Read a question."""
    return Question(
        need=QuestionKind(message["ask"]),
        name=str(message["name"]),
        frames=tuple(_read_frame(*frame) for frame in message["frames"]),
        stage=str(message["stage"]),
        order=int(message["order"]),
    )


def write_answer(reply: Reply, *, fork: str | None) -> Mapping[str, Any]:
    """Write *reply*; *fork* is the name of the process that shall go on without the distribution."""
    return {
        "answer": reply.answer,
        "distribution": reply.distribution,
        "path": str(reply.path) if reply.path else None,
        "shared": list(reply.shared),
        "fork": fork,
    }


def write_list(distributions: Iterable[ListedDistribution]) -> Mapping[str, Any]:
    """Write the answer to a process that lists everything installed."""
    return {"listed": [[each.distribution, each.version, each.dist_info, each.entry_points] for each in distributions]}


def write_script(script: Script, environment: Mapping[str, str]) -> Mapping[str, Any]:
    """Write the *script* to run, with the final values of its *environment*."""
    return {
        "stage": script.stage,
        "file": str(script.file),
        "environment": dict(environment),
        "arguments": list(script.arguments),
    }


def read_result(
    stage: str,
    message: Mapping[str, Any],
    make_portable: Callable[[str], str],
    records: Sequence[Mapping[str, Any]] = (),
) -> StageResult:
    """Read the result of a *stage*, to which the *records* of its workers belong.

    *make_portable* replaces what differs between machines in a text.
    """

    def lines(key: str) -> tuple[str, ...]:
        of_workers = (line for record in records for line in record.get(key, ()))
        return tuple(map(make_portable, (*message[key], *of_workers)))

    behaviour = StageBehaviour(
        stage=stage,
        status=make_portable(message["status"]),
        output=tuple(make_portable(message["output"]).splitlines()),
        errors=tuple(make_portable(_without_shown(message["errors"], records)).splitlines()),
        warnings=lines("warnings"),
        logs=lines("logs"),
        # Each once: how often a program waits for another depends on which is faster.
        exits=tuple(sorted(set(lines("exits")))),
        # Each once: where several threads try the same, how often they do depends on which is faster.
        connections=tuple(dict.fromkeys(map(make_portable, message["connections"]))),
    )
    return StageResult(
        behaviour=behaviour,
        declined=tuple(map(canonicalize_name, message["declined"])),
        missing_modules=tuple(module for module, _ in message["missing"]),
        importers={module: _read_frame(*place) for module, place in message["missing"] if place},
        traceback=make_portable(message["traceback"]),
        opened_files=tuple(message["opened"]),
        loaded_files=tuple((file, _read_frame(*place) if place else None) for file, place in message["loaded"]),
    )


def _without_shown(errors: str, records: Iterable[Mapping[str, Any]]) -> str:
    """Return *errors*, the text on stderr, without what shows the *records* of workers."""
    for record in records:
        for text in filter(None, record.get("shown", ())):
            errors = errors.replace(text, "", 1)
    return errors


def _read_frame(file: object, line: object, function: object) -> Frame:
    return Frame(file=str(file), line=int(str(line)), function=str(function))
