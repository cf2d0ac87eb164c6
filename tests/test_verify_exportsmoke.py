"""The smoke as a script for real endpoints: what it says, and that it runs on nothing but the root."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from samplelock import LOCK

from minreq.errors import NothingToExport
from minreq.model import Group
from minreq.profiles import planner
from minreq.profiles.loader import Profile, find_profile
from minreq.verify.exportsmoke import ExportedSmoke, indent_code, render_script

#: A root that answers as real models do: never with the words of the emulator.
STAND_IN = """
import os
from types import SimpleNamespace as Object

def completion(model, messages, tools=None, stream=False, **arguments):
    assert not {"api_base", "api_key", "azure_ad_token"} & arguments.keys(), arguments
    assert os.environ["OPENAI_API_KEY"] == "of the user"
    if model == "azure/mine":
        raise ConnectionError("no such deployment")
    assert model == "openai/gpt-4o-mini", model
    usage = Object(prompt_tokens=1, completion_tokens=2, total_tokens=3)
    text = Object(content="Sunny, 17 degrees.", tool_calls=None)
    text.model_dump = lambda: {"role": "assistant", "content": "..."}
    if tools and messages[-1]["role"] == "user":
        call = Object(name="weather", arguments='{"city": "Zurich"}')
        text.tool_calls = [Object(id="1", function=call)]
    if stream:
        return [Object(choices=[Object(delta=Object(content="Sun"))]), Object(choices=[])]
    return Object(choices=[Object(message=text, finish_reason="stop")], usage=usage)

async def close_litellm_async_clients():
    pass

async def acompletion(**arguments):
    return completion(**arguments)

def stream_chunk_builder(chunks, messages=None):
    return completion("openai/gpt-4o-mini", messages)
"""


@pytest.fixture
def profile() -> Profile:
    found = find_profile(canonicalize_name("litellm"))
    assert found
    return found


def made(profile: Profile, *features: str, providers: tuple[str, ...] = ("openai",)) -> ExportedSmoke:
    plan = planner.make_plan(profile, providers, features or None, [], Version("1.106.2"))
    return render_script(LOCK, plan, profile)


def test_every_provider_has_one_without_a_word_of_the_emulator(profile: Profile) -> None:
    """Nothing of an address or a credential that was made up is left, and the rest is Python."""
    for provider in profile.providers:
        text = made(profile, "default", providers=(provider.name,)).text
        ast.parse(text)
        data = text[text.index("\nSTAGES = {") :]
        for made_up in ("{http", "://", "api_key", "sk-", "AKIA", "'example'", "PRIVATE KEY"):
            assert made_up not in data


def test_what_only_an_emulator_can_be_asked_for_is_left_out(profile: Profile) -> None:
    found = made(profile, providers=("bedrock",))
    assert "bedrock/chat" in found.stages
    assert {"bedrock/errors", "bedrock/credentials"} == {*found.left_out}
    with pytest.raises(NothingToExport, match="makes a call of a profile that a real endpoint could answer"):
        made(profile, "errors")


def test_equal_calls_are_made_once(profile: Profile) -> None:
    """With a key and with a token are the same call, once both are left to the environment."""
    text = made(profile, "chat", providers=("azure",)).text
    assert text[text.index("\nSTAGES") :].count("'model': 'azure/gpt-4o-mini'") == 1


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "canary.py", *arguments],
        cwd=folder,
        env={"OPENAI_API_KEY": "of the user", "PYTHONPATH": str(folder)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def with_azure(script: str, model: str) -> str:
    """The script after its user said which deployment is theirs."""
    return script.replace("'azure/gpt-4o-mini': 'azure/gpt-4o-mini'", f"'azure/gpt-4o-mini': {model!r}")


def test_it_runs(profile: Profile, tmp_path: Path) -> None:
    """With the root alone, and whatever a model says."""
    (tmp_path / "litellm.py").write_text(STAND_IN)
    features = ("chat", "streaming", "async", "tools")
    script = made(profile, *features).text
    (tmp_path / "canary.py").write_text(with_azure(script, "openai/gpt-4o-mini"))
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "python canary.py --list" in script
    passed = [line for line in done.stdout.splitlines() if line.startswith("passed")]
    assert passed == [f"passed openai/{feature}" for feature in features]
    assert run(tmp_path, "--list").stdout.split() == [f"openai/{feature}" for feature in features]
    assert run(tmp_path, "nothing").returncode == 1


@pytest.mark.parametrize(
    "code",
    [
        'text = """a\n  b\n\nc"""',
        "text = f'''a\n {len('xy')}\n{1 +\n1}\n'''",
        "text = ('a'\n'b')\nif text:\n    text += '''\nc'''",
        "text = 'a\\\n  b'",
        "text = rb'''\na'''",
        "text = 'a\x0cb\u2028c'",
    ],
)
def test_indented_code_has_the_same_strings(code: str) -> None:
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102 - The code above.
    exec(f"def made():\n{indent_code(code)}\n    return text", namespace)  # noqa: S102 - The same.
    assert namespace["made"]() == namespace["text"]


def test_the_strings_of_a_feature_stay(profile: Profile, tmp_path: Path) -> None:
    """The lines that a feature asks a model about, and its documentation."""
    source = 'r"""Says "a\\b" """\nfrom other import x\nTEXT = """one\n  two\u2028\nthree"""\n'
    file = tmp_path / "smoke_chat.py"
    file.write_text(source, "utf-8")
    plan = planner.make_plan(profile, ("openai",), ("chat",), [], Version("1.106.2"))
    (script,) = (each for group in plan.groups for each in group.scripts)
    moved = replace(plan, groups=(Group(name="openai", scripts=(replace(script, file=file),)),))
    tree = ast.parse(render_script(LOCK, moved, profile).text)
    (function,) = (each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "smoke_chat")
    assert (ast.get_docstring(function) or "").strip() == 'Says "a\\b"'
    assert "one\n  two\u2028\nthree" in {each.value for each in ast.walk(function) if isinstance(each, ast.Constant)}


def test_a_failure_is_told(profile: Profile, tmp_path: Path) -> None:
    """A stage that fails stops none of the others."""
    (tmp_path / "litellm.py").write_text(STAND_IN)
    (tmp_path / "canary.py").write_text(with_azure(made(profile, "chat", "streaming").text, "azure/mine"))
    done = run(tmp_path)
    assert done.returncode == 1
    assert "FAILED openai/chat" in done.stdout
    assert "FAILED openai/streaming" in done.stdout
    assert "no such deployment" in done.stderr
