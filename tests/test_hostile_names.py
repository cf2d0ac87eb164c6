"""Names that only look alike are not mixed up, and credentials are never shown."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from commanding import project
from packaging.utils import canonicalize_name
from simpleserver import ServerFeatures, serve

from minreq.index import filenames, simple

pytestmark = pytest.mark.one_python

SCENARIO = """
explanation = "A root with a dependency."
requirements = ["app"]
program = "import app"
[wheels]
app."1.0" = { requires = ["needed"], files = { "app/__init__.py" = "import needed" } }
needed."1.0" = {}
"""
#: Each looks like "needed" or "app", and is none of them: other alphabets, invisible characters, full width, ligatures.
LOOKALIKES = (
    *("n\u0435eded", "ne\u0435ded", "needed\u200b", "\uff4eeeded", "need\u0435d"),
    *("\u0430pp", "app\u00ad", "\u202eppa", "ap\u0440"),
)


@pytest.mark.parametrize("name", LOOKALIKES, ids=ascii)
def test_a_file_whose_name_only_looks_right_is_none(name: str) -> None:
    """Neither as a wheel nor as a source distribution."""
    for filename in (f"{name}-9.0-py3-none-any.whl", f"{name}-9.0.tar.gz"):
        (link,) = simple.links_from_urls([f"https://x/{filename}"])
        file = simple.file_from_link(link)
        assert file is None or file.name not in {"needed", "app"}
        release = filenames.release_from_filename(filename)
        assert release is None or release[0] not in {"needed", "app"}


@pytest.mark.parametrize("name", LOOKALIKES, ids=ascii)
def test_a_requirement_whose_name_only_looks_right_is_refused(name: str, tmp_path: Path) -> None:
    app_project = project(SCENARIO, tmp_path)
    done = app_project.minreq("lock", name, "--smoke", "smoke.py")
    assert done.status == 2
    assert "Traceback" not in done.err
    assert not app_project.lock.exists()


def test_spellings_of_one_name_are_one() -> None:
    """PEP 503: case, dots, dashes and underscores do not count, so that nobody can register the other spelling."""
    assert {canonicalize_name(each) for each in ("My.Pkg", "my-pkg", "MY_PKG", "my--pkg", "my_.pkg")} == {"my-pkg"}


def test_credentials_are_never_shown(tmp_path: Path) -> None:
    """Not in output, lock, evidence or cache; with any flag, and after any error."""
    app_project = project(SCENARIO, tmp_path)
    with serve(app_project.wheelhouse, ServerFeatures(credentials="me:s3cret")) as server:
        secret = replace(app_project, index=server.url.replace("//", "//me:s3cret@"))
        done = secret.minreq("lock", "app", "--smoke", "smoke.py", "-v")
        assert done.status == 0, done.err
        output = [done.err, done.out]
        for arguments in (
            ("lock", "nowhere", "--smoke", "smoke.py"),
            ("lock", "app", "--smoke", "smoke.py", "--json", "-U"),
        ):
            result = secret.minreq(*arguments)
            output += [result.err, result.out]
    gone = secret.minreq("lock", "app==7", "--smoke", "smoke.py", "-v")
    assert gone.status in {4, 5}  # By the cache, or by nobody who answers.
    output += [gone.err, gone.out]
    wrong = replace(app_project, index="https://me:s3cret@[not-a-url/")
    output += [wrong.minreq("lock", "app", "--smoke", "smoke.py").err]
    assert not [each for each in output if "s3cret" in each]
    files = [path for folder in (app_project.folder, app_project.cache) for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [path for path in files if b"s3cret" in path.read_bytes() or b"bWU6czNjcmV0" in path.read_bytes()]


def test_a_child_cannot_see_credentials_of_the_parent(tmp_path: Path) -> None:
    """Credentials in the environment, and in the command line of minreq itself."""
    app_project = project(SCENARIO, tmp_path)
    (app_project.folder / "smoke.py").write_text(
        "import app, os, pathlib\n"
        "assert 's3cret' not in repr(os.environ)\n"
        "for each in pathlib.Path('/proc').glob('[0-9]*/cmdline'):\n"
        "    assert b's3cret' not in each.read_bytes(), each\n"
    )
    environment = {**app_project.environment(), "PIP_PASSWORD": "s3cret", "AWS_SESSION_TOKEN": "s3cret"}
    done = subprocess.run(
        [*app_project.command("lock", "app", "--smoke", "smoke.py", "-q"), "--extra-index-url", "https://me:s3cret@127.0.0.1:9/"],
        cwd=app_project.folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 or os.environ.get("MINREQ_SANDBOX") == "hooks", done.stderr
    assert "s3cret" not in done.stderr
