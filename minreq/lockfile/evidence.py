"""Reads and writes the evidence beside a lock, a JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

from packaging.tags import Tag
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from minreq.errors import EvidenceUnreadable
from minreq.lockfile import consistency
from minreq.lockfile.codec import Codec, DecodeError, Encoding
from minreq.model import Candidate, Kept, LeftOut, Lock, Sdist, Selection, Wheel, split_sdist_filename
from minreq.model.parsing import shorten

#: Described in ``docs/evidence.md``.
SCHEMA = 4


def evidence_path(lock: Path) -> Path:
    """Return the path of the evidence of *lock*: ``requirements-minimal.evidence.json`` beside the ``.txt``."""
    # Not `with_name`: a path such as `.` has no name, and is the user's all the same.
    return lock.parent / f"{lock.stem}.evidence.json"


def dump(lock: Lock) -> str:
    """Return the text of the evidence; unordered values are sorted.

    Of a file of an index only name, SHA-256 and size are written: a committed file must not name an index. The paths
    of frames are written unchanged, so they have to be relative.
    """
    document = _CODEC.encode(Lock, _sort_lock(lock))
    # The selection has all candidates of the closure, so the pins need not repeat them.
    del document["resolution"]["pins"]
    return json.dumps({"schema": SCHEMA, **document}, indent=1) + "\n"


# A lock asks several times for the last one. What is returned is never changed.
@lru_cache(maxsize=1)
def load(text: str, *, filename: str = "the evidence") -> Lock:
    """Read the text that ``dump`` wrote; *filename* is for messages.

    The wheels have no facts of an index: ``url`` is empty. Raises ``EvidenceUnreadable``.
    """
    try:
        document = _document(text)
        # The pins are added below, from the selection.
        _object(document, "resolution")["pins"] = {}
        lock: Lock = _CODEC.decode(Lock, document)
        lock = replace(lock, resolution=replace(lock.resolution, pins=_pins(lock.selection)))
        consistency.check(lock)
    except DecodeError as error:
        raise EvidenceUnreadable(filename, shorten(error.key), shorten(error.why)) from error
    return lock


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_without_duplicates)
    except RecursionError:
        raise DecodeError("", "is nested too deeply") from None
    except DecodeError:
        raise
    except ValueError as error:
        raise DecodeError("", f"is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise DecodeError("", "is not an object")
    schema = document.pop("schema", None)
    if schema != SCHEMA:
        raise DecodeError("schema", f"is {schema!r}, and this minreq reads {SCHEMA}")
    return document


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise DecodeError(next(name for name in names if names.count(name) > 1), "occurs twice in one object")
    return document


def _object(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    if not isinstance(value, dict):
        raise DecodeError(key, "is not an object")
    return value


def _pins(selection: Selection) -> Mapping[Any, Candidate]:
    candidates = [each.candidate for each in _members(selection)]
    pins = {candidate.name: candidate for candidate in sorted(candidates, key=lambda each: each.name)}
    if len(pins) < len(candidates):
        names = [candidate.name for candidate in candidates]
        raise DecodeError("selection", f"{next(name for name in names if names.count(name) > 1)} occurs in it twice")
    return MappingProxyType(pins)


def _members(selection: Selection) -> tuple[Kept | LeftOut, ...]:
    return (*selection.kept, *selection.left_out)


def _sort_lock(lock: Lock) -> Lock:
    """Return *lock* with all unordered values sorted."""
    if dict(lock.resolution.pins) != {each.candidate.name: each.candidate for each in _members(lock.selection)}:
        raise ValueError("kept and left out do not partition the closure")
    kept = (
        replace(
            each,
            candidate=_sort_candidate(each.candidate),
            via=_sort_names(each.via),
            providers=_sort_names(each.providers),
        )
        for each in lock.selection.kept
    )
    left_out = (replace(each, candidate=_sort_candidate(each.candidate)) for each in lock.selection.left_out)
    return replace(
        lock,
        selection=Selection(
            kept=tuple(sorted(kept, key=lambda each: each.candidate.name)),
            left_out=tuple(sorted(left_out, key=lambda each: each.candidate.name)),
        ),
        platforms=tuple(sorted(lock.platforms, key=lambda each: each.name)),
        noise=_sort_names(lock.noise),
    )


def _sort_candidate(candidate: Candidate) -> Candidate:
    """Return *candidate* with sorted wheels. A built wheel has no hash and no size: each build makes others."""
    if candidate.sdist is not None:
        built = replace(candidate.wheel, sha256=None, size=None)
        return replace(candidate, wheel=built, wheels=(built,))
    return replace(candidate, wheels=tuple(sorted(candidate.wheels, key=lambda wheel: wheel.filename)))


def _sort_names(names: Iterable[str]) -> tuple[str, ...]:
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
    # Most names have the release in them: name-version.tar.gz.
    is_in_name = _release_of_sdist(sdist.filename) == (sdist.name, sdist.version)
    release = {} if is_in_name else {"name": str(sdist.name), "version": str(sdist.version)}
    return {"filename": sdist.filename, **release, "sha256": sdist.sha256, "size": sdist.size}


def _decode_sdist(document: dict[str, Any]) -> Sdist:
    filename = _CODEC.decode(str, document.get("filename"), ".filename")
    name, version = _release_of_sdist(filename)
    return Sdist(
        name=_CODEC.decode(NormalizedName, document.get("name", name), ".name"),
        version=_CODEC.decode(Version, document.get("version", str(version)), ".version"),
        filename=filename,
        url="",
        sha256=_CODEC.decode(str | None, document.get("sha256"), ".sha256"),
        size=_CODEC.decode(int | None, document.get("size"), ".size"),
    )


def _release_of_sdist(filename: str) -> tuple[NormalizedName, Version | None]:
    name, version = split_sdist_filename(filename)
    try:
        return canonicalize_name(name), Version(version)
    except InvalidVersion:
        return canonicalize_name(name), None


def _encode_tags(tags: tuple[Tag, ...]) -> list[dict[str, list[str]]]:
    """Group the tags, best first: a thousand tags are a few lists of platforms for many pairs of Python and ABI."""
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
        Sdist: Encoding(encode=_encode_sdist, decode=_decode_sdist, json=dict),
        Wheel: Encoding(encode=_encode_wheel, decode=_decode_wheel, json=dict),
        tuple[Tag, ...]: Encoding(encode=_encode_tags, decode=_decode_tags, json=list),
    }
)
