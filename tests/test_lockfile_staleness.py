"""Staleness: what makes a lock stale, and what does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from packaging.tags import Tag
from samplelock import HOST, LAMBDA, LOCK, MARKERS

from minreq.lockfile.requirements import render
from minreq.lockfile.staleness import find_reasons
from minreq.model import EMPTY, Lock, Platform

FILE = render(LOCK)


def check(
    lock: Lock = LOCK,
    *,
    file: str | None = None,
    command: str = LOCK.command,
    platforms: Sequence[Platform] = LOCK.platforms,
    inputs: Mapping[str, str] = LOCK.inputs,
    withdrawn_files: Mapping[str, str] = EMPTY,
) -> tuple[str, ...]:
    text = render(lock) if file is None else file
    return find_reasons(
        lock,
        text=text,
        command=command,
        default_root="litellm",
        platforms=platforms,
        inputs=inputs,
        withdrawn_files=withdrawn_files,
    )


def test_nothing_changed() -> None:
    assert check() == ()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("lock --providers openai", "the lock was made with --providers openai,bedrock, not --providers openai"),
        ("lock --providers openai,bedrock --smallest", "the lock was made without --smallest"),
        ("lock", "the lock was made with --providers openai,bedrock, which is no longer set"),
        ("lock litellm-core --providers=openai,bedrock", "the lock is for litellm, not for litellm-core"),
        ("lock litellm==1.1 --providers openai,bedrock", "the lock is for litellm, not for litellm==1.1"),
        ("lock --project . --providers openai,bedrock", "the lock is for litellm, not for the project in ."),
        ("lock --providers openai,bedrock --with ''", "the lock was made without --with"),
    ],
)
def test_another_command(command: str, reason: str) -> None:
    assert check(replace(LOCK, command="lock --providers openai,bedrock"), command=command) == (reason,)


def test_smoke_or_profile_changed() -> None:
    inputs = {"profile litellm": "00", "smoke bedrock/chat": "01"}
    assert check(inputs=inputs) == (
        "profile litellm has changed",
        "smoke bedrock/chat is new",
        "smoke openai/chat is gone",
    )


def test_another_root_explains_all_other_inputs() -> None:
    """The environment variables of the smoke, for example; only with the same root they are a reason."""
    lock, other = replace(LOCK, command="lock a --smoke b.py", inputs={"environment": "00"}), {"environment": "01"}
    assert check(lock, command="lock c --smoke b.py", inputs=other) == ("the lock is for a, not for c",)
    (reason,) = check(lock, command=lock.command, inputs=other)
    assert reason == "the environment variables that the profile sets for the smoke have changed"


def test_a_new_kernel_or_libc_is_no_reason() -> None:
    newer = replace(
        HOST,
        markers={**MARKERS, "platform_release": "6.9.9"},
        tags=(Tag("cp312", "cp312", "manylinux_2_40_x86_64"), *HOST.tags),
    )
    assert check(platforms=[newer]) == ()


def test_another_python_is_a_reason() -> None:
    other = replace(HOST, markers={**MARKERS, "python_version": "3.13"}, tags=(Tag("py3", "none", "any"),))
    assert check(platforms=[other, LAMBDA]) == (
        "python_version of platform host was 3.12 and is 3.13",
        "no pinned wheel of litellm fits platform host any more",
        "no pinned wheel of tiktoken fits platform host any more",
    )


def test_a_withdrawn_file_is_a_reason() -> None:
    withdrawn = {"b.whl": "yanked: broken", "a.whl": "gone"}
    assert check(withdrawn_files=withdrawn) == ("a.whl is gone", "b.whl is yanked: broken")


def test_edits_by_hand_are_reasons() -> None:
    """Every way a person may change the file without its evidence."""
    digest = LOCK.selection.kept[0].candidate.wheel.sha256
    assert digest is not None
    file = FILE.replace("\nlitellm==1.106.2", "\nlitellm==1.106.10").replace(digest, "0" * 64)
    file = file.replace("tiktoken==0.12.0", "zipp==0.12.0")
    assert check(file=file) == (
        "litellm was changed from 1.106.2 to 1.106.10 by hand",
        "tiktoken was removed from the file",
        "zipp was added to the file by hand",
        f"the hash of boto3-1.43.0-py3-none-any.whl was changed by hand to '--hash=sha256:{'0' * 64}'",
    )


def test_a_lock_without_hashes_has_none_to_compare() -> None:
    lock = replace(LOCK, hashes=False)
    assert check(lock, file=render(lock)) == ()
