"""Profiles in folders of the user: they add providers to a profile that comes with minreq."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from commanding import Project, project
from packaging.utils import canonicalize_name
from packaging.version import Version
from test_cli_providers import SCENARIO, profile

from minreq.config import pyproject
from minreq.errors import ProfileInvalid
from minreq.profiles import planner
from minreq.profiles.loader import find_profile
from minreq.profiles.scanprofile import load_scan_profile

LITELLM = canonicalize_name("litellm")
#: The page that tells how is what is tested: its blocks of TOML, in order.
PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "provider.md"
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
COMPANY, CONFIGURATION, CALLS, ALONE = BLOCKS


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "profile.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_provider_is_added(tmp_path: Path) -> None:
    """A provider of a form makes the calls of the form. All other providers stay."""
    found = find_profile(LITELLM, [write(tmp_path / "company", COMPANY)])
    assert found
    own = find_profile(LITELLM)
    assert own
    assert {each.name for each in found.providers} == {*(each.name for each in own.providers), "gateway"}
    made = planner.make_plan(found, ["gateway"], None, [])
    stages = [script.stage for group in made.groups for script in group.scripts]
    assert stages[:2] == ["gateway/chat", "gateway/streaming"]
    assert "gateway/tools" not in stages
    [call] = json.loads(made.groups[0].scripts[0].environment["MINREQ_CALLS"])
    assert (call["model"], call["arguments"]["api_base"]) == ("hosted_vllm/company-large", "{https}/v1")
    assert [group.name for group in planner.make_plan(found, ["company-gateway"], None, []).groups] == ["gateway"]
    seen = load_scan_profile(found)
    assert seen
    assert seen.rules.module == "litellm"
    assert seen.rules.prefixes["gateway"] == "gateway"


def test_folders_add_up(tmp_path: Path) -> None:
    """Each folder extends the profile of the one before it, which has the same name."""
    first = write(tmp_path / "first", COMPANY)
    second = write(
        tmp_path / "second",
        COMPANY.replace('extends = "litellm"', 'extends = "company"').replace("providers.gateway", "providers.other"),
    )
    found = find_profile(LITELLM, [first, second])
    assert found
    assert {"gateway", "other", "openai"} <= {each.name for each in found.providers}


def test_calls_of_its_own(tmp_path: Path) -> None:
    found = find_profile(LITELLM, [write(tmp_path / "company", COMPANY + CALLS)])
    assert found
    made = planner.make_plan(found, ["claude-behind-a-gateway"], ["chat", "errors"], [])
    chat, errors = (json.loads(script.environment["MINREQ_CALLS"]) for script in made.groups[0].scripts)
    assert chat[0]["arguments"] == {"api_key": "example", "api_base": "{https}/anthropic"}
    assert errors[0]["expected"] == "AuthenticationError"


def test_the_limitations_of_its_form(tmp_path: Path) -> None:
    """The limitations of a form apply to each provider of it."""
    found = find_profile(LITELLM, [write(tmp_path / "company", COMPANY)])
    assert found

    def skipped(version: str) -> set[str]:
        told = planner.skipped_calls(found, ["gateway"], ["responses"], Version(version))
        return {each.stage for each in told if "lose the first piece of a stream" in each.reason}

    assert skipped("1.102.0") == {"gateway/responses"}
    assert skipped("1.78.7") == skipped("1.103.0") == set()


def test_a_folder_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION, encoding="utf-8")
    configuration = pyproject.find_configuration(tmp_path)
    assert configuration
    told = pyproject.read_values(configuration, None)
    assert [path.name for path in told["profiles"]] == ["company"]
    assert told["providers"] == ("gateway", "bedrock")


def test_another_root(tmp_path: Path) -> None:
    folder = profile(tmp_path / "fat", ALONE)
    found = find_profile(canonicalize_name("fat"), [folder])
    assert found
    assert [each.name for each in found.providers] == ["near"]
    assert find_profile(LITELLM, [folder]) == find_profile(LITELLM)


def test_faults_name_file_and_key(tmp_path: Path) -> None:
    with pytest.raises(ProfileInvalid, match=r"extends: there is no profile 'nobody'; there are: litellm"):
        find_profile(LITELLM, [write(tmp_path / "a", COMPANY.replace('"litellm"', '"nobody"'))])
    with pytest.raises(ProfileInvalid, match=r"providers\.gateway\.form: no form 'closed' with calls"):
        find_profile(LITELLM, [write(tmp_path / "b", COMPANY.replace('"openai"', '"closed"'))])
    with pytest.raises(ProfileInvalid, match="No such file"):
        find_profile(LITELLM, [tmp_path / "nowhere"])


@pytest.fixture
def made(tmp_path: Path) -> Project:
    found = project(SCENARIO, tmp_path)
    profile(found.folder / "profiles" / "fat")
    return found


def test_a_lock_with_it(made: Project) -> None:
    """The lock records the folder, so that each command that reads the lock finds the profile again."""
    done = made.minreq("lock", "fat", "--profiles", "profiles/fat", "--providers", "near")
    assert done.status == 0, done.err
    assert "lock fat --profiles profiles/fat --providers near" in made.lock.read_text()
    verified = made.minreq("verify")
    assert verified.status == 0, verified.err
    checked = made.minreq("lock", "fat", "--profiles", "profiles/fat", "--providers", "near", "--check")
    assert checked.status == 0, checked.err
    refused = made.minreq("verify", "--export-smoke", "canary.py")
    assert refused.status == 2
    assert "makes a call of a profile that a real endpoint could answer" in refused.sentences[0]
    with (made.folder / "profiles" / "fat" / "profile.toml").open("a") as file:
        file.write('[real]\nfiles = []\nwithout = ["tools"]\n')
    printed = made.minreq("verify", "--export-smoke", "-")
    assert "def main(chosen: list[str]) -> int:" in printed.out
    assert not (made.folder / "-").exists()
    exported = made.minreq("verify", "--export-smoke", "canary.py", "--json")
    assert exported.status == 0, exported.err
    expected = {"schema": 1, "file": "canary.py", "stages": ["near/chat"], "left_out": ["near/tools"]}
    assert json.loads(exported.out) == expected
    assert "'near/chat': (fat_chat, [{'name': 'near'" in (made.folder / "canary.py").read_text()
    script = made.folder / "profiles" / "fat" / "smokes" / "fat_chat.py"
    script.write_text(script.read_text() + "x = 1\n")
    stale = made.minreq("lock", "fat", "--profiles", "profiles/fat", "--providers", "near", "--check")
    assert stale.status == 1


def test_a_lock_without_it(made: Project) -> None:
    done = made.minreq("lock", "fat", "--providers", "near")
    assert done.status == 2
    assert done.sentences[0].startswith("there is no profile for fat, so it has no providers")
