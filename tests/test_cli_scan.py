"""`minreq scan` and `minreq lock --scan` as a user runs them."""

# ruff: noqa: E501 - What is printed stands in one line.

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from commanding import Project, project

from minreq.config import Settings
from minreq.reporting import Reporter
from minreq.task.scan import apply_scan

SCENARIO = """
explanation = "The root that the profile is for, with its table of models."
requirements = ["litellm"]
[wheels.litellm."1.0"]
files = { "litellm/__init__.py" = "", "litellm/model_prices_and_context_window_backup.json" = '''
{"sample_spec": {}, "gpt-4o": {"litellm_provider": "openai"}, "granite-3": {"litellm_provider": "watsonx"}}
''' }
[wheels.broken."1.0"]
"""


@pytest.fixture
def made(tmp_path: Path) -> Project:
    found = project(SCENARIO, tmp_path)
    found.folder.joinpath("smoke.py").unlink()
    found.folder.joinpath("app.py").write_text(
        'import litellm\nlitellm.completion(model="gpt-4o", stream=True)\nlitellm.embedding("bedrock/a")\n'
    )
    return found


def test_scan(made: Project) -> None:
    made.folder.joinpath("data.json").write_bytes(b"\0")
    done = made.minreq("scan")
    assert done.status == 0, done.err
    assert done.out.splitlines() == [
        "app.py:2  openai   gpt-4o     litellm.completion(model=...)",
        "app.py:3  bedrock  bedrock/a  litellm.embedding(model=...)",
        "",
        "Features",
        "  embeddings  app.py:3 litellm.embedding(...)",
        "  streaming   app.py:2 litellm.completion(...)",
        "",
        "minreq lock --providers bedrock,openai",
    ]
    assert "data.json is binary: passed over" in done.err


def test_scan_as_json(made: Project) -> None:
    made.folder.joinpath("other.py").write_text("import litellm\nlitellm.completion(model=M, tools=T)\n")
    done = made.minreq("scan", ".", "--json", "--root", "litellm==1.0")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["providers"] == ["bedrock", "openai"]
    assert found["features"] == ["chat", "embeddings", "streaming", "tools"]
    assert found["unknown"] == [
        {"file": "other.py", "line": 2, "seen": "litellm.completion(model=...)", "why": "comes from M"}
    ]
    assert found["sightings"][0] == {
        "file": "app.py",
        "line": 2,
        "provider": "openai",
        "model": "gpt-4o",
        "seen": "litellm.completion(model=...)",
    }
    assert found["files"] == 2
    assert found["command"] == "minreq lock litellm==1.0 --providers bedrock,openai"


def test_lock_does_not_guess(made: Project) -> None:
    made.folder.joinpath("other.py").write_text(
        'import litellm\ndef f(m):\n    litellm.completion(m)\n    litellm.completion("granite-3")\n'
    )
    done = made.minreq("lock", "--scan", ".")
    assert done.status == 1
    assert done.sentences[1:] == [
        "other.py:3: litellm.completion(model=...): the model is the parameter m",
        "other.py:4: litellm.completion(model=...): the model is of watsonx, which is none of the providers of the profile",
    ]
    assert not made.lock.exists()


def test_lock_of_what_calls_nothing(made: Project) -> None:
    made.folder.joinpath("app.py").write_text("import litellm\n")
    done = made.minreq("lock", "--scan", ".", "--json")
    assert done.status == 1
    assert json.loads(done.out)["reason"] == "nothing-seen"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("scan", "nowhere"), "cannot scan nowhere: there is no such file or folder"),
        (("lock", "broken", "--scan", "."), "cannot scan broken: no profile knows how programs use it; name a script"),
        (("lock", "-p", "openai", "--allow-unknown"), "--allow-unknown needs --scan, but no path is named"),
    ],
)  # fmt: skip
def test_faults(arguments: tuple[str, ...], sentence: str, made: Project) -> None:
    done = made.minreq(*arguments)
    assert done.status == 2
    assert done.sentences[0].startswith(sentence)


NAMED = """
import litellm
litellm.image_generation("a house", model="openai/gpt-image-1")
litellm.rerank(model="openai/a", query="b", documents=["c"])
router = litellm.Router(model_list=[{"model_name": "a", "litellm_params": {"model": "openai/gpt-4o"}}])
"""


def test_what_runs_only_when_it_is_named(made: Project) -> None:
    """It goes into the command; what no smoke of the providers covers is told."""
    made.folder.joinpath("app.py").write_text(NAMED)
    done = made.minreq("scan")
    assert done.status == 0, done.err
    assert done.out.splitlines()[-2:] == [
        "No smoke of these providers covers rerank: add your own --smoke",
        "minreq lock --providers openai --features default,images,router",
    ]
    assert json.loads(made.minreq("scan", "--json").out)["uncovered"] == ["rerank"]


def test_a_lock_covers_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(NAMED)
    asked = Settings(scan=(tmp_path,), cache_dir=tmp_path / "cache")
    found = apply_scan(asked, Reporter())
    assert (found.providers, found.features) == (("openai",), ("default", "images", "router"))
    own = apply_scan(replace(asked, features=("chat",)), Reporter())
    assert own.features == ("chat",)
    (tmp_path / "app.py").write_text('import litellm\nlitellm.completion("openai/gpt-4o", messages=[])\n')
    assert apply_scan(asked, Reporter()).features == ()
