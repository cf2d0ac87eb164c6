"""The evidence beside a lock, as JSON: everything the lock says, and how it is known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

from packaging.tags import Tag
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from minreq.errors import EvidenceUnreadable
from minreq.lockfile.codec import Codec, Form, Malformed
from minreq.model import Candidate, Kept, LeftOut, Lock, Sdist, Selection, Wheel

#: Told in ``docs/evidence.md``.
SCHEMA = 3


def beside(lock: Path) -> Path:
    """Return where the evidence of *lock* is: ``requirements-minimal.evidence.json`` beside the ``.txt``."""
    return lock.with_name(f"{lock.stem}.evidence.json")


def dump(lock: Lock) -> str:
    """Return the text of the evidence; the order of what has none changes nothing.

    Of a file only name, SHA-256 and size are written: a committed file names no index. The files of frames
    are written as they stand, so they are to be relative.
    """
    document = _CODEC.encode(Lock, _ordered(lock))
    # The closure is what is kept and what is left out; each candidate is written once, there.
    del document["resolution"]["pins"]
    return json.dumps({"schema": SCHEMA, **document}, indent=1) + "\n"


def load(text: str, *, filename: str = "the evidence") -> Lock:
    """Read what ``dump`` wrote; *filename* is for messages.

    Wheels come back without what an index says of them: ``url`` is empty. Raises ``EvidenceUnreadable``.
    """
    try:
        document = _document(text)
        # The pins are put in below, from the selection.
        _object(document, "resolution")["pins"] = {}
        lock: Lock = _CODEC.decode(Lock, document)
        return replace(lock, resolution=replace(lock.resolution, pins=_pins(lock.selection)))
    except Malformed as error:
        raise EvidenceUnreadable(filename, error.key, error.why) from error


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_without_duplicates)
    except RecursionError:
        raise Malformed("", "is nested too deeply") from None
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed("", f"is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Malformed("", "is not an object")
    schema = document.pop("schema", None)
    if schema != SCHEMA:
        raise Malformed("schema", f"is {schema!r}, and this minreq reads {SCHEMA}")
    return document


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise Malformed(next(name for name in names if names.count(name) > 1), "stands twice in one object")
    return document


def _object(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    if not isinstance(value, dict):
        raise Malformed(key, "is not an object")
    return value


def _pins(selection: Selection) -> Mapping[Any, Candidate]:
    candidates = [each.candidate for each in _members(selection)]
    pins = {candidate.name: candidate for candidate in sorted(candidates, key=lambda each: each.name)}
    if len(pins) < len(candidates):
        names = [candidate.name for candidate in candidates]
        raise Malformed("selection", f"{next(name for name in names if names.count(name) > 1)} stands in it twice")
    return MappingProxyType(pins)


def _members(selection: Selection) -> tuple[Kept | LeftOut, ...]:
    return (*selection.kept, *selection.left_out)


def _ordered(lock: Lock) -> Lock:
    """*lock* with everything sorted whose order says nothing."""
    if dict(lock.resolution.pins) != {each.candidate.name: each.candidate for each in _members(lock.selection)}:
        raise ValueError("kept and left out do not partition the closure")
    kept = (
        replace(
            each,
            candidate=_steady(each.candidate),
            via=_sorted(each.via),
            providers=_sorted(each.providers),
        )
        for each in lock.selection.kept
    )
    left_out = (replace(each, candidate=_steady(each.candidate)) for each in lock.selection.left_out)
    return replace(
        lock,
        selection=Selection(
            kept=tuple(sorted(kept, key=lambda each: each.candidate.name)),
            left_out=tuple(sorted(left_out, key=lambda each: each.candidate.name)),
        ),
        platforms=tuple(sorted(lock.platforms, key=lambda each: each.name)),
        noise=_sorted(lock.noise),
    )


def _steady(candidate: Candidate) -> Candidate:
    """*candidate* with its wheels sorted; of one that was built there is nothing that another build would not share."""
    if candidate.sdist is not None:
        built = replace(candidate.wheel, sha256=None, size=None)
        return replace(candidate, wheel=built, wheels=(built,))
    return replace(candidate, wheels=tuple(sorted(candidate.wheels, key=lambda wheel: wheel.filename)))


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def _encode_wheel(wheel: Wheel) -> dict[str, Any]:
    return {"filename": wheel.filename, "sha256": wheel.sha256, "size": wheel.size}


def _decode_wheel(document: dict[str, Any]) -> Wheel:
    filename = _CODEC.decode(str, document.get("filename"), ".filename")
    name, version, _, tags = parse_wheel_filename(filename)
    return Wheel(
        name=name,
        version=version,
        filename=filename,
        url="",
        sha256=_CODEC.decode(str | None, document.get("sha256"), ".sha256"),
        tags=tags,
        size=_CODEC.decode(int | None, document.get("size"), ".size"),
    )


def _encode_sdist(sdist: Sdist) -> dict[str, Any]:
    return {"filename": sdist.filename, "sha256": sdist.sha256, "size": sdist.size}


def _decode_sdist(document: dict[str, Any]) -> Sdist:
    filename = _CODEC.decode(str, document.get("filename"), ".filename")
    name, version = parse_sdist_filename(filename)
    return Sdist(
        name=name,
        version=version,
        filename=filename,
        url="",
        sha256=_CODEC.decode(str | None, document.get("sha256"), ".sha256"),
        size=_CODEC.decode(int | None, document.get("size"), ".size"),
    )


def _encode_tags(tags: tuple[Tag, ...]) -> list[dict[str, list[str]]]:
    """A thousand tags, most wanted first, are a few lists of platforms, each for many pairs of Python and ABI."""
    runs = (
        (pair, [tag.platform for tag in run])
        for pair, run in groupby(tags, key=lambda tag: f"{tag.interpreter}-{tag.abi}")
    )
    return [
        {"pythons": [pair for pair, _ in members], "platforms": platforms}
        for platforms, members in groupby(runs, key=lambda run: run[1])
    ]


def _decode_tags(runs: list[Any]) -> tuple[Tag, ...]:
    tags = []
    for index, run in enumerate(runs):
        document = _CODEC.decode(Mapping[str, tuple[str, ...]], run, f"[{index}]")
        for pair in document.get("pythons", ()):
            interpreter, _, abi = pair.partition("-")
            tags += [Tag(interpreter, abi, platform) for platform in document.get("platforms", ())]
    return tuple(tags)


_CODEC = Codec(
    {
        Sdist: Form(encode=_encode_sdist, decode=_decode_sdist, json=dict),
        Wheel: Form(encode=_encode_wheel, decode=_decode_wheel, json=dict),
        tuple[Tag, ...]: Form(encode=_encode_tags, decode=_decode_tags, json=list),
    }
)
