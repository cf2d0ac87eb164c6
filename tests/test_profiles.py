"""Profiles: their TOML, its faults, and the plans made from them."""

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
from minreq.profiles.loader import Profile, find_profile, load_profile
from minreq.profiles.planner import (
    extra_requirements,
    features_not_run,
    input_digests,
    make_plan,
    named_files,
    skipped_calls,
)

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
    return load_profile(write(tmp_path))


@functools.cache
def litellm() -> Profile:
    """The profile that comes with minreq."""
    profile = find_profile(canonicalize_name("litellm"))
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

    def test_arguments_of_a_provider_apply_to_all_its_calls(self, profile: Profile) -> None:
        [near] = [each for each in profile.providers if each.name == "near"]
        assert [dict(call.arguments)["key"] for call in near.calls] == ["shared", "own", "shared"]

    def test_provider_gets_the_calls_of_included_providers(self, profile: Profile) -> None:
        far, near = profile.providers
        assert (far.calls, far.requirements, far.environment) == (near.calls, near.requirements, near.environment)

    @pytest.mark.parametrize(
        ("old", "new", "fault"),
        [
            ('name = "example"', "", "name: missing"),
            ('name = "example"', "name = 3", "name: must be a string, not 3"),
            ('roots = ["Example", "example-core"]', "roots = [3]", "roots[0]: must be a string, not 3"),
            ('LEVEL = "3"', "LEVEL = 3", "environment.LEVEL: must be a string, not 3"),
            ('release = "example==1.2"', 'release = "!"', "refused[0].release: "),
            ('["missing"]', '["!"]', "undeclared.example-core[0]: "),
            ('reason = "it is bad"', 'reasons = "it is bad"', "refused[0].reasons: no such key"),
            (
                "[features.tools]",
                '[[features.chat.cannot]]\nversions = "2"\nreason = "no"\n[features.tools]',
                "features.chat.cannot[0].versions: ",
            ),
            (
                "[features.tools]",
                '[[features.chat.cannot]]\nfeatures = ["tools"]\nreason = "no"\n[features.tools]',
                "features.chat.cannot[0].features: no such key",
            ),
            ("smokes/chat.py", "smokes/dance.py", "features.chat.file: no such file"),
            ('["helper>=2"]', '["!"]', "providers.near.requirements[0]: "),
            ('kind = "error"', 'kind = "dance"', "providers.near.calls[2].kind: no feature makes calls"),
            ('features = ["tools"]', 'features = ["errors"]', "providers.near.calls[1].features: no feature 'errors'"),
            ('versions = ">=2"', 'versions = "2"', "providers.near.calls[1].versions: "),
            ('includes = ["near"]', 'includes = ["nowhere"]', "providers.far.includes: no provider 'nowhere'"),
            ("[providers.far]\n", "[providers]\nfar = 3\n[x]\n", "providers.far: must be a table, not 3"),
            ('[[refused]]\nrelease = "example==1.2"\nreason = "it is bad"', "", None),
        ],
    )
    def test_fault_names_its_key(self, tmp_path: Path, old: str, new: str, fault: str | None) -> None:
        assert old in PROFILE
        text = PROFILE.replace(old, new, 1)
        if fault is None:
            assert load_profile(write(tmp_path, text)).refused == ()
            return
        with pytest.raises(ProfileInvalid) as caught:
            load_profile(write(tmp_path, text))
        assert fault in str(caught.value)

    def test_all_faults_are_reported_at_once(self, tmp_path: Path) -> None:
        text = PROFILE.replace('name = "example"', "").replace('versions = ">=2"', 'versions = "2"')
        with pytest.raises(ProfileInvalid) as caught:
            load_profile(write(tmp_path, text))
        assert len(caught.value.faults) == 2

    def test_list_that_holds_no_tables(self, tmp_path: Path) -> None:
        with pytest.raises(ProfileInvalid, match=r"providers\.far\.calls\[0\]: must be a table, not 3"):
            load_profile(write(tmp_path, PROFILE.replace('includes = ["near"]', "calls = [3]")))

    def test_file_that_is_no_toml(self, tmp_path: Path) -> None:
        with pytest.raises(ProfileInvalid):
            load_profile(write(tmp_path, "= 3"))

    def test_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ProfileInvalid):
            load_profile(tmp_path / "profile.toml")


class TestPlan:
    def test_group_for_each_provider_and_stage_for_each_feature(self, profile: Profile) -> None:
        made = make_plan(profile, ["near", "far"], None, [])
        assert stages(made) == ["far/chat", "far/tools", "far/errors", "near/chat", "near/tools", "near/errors"]
        assert made.first
        assert (made.first.stage, made.first.file.name, dict(made.environment)) == (
            "import",
            "first.py",
            {"LEVEL": "3"},
        )

    def test_script_gets_its_calls(self, profile: Profile) -> None:
        [refused] = calls(make_plan(profile, ["near"], None, []), "near/errors")
        assert refused == {
            "name": "refused",
            "model": "m3",
            "arguments": {"base": "{http}", "key": "shared"},
            "variables": {"TOKEN": ""},
            "files": {"TOKEN_FILE": "text"},
            "expected": "Refusal",
        }

    def test_environment_of_the_provider_is_that_of_its_stages(self, profile: Profile) -> None:
        [group] = make_plan(profile, ["near"], ["chat"], []).groups
        assert group.scripts[0].environment["REGION"] == "here"

    def test_features_narrow(self, profile: Profile) -> None:
        assert stages(make_plan(profile, ["near"], ["tools"], [])) == ["near/tools"]

    def test_alias_is_its_provider(self, profile: Profile) -> None:
        assert make_plan(profile, ["Close-By", "near"], None, []) == make_plan(profile, ["near"], None, [])

    @given(st.permutations(["near", "far", "close-by"]), st.permutations(["chat", "tools", "errors"]))
    def test_order_of_input_changes_nothing(self, providers: list[str], features: list[str]) -> None:
        profile = litellm()
        names = {"near": "openai", "far": "bedrock", "close-by": "azure"}
        chosen = [names[each] for each in providers]
        assert make_plan(profile, chosen, features, []) == make_plan(profile, sorted(chosen), sorted(features), [])

    @pytest.mark.parametrize(
        ("version", "made", "left_out"),
        [
            ("1.9", ["old"], ["near/tools new: older releases have no m2"]),
            ("2.0rc1", ["old"], None),
            ("2.1", ["old", "new"], []),
        ],
    )
    def test_call_is_made_where_the_release_supports_it(
        self, profile: Profile, version: str, made: list[str], left_out: list[str] | None
    ) -> None:
        release = Version(version)
        assert [each["name"] for each in calls(make_plan(profile, ["near"], None, [], release), "near/tools")] == made
        if left_out is not None:
            told = skipped_calls(profile, ["near"], None, release)
            assert [f"{each.stage} {each.call}: {each.reason}" for each in told] == left_out

    @pytest.mark.parametrize(
        ("version", "made", "left_out"),
        [
            ("1.9", ["near/chat", "near/tools"], set()),
            ("2.1", ["near/tools"], {"near/chat old: nothing chats"}),
            (None, ["near/tools"], None),
        ],
    )
    def test_feature_that_a_release_does_not_support(
        self, tmp_path: Path, version: str | None, made: list[str], left_out: set[str] | None
    ) -> None:
        """The limit of a feature applies to every provider, and to no other feature with the same calls."""
        limit = '[[features.chat.cannot]]\nversions = ">=2"\nreason = "nothing chats"\n\n[features.tools]'
        profile = load_profile(write(tmp_path, PROFILE.replace("[features.tools]", limit)))
        release = Version(version) if version else None
        assert stages(make_plan(profile, ["near"], ["chat", "tools"], [], release)) == made
        if release is not None and left_out is not None:
            skipped = skipped_calls(profile, ["near"], ["chat", "tools"], release)
            assert {f"{each.stage} {each.call}: {each.reason}" for each in skipped if each.call == "old"} == left_out

    def test_stage_without_calls_is_left_out_and_a_group_without_stages(self, tmp_path: Path) -> None:
        text = PROFILE.replace('model = "m1"', 'model = "m1"\nfeatures = ["chat"]')
        profile = load_profile(write(tmp_path, text))
        assert stages(make_plan(profile, ["near"], None, [], Version("1"))) == ["near/chat", "near/errors"]
        assert make_plan(profile, ["near"], ["tools"], [], Version("1")).groups == ()

    def test_unknown_release_gets_the_calls_that_every_release_supports(self, profile: Profile) -> None:
        assert [each["name"] for each in calls(make_plan(profile, ["near"], None, []), "near/tools")] == ["old"]

    def test_scripts_of_the_user_come_after_the_providers(self, profile: Profile, tmp_path: Path) -> None:
        own = [tmp_path / "check.py", tmp_path / "other" / "check.py"]
        made = make_plan(profile, ["near"], ["chat"], own)
        assert stages(made) == ["near/chat", "smoke/check.py", "smoke/check.py#2"]
        assert dict(made.groups[1].scripts[0].environment) == {"MINREQ_HTTP": "{http}", "MINREQ_HTTPS": "{https}"}

    def test_root_without_profile_shares_nothing(self, tmp_path: Path) -> None:
        made = make_plan(None, [], None, [tmp_path / "check.py"])
        assert (made.first, dict(made.environment), stages(made)) == (None, {}, ["smoke/check.py"])

    def test_extra_requirements_are_listed_once(self, profile: Profile) -> None:
        assert [str(each) for each in extra_requirements(profile, EXAMPLE, ["far", "near"], None)] == ["helper>=2"]
        assert [str(each) for each in extra_requirements(profile, SLIM, ["near"], None)] == ["helper>=2", "missing"]


class TestUnknown:
    def test_unknown_provider_with_a_similar_name(self, profile: Profile) -> None:
        with pytest.raises(UnknownProvider) as caught:
            make_plan(profile, ["nea"], None, [])
        assert str(caught.value) == "no provider 'nea' (did you mean near?); known: far, near"

    def test_unknown_provider_with_no_similar_name(self, profile: Profile) -> None:
        with pytest.raises(UnknownProvider) as caught:
            extra_requirements(profile, EXAMPLE, ["xyz"], None)
        assert str(caught.value) == "no provider 'xyz'; known: far, near"

    def test_root_without_profile_has_no_providers(self) -> None:
        with pytest.raises(UnknownProvider, match="the root has no profile; name a script with --smoke instead"):
            make_plan(None, ["near"], None, [])

    def test_feature(self, profile: Profile) -> None:
        with pytest.raises(UnknownFeature) as caught:
            make_plan(profile, ["near"], ["tool"], [])
        assert str(caught.value) == ("no feature 'tool' of near (did you mean tools?); known: chat, errors, tools")

    def test_feature_of_all_providers(self, profile: Profile) -> None:
        with pytest.raises(UnknownFeature) as caught:
            make_plan(profile, ["near", "far"], ["zzz"], [])
        assert str(caught.value).startswith("no feature 'zzz'; known: chat, errors, ")


class TestInputs:
    def test_equal_plans_have_equal_inputs(self, profile: Profile) -> None:
        assert input_digests(make_plan(profile, ["near"], None, [])) == input_digests(
            make_plan(profile, ["near"], None, [])
        )

    @pytest.mark.parametrize(
        ("old", "new"), [("m1", "m9"), ('LEVEL = "3"', 'LEVEL = "4"'), ('key = "own"', 'key = "other"')]
    )
    def test_change_of_the_profile_changes_the_inputs(self, tmp_path: Path, old: str, new: str) -> None:
        before = input_digests(make_plan(load_profile(write(tmp_path)), ["near"], None, [], Version("2")))
        after = input_digests(
            make_plan(load_profile(write(tmp_path, PROFILE.replace(old, new))), ["near"], None, [], Version("2"))
        )
        assert before != after

    def test_change_of_a_script_of_the_profile_changes_the_inputs(self, profile: Profile) -> None:
        before = input_digests(make_plan(profile, ["near"], None, []))
        profile.first.with_name("shared.py").write_text("x = 1\n", encoding="utf-8")
        assert input_digests(make_plan(profile, ["near"], None, [])) != before

    def test_change_of_a_script_of_the_user_changes_the_inputs(self, tmp_path: Path) -> None:
        script = tmp_path / "check.py"
        script.write_text("x = 1\n", encoding="utf-8")
        before = input_digests(make_plan(None, [], None, [script]))
        script.write_text("x = 2\n", encoding="utf-8")
        after = input_digests(make_plan(None, [], None, [script]))
        assert {name for name in before if before[name] != after[name]} == {"smoke/check.py"}


class TestLitellm:
    """The profile that comes with minreq."""

    @pytest.mark.parametrize("root", ["litellm", "litellm-core"])
    def test_both_distributions_have_it(self, root: str) -> None:
        profile = find_profile(canonicalize_name(root))
        assert profile
        assert profile.name == "litellm"

    def test_other_roots_have_none(self) -> None:
        assert find_profile(canonicalize_name("mlflow-skinny")) is None

    def test_known_bad_releases_are_refused(self) -> None:
        assert [f"{each.name}{each.versions}" for each in litellm().refused] == [
            "litellm==1.82.7",
            "litellm==1.82.8",
            "litellm==1.107.0",
        ]

    @pytest.mark.parametrize("provider", ["openai", "azure", "bedrock"])
    def test_every_feature_is_covered(self, provider: str) -> None:
        made = make_plan(litellm(), [provider], None, [])
        features = ["chat", "streaming", "async", "async-streaming", "tools", "embeddings", "tokens", "errors"]
        assert set(stages(made)) >= {f"{provider}/{feature}" for feature in features}

    @pytest.mark.parametrize("provider", ["openai", "azure", "bedrock"])
    def test_both_plain_and_encrypted_connections_are_used(self, provider: str) -> None:
        [group] = make_plan(litellm(), [provider], ["chat"], []).groups
        asked = group.scripts[0].environment["MINREQ_CALLS"]
        assert "{http}" in asked
        assert "{https}" in asked

    def test_azure_alone_calls_azure_alone(self) -> None:
        made = make_plan(litellm(), ["azure"], None, [])
        models = {call["model"] for stage in stages(made) for call in calls(made, stage)}
        assert all(model.startswith("azure/") for model in models)

    def test_scripts_shadow_no_module(self) -> None:
        """The folder of the scripts is on the path of the child."""
        names = {file.stem for file in litellm().first.parent.glob("*.py")}
        assert all(name.startswith("smoke_") for name in names)


def test_the_files_that_a_command_names(tmp_path: Path) -> None:
    """A folder stands for the Python files in it. Other words of the command do not count."""
    for name in ("here/checks/b.py", "here/checks/a.py", "here/checks/data.txt", "here/conf.ini", "there/c.py"):
        tmp_path.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        tmp_path.joinpath(name).touch()
    words = ("pytest", "-q", "checks", "conf.ini", "nothing", str(tmp_path / "there"))
    found = named_files(Command(words=words, folder=tmp_path / "here"))
    assert sorted(found) == ["../there/c.py", "checks/a.py", "checks/b.py", "conf.ini"]


def test_features_that_a_lock_does_not_run() -> None:
    """Of its providers alone, whatever the smokes of the user are called; not what the release does not support."""
    profile = find_profile(canonicalize_name("litellm"))
    assert profile is not None
    every = {each.name for each in profile.features}
    stages = ["import", "openai/chat", "openai/client", "smoke/check.py"]
    found = features_not_run(profile, stages, Version("1.110.2"))
    assert {"audio", "tokenizers", "streaming"} <= set(found) <= every - {"chat", "client", "disk-caching"}
    assert "disk-caching" in features_not_run(profile, stages, Version("1.106.2"))
    assert features_not_run(profile, ["import", "smoke/check.py"], Version("1.110.2")) == ()
