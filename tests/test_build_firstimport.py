"""The measured first import of a build runs code of packages, so it is isolated as every run is."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from commanding import Project, project

from minreq.doctor import diagnose
from minreq.smoke.isolation import SANDBOX_VARIABLE

SCENARIO = """
explanation = "The import reads a key, writes beside, and calls a server on this machine."
requirements = ["fat"]
[wheels.fat."1.0"]
files = { "fat/__init__.py" = '''
import os, socket
def attempt(what, *arguments):
    try:
        what(*arguments)
    except OSError:
        return False
    return True
if attempt(os.mkdir, @BESIDE@) or (@KERNEL@ and attempt(open, @SECRET@)):
    raise SystemError("not isolated")
attempt(socket.create_connection, ("127.0.0.1", @PORT@), 1)
''' }
"""
PROFILE = """
name = "fat"
roots = ["fat"]
first = "first.py"
[features.chat]
file = "chat.py"
calls = "chat"
[providers.near]
[[providers.near.calls]]
kind = "chat"
name = "near"
model = "near/one"
"""


@pytest.mark.parametrize("switch", ["", "hooks"])
def test_the_first_import_is_isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    kernel = diagnose(tmp_path / "doctor").kernel and not switch
    secret, beside = tmp_path / "home" / ".ssh" / "id", tmp_path / "work" / "beside"
    secret.parent.mkdir(parents=True)
    secret.write_text("key")
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = SCENARIO.replace("@SECRET@", repr(str(secret))).replace("@BESIDE@", repr(str(beside)))
        text = text.replace("@KERNEL@", str(kernel))
        made = project(text.replace("@PORT@", str(server.getsockname()[1])), tmp_path)
        folder = made.folder / "profile"
        folder.mkdir()
        (folder / "profile.toml").write_text(PROFILE)
        (folder / "first.py").write_text("import fat\n")
        (folder / "chat.py").write_text("print('chat')\n")
        environment = {**made.environment(), SANDBOX_VARIABLE: switch, "HOME": str(tmp_path / "home")}
        monkeypatch.setattr(Project, "environment", lambda _project: environment)
        done = made.minreq("lock", "fat", "--profiles", "profile", "--providers", "near", "-q")
        assert done.status == 0, done.err
        done = made.minreq("build", "-o", "out", "--json", "-q")
        assert done.status == 0, done.err
        seconds = json.loads(done.out)["first_import_seconds"]
        assert (seconds is not None) == kernel
        assert not beside.exists()
        server.settimeout(0.1)
        if kernel:
            with pytest.raises(TimeoutError):
                server.accept()
