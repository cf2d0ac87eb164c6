"""Locks of other roots from the real index, with the smokes of `docs/smokes`, installed by pip."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minreq.lockfile import evidence

pytestmark = pytest.mark.network

SMOKES = Path(__file__).parents[1] / "docs" / "smokes"


@pytest.mark.parametrize(
    ("root", "needed", "left_out"),
    [
        ("sentry-sdk", {"certifi", "urllib3"}, set()),
        ("google-cloud-storage", {"google-auth", "google-api-core", "requests"}, {"pyasn1-modules", "proto-plus"}),
    ],
)
def test_the_lock_installs_with_pip_and_the_smoke_passes(
    root: str, needed: set[str], left_out: set[str], tmp_path: Path
) -> None:
    smoke = SMOKES / f"smoke_{root.replace('-', '_')}.py"

    def run(*command: str) -> str:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "MINREQ_CACHE_DIR": str(tmp_path / "cache")},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    run(sys.executable, "-m", "minreq", "lock", root, "--smoke", str(smoke))
    selection = evidence.load(tmp_path.joinpath("requirements-minimal.evidence.json").read_text()).selection
    assert needed < {each.candidate.name for each in selection.kept}
    assert left_out <= {each.candidate.name for each in selection.left_out}

    run(sys.executable, "-m", "venv", "venv")
    run("venv/bin/python", "-m", "pip", "install", "--no-deps", "--require-hashes", "-r", "requirements-minimal.txt")
    run(sys.executable, "-m", "minreq", "guard", "-o", ".")
    guarded = f"import runpy, minreq_guard; runpy.run_path({str(smoke)!r}, run_name='__main__')"
    assert "minreq-miss" not in run("venv/bin/python", "-c", guarded)
