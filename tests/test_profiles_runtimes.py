"""Managed runtimes: what minreq knows of them, and a lock for one."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import pytest
from commanding import project
from packaging.requirements import Requirement
from packaging.version import Version

from minreq.config import Settings
from minreq.errors import InvalidOptions, RuntimeDiffers, UnknownRuntime
from minreq.interpreter import preset_names
from minreq.profiles.runtimes import find_runtime, runtime_names
from minreq.task.task import prepare_task

HERE = "lambda-python{}.{}".format(*sys.version_info)
OTHER = next(name for name in ("lambda-python3.12", "lambda-python3.13") if name != HERE)

SCENARIO = """
explanation = "The program uses the boto3 of its runtime, and requests, which shares urllib3 with it."
requirements = ["app"]
program = "import app"
[wheels.app."1.0"]
requires = ["boto3", "requests"]
files = { "app/__init__.py" = "import boto3, requests" }
[wheels.boto3."1.44.0"]
requires = ["urllib3"]
files = { "boto3/__init__.py" = "import urllib3" }
[wheels.boto3."1.45.0"]
requires = ["urllib3"]
files = { "boto3/__init__.py" = "import urllib3" }
[wheels.requests."1.0"]
requires = ["urllib3"]
files = { "requests/__init__.py" = "import urllib3" }
[wheels]
urllib3."2.0" = {}
"""


def make_settings(**settings: object) -> Settings:
    values: dict[str, object] = {"root": Requirement("a"), "smokes": (Path("smoke.py"),), **settings}
    return Settings(cache_dir=Path("cache"), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", runtime_names())
def test_each_runtime_has_the_sdk_with_all_that_it_requires(name: str) -> None:
    runtime = find_runtime(name)
    assert (runtime.name, f"lambda-python{runtime.python}") == (name, name)
    assert {"boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3"} <= runtime.distributions
    assert runtime.date >= date(2026, 11, 30)


def test_the_runtimes_are_those_of_the_platforms() -> None:
    assert list(runtime_names()) == list(dict.fromkeys(name.rpartition("-")[0] for name in preset_names()))


@pytest.mark.parametrize(("name", "suggestion"), [("lambda-pyton3.12", "lambda-python3.12"), ("heroku", None)])
def test_an_unknown_runtime(name: str, suggestion: str | None) -> None:
    with pytest.raises(UnknownRuntime) as caught:
        find_runtime(name)
    assert (caught.value.suggestion, caught.value.known) == (suggestion, runtime_names())


class TestTask:
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        Path("smoke.py").write_text("import a")

    def test_the_list_is_an_input_of_the_lock(self) -> None:
        task = prepare_task(make_settings(runtime=HERE))
        assert task.command == f"lock a --smoke smoke.py --runtime {HERE}"
        assert f"--runtime {HERE}" in task.input_digests(Version("1.0"))

    def test_another_python_is_refused(self) -> None:
        with pytest.raises(RuntimeDiffers, match="name a Python"):
            prepare_task(make_settings(runtime=OTHER))

    def test_the_platform_decides_where_one_is_named(self) -> None:
        assert prepare_task(make_settings(runtime=OTHER, platforms=(f"{OTHER}-arm64",))).runtime == find_runtime(OTHER)
        with pytest.raises(RuntimeDiffers, match="make --runtime and --platform agree"):
            prepare_task(make_settings(runtime=HERE, platforms=(f"{OTHER}-arm64",)))

    def test_a_root_that_the_runtime_has_is_refused(self) -> None:
        with pytest.raises(InvalidOptions, match=f"--runtime {HERE} has boto3, which the lock has to contain"):
            prepare_task(make_settings(root=Requirement("boto3"), runtime=HERE))


def test_a_lock_for_a_runtime_omits_what_it_has(tmp_path: Path) -> None:
    """Also urllib3, which a kept distribution requires too: a newer one could break the boto3 of the runtime."""
    made = project(SCENARIO, tmp_path)
    made.make_lock("--runtime", HERE)
    text = made.lock.read_text()
    assert [line.partition("==")[0] for line in text.splitlines() if line[:1].isalpha()] == ["app", "requests"]
    assert "# provided by the runtime, not written here: boto3==1.45.0, urllib3==2.0\n" in text
    evidence = json.loads(made.evidence.read_text())
    assert evidence["resolution"]["provided"] == ["boto3", "urllib3"]
    assert f"{HERE} has boto3, urllib3 (as of " in evidence["resolution"]["notes"][0]
    assert made.minreq("lock", "--check", "-q").status == 0
    assert f"the runtime provides it (--runtime {HERE})" in made.minreq("explain", "boto3").out
    # The evidence knows the runtime. A version that the user knows wins.
    done = made.minreq("lock", "app", "--smoke", "smoke.py", "--runtime", HERE, "--provided", "boto3==1.44.0", "-q")
    assert (done.status, "boto3==1.44.0, urllib3==2.0\n" in made.lock.read_text()) == (0, True)
    assert f"# note: {HERE} has urllib3 (as of " in made.lock.read_text()
    why = {name: json.loads(made.minreq("explain", name, "--json").out)["why"] for name in ("boto3", "urllib3")}
    assert why["boto3"]["because"] == "the runtime provides it (--provided)"
    assert why["urllib3"]["because"] == f"the runtime provides it (--runtime {HERE})"
