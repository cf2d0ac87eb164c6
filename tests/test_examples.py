"""The examples, run by the tools they are for, on an index in a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from commanding import Project, project

pytestmark = pytest.mark.network  # What they need is installed for that group alone.

EXAMPLES = Path(__file__).parents[1] / "examples"
SCENARIO = """
explanation = "The root declares more than is imported."
requirements = ["app"]
program = "import app"
[wheels.app."1.0"]
requires = ["needed", "unused"]
files = { "app/__init__.py" = "import needed" }
[wheels]
needed."1.0" = {}
unused."1.0" = {}
"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A function whose requirements are a lock."""
    made = project(SCENARIO, tmp_path_factory.mktemp("examples"))
    made.make_lock()
    function = made.folder / "function"
    function.mkdir()
    shutil.copy(made.lock, function / "requirements.txt")
    function.joinpath("app.py").write_text("def handler(event, context): ...\n")
    return made


def build(
    locked: Project, manager: Literal["pip", "uv"], output: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Build as `sam build` does, by its own library, in a folder without configuration."""
    elsewhere = output.with_name("elsewhere")
    elsewhere.mkdir()
    runtime = f"python3.{sys.version_info.minor}"
    script = elsewhere / "build.py"
    script.write_text((EXAMPLES / "sam/build.py").read_text().replace("python3.12", runtime))
    wheels = " ".join(sorted({str(each.parent) for each in locked.wheelhouse.folder.rglob("*.whl")}))
    return subprocess.run(
        [sys.executable, script, manager, locked.folder / "function", output],
        cwd=elsewhere,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(elsewhere),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": wheels,
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": wheels.replace(" ", ","),
            **environment,
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("manager", ["pip", "uv"])
def test_sam_installs_exactly_the_lock(locked: Project, manager: Literal["pip", "uv"], tmp_path: Path) -> None:
    told = {"PIP_NO_DEPS": "1"} if manager == "pip" else {"UV_CONFIG_FILE": str(EXAMPLES / "sam/uv.toml")}
    output = tmp_path / "output"
    done = build(locked, manager, output, **told)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(each.name for each in output.glob("*.dist-info")) == ["app-1.0.dist-info", "needed-1.0.dist-info"]
    assert locked.minreq("check", str(output)).status == 0


@pytest.mark.parametrize("manager", ["pip", "uv"])
def test_sam_untold_fails_and_never_grows_the_set(
    locked: Project, manager: Literal["pip", "uv"], tmp_path: Path
) -> None:
    output = tmp_path / "output"
    done = build(locked, manager, output)
    assert done.returncode == 1
    assert "unused" in done.stdout + done.stderr
    assert not list(output.glob("unused*"))
