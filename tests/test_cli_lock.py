"""`python -m minreq lock` as a user runs it, on an index in a folder or on loopback: results and faults."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pytest
from conftest import MakeWheelhouse
from simpleserver import ServerFeatures, serve
from wheelhouse import Wheelhouse

import minreq

#: Much code that the smoke does not load, so that nothing has compiled it.
MUCH = "\n".join(f"def f{number}(value): return value + {number}" for number in range(900))
SCENARIO = f"""
explanation = "A small world."
requirements = ["app"]
[wheels.app."1.0"]
requires = ["needed", "unused"]
scripts = {{ "app.py" = "#!python" }}
files = {{ "app/__init__.py" = "import needed", "app/no.py" = "{{{{ x }}}}", "app/much.py" = '''{MUCH}''' }}
"""
SCENARIO += """
[wheels]
needed."1.0" = {}
unused."1.0" = {}
future."1.0" = { requires_python = ">=4" }
left."1.0" = { requires = ["common<2"] }
right."1.0" = { requires = ["common>=2"], files = { "right/__init__.py" = "import common" } }
common."1.0" = {}
common."2.0" = {}
lost."1.0" = { requires = ["nowhere"], files = { "lost/__init__.py" = "import nowhere" } }
"""

#: Seconds until a command must have ended.
PATIENCE = 120


@dataclass(slots=True, kw_only=True)
class User:
    """A user in an empty folder with a smoke and an existing lock."""

    folder: Path
    house: Wheelhouse
    environment: dict[str, str]
    #: Open until the test ends: servers.
    open: ExitStack
    old: dict[str, bytes] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "minreq", "lock", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )

    def write(self, name: str, text: str) -> str:
        self.folder.joinpath(name).write_text(text)
        return name

    def files(self) -> Mapping[str, bytes]:
        """The locks and their evidence."""
        return {path.name: path.read_bytes() for path in sorted(self.folder.glob("requirements-minimal.*"))}

    @property
    def index(self) -> tuple[str, str]:
        return ("--index-url", self.house.url)


@pytest.fixture
def user(make_wheelhouse: MakeWheelhouse, tmp_path: Path) -> Iterator[User]:
    folder = tmp_path / "project"
    folder.mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MINREQ_"))}
    with ExitStack() as stack:
        somebody = User(
            folder=folder,
            house=make_wheelhouse(SCENARIO),
            environment={
                **inherited,
                "MINREQ_CACHE_DIR": str(tmp_path / "cache"),
                "PIP_CONFIG_FILE": os.devnull,
                "NO_COLOR": "1",
            },
            open=stack,
        )
        somebody.write("check.py", "import app\n")
        yield somebody


def made_before(user: User) -> None:
    """Put a lock where the next one would go."""
    (archive,) = user.house.of("needed")
    user.write("requirements-minimal.txt", f"--require-hashes\nneeded==1.0 \\\n    --hash=sha256:{archive.sha256}\n")
    user.write("requirements-minimal.evidence.json", "{}\n")


def test_lock(user: User) -> None:
    """The lock is written and installs what is kept; the summary goes to stderr."""
    done = user.run("app", "--smoke", "check.py", *user.index)
    assert (done.returncode, done.stdout) == (0, "")
    assert sorted(user.files()) == ["requirements-minimal.evidence.json", "requirements-minimal.txt"]
    assert "pip install --no-deps" in done.stderr
    text = user.files()["requirements-minimal.txt"].decode()
    assert "app==1.0" in text
    assert "needed==1.0" in text
    assert "unused==" not in text
    assert "lock app --smoke check.py" in text
    assert str(user.folder) not in text
    again = user.run("app", "--smoke", "check.py", *user.index)
    assert "requirements-minimal.txt and requirements-minimal.evidence.json are unchanged (" in again.stderr


def test_lock_to_standard_output(user: User) -> None:
    """``-o -`` prints only the lock to standard output."""
    done = user.run("app", "--smoke", "check.py", "-o", "-", *user.index)
    assert done.returncode == 0
    assert "app==1.0" in done.stdout
    assert user.files() == {}


def test_lock_as_data(user: User) -> None:
    """``--json`` prints the result as data."""
    done = user.run("app", "--smoke", "check.py", "--json", "--dry-run", *user.index)
    assert done.returncode == 0
    assert json.loads(done.stdout)
    assert user.files() == {}


def test_installs(user: User, tmp_path: Path) -> None:
    """pip takes the lock with its hashes, the program works on what it installs, and the size is the measured one."""
    done = user.run("app", "--smoke", "check.py", "--budget", "1MB", "--json", *user.index)
    sizes = json.loads(done.stdout)["bytes"]
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", str(target)]
    subprocess.run(
        [*pip, *user.index, "-r", "requirements-minimal.txt"], cwd=user.folder, env=user.environment, check=True
    )
    installed = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    assert sizes["measured"] is True
    assert sizes["installed"] == pytest.approx(installed, rel=0.005)
    subprocess.run([sys.executable, "-S", "-c", "import app"], cwd=target, env=user.environment, check=True)


def refused_port(_user: User) -> tuple[str, ...]:
    """The URL of an index that does not listen."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return ("--index-url", f"http://127.0.0.1:{listener.getsockname()[1]}/simple/")


def failing_index(user: User) -> tuple[str, ...]:
    """An index that answers 500 for the root."""
    server = user.open.enter_context(serve(user.house, ServerFeatures(failures={"/simple/app/": 500})))
    return ("--index-url", server.url)


def wrong_hash(user: User) -> tuple[str, ...]:
    """The file of a dependency was exchanged after its hash was published."""
    (archive,) = user.house.of("needed")
    exchanged = replace(archive.release, files={"needed/__init__.py": "raise SystemExit('exchanged')"})
    archive.path.write_bytes(exchanged.wheel("py3-none-any"))
    return user.index


def broken_zip(user: User) -> tuple[str, ...]:
    """The file of a dependency is no zip, and its hash says so."""
    (archive,) = user.house.of("needed")
    archive.path.write_bytes(b"no zip at all")
    page = user.house.simple / "needed" / "index.html"
    page.write_text(page.read_text().replace(archive.sha256, hashlib.sha256(b"no zip at all").hexdigest()))
    return user.index


def on_index(user: User) -> tuple[str, ...]:
    return user.index


SMOKE = ("--smoke", "check.py")

Prepare = Callable[[User], tuple[str, ...]]


@pytest.mark.one_python
@pytest.mark.parametrize(
    ("arguments", "prepare", "status", "sentence"),
    [
        pytest.param(
            ("--providers", "opanai"), on_index, 2, "no provider 'opanai' (did you mean openai?)", id="unknown-provider"
        ),
        pytest.param(
            ("app", "--providers", "openai"), on_index, 2, "there is no profile for app", id="provider-without-profile"
        ),
        pytest.param((), on_index, 2, "name the providers of the program", id="no-provider-named"),
        pytest.param(("nowhere", *SMOKE), on_index, 5, "no project 'nowhere'", id="unknown-package"),
        pytest.param(("app", *SMOKE), refused_port, 5, "no answer from http://127.0.0.1:", id="no-network"),
        pytest.param(("app", *SMOKE), failing_index, 5, "answered with status 500", id="index-answers-500"),
        pytest.param(("app", *SMOKE), wrong_hash, 5, "needed-1.0-py3-none-any.whl has the SHA-256", id="wrong-hash"),
        pytest.param(("app", *SMOKE), broken_zip, 4, "needed-1.0-py3-none-any.whl", id="broken-zip"),
        pytest.param(
            ("app", "--smoke", "fails.py"), on_index, 3, "even with all dependencies installed: ZeroDivisionError",
            id="smoke-fails",
        ),
        pytest.param(
            ("app", "--smoke", "sleeps.py", "--timeout", "2"), on_index, 3, "within 2 seconds", id="smoke-never-ends"
        ),
        pytest.param(
            ("lost", "--smoke", "lost.py"), on_index, 4, "nowhere", id="dependency-that-nobody-has"
        ),
        pytest.param(("app", "--smoke", "nowhere.py"), on_index, 2, "nowhere.py", id="no-such-smoke"),
        pytest.param(("future", *SMOKE), on_index, 4, "requires Python >=4", id="python-not-supported"),
        pytest.param(("app==7", *SMOKE), on_index, 4, "satisfies app==7", id="no-such-version"),
        pytest.param(("app", *SMOKE, "--whole", "left", "--whole", "right"), on_index, 4, "common", id="conflict"),
        pytest.param(
            ("app", *SMOKE, "-o", "check.py/lock.txt"), on_index, 2, "cannot write check.py/lock.txt", id="unwritable"
        ),
        pytest.param(("app", *SMOKE, "-o", "folder"), on_index, 2, "cannot write folder", id="output-is-a-folder"),
        pytest.param(
            ("app", *SMOKE, "--python", "nowhere"), on_index, 2, "no Python interpreter at nowhere", id="no-such-python"
        ),
        pytest.param(
            ("app", *SMOKE, "-c", "nowhere.txt"), on_index, 2, "nowhere.txt", id="no-such-constraints"
        ),
        pytest.param(("app", *SMOKE, "--platform", "lambada"), on_index, 2, "no platform 'lambada'", id="platform"),
        pytest.param(
            ("app", *SMOKE, "--platform", "lambda-python3.12-arm64"), on_index, 1, "--allow-unproven", id="unproven"
        ),
        pytest.param(("app", *SMOKE, "--budget", "10"), on_index, 1, "over the budget of 10 by", id="over-budget"),
        pytest.param(("app", *SMOKE, "--exclude", "needed"), on_index, 1, "cannot exclude", id="excluded-needed"),
        pytest.param(("app", *SMOKE, "--exclude", "app"), on_index, 2, "the root cannot", id="excluded-root"),
        pytest.param(("app", *SMOKE, "--nonsense"), on_index, 2, "--nonsense", id="unknown-option"),
    ],
)  # fmt: skip
def test_fault(
    arguments: tuple[str, ...], prepare: Prepare, status: Literal[1, 2, 3, 4, 5], sentence: str, user: User
) -> None:
    """A fault has a sentence and its exit status, no traceback of minreq, and leaves the old lock unchanged."""
    made_before(user)
    user.write("fails.py", "import app; 1 / 0\n")
    user.write("sleeps.py", "import app, time; time.sleep(1000)\n")
    user.write("lost.py", "import lost\n")
    user.folder.joinpath("folder").mkdir()
    before = user.files()
    done = user.run(*arguments, *prepare(user))
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    (told,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert sentence in told
    assert str(Path(minreq.__file__).parent) not in done.stderr
    assert user.files() == before


def test_fault_as_data(user: User) -> None:
    """``--json`` prints a failure with its reason to stdout."""
    done = user.run("nowhere", *SMOKE, "--json", *user.index)
    data = json.loads(done.stdout)
    assert (data["reason"], data["exit_status"], done.returncode) == ("project-not-found", 5, 5)
    assert "no project 'nowhere'" in data["error"]
