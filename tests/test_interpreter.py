"""Facts about interpreters come from running them; presets describe the deployment platforms."""

from __future__ import annotations

import os
import platform
import re
import sys
import venv
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.tags import Tag, sys_tags
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from minreq.errors import PythonNotFound, PythonUnusable, UnknownPlatform
from minreq.interpreter import find_interpreter, host_platform, preset_names, preset_platform


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_running_interpreter() -> None:
    """It is not started: what it would report is known."""
    found = host_platform()
    assert found.name == "host"
    assert found.python_version == Version(platform.python_version())
    assert found.markers == default_environment()
    assert list(found.markers) == sorted(found.markers)
    assert found.tags == tuple(sys_tags())


def test_a_virtual_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its folder, its link or a command on PATH; no code of the environment runs, not even a `.pth`."""
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv").rglob("site-packages")
    ran = tmp_path / "ran"
    (site / "stray.pth").write_text(f"import pathlib; pathlib.Path({str(ran)!r}).touch()\n")
    (site / "packaging.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.setenv("PATH", str(tmp_path / "venv/bin"))
    for named in (tmp_path / "venv", tmp_path / "venv/bin/python", Path("python")):
        found = find_interpreter(named)
        assert found.executable == tmp_path / "venv/bin/python"
        assert found.base_executable.samefile(Path(sys.base_prefix) / "bin/python3")
        assert found.base_prefix == Path(sys.base_prefix)
        # The child says what is known of the interpreter that runs minreq, which is not started.
        own = find_interpreter()
        assert (found.platform, found.base_prefix) == (own.platform, own.base_prefix)
        assert found.base_executable.samefile(own.base_executable)
    assert not ran.exists()


def test_a_version_names_an_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for tox and uv; the interpreter that runs minreq need not be on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    own = "{}.{}".format(*sys.version_info)
    assert find_interpreter(Path(own)).executable == Path(sys.executable)
    for same in ("3", "{}.{}.{}".format(*sys.version_info)):
        assert find_interpreter(Path(same)).executable == Path(sys.executable)
    (tmp_path / f"python{own}").symlink_to(sys.executable)
    for missing in ("3.99", "2", f"{own}.99"):
        with pytest.raises(PythonNotFound, match=rf"no Python {re.escape(missing)} on PATH"):
            find_interpreter(Path(missing))
    (tmp_path / "python3.99").symlink_to(sys.executable)
    assert find_interpreter(Path("3.99")).executable == tmp_path / "python3.99"
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "python3.99").write_text(
        "#!/bin/sh\necho 'pyenv: python3.99: command not found' >&2\necho Note >&2\nexit 127\n"
    )
    (shims / "python3.99").chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}{os.pathsep}{tmp_path}")
    assert find_interpreter(Path("3.99")).executable == tmp_path / "python3.99"
    monkeypatch.setenv("PATH", str(shims))
    advice = r"run `pyenv shell 3\.99`, or name .* --python \"\$\(pyenv prefix 3\.99\)/bin/python\"$"
    with pytest.raises(PythonUnusable, match=rf"prints: pyenv: python3\.99: command not found; it is .* {advice}"):
        find_interpreter(Path("3.99"))
    for installed in ("3.99.9", "3.99.10", "3.99-dev"):
        folder = tmp_path / "versions" / installed / "bin"
        folder.mkdir(parents=True)
        (folder / "python3.99").symlink_to(sys.executable)
    assert find_interpreter(Path("3.99")).executable.parts[-3] == "3.99.10"


def test_no_interpreter(tmp_path: Path) -> None:
    for missing in (tmp_path / "python", tmp_path):
        with pytest.raises(PythonNotFound, match="--python"):
            host_platform(missing)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("#!/bin/sh\nexit 0\n", "does not answer"),
        ("#!/bin/sh\necho hello\n", "does not answer"),
        ("#!/nowhere/interpreter\n", "does not answer"),
        ("#!/bin/sh\necho first >&2; echo last words >&2; exit 3\n", "status 3 and prints: last words"),
        ("#!/bin/sh\nexit 4\n", "status 4 and prints: nothing"),
        ("#!/bin/sh\nexit 127\n", "status 127 and prints: nothing; name the path of an interpreter with --python"),
        ('#!/bin/sh\necho \'{"version": "3.8.1"}\'\n', "it is Python 3.8.1, minreq needs 3.10"),
    ],
)
def test_an_unusable_python(tmp_path: Path, script: str, problem: str) -> None:
    with pytest.raises(PythonUnusable, match=problem):
        host_platform(executable(tmp_path / "python", script))


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_valid(name: str) -> None:
    """Tags are unique and start with the platform's own; markers are those of Linux."""
    found = preset_platform(name)
    python = name.removeprefix("lambda-python").split("-")[0]
    assert found.name == name
    assert found.python_version == Version(f"{python}.0")
    assert len(set(found.tags)) == len(found.tags)
    assert found.tags[0].interpreter == f"cp{python.replace('.', '')}"
    assert set(found.markers) == set(default_environment())
    assert found.markers["python_full_version"] == f"{python}.0"
    assert found.markers["sys_platform"] == "linux"


@pytest.mark.parametrize(
    ("name", "filename", "fits"),
    [
        ("lambda-python3.12-x86_64", "a-1-cp310-abi3-manylinux_2_28_x86_64.whl", True),
        ("lambda-python3.12-x86_64", "a-1-cp312-cp312-manylinux_2_34_x86_64.whl", True),
        ("lambda-python3.12-x86_64", "a-1-cp312-cp312-manylinux_2_35_x86_64.whl", False),
        ("lambda-python3.11-x86_64", "a-1-cp310-abi3-manylinux_2_28_x86_64.whl", False),
        ("lambda-python3.11-x86_64", "a-1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", True),
        ("lambda-python3.11-x86_64", "a-1-cp311-cp311-manylinux1_x86_64.whl", True),
        ("lambda-python3.11-x86_64", "a-1-cp311-cp311-manylinux_2_17_aarch64.whl", False),
        ("lambda-python3.13-arm64", "a-1-cp313-cp313-manylinux2014_aarch64.whl", True),
        ("lambda-python3.13-arm64", "a-1-cp313-cp313-manylinux2010_aarch64.whl", False),
        ("lambda-python3.13-arm64", "a-1-cp313-cp313t-manylinux2014_aarch64.whl", False),
        ("lambda-python3.13-arm64", "a-1-cp313-cp313-musllinux_1_2_aarch64.whl", False),
        ("lambda-python3.14-x86_64", "a-1-py2.py3-none-any.whl", True),
        ("lambda-python3.14-x86_64", "a-1-py3-none-manylinux_2_12_x86_64.whl", True),
        ("lambda-python3.14-x86_64", "a-1-cp314-none-any.whl", True),
        ("lambda-python3.10-x86_64", "a-1-cp311-abi3-manylinux_2_17_x86_64.whl", False),
    ],
)
def test_wheels_that_fit_a_lambda(name: str, filename: str, *, fits: bool) -> None:
    """Lambda's glibc is 2.26 up to Python 3.11 and 2.34 from 3.12 on."""
    assert bool(set(preset_platform(name).tags) & parse_wheel_filename(filename)[3]) is fits


def test_newer_platform_tags_are_preferred() -> None:
    tags = preset_platform("lambda-python3.12-x86_64").tags
    names = ["cp312-cp312-manylinux_2_34_x86_64", "cp312-cp312-manylinux1_x86_64", "cp312-abi3-manylinux_2_34_x86_64"]
    positions = [tags.index(Tag(*tag.split("-"))) for tag in [*names, "py3-none-any"]]
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    ("name", "suggestion"), [("lambda-python3.12-x86-64", "lambda-python3.12-x86_64"), ("windows", None)]
)
def test_an_unknown_platform(name: str, suggestion: str | None) -> None:
    with pytest.raises(UnknownPlatform) as caught:
        preset_platform(name)
    assert caught.value.suggestion == suggestion
    assert (suggestion or preset_names()[0]) in str(caught.value)
