"""Attacks of a package on the machine, under each isolation, as root and as a user without rights."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import attacks
import pytest
import unprivileged
from commanding import Project, project

from minreq.doctor import diagnose
from minreq.smoke.isolation import SANDBOX_VARIABLE, find_landlock

SCENARIO = """
explanation = "A package that attacks the machine."
requirements = ["app"]
program = "import app"
[wheels.app."1.0"]
files = { "app/__init__.py" = "" }
"""

#: What only hooks of Python cannot refuse to compiled code, and to other programs.
FILES = ("ssh", "aws", "config", "netrc", "cache", "mail", "dotenv", "dotenv-local", "project-key", "remote", "other")
OPEN: Mapping[str, frozenset[str]] = {
    "namespaces": frozenset(),
    # Landlock knows files, and no addresses; it does not know permissions.
    "landlock": frozenset({"loopback", "c-loopback", "c-cmdline", "c-unix-socket", "c-project-socket", "c-chmod-home"}),
    "hooks": frozenset(
        {
            *(f"c-{name}" for name in (*FILES, "pip-config")),
            *("loopback", "c-loopback", "c-cmdline", "c-unix-socket", "c-project-socket", "c-abstract-socket"),
            *("c-chmod-home", "c-write-home", "c-write-store", "c-root-link", "c-program", "c-terminal", "c-signal"),
        }
    ),
}


def allowed(isolation: str, *, is_root: bool) -> frozenset[str]:
    """Return the attacks that succeed."""
    found = OPEN[isolation]
    if isolation == "landlock" and find_landlock() < 6:
        found |= {"c-signal", "c-abstract-socket"}
    if isolation == "hooks":
        # The environment of a process is closed to those without the capabilities that root has.
        found |= {"c-shadow", "c-sysctl", "c-kernel-log", "c-block-device"} if is_root else {"c-environ", "c-memory"}
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user may enter, unlike those of pytest."""
    path = Path(tempfile.mkdtemp(prefix="attacked-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def attack(made: Project, place: attacks.Place, isolation: str, *options: str) -> tuple[dict[str, bool], str]:
    """Lock in *made* at a terminal; return which attacks succeeded, and what minreq printed."""
    controller, terminal = pty.openpty()
    os.chown(os.ttyname(terminal), place.user, place.user)
    command = made.command("lock", "app", "--smoke", str(place.project / "smoke.py"), "-j", "1", *options)
    if place.user != os.getuid():
        command = unprivileged.command(*command)
    try:
        with attacks.targets(place, os.ttyname(terminal)) as variables:
            environment = {**made.environment(), **variables, "HOME": str(place.home)}
            environment[SANDBOX_VARIABLE] = "" if isolation == "namespaces" else isolation
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                cwd=made.folder,
                env=environment,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(terminal, termios.TIOCSCTTY, 0),
            )
    finally:
        os.close(controller)
        os.close(terminal)
    assert done.returncode == 0, done.stderr
    lines = json.loads(made.evidence.read_text())["behaviour"]["stages"][0]["output"]
    results = {name: result == "True" for name, result in (line.split() for line in lines)}
    results["daemon"] = is_running(f"daemon-attack-{place.folder.name}")
    return results, " ".join(done.stderr.split())


def is_running(mark: str) -> bool:
    """Whether a process with *mark* in its command line runs a moment after it was to end."""
    time.sleep(0.2)
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if mark.encode() in file.read_bytes():
                return True
    return False


def set_up(folder: Path, user: int, project_folder: str = "home/project") -> tuple[Project, attacks.Place]:
    """Make a project in *folder*, with a lock, so that the store has a wheel."""
    (folder / "made").mkdir()
    made = project(SCENARIO, folder / "made")
    home, where = folder / "home", folder / project_folder
    home.mkdir()
    where.mkdir(exist_ok=True)
    made = Project(wheelhouse=made.wheelhouse, folder=where, cache=folder / "home" / ".cache" / "minreq")
    (where / "smoke.py").write_text("import app")
    made.make_lock()
    (stored,) = (made.cache / "wheels" / "wheels").rglob("app-*.whl")
    made.lock.unlink()
    made.evidence.unlink()
    return made, attacks.Place(folder=folder, home=home, project=where, stored=stored, user=user)


def users() -> list[int]:
    return [0, unprivileged.NOBODY] if os.getuid() == 0 else [os.getuid()]


def isolations() -> list[str]:
    """Return what this machine can do."""
    with tempfile.TemporaryDirectory() as cache, pytest.MonkeyPatch.context() as context:
        found = []
        for name in OPEN:
            context.setenv(SANDBOX_VARIABLE, "" if name == "namespaces" else name)
            if diagnose(Path(cache)).isolation == name:
                found.append(name)
    return found


@pytest.mark.parametrize("user", users())
@pytest.mark.parametrize("isolation", isolations())
def test_attacks(folder: Path, isolation: str, user: int) -> None:
    """What succeeds is what the isolation does not close, and minreq says so before anything runs."""
    made, place = set_up(folder, user)
    results, printed = attack(made, place, isolation)
    # Not every machine gives its disks and its log to root.
    unsure = {"c-block-device", "c-kernel-log"} if isolation == "hooks" else set()
    succeeded = {name for name, result in results.items() if result}
    assert succeeded - unsure == allowed(isolation, is_root=user == 0) - unsure
    assert len(results) > 60
    sentence = {
        "namespaces": "the kernel isolates the smoke",
        "landlock": "Landlock isolates the files of the smoke",
        "hooks": "only hooks of Python isolate the smoke",
    }
    assert sentence[isolation] in printed


@pytest.mark.parametrize("where", ["home", "."])
def test_a_project_that_is_or_contains_the_home(folder: Path, where: str) -> None:
    """The smoke runs, and sees no more of the home than Python files beside it."""
    made, place = set_up(folder, users()[-1], where)
    results, _ = attack(made, place, isolations()[0])
    assert {name for name, result in results.items() if result} == allowed(isolations()[0], is_root=False)


def test_an_interpreter_in_the_home(folder: Path) -> None:
    """A link to it lies in the home, or in a folder of it: that shows neither."""
    made, place = set_up(folder, users()[-1])
    (place.home / "bin").mkdir()
    python = place.home / "bin" / "python"
    python.symlink_to(Path(sys.base_prefix).resolve() / "bin" / "python{}.{}".format(*sys.version_info[:2]))
    results, _ = attack(made, place, isolations()[0], "--python", str(python))
    assert {name for name, result in results.items() if result} == allowed(isolations()[0], is_root=False)


@pytest.mark.parametrize("isolation", isolations())
def test_a_smoke_that_needs_a_hidden_file_is_told(tmp_path: Path, isolation: str) -> None:
    """It may have the file on request."""
    made = project(SCENARIO, tmp_path)
    (made.folder / ".env").write_text("mode = test\n")
    environment = {**made.environment(), SANDBOX_VARIABLE: "" if isolation == "namespaces" else isolation}

    def lock(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
        script = f"import app, pathlib\nprint(pathlib.Path({str(path)!r}).read_text())"
        (made.folder / "smoke.py").write_text(script)
        command = made.command("lock", "app", "--smoke", "smoke.py", *options)
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=made.folder, env=environment)

    refused = lock(made.folder / ".env")
    assert refused.returncode == 3
    assert "put it into the working directory with --smoke-file .env" in " ".join(refused.stderr.split())
    copied = lock(Path(".env"), "--smoke-file", ".env")
    assert copied.returncode == 0, copied.stderr


def test_doctor_names_what_is_not_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weaker the isolation, the more."""
    found = []
    for isolation in isolations():
        monkeypatch.setenv(SANDBOX_VARIABLE, "" if isolation == "namespaces" else isolation)
        diagnosis = diagnose(tmp_path)
        assert (diagnosis.kernel, diagnosis.isolation) == (isolation == "namespaces", isolation)
        found.append(" ".join(diagnosis.open_ends))
    assert sorted(found, key=len) == found
    assert "your files" in found[-1]
