"""Commands of the documentation that need no provider and no index of the world run as they stand there.

They run in a project that looks like that of a reader: a lock of `litellm`, which is a small wheel here, an older lock
in the history, an environment, a layer, and what other tools wrote.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from commanding import Project, project
from test_docs import TYPED

from minreq.cli import main

SCENARIO = """
explanation = "What the pages explain: a lock with boto3, without tokenizers."
requirements = ["litellm==1.110.2"]
program = "import litellm"
[wheels]
litellm."1.110.2" = { requires = ["jmespath", "charset-normalizer", "pyyaml", "tokenizers"], files = { "litellm/__init__.py" = "import jmespath, charset_normalizer, yaml\\ndef f():\\n    import tokenizers" } }
jmespath."1.1.0" = {}
charset-normalizer."3.5.3" = { files = { "charset_normalizer.py" = "" } }
pyyaml."6.0.4" = { files = { "yaml/__init__.py" = "" } }
tokenizers."0.23.3" = {}
"""  # noqa: E501
AUDIT = {
    "dependencies": [{"name": "tokenizers", "version": "0.23.3", "vulns": [{"id": "PYSEC-2026-1", "aliases": []}]}]
}
OSV = {
    "id": "PYSEC-2026-1",
    "affected": [{"package": {"ecosystem": "PyPI", "name": "tokenizers"}, "versions": ["0.23.3"]}],
}
APP = 'import litellm\nlitellm.completion("openai/gpt-4o-mini", [])\n'
#: What runs in the process of the test. `verify`, `build` and `lock` have tests of their own.
_RUN = {"analyze", "check", "diff", "explain", "export", "exposure", "guard", "init", "scan"}
#: An interpreter runs the program.
_LEFT = ("--imports",)
#: The environment does not hold the lock, and an import without a handler is found.
_EXITS_1 = {"check .venv", "check .venv/bin/python --lock requirements-minimal.txt", "exposure --fail-on unguarded"}

COMMANDS: Mapping[str, list[str]] = {
    shlex.join(words): words
    for _, words in TYPED
    if words[0] in _RUN and not any(each in shlex.join(words) for each in _LEFT)
}


@pytest.fixture
def made(tmp_path: Path) -> Project:
    made = project(SCENARIO, tmp_path)
    made.make_lock()
    done = made.minreq("build", "-o", "layer.zip", "-q", "--bytecode", "none")
    assert done.status == 0, done.err
    work = made.folder
    written = {"src/app.py": APP, "config.yaml": "model_list: []\n"}
    written |= {"audit.json": json.dumps(AUDIT), "PYSEC-2026-1.json": json.dumps(OSV)}
    for name, text in written.items():
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text(text)
    for place in ("inst", "full", "runtime"):
        shutil.unpack_archive(work / "layer.zip", work / place)
    (work / "build").mkdir()
    shutil.copy(work / "layer.zip", work / "build")
    for place in ("old/requirements-minimal", "locks/function"):
        (work / place).parent.mkdir()
        for suffix in (".txt", ".evidence.json"):
            shutil.copy(work / f"requirements-minimal{suffix}", work / f"{place}{suffix}")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", work / ".venv"], check=True)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "*.txt", "*.json"], ["commit", "-qm", "a"], ["tag", "v1.2"]):
        subprocess.run([*git, *command], cwd=work, check=True)
    subprocess.run([*git, "commit", "-qm", "b", "--allow-empty"], cwd=work, check=True)
    return made


def test_the_commands_of_the_pages_run(
    made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith(("PIP_", "MINREQ_"))]:
        monkeypatch.delenv(name)
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIP_INDEX_URL", made.wheelhouse.url)
    assert len(COMMANDS) > 40
    ended: dict[str, int] = {}
    for number, (command, words) in enumerate(COMMANDS.items()):
        folder = made.folder
        if words[0] == "init":
            # It writes a configuration, which other commands would read.
            folder = tmp_path / str(number)
            for place in ("", "path/to/your/project", "functions/summarize"):
                (folder / place).mkdir(parents=True, exist_ok=True)
                (folder / place / "app.py").write_text(APP)
        monkeypatch.chdir(folder)
        ended[command] = main(words)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err, command
        assert "error:" in printed.err or not ended[command], command
    unattended = {command for command in COMMANDS if command.startswith("init") and "--yes" not in command}
    assert {command for command, status in ended.items() if status} == _EXITS_1 | unattended
    assert {*ended.values()} == {0, 1}
