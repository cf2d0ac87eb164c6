"""Profiles: what their TOML may say, and the plans that are made of them."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from minreq.errors import ProfileInvalid, UnknownFeature, UnknownProvider
from minreq.model import Command, Plan
from minreq.profiles.loading import Profile, find, load
from minreq.profiles.planning import available, inputs, named_files, plan, skipped

EXAMPLE, SLIM = canonicalize_name("example"), canonicalize_name("example-core")

PROFILE = """
name = "example"
roots = ["Example", "example-core"]
first = "smokes/first.py"

[undeclared]
example-core = ["missing"]

[[refused]]
release = "example==1.2"
reason = "it is bad"

[environment]
LEVEL = "3"

[features.chat]
file = "smokes/chat.py"
calls = "chat"

[features.tools]
file = "smokes/tools.py"
calls = "chat"

[features.errors]
file = "smokes/errors.py"
calls = "error"

[providers.near]
aliases = ["close-by"]
requirements = ["helper>=2"]
arguments = { base = "{http}", key = "shared" }
environment = { REGION = "here" }

[[providers.near.calls]]
kind = "chat"
name = "old"
model = "m1"

[[providers.near.calls]]
kind = "chat"
name = "new"
model = "m2"
arguments = { key = "own" }
features = ["tools"]
versions = ">=2"
reason = "older releases have no m2"

[[providers.near.calls]]
kind = "error"
name = "refused"
model = "m3"
expected = "Refusal"
variables = { TOKEN = "" }
files = { TOKEN_FILE = "text" }

[providers.far]
includes = ["near"]
"""


def write(folder: Path, text: str = PROFILE) -> Path:
    """A profile with empty scripts."""
    (folder / "smokes").mkdir(exist_ok=True)
    for name in ("first", "chat", "tools", "errors"):
        (folder / "smokes" / f"{name}.py").write_text(f"# {name}\n", encoding="utf-8")
    file = folder / "profile.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return load(write(tmp_path))


@functools.cache
def litellm() -> Profile:
    """The profile that comes with minreq."""
    profile = find(canonicalize_name("litellm"))
    assert profile
    return profile


def stages(made: Plan) -> list[str]:
    return [script.stage for group in made.groups for script in group.scripts]


def calls(made: Plan, stage: str) -> list[Any]:
    [script] = [script for group in made.groups for script in group.scripts if script.stage == stage]
    return list(json.loads(script.environment["MINREQ_CALLS"]))


class TestLoading:
    def test_profile_is_read_as_values(self, profile: Profile) -> None:
        assert (profile.name, profile.roots) == ("example", ("example", "example-core"))
        assert [(each.name, str(each.versions), each.reason) for each in profile.refused] == [
            ("example", "==1.2", "it is bad")
        ]
        assert [feature.name for feature in profile.features] == ["chat", "tools", "errors"]

    def test_arguments_of_a_provider_hold_for_all_its_calls(self, profile: Profile) -> None:
        [near] = [each for each in profile.providers if each.name == "near"]
        assert [dict(call.arguments)["key"] for call in near.calls] == ["shared", "own", "shared"]

    def test_provider_has_what_the_included_has(self, profile: Profile) -> None:
        far, near = profile.providers
        assert (far.calls, far.requirements, far.environment) == (near.calls, near.requirements, near.environment)

    @pytest.mark.parametrize(
        ("old", "new", "fault"),
        [
            ('name = "example"', "", "name: missing"),
            ('name = "example"', "name = 3", "name: a string is wanted, not 3"),
            ('roots = ["Example", "example-core"]', "roots = [3]", "roots[0]: a string is wanted, not 3"),
            ('LEVEL = "3"', "LEVEL = 3", "environment.LEVEL: a string is wanted, not 3"),
            ('release = "example==1.2"', 'release = "!"', "refused[0].release: "),
            ('["missing"]', '["!"]', "undeclared.example-core[0]: "),
            ('reason = "it is bad"', 'reasons = "it is bad"', "refused[0].reasons: no such key"),
            ("smokes/chat.py", "smokes/dance.py", "features.chat.file: no such file"),
            ('["helper>=2"]', '["!"]', "providers.near.requirements[0]: "),
            ('kind = "error"', 'kind = "dance"', "providers.near.calls[2].kind: no feature makes calls"),
            ('features = ["tools"]', 'features = ["errors"]', "providers.near.calls[1].features: no feature 'errors'"),
            ('versions = ">=2"', 'versions = "2"', "providers.near.calls[1].versions: "),
            ('includes = ["near"]', 'includes = ["nowhere"]', "providers.far.includes: no provider 'nowhere'"),
            ("[providers.far]\n", "[providers]\nfar = 3\n[x]\n", "providers.far: a table is wanted, not 3"),
            ('[[refused]]\nrelease = "example==1.2"\nreason = "it is bad"', "", None),
        ],
    )
    def test_fault_is_told_under_its_key(self, tmp_path: Path, old: str, new: str, fault: str | None) -> None:
        assert old in PROFILE
        text = PROFILE.replace(old, new, 1)
        if fault is None:
            assert load(write(tmp_path, text)).refused == ()
            return
        with pytest.raises(ProfileInvalid) as caught:
            load(write(tmp_path, text))
        assert fault in str(caught.value)

    def test_all_faults_are_told_at_once(self, tmp_path: Path) -> None:
        text = PROFILE.replace('name = "example"', "").replace('versions = ">=2"', 'versions = "2"')
        with pytest.raises(ProfileInvalid) as caught:
            load(write(tmp_path, text))
        assert len(caught.value.faults) == 2

    def test_list_that_holds_no_tables(self, tmp_path: Path) -> None:
        with pytest.raises(ProfileInvalid, match=r"providers\.far\.calls\[0\]: a table is wanted, not 3"):
            load(write(tmp_path, PROFILE.replace('includes = ["near"]', "calls = [3]")))

    def test_file_that_is_no_toml(self, tmp_path: Path) -> None:
        with pytest.raises(ProfileInvalid):
            load(write(tmp_path, "= 3"))

    def test_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ProfileInvalid):
            load(tmp_path / "profile.toml")


class TestPlan:
    def test_group_for_each_provider_and_stage_for_each_feature(self, profile: Profile) -> None:
        made = plan(profile, ["near", "far"], None, [])
        assert stages(made) == ["far/chat", "far/tools", "far/errors", "near/chat", "near/tools", "near/errors"]
        assert made.first
        assert (made.first.stage, made.first.file.name, dict(made.environment)) == (
            "import",
            "first.py",
            {"LEVEL": "3"},
        )

    def test_script_is_told_what_to_call(self, profile: Profile) -> None:
        [refused] = calls(plan(profile, ["near"], None, []), "near/errors")
        assert refused == {
            "name": "refused",
            "model": "m3",
            "arguments": {"base": "{http}", "key": "shared"},
            "variables": {"TOKEN": ""},
            "files": {"TOKEN_FILE": "text"},
            "expected": "Refusal",
        }

    def test_environment_of_the_provider_is_that_of_its_stages(self, profile: Profile) -> None:
        [group] = plan(profile, ["near"], ["chat"], []).groups
        assert group.scripts[0].environment["REGION"] == "here"

    def test_features_narrow(self, profile: Profile) -> None:
        assert stages(plan(profile, ["near"], ["tools"], [])) == ["near/tools"]

    def test_alias_is_its_provider(self, profile: Profile) -> None:
        assert plan(profile, ["Close-By", "near"], None, []) == plan(profile, ["near"], None, [])

    @given(st.permutations(["near", "far", "close-by"]), st.permutations(["chat", "tools", "errors"]))
    def test_order_of_input_changes_nothing(self, providers: list[str], features: list[str]) -> None:
        profile = litellm()
        names = {"near": "openai", "far": "bedrock", "close-by": "azure"}
        chosen = [names[each] for each in providers]
        assert plan(profile, chosen, features, []) == plan(profile, sorted(chosen), sorted(features), [])

    @pytest.mark.parametrize(
        ("version", "made", "left_out"),
        [
            ("1.9", ["old"], ["near/tools new: older releases have no m2"]),
            ("2.0rc1", ["old"], None),
            ("2.1", ["old", "new"], []),
        ],
    )
    def test_call_is_made_where_the_release_can_do_it(
        self, profile: Profile, version: str, made: list[str], left_out: list[str] | None
    ) -> None:
        release = Version(version)
        assert [each["name"] for each in calls(plan(profile, ["near"], None, [], release), "near/tools")] == made
        if left_out is not None:
            told = skipped(profile, ["near"], None, release)
            assert [f"{each.stage} {each.call}: {each.reason}" for each in told] == left_out

    def test_stage_without_calls_is_left_out_and_a_group_without_stages(self, tmp_path: Path) -> None:
        text = PROFILE.replace('model = "m1"', 'model = "m1"\nfeatures = ["chat"]')
        profile = load(write(tmp_path, text))
        assert stages(plan(profile, ["near"], None, [], Version("1"))) == ["near/chat", "near/errors"]
        assert plan(profile, ["near"], ["tools"], [], Version("1")).groups == ()

    def test_unknown_release_gets_what_every_release_can_do(self, profile: Profile) -> None:
        assert [each["name"] for each in calls(plan(profile, ["near"], None, []), "near/tools")] == ["old"]

    def test_scripts_of_the_user_come_after_the_providers(self, profile: Profile, tmp_path: Path) -> None:
        own = [tmp_path / "check.py", tmp_path / "other" / "check.py"]
        made = plan(profile, ["near"], ["chat"], own)
        assert stages(made) == ["near/chat", "smoke/check.py", "smoke/check.py#2"]
        assert dict(made.groups[1].scripts[0].environment) == {"MINREQ_HTTP": "{http}", "MINREQ_HTTPS": "{https}"}

    def test_root_without_profile_shares_nothing(self, tmp_path: Path) -> None:
        made = plan(None, [], None, [tmp_path / "check.py"])
        assert (made.first, dict(made.environment), stages(made)) == (None, {}, ["smoke/check.py"])

    def test_what_is_made_available_is_said_once(self, profile: Profile) -> None:
        assert [str(each) for each in available(profile, EXAMPLE, ["far", "near"], None)] == ["helper>=2"]
        assert [str(each) for each in available(profile, SLIM, ["near"], None)] == ["helper>=2", "missing"]


class TestUnknown:
    def test_provider_that_looks_like_another(self, profile: Profile) -> None:
        with pytest.raises(UnknownProvider) as caught:
            plan(profile, ["nea"], None, [])
        assert str(caught.value) == "no provider 'nea' (did you mean near?); there are: far, near"

    def test_provider_that_looks_like_none(self, profile: Profile) -> None:
        with pytest.raises(UnknownProvider) as caught:
            available(profile, EXAMPLE, ["xyz"], None)
        assert str(caught.value) == "no provider 'xyz'; there are: far, near"

    def test_root_without_profile_has_no_providers(self) -> None:
        with pytest.raises(UnknownProvider, match="the root has no profile, give a script with --smoke instead"):
            plan(None, ["near"], None, [])

    def test_feature(self, profile: Profile) -> None:
        with pytest.raises(UnknownFeature) as caught:
            plan(profile, ["near"], ["tool"], [])
        assert str(caught.value) == ("no feature 'tool' of near (did you mean tools?); there are: chat, errors, tools")


class TestInputs:
    def test_equal_plans_have_equal_inputs(self, profile: Profile) -> None:
        assert inputs(plan(profile, ["near"], None, [])) == inputs(plan(profile, ["near"], None, []))

    @pytest.mark.parametrize(
        ("old", "new"), [("m1", "m9"), ('LEVEL = "3"', 'LEVEL = "4"'), ('key = "own"', 'key = "other"')]
    )
    def test_change_of_the_profile_shows(self, tmp_path: Path, old: str, new: str) -> None:
        before = inputs(plan(load(write(tmp_path)), ["near"], None, [], Version("2")))
        after = inputs(plan(load(write(tmp_path, PROFILE.replace(old, new))), ["near"], None, [], Version("2")))
        assert before != after

    def test_change_of_a_script_of_the_profile_shows(self, profile: Profile) -> None:
        before = inputs(plan(profile, ["near"], None, []))
        profile.first.with_name("shared.py").write_text("x = 1\n", encoding="utf-8")
        assert inputs(plan(profile, ["near"], None, [])) != before

    def test_change_of_a_script_of_the_user_shows(self, tmp_path: Path) -> None:
        script = tmp_path / "check.py"
        script.write_text("x = 1\n", encoding="utf-8")
        before = inputs(plan(None, [], None, [script]))
        script.write_text("x = 2\n", encoding="utf-8")
        after = inputs(plan(None, [], None, [script]))
        assert {name for name in before if before[name] != after[name]} == {"smoke/check.py"}


class TestLitellm:
    """The profile that comes with minreq."""

    @pytest.mark.parametrize("root", ["litellm", "litellm-core"])
    def test_both_distributions_have_it(self, root: str) -> None:
        profile = find(canonicalize_name(root))
        assert profile
        assert profile.name == "litellm"

    def test_other_roots_have_none(self) -> None:
        assert find(canonicalize_name("mlflow-skinny")) is None

    def test_known_bad_releases_are_refused(self) -> None:
        assert [f"{each.name}{each.versions}" for each in litellm().refused] == [
            "litellm==1.82.7",
            "litellm==1.82.8",
            "litellm==1.107.0",
        ]

    @pytest.mark.parametrize("provider", ["openai", "azure", "bedrock"])
    def test_every_feature_is_covered(self, provider: str) -> None:
        made = plan(litellm(), [provider], None, [])
        features = ["chat", "streaming", "async", "async-streaming", "tools", "embeddings", "tokens", "errors"]
        assert set(stages(made)) >= {f"{provider}/{feature}" for feature in features}

    @pytest.mark.parametrize("provider", ["openai", "azure", "bedrock"])
    def test_both_plain_and_encrypted_connections_are_used(self, provider: str) -> None:
        [group] = plan(litellm(), [provider], ["chat"], []).groups
        asked = group.scripts[0].environment["MINREQ_CALLS"]
        assert "{http}" in asked
        assert "{https}" in asked

    def test_azure_alone_calls_azure_alone(self) -> None:
        made = plan(litellm(), ["azure"], None, [])
        models = {call["model"] for stage in stages(made) for call in calls(made, stage)}
        assert all(model.startswith("azure/") for model in models)

    def test_scripts_shadow_no_module_a_program_may_want(self) -> None:
        """Their folder is on the path of the child, as it is of any script."""
        names = {file.stem for file in litellm().first.parent.glob("*.py")}
        assert all(name.startswith("smoke_") for name in names)


def test_the_files_that_a_command_names(tmp_path: Path) -> None:
    """Folders stand for what of Python is in them; other words are no matter, nor where a path begins."""
    for name in ("here/checks/b.py", "here/checks/a.py", "here/checks/data.txt", "here/conf.ini", "there/c.py"):
        tmp_path.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        tmp_path.joinpath(name).touch()
    words = ("pytest", "-q", "checks", "conf.ini", "nothing", str(tmp_path / "there"))
    found = named_files(Command(words=words, folder=tmp_path / "here"))
    assert sorted(found) == ["../there/c.py", "checks/a.py", "checks/b.py", "conf.ini"]
