"""The requirements file: its content, and how it is parsed."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version
from samplelock import DIFFERENCE, EXPECTED, HOST, KEPT, LAMBDA, LEFT_OUT, LOCK, locks, with_selection

from minreq.errors import HashMissing, LockUnreadable
from minreq.lockfile.requirements import LockedPin, parse, render
from minreq.model import Lock

HASH = "--hash=sha256:" + "0" * 64


def test_a_lock_renders_as_expected() -> None:
    """The whole text, with one of everything in it."""
    assert render(LOCK) == (EXPECTED / "requirements-minimal.txt").read_text(encoding="utf-8")


def test_without_hashes_and_annotations() -> None:
    """Nothing is left of either, and the header says what plain installers then do."""
    text = render(replace(LOCK, hashes=False, annotate=False), filename="req.txt")
    assert text == (EXPECTED / "requirements-plain.txt").read_text(encoding="utf-8")


def test_only_comments_stand_before_require_hashes() -> None:
    lines = render(LOCK).splitlines()
    first = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    assert lines[first] == "--require-hashes"


def test_platforms_and_degradations_are_named() -> None:
    """A preset by its name, and what ``--smallest`` accepted."""
    left_out = tuple(
        replace(each, degraded=DIFFERENCE) if each.candidate.name == "hf-xet" else each for each in LEFT_OUT
    )
    lock = replace(with_selection(LOCK, KEPT, left_out), platforms=(LAMBDA, HOST))
    text = render(lock)
    assert (
        "# platforms: CPython 3.12 on linux x86_64, lambda-python3.12-x86_64 (CPython 3.12 on linux x86_64)\n" in text
    )
    assert "# degraded: without hf-xet: warnings in import\n" in text


def test_nothing_left_out_is_reported() -> None:
    assert "# left out (0): nothing\n" in render(with_selection(LOCK, KEPT, ()))


@pytest.mark.parametrize("wheels", [(), (replace(KEPT[0].candidate.wheel, sha256=None),)], ids=["no wheel", "no hash"])
def test_what_has_no_hash_is_not_written(wheels: tuple[()]) -> None:
    kept = replace(KEPT[0], candidate=replace(KEPT[0].candidate, wheels=wheels))
    with pytest.raises(HashMissing, match=r"boto3-1\.43\.0-py3-none-any\.whl"):
        render(with_selection(LOCK, (kept,), ()))


@given(locks())
def test_pins_survive_and_nothing_else_appears(lock: Lock) -> None:
    """No text from anywhere can add a line that pip would act upon."""
    locked = parse(render(lock))
    expected = {
        each.candidate.name: (
            each.candidate.version,
            frozenset(wheel.sha256 for wheel in each.candidate.wheels if lock.hashes),
        )
        for each in lock.selection.kept
    }
    assert {pin.name: (pin.version, pin.hashes) for pin in locked.pins} == expected
    assert locked.options == (("--require-hashes",) if lock.hashes else ())


@given(locks(), st.randoms(use_true_random=False))
def test_order_of_input_changes_nothing(lock: Lock, random: Random) -> None:
    assert render(shuffled(lock, random)) == render(lock)


def shuffled(lock: Lock, random: Random) -> Lock:
    """*lock* with everything in another order whose order says nothing."""

    def mixed(members: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(random.sample(members, len(members)))

    kept = tuple(replace(each, via=mixed(each.via), providers=mixed(each.providers)) for each in lock.selection.kept)
    return replace(
        with_selection(lock, tuple(random.sample(kept, len(kept))), lock.selection.left_out[::-1]),
        resolution=replace(lock.resolution, pins=dict(reversed([*lock.resolution.pins.items()]))),
        platforms=tuple(random.sample(lock.platforms, len(lock.platforms))),
        noise=mixed(lock.noise),
        inputs=dict(reversed([*lock.inputs.items()])),
    )


def test_parse_reads_what_pip_reads() -> None:
    """Comments, continuations, blank lines, the options of pip, and the number of each pin's first line."""
    text = f"\ufeff# head\n\n--index-url https://index.example/simple\nB_b==1.0 \\\n    {HASH} # why\n  # via a\nc==2\n"
    locked = parse(text)
    assert locked.options == ("--index-url https://index.example/simple",)
    assert locked.pins == (
        LockedPin(name=canonicalize_name("b-b"), version=Version("1"), hashes=frozenset({"0" * 64}), line=4),
        LockedPin(name=canonicalize_name("c"), version=Version("2"), hashes=frozenset(), line=7),
    )


def test_a_continued_comment_swallows_the_next_line_as_in_pip() -> None:
    assert [pin.name for pin in parse("a==1 # why \\\nb==1\nc==1 \\").pins] == ["a", "c"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("<<<<<<< HEAD", "'<<<<<<< HEAD' is a conflict marker of a merge"),
        ("=======", "'=======' is a conflict marker of a merge"),
        ("boto3>=1.26", "'boto3>=1.26' is not name==version"),
        ("boto3==1.*", "'boto3==1.*' is not name==version"),
        ("boto3===1", "'boto3===1' is not name==version"),
        ("boto3[crt]==1", "'boto3[crt]==1' is not name==version"),
        ("boto3>1; python_version > '3'", """'boto3>1; python_version > "3"' is not name==version"""),
        ("boto3 @ https://index.example/b.whl", "'boto3 @ https://index.example/b.whl' is not name==version"),
        ("litellm==1.78.7 --no-deps", "'litellm==1.78.7 --no-deps' is not name==version"),
        ("boto3==1 --hash=md5:00", "'md5:00' is not a SHA-256 hash"),
        ("-r other.txt", "-r is not allowed in a lock"),
        ("--editable=.", "--editable is not allowed in a lock"),
        ("a==2", "a is pinned twice, here and on line 1"),
    ],
)
def test_what_is_not_understood_is_an_error(line: str, why: str) -> None:
    with pytest.raises(LockUnreadable) as caught:
        parse(f"a==1\n{line}\n", filename="lock.txt")
    assert caught.value.faults == ((2, why),)
    assert str(caught.value) == f"lock.txt:2: {why}; repair it, or move it away and lock again"


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(LockUnreadable) as caught:
        parse("<<<<<<< a\nx==1\n=======\nx==2\n>>>>>>> b\n", filename="lock.txt")
    assert [line for line, _ in caught.value.faults] == [1, 3, 4, 5]
    assert str(caught.value).splitlines()[0] == "lock.txt is not a lock; repair it, or move it away and lock again:"
