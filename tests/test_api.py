"""minreq as another tool calls it: values and errors, nothing printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeWheelhouse

from minreq import api

SCENARIO = """
explanation = "One of two dependencies is imported."
requirements = ["app"]
program = "import app"
[wheels.app."1.0"]
requires = ["needed", "unused"]
files = { "app/__init__.py" = "import needed" }
[wheels]
needed."1.0" = {}
unused."1.0" = {}
"""


def test_lock_read_export_diff(
    make_wheelhouse: MakeWheelhouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A lock is made, read back, written in another format and compared; errors are values too."""
    house = make_wheelhouse(SCENARIO)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINREQ_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    smoke = tmp_path / "smoke.py"
    smoke.write_text("import app\n")

    made = api.lock("app", smokes=[smoke], index_url=house.url)
    assert [kept.candidate.name for kept in made.selection.kept] == ["app", "needed"]
    assert [each.candidate.name for each in api.read().selection.left_out] == ["unused"]

    exported = api.export("uv-excludes")
    assert exported.output == Path("requirements-minimal.excludes.txt")
    assert exported.output.read_text().endswith("\nunused\n")
    lock = Path("requirements-minimal.txt")
    assert api.diff(lock, lock).is_empty

    built = api.build(Path("layer.zip"), bytecode="none", index_url=house.url)
    analysis = api.analyze(Path("layer.zip"), lock=lock)
    assert (built.bytes, built.slim, built.bytecode) == (analysis.bytes, "safe", "none")
    assert {"app", "needed"} <= {part.name for part in analysis.parts}

    with pytest.raises(api.MinreqError) as caught:
        api.check(str(tmp_path))
    assert (caught.value.exit_status, caught.value.reason) == (1, "environment")
    assert capfd.readouterr() == ("", "")


def test_names_are_there() -> None:
    """What is promised can be imported."""
    assert all(hasattr(api, name) for name in api.__all__)
