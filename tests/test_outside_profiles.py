"""Profiles from outside: a provider added to what comes with minreq, from a folder of the user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commanding import Project, project
from packaging.utils import canonicalize_name
from test_cli_providers import SCENARIO, profile

from minreq.errors import ProfileInvalid
from minreq.profiles import planning
from minreq.profiles.loading import find
from minreq.profiles.usage import guide

LITELLM = canonicalize_name("litellm")
COMPANY = """
name = "company"
extends = "litellm"

[providers.gateway]
form = "openai"

[providers.gateway.words]
chat = "hosted_vllm/company-large"
limited = "hosted_vllm/limited-429"
embedding = "hosted_vllm/company-embed"

[[providers.gateway.cannot]]
features = ["tokens"]
reason = "nobody knows what it costs"
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "profile.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_provider_is_added(tmp_path: Path) -> None:
    """A row of data: it makes the calls of its form, and all the others stay."""
    found = find(LITELLM, [write(tmp_path / "company", COMPANY)])
    assert found
    own = find(LITELLM)
    assert own
    assert {each.name for each in found.providers} == {*(each.name for each in own.providers), "gateway"}
    made = planning.plan(found, ["gateway"], None, [])
    stages = [script.stage for group in made.groups for script in group.scripts]
    assert stages[:2] == ["gateway/chat", "gateway/streaming"]
    assert "gateway/tokens" not in stages
    [call] = json.loads(made.groups[0].scripts[0].environment["MINREQ_CALLS"])
    assert (call["model"], call["arguments"]["api_base"]) == ("hosted_vllm/company-large", "{https}/v1")
    seen = guide(found)
    assert seen
    assert seen.vocabulary.module == "litellm"
    assert seen.vocabulary.prefixes["gateway"] == "gateway"


def test_folders_add_up(tmp_path: Path) -> None:
    """Each extends the one before it, by the name both have in the end."""
    first = write(tmp_path / "first", COMPANY)
    second = write(
        tmp_path / "second",
        COMPANY.replace('extends = "litellm"', 'extends = "company"').replace("providers.gateway", "providers.other"),
    )
    found = find(LITELLM, [first, second])
    assert found
    assert {"gateway", "other", "openai"} <= {each.name for each in found.providers}


def test_faults_name_file_and_key(tmp_path: Path) -> None:
    with pytest.raises(ProfileInvalid, match=r"extends: there is no profile 'nobody'; there are: litellm"):
        find(LITELLM, [write(tmp_path / "a", COMPANY.replace('"litellm"', '"nobody"'))])
    with pytest.raises(ProfileInvalid, match=r"providers\.gateway\.form: no form 'closed' with calls"):
        find(LITELLM, [write(tmp_path / "b", COMPANY.replace('"openai"', '"closed"'))])
    with pytest.raises(ProfileInvalid, match="No such file"):
        find(LITELLM, [tmp_path / "nowhere"])


@pytest.fixture
def made(tmp_path: Path) -> Project:
    found = project(SCENARIO, tmp_path)
    profile(found.folder / "profiles" / "fat")
    return found


def test_a_lock_with_it(made: Project) -> None:
    """It is recorded, so that everything that reads the lock finds the profile again, wherever it is run."""
    done = made.minreq("lock", "fat", "--profiles", "profiles/fat", "--providers", "near")
    assert done.status == 0, done.err
    assert "lock fat --profiles profiles/fat --providers near" in made.lock.read_text()
    verified = made.minreq("verify")
    assert verified.status == 0, verified.err
    checked = made.minreq("lock", "fat", "--profiles", "profiles/fat", "--providers", "near", "--check")
    assert checked.status == 0, checked.err
    script = made.folder / "profiles" / "fat" / "smokes" / "fat_chat.py"
    script.write_text(script.read_text() + "x = 1\n")
    stale = made.minreq("lock", "fat", "--profiles", "profiles/fat", "--providers", "near", "--check")
    assert stale.status == 1


def test_a_lock_without_it(made: Project) -> None:
    done = made.minreq("lock", "fat", "--providers", "near")
    assert done.status == 2
    assert "near" in done.sentences[0]
