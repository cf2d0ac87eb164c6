"""Verdicts: what counts as a difference from what a lock records, and how it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from samplelock import HOST, LOCK, MARKERS

from minreq.minimize.compare import Deviation
from minreq.model import Behaviour, Failure, Lock, RecordedRequest, StageBehaviour
from minreq.verify import deviations


def behaviour(agent: str = "client/1 Python/3.12.1 Linux/6.1.0", **changes: object) -> Behaviour:
    request = RecordedRequest(method="POST", target="/v1", headers=(("user-agent", agent),), body="{}")
    stage = StageBehaviour(stage="openai/chat", status="passed", output=("42",), requests=(request,))
    return Behaviour(stages=(replace(stage, **changes),))  # type: ignore[arg-type]  # Any field of it.


HERE = replace(HOST, markers={**MARKERS, "python_full_version": "3.12.1", "platform_release": "6.1.0"})
THERE = replace(
    HERE,
    python_version=Version("3.12.4"),
    markers={**HERE.markers, "python_full_version": "3.12.4", "platform_release": "6.9.9-generic"},
)
RECORDED: Lock = replace(LOCK, behaviour=behaviour(), proven_on=HERE, noise=())


def test_the_same_is_no_difference() -> None:
    assert deviations.deviations_from_lock(RECORDED, behaviour(), HERE) == ()


def test_headers_that_name_the_machine_do_not_count_on_another() -> None:
    there = behaviour("client/1 Python/3.12.4 Linux/6.9.9-generic")
    assert deviations.deviations_from_lock(RECORDED, there, THERE) == ()
    assert deviations.deviations_from_lock(RECORDED, there, HERE) != ()


def test_other_headers_count_on_any_machine() -> None:
    (found,) = deviations.deviations_from_lock(RECORDED, behaviour("client/2 Python/3.12.4 Linux/6.9.9-generic"), THERE)
    assert found.what == "request header user-agent"


def test_a_version_that_only_begins_alike_is_another() -> None:
    (found,) = deviations.deviations_from_lock(
        RECORDED, behaviour("client/1 Python/3.12.1.5 Linux/6.9.9-generic"), THERE
    )
    assert found.what == "request header user-agent"


def test_noise_does_not_count() -> None:
    noisy = replace(RECORDED, noise=("output of openai/chat",))
    assert deviations.deviations_from_lock(noisy, behaviour(output=("43",)), HERE) == ()


def confirmed(
    recorded: tuple[str, ...], seen: str, *again: str, fast_status: str = "passed"
) -> list[tuple[str, str, str]]:
    """Return what is confirmed of a run that printed *seen*; the first run *again* has faster clocks."""
    lock = replace(RECORDED, behaviour=behaviour(output=recorded))
    outputs, asked = iter(again), []

    def repeat(fast_clock: bool) -> Behaviour:  # noqa: FBT001 - As the comparison calls it.
        asked.append(fast_clock)
        status = fast_status if fast_clock else "passed"
        return behaviour(output=tuple(next(outputs).splitlines()), status=status)

    found = deviations.find_confirmed_deviations(lock, behaviour(output=tuple(seen.splitlines())), HERE, repeat)
    assert asked == [True, False][: len(again)]
    return [(each.what, each.first, each.second) for each in found]


DIGESTS = ["0a" * 32, "0b" * 32, "0c" * 32]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"sha {DIGESTS[0]}", f"sha {DIGESTS[1]}"),
        ("meeting at 2024-01-01T13:00:00Z", "meeting at 2024-01-01T00:00:00Z"),
        ("mask 0xdeadbeef", "mask 0x00000000"),
        ("converted in 2.5 s", "converted in 1.0 s"),
        ("7 plug-ins", "6 plug-ins"),
    ],
)
def test_a_text_that_the_lock_records_is_compared(first: str, second: str) -> None:
    """What it does not record is new in each run. A run with faster clocks has to print the same again."""
    recorded = (first, "id #")
    same, other = f"{first}\nid {DIGESTS[2]}", f"{second}\nid {DIGESTS[2]}"
    assert confirmed(recorded, same) == []
    assert confirmed(recorded, other, other) == [("output", first, second)]
    assert confirmed(recorded, other, same) == []


def test_a_time_that_goes_on_is_no_deviation() -> None:
    """Two runs of the lock had the same one by chance."""
    assert confirmed(("done in 0.12 s",), "done in 0.13 s", "done in 0.91 s") == []
    assert confirmed(("it is 12:00",), "it is 17:42", "it is 17:43") == []


def test_where_faster_clocks_make_a_stage_fail_it_runs_as_before() -> None:
    found = confirmed(("mask 0xdeadbeef",), "mask 0x00000000", "", "mask 0x00000000", fast_status="TimeoutError")
    assert found == [("output", "mask 0xdeadbeef", "mask 0x00000000")]


def deviation(stage: str, what: str, first: str, second: str) -> Deviation:
    return Deviation(stage=stage, what=what, first=first, second=second)


CHANGED = deviation("openai/chat", "output", "42", "43")
FAILED = deviation("import", "status", "passed", "ModuleNotFoundError: No module named 'certifi'")
DID_NOT_RUN = deviation("openai/chat", "status", "passed", "did not run")


def test_what_follows_from_a_failure_is_not_told() -> None:
    assert deviations.describe_deviations([FAILED, DID_NOT_RUN, CHANGED], ["certifi was removed from the file"]) == (
        "certifi was removed from the file: import fails: ModuleNotFoundError: No module named 'certifi'",
    )


def test_causes_without_effect_are_told() -> None:
    assert deviations.describe_deviations([], ["a was taken out"]) == ("a was taken out",)


def test_many_causes_and_many_effects_are_cut() -> None:
    effects = [deviation(f"stage {number}", "output", "", "x" * 1000) for number in range(20)]
    told = deviations.describe_deviations(effects, [f"{name} was taken out" for name in "abcde"])
    assert told[0].startswith("a was taken out, b was taken out, c was taken out and 2 more changes: output of stage 0")
    assert told[-1] == "and 10 more"
    assert len(told) == 11
    assert max(map(len, told)) < 1000


def test_only_what_repeats_is_a_difference() -> None:
    assert deviations.confirmed_deviations([CHANGED, FAILED], [replace(CHANGED, second="44")]) == (CHANGED,)


def test_why_something_stands_in_the_lock_that_is_not_missed() -> None:
    evidence = {kept.candidate.name: kept.evidence for kept in LOCK.selection.kept}
    names = sorted(evidence)
    told = list(deviations.explain_unmissed(LOCK, [*names, canonicalize_name("unknown")]))
    assert len(told) == len(names)
    reasons = dict(zip(names, told, strict=True))
    boto3 = evidence[canonicalize_name("boto3")]
    assert isinstance(boto3, Failure)
    assert reasons[canonicalize_name("boto3")].endswith(f"because bedrock/chat failed without it: {boto3.error}")
    assert reasons[canonicalize_name("charset-normalizer")].endswith("because warnings of import differed without it")
    assert reasons[canonicalize_name("litellm")].endswith("because it was requested: root")


def test_elsewhere_is_another_python_or_machine() -> None:
    assert deviations.describe_other_platform(RECORDED, HERE) is None
    assert deviations.describe_other_platform(RECORDED, THERE) == (
        "the lock was proven on Python 3.12.1 on linux x86_64, and this is Python 3.12.4 on linux x86_64"
    )
