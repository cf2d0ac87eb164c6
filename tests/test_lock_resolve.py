"""What a lock knows of extras: those of the previous lock, and those that would supply an undeclared module."""

from __future__ import annotations

from pathlib import Path

import pytest
from commanding import Project, project

from minreq.lockfile import evidence

SCENARIO = """
explanation = "The smoke fails on a plain install; an extra of the root has `stream`, and an extra of that has `codec`."
requirements = ["app"]
program = "import app; app.call()"
[wheels.app."1.0"]
requires = ["helper"]
extras = { web = ["stream", "unused"] }
[wheels.app."1.0".files]
"app/__init__.py" = '''
import helper
def call():
    import stream
'''
[wheels.stream."1.0"]
extras = { codec = ["codec"] }
files = { "stream/__init__.py" = "import codec" }
[wheels.helper."1.0"]
extras = { fast = ["speed"] }
[wheels]
codec."1.0" = {}
unused."1.0" = {}
speed."1.0" = {}
"""
FAILS = "a plain install fails at smoke/smoke.py, since it lacks "


@pytest.fixture
def made(tmp_path: Path) -> Project:
    return project(SCENARIO, tmp_path)


def test_a_second_lock_begins_with_the_extras_of_the_first(made: Project) -> None:
    """The plain install is known to fail as long as wheels and smoke are the same; the lock is then the same, too."""
    arguments = ("lock", "app", "--smoke", "smoke.py")
    first = made.minreq(*arguments)
    assert f"{FAILS}stream: app[web] supplies stream" in " ".join(first.err.split())
    assert f"{FAILS}codec: stream[codec] supplies codec" in " ".join(first.err.split())
    text = made.lock.read_text()
    found = evidence.load(made.evidence.read_text())
    assert dict(found.resolution.extras) == {"codec": "stream[codec]", "stream": "app[web]", "unused": "app[web]"}

    again = made.minreq(*arguments, "--upgrade")
    assert (again.status, FAILS in " ".join(again.err.split())) == (0, False)
    assert made.lock.read_text().replace(" --upgrade", "") == text
    assert evidence.load(made.evidence.read_text()).resolution == found.resolution

    # Another smoke may pass on a plain install.
    (made.folder / "smoke.py").write_text("import app\n")
    assert FAILS not in " ".join(made.minreq(*arguments).err.split())
    assert dict(evidence.load(made.evidence.read_text()).resolution.extras) == {}


def test_numbers_compare_with_a_plain_install(made: Project) -> None:
    made.make_lock()
    lines = made.lock.read_text().splitlines()
    assert "# kept: 2 of 2 distributions of a plain install, and 2 of app[web], stream[codec]" in lines
    assert "# left out (0): nothing" in lines
    assert "# left out of extras (1): unused" in lines


def test_an_extra_that_supplies_an_undeclared_module_is_named(made: Project) -> None:
    """The smoke imports it, and neither the root nor the smoke has an extra with it: nothing is added unasked."""
    (made.folder / "smoke.py").write_text("import app\nimport speed\n")
    done = made.minreq("lock", "app", "--smoke", "smoke.py")
    assert done.status == 3
    assert " ".join(done.sentences) == (
        "smoke/smoke.py:2 imports speed (in smoke/smoke.py), and no declared dependency has this module; "
        "helper[fast] has it: add --with 'helper[fast]'"
    )
    assert made.minreq("lock", "app", "--smoke", "smoke.py", "--with", "helper[fast]", "-q").status == 0
