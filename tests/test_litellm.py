"""Locks of the real litellm from the real index, as a user makes, installs and verifies them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from minreq.analyze.kinds import COLD_CALL
from minreq.build.slim.servecall import insert_call
from minreq.lockfile import evidence
from minreq.model import Lock

pytestmark = pytest.mark.network

Method = Literal["auto", "runs"]

#: What is installed with litellm, and serves neither provider.
NEVER = ("hf-xet", "huggingface-hub", "jsonschema", "rpds-py", "regex", "tqdm", "fsspec")
ROOTS = ("litellm==1.78.7", "litellm==1.106.2", "litellm-core==1.106.2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A lock on disk."""

    folder: Path
    cache: Path

    @property
    def file(self) -> Path:
        return self.folder / "requirements-minimal.txt"

    @property
    def lock(self) -> Lock:
        return evidence.load((self.folder / "requirements-minimal.evidence.json").read_text())

    @property
    def kept(self) -> set[str]:
        return {kept.candidate.name for kept in self.lock.selection.kept}

    def minreq(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "minreq", *arguments],
            cwd=self.folder,
            env={**os.environ, "MINREQ_CACHE_DIR": str(self.cache)},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Makes each lock once; all share one store."""

    folder: Path

    def lock(self, root: str, providers: str, settle: Method = "auto") -> Made:
        folder = self.folder / f"{root}-{providers}-{settle}"
        made = Made(folder=folder, cache=self.folder / "cache")
        if not folder.exists():
            folder.mkdir()
            done = made.minreq("lock", root, "--providers", providers, "--settle", settle)
            assert done.returncode == 0, done.stderr
        return made


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(folder=tmp_path_factory.mktemp("litellm"))


@pytest.mark.parametrize("root", ROOTS)
def test_what_is_kept_is_needed(root: str, workshop: Workshop) -> None:
    """Nothing of what serves other providers; what one version imports unguarded, and what only tool calls need."""
    made = workshop.lock(root, "openai,bedrock")
    assert made.kept.isdisjoint(NEVER)
    assert {"openai", "httpx", "boto3", "tiktoken"} <= made.kept
    assert ("tokenizers" in made.kept) is (root == "litellm==1.78.7")
    assert ("mcp" in made.kept) is (root != "litellm==1.78.7")
    kinds = {kept.candidate.name: kept.evidence.kind for kept in made.lock.selection.kept}
    assert kinds.pop(canonicalize_name(Requirement(root).name)) == "request"
    assert set(kinds.values()) <= {"failure", "difference"}
    # The root is there from the start, so nothing asks for it.
    assert all(kept.via for kept in made.lock.selection.kept if kept.evidence.kind != "request")


def test_differences_are_found(workshop: Workshop) -> None:
    """What fails for want of nothing, and still is not the same."""
    old = {kept.candidate.name: kept.evidence for kept in workshop.lock(ROOTS[0], "openai,bedrock").lock.selection.kept}
    new = {kept.candidate.name: kept.evidence for kept in workshop.lock(ROOTS[1], "openai,bedrock").lock.selection.kept}
    named, warned = old[canonicalize_name("importlib-metadata")], new[canonicalize_name("charset-normalizer")]
    assert (named.kind, getattr(named, "what", "")) == ("difference", "request header user-agent")
    assert "litellm/0.0.0" in getattr(named, "without_it", "")
    assert (warned.kind, getattr(warned, "what", "")) == ("difference", "warnings")


def test_the_shortcuts_find_what_the_reference_finds(workshop: Workshop) -> None:
    """The same set with the same differences, of which this release has some; every question by a run of its own."""
    quick, slow = workshop.lock(ROOTS[0], "openai"), workshop.lock(ROOTS[0], "openai", "runs")
    assert quick.kept == slow.kept
    assert [each.candidate.name for each in quick.lock.selection.left_out] == [
        each.candidate.name for each in slow.lock.selection.left_out
    ]


def test_a_measured_provider_is_what_its_lock_keeps(workshop: Workshop) -> None:
    """Base and needs together; measured with forks of one import, against a lock with runs of its own."""
    made = workshop.lock("litellm==1.106.2", "openai")
    done = made.minreq("providers", "litellm==1.106.2", "--providers", "openai", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    [openai] = found["providers"]
    assert {part["name"] for part in (*found["base"]["distributions"], *openai["distributions"])} == made.kept
    assert "mcp" in {part["name"] for part in openai["distributions"]}
    assert {"chat", "streaming", "async", "tools", "embeddings"} <= {*openai["features"]}


def test_equal_inputs_give_equal_bytes(workshop: Workshop) -> None:
    made = workshop.lock("litellm==1.106.2", "openai,bedrock")
    before = {path.name: path.read_bytes() for path in made.folder.glob("requirements-minimal.*")}
    for path in made.folder.glob("requirements-minimal.*"):
        path.unlink()
    done = made.minreq("lock", "litellm==1.106.2", "--providers", "openai,bedrock")
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in made.folder.glob("requirements-minimal.*")} == before


def environment(folder: Path) -> Path:
    """Make a virtual environment; return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder / "bin" / "python"


@pytest.mark.parametrize(("way", "root"), [*zip(("pip --no-deps", "PIP_NO_DEPS", "uv pip sync"), ROOTS, strict=True)])
def test_it_installs_and_works(way: str, root: str, workshop: Workshop, tmp_path: Path) -> None:
    """What each installer makes of the lock passes the smoke as it was recorded.

    It does so with the guard too, which reports on standard error: each report would be a difference.
    """
    made = workshop.lock(root, "openai,bedrock")
    python = environment(tmp_path / "environment")
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    commands = {
        "pip --no-deps": [*pip, "--no-deps", "--only-binary", ":all:", "-r", str(made.file)],
        "PIP_NO_DEPS": [*pip, "-r", str(made.file)],
        "uv pip sync": [
            str(Path(sys.executable).with_name("uv")),
            "pip",
            "sync",
            "--python",
            str(python),
            str(made.file),
        ],
    }
    told = {"PIP_NO_DEPS": "1"} if way == "PIP_NO_DEPS" else {}
    subprocess.run(commands[way], env={**os.environ, **told}, check=True)
    [root_file] = python.parent.parent.glob("lib/python*/site-packages/litellm/__init__.py")
    assert made.minreq("guard", "-o", str(root_file.parents[1])).returncode == 0
    # The guard knows places by their lines.
    changed = insert_call(root_file.read_bytes())
    assert changed is not None
    root_file.write_bytes(changed.replace(COLD_CALL.encode(), b"import minreq_guard", 1))
    done = made.minreq("verify", "--python", str(python))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_an_installer_that_was_not_told_fails_loudly(installer: str, workshop: Workshop, tmp_path: Path) -> None:
    made = workshop.lock("litellm==1.106.2", "openai,bedrock")
    python = environment(tmp_path / "environment")
    commands = {
        "pip": [str(python), "-m", "pip", "install", "-r", str(made.file)],
        "uv": [
            *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--python", str(python)),
            *("-r", str(made.file)),
        ],
    }
    done = subprocess.run(commands[installer], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode != 0
    assert "hash" in (done.stdout + done.stderr).lower()
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format", "freeze"], capture_output=True, encoding="utf-8", check=True
    )
    assert "litellm" not in listed.stdout


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("httpx", "No module named 'httpx'"),
        ("mcp", "No module named 'mcp'"),
        ("charset-normalizer", "warnings of import"),
    ],
)
def test_a_line_that_is_missing_is_told(name: str, sentence: str, workshop: Workshop, tmp_path: Path) -> None:
    made = workshop.lock("litellm==1.106.2", "openai,bedrock")
    lines = made.file.read_text().split("\n")
    (start,) = (number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next(number for number in range(start, len(lines)) if not lines[number].endswith("\\")) + 1
    folder = tmp_path / "less"
    folder.mkdir()
    (folder / made.file.name).write_text("\n".join([*lines[:start], *lines[end:]]))
    beside = "requirements-minimal.evidence.json"
    (folder / beside).write_bytes((made.folder / beside).read_bytes())
    done = Made(folder=folder, cache=made.cache).minreq("verify")
    assert done.returncode == 1
    assert f"{name} was removed from the file" in done.stderr
    assert sentence in done.stderr
