"""Verdicts: what counts as a difference from what a lock records, and how it is told."""

from __future__ import annotations

from dataclasses import replace

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


def test_a_recorded_digest_is_compared() -> None:
    """One that the lock does not record is new in each run."""
    digests = ["0a" * 32, "0b" * 32, "0c" * 32]
    recorded = replace(RECORDED, behaviour=behaviour(output=(f"sha {digests[0]}", "id #")))
    same, other = (behaviour(output=(f"sha {digest}", f"id {digests[2]}")) for digest in digests[:2])
    assert deviations.deviations_from_lock(recorded, same, HERE) == ()
    (found,) = deviations.deviations_from_lock(recorded, other, HERE)
    assert (found.what, found.first, found.second) == ("output", f"sha {digests[0]}", f"sha {digests[1]}")


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
