"""What looks like a key in what a smoke printed."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from minreq.lock.keys import describe_keys
from minreq.model import Behaviour, Failure, StageBehaviour

KEYS = [
    "sk-" + "proj-" + "a1B2" * 8,
    "AKIA" + "ABCDEFGH" * 2,
    "AIza" + "abcde" * 7,
    "ghp_" + "a1" * 18,
    "hf_" + "a" * 34,
    "xoxb-" + "1234567890",
    "-----BEGIN RSA " + "PRIVATE KEY-----",
    "eyJhbGciOiJIUzI1" + ".eyJzdWIiOiIxMjM0" + ".abc",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_reported_and_not_shown(key: str) -> None:
    quiet = StageBehaviour(stage="import", status="passed", output=("sk-learn", "task-aaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
    for stage in (
        StageBehaviour(stage="chat", status="passed", output=("before", f"key={key}")),
        StageBehaviour(stage="chat", status="passed", errors=(f"using {key}",)),
        StageBehaviour(stage="chat", status="passed", connections=(f"{key}.example.org:443 (app/__init__.py:1)",)),
        StageBehaviour(stage="chat", status="passed", warnings=(f"UserWarning: {key}",)),
        StageBehaviour(stage="chat", status="passed", logs=(f"root INFO {key}",)),
    ):
        (note,) = describe_keys(Behaviour(stages=(quiet, stage)))
        assert note.startswith("what chat printed or logged looks like a key (")
        assert key not in note
    assert not list(describe_keys(Behaviour(stages=(quiet,))))
    failure = Failure(distribution=canonicalize_name("b"), stage="chat", error=f"KeyError: {key}", method="run")
    (note,) = describe_keys(Behaviour(stages=(quiet,)), [failure])
    assert note.startswith("what chat printed without b looks like a key (")
    assert key not in note
