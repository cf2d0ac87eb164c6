"""Evidence that somebody edited: whatever stands in it, each command that reads it ends with a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samplelock import LOCK
from wheelhouse import parse, write

from minreq.cli import main
from minreq.errors import EvidenceUnreadable
from minreq.lockfile import evidence
from minreq.lockfile.requirements import render

pytestmark = pytest.mark.one_python

Place = tuple[str | int, ...]
DOCUMENT = json.loads(evidence.dump(LOCK))
#: Each value of the evidence becomes each of these. A string has many meanings: a name, a requirement, a command.
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    "",
    "x",
    "x y\n::error::z",
    "'",
    "a; " + "(" * 99,
    [],
    ["x"],
    {},
    {"x": 1},
)
PATH, EVIDENCE = "requirements-minimal.txt", "requirements-minimal.evidence.json"
#: Commands that read the evidence, without an index; those with one fail at the index at the latest.
LOCAL = (
    ("explain", "--tree"),
    ("explain", "boto3"),
    ("explain", "botocore", "--json"),
    ("diff", PATH, "other/" + PATH),
    ("diff", "other/" + PATH, PATH, "--json"),
    ("export", "--format", "uv"),
    ("export", "--format", "uv-excludes"),
    ("guard", "-o", "guard"),
    ("analyze", "tree", "--lock", PATH),
    ("check", "tree"),
)
WITH_INDEX = (
    ("export", "--format", "pylock"),
    ("export", "--format", "wheelhouse", "-o", "house"),
    ("exposure",),
    ("verify",),
    ("verify", "--path", "tree"),
    ("build", "-o", "out"),
    ("lock", "--check", "--providers", "openai,bedrock"),
)


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the place of each value in a document; of a list the first member counts for all."""
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, member in inner:
        yield from places(member, (*place, key))


def replaced(document: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    copy[place[0]] = replaced(document[place[0]], place[1:], value)
    return copy


def edits(place: Place) -> Iterator[str]:
    """Yield the evidence with each value at *place* that can be read; the others are refused with the place."""
    sentences: list[str] = []
    for value in VALUES:
        text = json.dumps(replaced(DOCUMENT, place, value))
        try:
            lock = evidence.load(text)
        except EvidenceUnreadable as error:
            sentences.append(str(error))
        else:
            if lock != LOCK:
                yield text
    assert all(len(sentence) < 1000 for sentence in sentences), place


PLACES = [place for place in places(DOCUMENT) if place]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two locks, a tree, and an index that has nothing."""
    house = write(parse('explanation = "Nothing."\nrequirements = ["a"]'), tmp_path / "house")
    work = tmp_path / "work"
    for each in (work, work / "other"):
        each.mkdir()
        (each / PATH).write_text(render(LOCK), "utf-8")
        (each / EVIDENCE).write_text(evidence.dump(LOCK), "utf-8")
    (work / "tree").mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("MINREQ_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", house.url)
    return work


def run(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], what: object) -> None:
    assert main([*arguments]) in range(6), (what, arguments)
    printed = capsys.readouterr()
    # That of a smoke, which is quoted, is indented.
    assert not any(line.startswith("Traceback") for line in printed.err.splitlines()), (what, arguments)
    for line in f"{printed.out}\n{printed.err}".splitlines():
        assert not line.strip().startswith("::"), (what, arguments, line)


@pytest.mark.parametrize("top", sorted(DOCUMENT))
def test_each_value_becomes_another(top: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that says something else is said to be edited, or is used as it is; nothing is a traceback."""
    for place in (each for each in PLACES if each[0] == top):
        for text in edits(place):
            (folder / EVIDENCE).write_text(text, "utf-8")
            for arguments in LOCAL:
                run(arguments, capsys, place)


@pytest.mark.parametrize("arguments", WITH_INDEX, ids=" ".join)
def test_each_key_becomes_another_text(
    arguments: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For commands that open an index, which take longer: one value that can be read for each place.

    A command takes every third place, and its neighbours the others: at least two commands read each.
    """
    for place in PLACES[WITH_INDEX.index(arguments) % 3 :: 3]:
        text = next(edits(place), None)
        if text is not None:
            (folder / EVIDENCE).write_text(text, "utf-8")
            run(arguments, capsys, place)
