"""The evidence beside a lock: it round-trips, and faults are reported with their place."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version
from samplelock import EXPECTED, KEPT, LOCK, locks, with_selection
from test_lockfile_requirements import shuffled

from minreq.errors import EvidenceUnreadable
from minreq.lockfile.evidence import SCHEMA, dump, evidence_path, load
from minreq.model import (
    Asker,
    Candidate,
    Certificate,
    Failure,
    FarHandler,
    Frame,
    Kept,
    LeftOut,
    Lock,
    Question,
    Resolution,
    Sdist,
    Selection,
)
from minreq.smoke.runfolder import PROTOCOL

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize(
    "kind",
    [Lock, Resolution, Selection, Kept, LeftOut, Candidate, Question, Frame, Asker, FarHandler, Failure, Certificate],
)
def test_the_description_has_every_key(kind: type) -> None:
    text = (DOCS / "evidence.md").read_text(encoding="utf-8")
    hidden = {"name", "version", "distribution", "kind", "pins"}
    assert [each.name for each in fields(kind) if each.name not in hidden and f"`{each.name}`" not in text] == []


def test_the_descriptions_have_their_version() -> None:
    assert f"a whole number, **{SCHEMA}**" in (DOCS / "evidence.md").read_text(encoding="utf-8")
    assert f"The number of the protocol is **{PROTOCOL}**" in (DOCS / "protocol.md").read_text(encoding="utf-8")


def test_evidence_stands_beside_its_lock() -> None:
    assert evidence_path(Path("a/requirements-minimal.txt")) == Path("a/requirements-minimal.evidence.json")


def test_a_lock_is_dumped_as_expected() -> None:
    """The schema, seen by a person: a change of it shows here."""
    assert dump(LOCK) == (EXPECTED / "requirements-minimal.evidence.json").read_text(encoding="utf-8")


@given(locks())
def test_a_lock_round_trips(lock: Lock) -> None:
    text = dump(lock)
    assert load(text) == lock
    assert dump(load(text)) == text


@given(locks(), st.randoms(use_true_random=False))
def test_order_of_input_changes_nothing(lock: Lock, random: Random) -> None:
    assert dump(shuffled(lock, random)) == dump(lock)


def test_no_index_is_named() -> None:
    """The evidence has name, hash and size of a wheel, and not its URL."""
    wheel = replace(KEPT[0].candidate.wheel, url="https://user:secret@index.example/boto3.whl")
    candidate = replace(KEPT[0].candidate, wheel=wheel, wheels=(wheel,))
    text = dump(with_selection(LOCK, (replace(KEPT[0], candidate=candidate),), ()))
    assert "index.example" not in text
    assert load(text).selection.kept == (KEPT[0],)


def test_an_unknown_size_stays_unknown() -> None:
    wheel = replace(KEPT[0].candidate.wheel, size=None)
    kept = replace(KEPT[0], candidate=replace(KEPT[0].candidate, wheel=wheel, wheels=(wheel,)))
    lock = with_selection(LOCK, (kept,), ())
    assert load(dump(lock)) == lock


def test_kept_and_left_out_are_the_closure() -> None:
    with pytest.raises(ValueError, match="do not partition the closure"):
        dump(replace(LOCK, selection=replace(LOCK.selection, left_out=())))


def changed(key: str, value: Any) -> str:
    """The sample's evidence with *value* at *key*; ``...`` deletes."""
    document = json.loads(dump(LOCK))
    *path, last = (int(part) if part.isdigit() else part for part in re.findall(r"\w+", key))
    place = document
    for part in path:
        place = place[part]
    place[last] = value
    if value is ...:
        del place[last]
    return json.dumps(document)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("schema", 1, "is 1, and this minreq reads 4"),
        ("schema", ..., "is None, and this minreq reads 4"),
        ("root", 1, "is not a string"),
        ("root", ..., "is missing"),
        ("extra", 1, "unknown key"),
        ("hashes", 0, "is not true or false"),
        ("inputs", [], "is not an object"),
        ("inputs.x", 1, "is not a string"),
        ("resolution", ..., "is not an object"),
        ("resolution.root", "A_b", "'A_b' is not a normalized project name"),
        ("selection.kept", {}, "is not an array"),
        ("selection.kept[2].bytes", True, "is not an integer"),
        ("selection.kept[2].evidence.kind", "x", "is none of failure, difference, request, masked"),
        ("selection.kept[0].question.need", 1, "is none of import, probe, metadata, list"),
        ("selection.kept[0].question", [], "is not an object"),
        ("selection.kept[0].candidate.version", "x", "Invalid version: 'x'"),
        ("selection.kept[0].candidate.wheel.sha256", 1, "is not a string"),
        ("selection.kept[0].candidate.wheel.filename", ..., "is not a string"),
        ("platforms[0].tags[1]", 5, "is not an object"),
        ("platforms[0].tags[1].pythons", 5, "is not an array"),
        ("behaviour.stages[1].requests[0].headers[1]", ["a"], "has 1 items instead of 2"),
    ],
)
def test_a_fault_is_reported_with_its_place(key: str, value: Any, why: str) -> None:
    with pytest.raises(EvidenceUnreadable) as caught:
        load(changed(key, value), filename="x.evidence.json")
    assert (caught.value.key, caught.value.why) == (key, why)
    assert str(caught.value) == f"x.evidence.json: {key}: {why}; restore the file, or run `minreq lock` again"


def test_a_word_that_is_none_of_the_known_ones() -> None:
    with pytest.raises(EvidenceUnreadable, match=r"selection\.kept\[0\]\.evidence\.method: is none of fork, "):
        load(changed("selection.kept[0].evidence.method", "x"))


def test_a_wheel_file_name_is_checked() -> None:
    with pytest.raises(EvidenceUnreadable) as caught:
        load(changed("selection.kept[0].candidate.wheel.filename", "boto3.zip"))
    assert caught.value.key == "selection.kept[0].candidate.wheel"


def test_a_distribution_stands_once() -> None:
    document = json.loads(dump(LOCK))
    document["selection"]["left_out"].append(document["selection"]["left_out"][0])
    with pytest.raises(EvidenceUnreadable, match="selection: botocore occurs in it twice"):
        load(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not JSON"),
        ("<<<<<<< HEAD\n{}", "is not JSON"),
        ("[]", "is not an object"),
        ('{"schema": 4, "schema": 4}', "occurs twice in one object"),
        ("[" * 200_000, "is nested too deeply"),
    ],
    ids=["empty", "conflict", "array", "duplicate key", "deep"],
)
def test_what_is_no_evidence_is_an_error(text: str, why: str) -> None:
    with pytest.raises(EvidenceUnreadable, match=why):
        load(text)


@pytest.mark.parametrize(
    ("filename", "name", "version", "has_release"),
    [
        ("a-1.0.tar.gz", "a", "1.0", False),
        ("a-1.0.tgz", "a", "1.0", False),
        ("a-1.0-1.tar.gz", "a", "1.0.post1", True),
        ("a_b-1.0.zip", "a-b", "1.0", False),
    ],
)
def test_the_release_of_a_source_distribution(filename: str, name: str, version: str, *, has_release: bool) -> None:
    """It is written where the name of the file does not show it."""
    sdist = Sdist(
        name=canonicalize_name(name), version=Version(version), filename=filename, url="", sha256="0" * 64, size=1
    )
    kept = LOCK.selection.kept[0]
    candidate = replace(kept.candidate, sdist=sdist)
    others = LOCK.selection.kept[1:]
    lock = replace(
        LOCK,
        selection=replace(LOCK.selection, kept=(replace(kept, candidate=candidate), *others)),
        resolution=replace(LOCK.resolution, pins={**LOCK.resolution.pins, candidate.name: candidate}),
    )
    text = dump(lock)
    assert load(text).selection.kept[0].candidate.sdist == sdist
    written = json.loads(text)["selection"]["kept"][0]["candidate"]["sdist"]
    assert ("version" in written) is has_release
