"""Read and write the messages between a run and its processes; docs/protocol.md describes them.

What is read comes from a process that runs the code of packages: each value is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from packaging.utils import canonicalize_name

from minreq.model import Frame, Question, QuestionKind, Script, StageBehaviour
from minreq.smoke.answers import ListedDistribution, Reply
from minreq.smoke.lines import MAX_VALUES, MessageRefused
from minreq.smoke.pytestevents import PytestEvent
from minreq.smoke.results import MAX_LINES, MAX_PRINTED, CaughtImport, StageResult, WorkerRecord

#: The child sends sixty.
_MAX_FRAMES = 1000
_MAX_INTEGER = 1 << 53
#: What a worker records: lines, and the texts that appeared on stderr for them.
_RECORD_KEYS = ("logs", "warnings", "exits", "shown")
#: After a last line that does not end.
_UNENDED = " (no end of line)"


def read_question(message: Mapping[str, Any]) -> Question:
    """Read a question."""
    need = read_text(message, "ask")
    if need not in {each.value for each in QuestionKind}:
        raise MessageRefused("asked minreq for what it does not know")
    return Question(
        need=QuestionKind(need),
        name=read_text(message, "name"),
        frames=tuple(_read_frame(frame) for frame in _read_list(message, "frames", _MAX_FRAMES)),
        stage=read_text(message, "stage"),
        order=read_integer(message, "order"),
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
    records: Sequence[WorkerRecord] = (),
) -> StageResult:
    """Read the result of a *stage*, to which the *records* of its workers belong.

    *make_portable* replaces what differs between machines in a text.
    """
    _check_printed(message, records)

    def lines(key: str) -> tuple[str, ...]:
        of_workers = (line for record in records for line in record.lines.get(key, ()))
        return tuple(map(make_portable, (*_read_texts(message, key), *of_workers)))

    missing = [_read_place(each, "missing") for each in _read_list(message, "missing")]
    behaviour = StageBehaviour(
        stage=stage,
        status=make_portable(read_text(message, "status")),
        output=split_output(make_portable(read_text(message, "output"))),
        errors=tuple(make_portable(_without_shown(read_text(message, "errors"), records)).splitlines()),
        warnings=lines("warnings"),
        logs=lines("logs"),
        # Each once: how often a program waits for another depends on which is faster.
        exits=tuple(sorted(set(lines("exits")))),
        # Each once: where several threads try the same, how often they do depends on which is faster.
        connections=tuple(dict.fromkeys(map(make_portable, _read_texts(message, "connections")))),
    )
    return StageResult(
        behaviour=behaviour,
        declined=tuple(map(canonicalize_name, _read_texts(message, "declined"))),
        missing_modules=tuple(module for module, _ in missing),
        importers={module: frame for module, frame in missing if frame},
        traceback=make_portable(read_text(message, "traceback")),
        opened_files=tuple(map(_check_path, _read_texts(message, "opened"))),
        loaded_files=tuple(_read_place(each, "loaded", is_path=True) for each in _read_list(message, "loaded")),
        caught=tuple(map(_read_caught, _read_list(message, "caught"))),
    )


def _check_printed(message: Mapping[str, Any], records: Sequence[WorkerRecord]) -> None:
    """Refuse a stage that printed too much: each line takes memory in every run, and stays in the evidence."""
    texts = [read_text(message, key) for key in ("status", "output", "errors", "traceback")]
    texts += [text for key in ("warnings", "logs", "exits", "connections") for text in _read_texts(message, key)]
    size = sum(map(len, texts)) + sum(record.size for record in records)
    lines = sum(text.count("\n") + 1 for text in texts) + sum(record.count for record in records)
    if size > MAX_PRINTED:
        raise MessageRefused(f"printed or logged more than {MAX_PRINTED >> 20} MiB in one stage")
    if lines > MAX_LINES:
        raise MessageRefused(f"printed or logged more than {MAX_LINES:,} lines in one stage")


def split_output(text: str) -> tuple[str, ...]:
    """Return the lines of what a stage prints; a last line without an end says so, as a person would see it."""
    lines = text.splitlines()
    if lines and lines[-1] == text.splitlines(keepends=True)[-1]:
        lines[-1] += _UNENDED
    return tuple(lines)


def read_record(message: Mapping[str, Any]) -> WorkerRecord:
    """Read what a worker recorded."""
    record = read_object(message, "record")
    return WorkerRecord(
        stage=read_text(message, "stage"),
        lines={key: _read_texts(record, key) for key in _RECORD_KEYS if key in record},
    )


def read_pytest_event(message: Mapping[str, Any]) -> PytestEvent:
    """Read what the plug-in for pytest reports."""
    match kind := read_text(message, "test"):
        case "session":
            return PytestEvent(kind=kind)
        case "collected":
            return PytestEvent(kind=kind, tests=_read_texts(message, "ids"))
        case "begin" | "end":
            return PytestEvent(kind=kind, test=read_text(message, "node"))
        case "report":
            return PytestEvent(
                kind=kind,
                test=read_text(message, "node"),
                when=read_text(message, "when"),
                outcome=read_text(message, "outcome"),
                expected=message.get("expected") is True,
                text=read_text(message, "text"),
            )
        case "error":
            missing = tuple(_read_place(each, "missing") for each in _read_list(message, "missing"))
            node, text = read_text(message, "node"), read_text(message, "text")
            return PytestEvent(kind=kind, test=node, text=text, missing=missing)
    raise MessageRefused("sent a message about a test that the protocol does not have")


def _without_shown(errors: str, records: Iterable[WorkerRecord]) -> str:
    """Return *errors*, the text on stderr, without what shows the *records* of workers."""
    for record in records:
        for text in filter(None, record.lines.get("shown", ())):
            errors = errors.replace(text, "", 1)
    return errors


def read_text(message: Mapping[str, Any], key: str) -> str:
    """Return the text at *key* of *message*."""
    return _check_text(message.get(key), key)


def read_integer(message: Mapping[str, Any], key: str) -> int:
    """Return the number at *key* of *message*."""
    return _check_integer(message.get(key), key)


def read_object(message: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object at *key* of *message*."""
    value = message.get(key)
    if not isinstance(value, dict):
        raise _malformed(key)
    return value


def _read_list(message: Mapping[str, Any], key: str, maximum: int = MAX_VALUES) -> list[Any]:
    value = message.get(key)
    if not isinstance(value, list) or len(value) > maximum:
        raise _malformed(key)
    return value


def _read_texts(message: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(_check_text(each, key) for each in _read_list(message, key))


def _read_place(value: object, key: str, *, is_path: bool = False) -> tuple[str, Frame | None]:
    """Read a module or a file, and the frame that imports it, if there is one."""
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - Name and frame.
        raise _malformed(key)
    name, frame = value
    text = _check_text(name, key)
    return _check_path(text) if is_path else text, _read_frame(frame) if frame else None


def _read_caught(value: object) -> CaughtImport:
    if not isinstance(value, list) or len(value) != 3:  # noqa: PLR2004 - Name and two frames.
        raise _malformed("caught")
    name, asker, frame = value
    return CaughtImport(name=_check_text(name, "caught"), asker=_read_frame(asker), frame=_read_frame(frame))


def _read_frame(value: object) -> Frame:
    if not isinstance(value, list) or len(value) != 3:  # noqa: PLR2004 - File, line and function.
        raise _malformed("frame")
    file, line, function = value
    return Frame(
        file=_check_path(_check_text(file, "frame")),
        line=_check_integer(line, "frame", minimum=-_MAX_INTEGER),  # Generated code may have any.
        function=_check_text(function, "frame"),
    )


def _check_text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise _malformed(key)
    return value


def _check_path(value: str) -> str:
    """Return *value*, which may name a file: no path has a null character, and minreq opens some of them."""
    if "\0" in value:
        raise _malformed("path")
    return value


def _check_integer(value: object, key: str, minimum: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value < _MAX_INTEGER:
        raise _malformed(key)
    return value


def _malformed(key: str) -> MessageRefused:
    return MessageRefused(f"sent a message to minreq whose {key!r} is not as the protocol says")
