"""Builds of source distributions: real build backends, and what a hostile one can do."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from commanding import Project, project
from conftest import MakeWheelhouse
from installedwheels import make_wheel
from packaging.utils import canonicalize_name
from packaging.version import Version

from minreq.doctor import diagnose
from minreq.errors import HashMismatch, NoWheel, ProjectBuildFailed, SandboxMissing, SdistBuildFailed
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.index.urls import local_path
from minreq.interpreter import find_interpreter, preset_platform
from minreq.model import Sdist
from minreq.sdists.builder import SdistBuilder
from minreq.smoke.isolation import SANDBOX_VARIABLE
from minreq.system import regularfile
from minreq.wheels.store import Store

# A backend inside the source itself, so that a build needs no index.
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'

#: Builds a wheel whose module has what was found.
BACKEND = """
import os, zipfile
found = {{}}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "a-{version}-py3-none-any.whl"
    {first}
    files = {{
        "a.py": f"environment = {{dict(os.environ)!r}}\\nfound = {{found!r}}",
        "a-{version}.dist-info/METADATA": "Metadata-Version: 2.1\\nName: a\\nVersion: {version}\\n",
        "a-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any",
        "a-{version}.dist-info/RECORD": "",
    }}
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
"""


def archive(folder: Path, files: dict[str, str], name: str = "a") -> tuple[Sdist, Path]:
    """Write a source distribution of 1.0 with these files."""
    path = folder / f"{name}-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        for member, text in files.items():
            info = tarfile.TarInfo(f"{name}-1.0/{member}")
            info.size = len(text.encode())
            file.addfile(info, io.BytesIO(text.encode()))
    return describe(path), path


def describe(path: Path) -> Sdist:
    name, version = path.name.removesuffix(".zip").removesuffix(".tar.gz").rsplit("-", 1)
    return Sdist(
        name=canonicalize_name(name),
        version=Version(version),
        filename=path.name,
        url=path.as_uri(),
        sha256=regularfile.sha256(path),
    )


def source(folder: Path, *, first: str = "pass", version: str = "1.0", pyproject: str = PYPROJECT) -> Sdist:
    """A source distribution of a 1.0 whose backend does *first* and builds *version*."""
    backend = BACKEND.format(first=first.replace("\n", "\n    "), version=version)
    return archive(folder, {"pyproject.toml": pyproject, "backend.py": backend, "PKG-INFO": ""})[0]


@dataclass(kw_only=True)
class Builds:
    """Builds with a store and an index of their own."""

    builder: SdistBuilder
    notes: list[str] = field(default_factory=list)

    def build(self, sdist: Sdist, **changes: Any) -> dict[str, Any]:
        """Build *sdist*; return the module of the wheel."""
        wheel = replace(self.builder, **changes).build(sdist)
        path = local_path(wheel.url)
        assert path is not None
        assert wheel.sha256 == regularfile.sha256(path)
        assert wheel.size == path.stat().st_size
        found: dict[str, Any] = {}
        exec(zipfile.ZipFile(path).read("a.py"), found)  # noqa: S102 - Written by the test.
        return found


MakeBuilds = Callable[..., Builds]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeBuilds]:
    """Make a builder whose index is the folder ``links``."""
    clients: list[IndexClient] = []
    (tmp_path / "links").mkdir()

    def make_builds(**settings: Any) -> Builds:
        urls = {"index_url": None, "extra_index_urls": (), "find_links": [(tmp_path / "links").as_uri()]}
        joined = IndexSettings.from_urls(**{**urls, "no_index": True, **settings})
        clients.append(IndexClient(joined, tmp_path / "index"))
        notes: list[str] = []
        builder = SdistBuilder(
            interpreter=find_interpreter(),
            settings=joined,
            index=clients[-1],
            store=Store(tmp_path / "wheels", clients[-1]),
            note=notes.append,
        )
        return Builds(builder=builder, notes=notes)

    yield make_builds
    for client in clients:
        client.close()


@pytest.fixture(params=["", "hooks"], ids=["kernel", "hooks"])
def isolation(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Build with both kinds of isolation."""
    if not request.param and not diagnose(tmp_path / "doctor").kernel:
        pytest.skip("the kernel cannot isolate here")
    monkeypatch.setenv(SANDBOX_VARIABLE, request.param)
    return "hooks" if request.param else "kernel"


def test_a_wheel_is_built(tmp_path: Path, make: MakeBuilds, isolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build gets few variables, none of minreq's and pip's, and a home of its own; a note says what runs."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://me:s3cret@configured.example/")
    monkeypatch.setenv("CFLAGS", "-O1")
    builds = make()
    found = builds.build(source(tmp_path))
    environment = found["environment"]
    allowed = {"CC", "CFLAGS", "CXX", "CXXFLAGS", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LDFLAGS", "MAKEFLAGS", "PATH"}
    allowed |= {"PYTHONHASHSEED", "PYTHONNOUSERSITE", "SOURCE_DATE_EPOCH", "TMPDIR", "TZ"}
    assert {name for name in environment if not name.startswith("_PYPROJECT_HOOKS_")} <= allowed
    assert environment["CFLAGS"] == "-O1"
    assert environment["HOME"] != os.environ["HOME"]
    (note,) = builds.notes
    assert note.startswith("builds a 1.0 from source: ")
    assert ("the kernel isolates the build backend" in note) == (isolation == "kernel")
    assert ("only hooks of Python isolate the build backend" in note) == (isolation == "hooks")


SETUP = """
from setuptools import setup
setup(name="a", version="1.0", py_modules=["a"])
"""
REAL = {
    "setup.py alone": ({"setup.py": SETUP, "a.py": "found = 1"}, ["setuptools"]),
    "setuptools": (
        {
            "pyproject.toml": '[build-system]\nrequires = ["setuptools>=61"]\nbuild-backend = "setuptools.build_meta"\n'
            '[project]\nname = "a"\ndynamic = ["version"]\n[tool.setuptools.dynamic]\nversion = {attr = "a.version"}\n',
            "a.py": 'version = "1.0"\nfound = 1',
        },
        ["setuptools"],
    ),
    "hatchling": (
        {
            "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            '[project]\nname = "a"\nversion = "1.0"\n[tool.hatch.build.targets.wheel]\ninclude = ["a.py"]\n',
            "a.py": "found = 1",
        },
        ["hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"],
    ),
}


@pytest.mark.one_python
@pytest.mark.parametrize("kind", sorted(REAL))
def test_real_backends(tmp_path: Path, make: MakeBuilds, kind: str, isolation: str) -> None:
    """Their requirements come from the index, with all that these require."""
    del isolation
    files, required = REAL[kind]
    for name in (*required, *(["tomli"] if sys.version_info < (3, 11) and kind == "hatchling" else [])):
        make_wheel(name, tmp_path / "links")
    assert make().build(archive(tmp_path, files)[0])["found"] == 1


MORE = """
explanation = "A build requires more than its pyproject.toml."
requirements = ["more"]
[wheels]
more."1.0" = { requires = ["most"], files = { "more.py" = "import most; value = most.value" } }
most."1.0" = { files = { "most.py" = "value = 42" } }
"""


def test_requirements_that_the_backend_names(tmp_path: Path, make: MakeBuilds, make_wheelhouse: MakeWheelhouse) -> None:
    """``get_requires_for_build_wheel`` runs first, with the requirements of ``pyproject.toml`` alone."""
    backend = BACKEND.format(first="import more; found['value'] = more.value", version="1.0")
    backend += (
        "\ndef get_requires_for_build_wheel(config_settings=None):\n"
        "    try:\n        import more\n    except ImportError:\n        return ['more>=1']\n    return []\n"
    )
    sdist, _ = archive(tmp_path, {"pyproject.toml": PYPROJECT, "backend.py": backend})
    builds = make(index_url=make_wheelhouse(MORE).url, no_index=False)
    assert builds.build(sdist)["found"] == {"value": 42}
    assert len(builds.notes) == 1


def test_a_requirement_that_is_a_source_distribution_is_built_too(
    tmp_path: Path, make: MakeBuilds, make_wheelhouse: MakeWheelhouse
) -> None:
    made = make_wheelhouse('explanation = "x"\nrequirements = ["tool"]\n[wheels]\ntool."1.0" = { sdist = true }')
    pyproject = PYPROJECT.replace("[]", '["tool"]', 1)
    sdist = source(tmp_path, first="import tool; found['tool'] = tool.__name__", pyproject=pyproject)
    builds = make(index_url=made.url, no_index=False)
    assert builds.build(sdist)["found"] == {"tool": "tool"}
    assert [note.split(":")[0] for note in builds.notes] == ["builds a 1.0 from source", "builds tool 1.0 from source"]


@pytest.mark.parametrize(
    ("required", "sentence"),
    [
        ("nowhere", "the requirements of the build cannot be installed: "),
        ("x @ https://example.org/x.tar.gz", "minreq builds with what an index has only"),
        ("no requirement!", "is not a requirement"),
        ("a", "the build requires itself"),
        ("a ; python_version ~= 'banana'", "the marker 'python_version ~= \"banana\"' cannot be evaluated"),
    ],
)
def test_requirements_that_cannot_be_had(tmp_path: Path, make: MakeBuilds, required: str, sentence: str) -> None:
    sdist = source(tmp_path / "links", pyproject=PYPROJECT.replace("[]", json.dumps([required]), 1))
    with pytest.raises(SdistBuildFailed, match=re.escape(sentence)):
        make().build(sdist)


def test_a_requirement_with_another_hash_is_refused(
    tmp_path: Path, make: MakeBuilds, make_wheelhouse: MakeWheelhouse
) -> None:
    """A build uses only what has the hash that the index names."""
    made = make_wheelhouse('explanation = "x"\nrequirements = ["tool"]\n[wheels]\ntool."1.0" = {}')
    (wheel,) = made.of("tool")
    wheel.path.write_bytes(wheel.path.read_bytes() + b" ")
    sdist = source(tmp_path, pyproject=PYPROJECT.replace("[]", '["tool"]', 1))
    with pytest.raises(HashMismatch):
        make(index_url=made.url, no_index=False).build(sdist)


#: Each does something that a build must not do; it stores in `found` whether that worked.
ATTEMPTS = """
import os, socket, subprocess, sys
def attempt(what, *arguments):
    try:
        what(*arguments)
    except OSError:
        return False
    return True
found["key"] = attempt(open, SECRET)
found["beside"] = attempt(open, BESIDE, "w")
found["loopback"] = attempt(socket.create_connection, ("127.0.0.1", PORT), 2)
found["network"] = attempt(socket.create_connection, ("203.0.113.7", 443), 1)
found["own"] = attempt(open, os.path.join(wheel_directory, "other"), "w")
program = [sys.executable, "-S", "-c", f"open({BESIDE!r}, 'w')"]
found["program"] = subprocess.call(program, stderr=subprocess.DEVNULL) == 0
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sh", ["sh", "-c", "sleep 60; true", MARK])
    os._exit(0)
os.wait()
"""


def test_a_hostile_backend(tmp_path: Path, make: MakeBuilds, isolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads a key of the user, calls a server on this machine, writes beside, and leaves a daemon."""
    work = tmp_path / "work"
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    work.mkdir()
    secret = tmp_path / "home" / ".ssh" / "id"
    secret.write_text("key")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(work)
    mark = f"mark-{tmp_path}"
    with socket.create_server(("127.0.0.1", 0)) as server:
        facts = {"SECRET": str(secret), "BESIDE": str(tmp_path / "wheels" / "x"), "MARK": mark}
        lines = [f"{name} = {text!r}" for name, text in facts.items()]
        lines.append(f"PORT = {server.getsockname()[1]}")
        found = make().build(source(tmp_path, first="\n".join(lines) + ATTEMPTS))["found"]
    expected = dict.fromkeys(("key", "beside", "loopback", "network", "program"), False)
    if isolation == "kernel":
        assert found == {**expected, "own": True}
        assert not is_running(mark)
    else:
        # What hooks refuse. Loopback is not among it, and programs without the hooks are not refused anything.
        assert {name: found[name] for name in ("beside", "network")} == {"beside": False, "network": False}
        end(mark)
    assert not (tmp_path / "wheels" / "x").exists() or isolation == "hooks"


def is_running(mark: str) -> bool:
    return subprocess.run(["pgrep", "-f", mark], capture_output=True, check=False).returncode == 0  # noqa: S607


def end(mark: str) -> None:
    found = subprocess.run(["pgrep", "-f", f"sleep 60; true {mark}"], capture_output=True, text=True, check=False)  # noqa: S607
    for pid in found.stdout.split():
        os.kill(int(pid), 9)


BAD_RESULTS = {
    "a link": "os.symlink('/etc/passwd', os.path.join(wheel_directory, name)); return name",
    "a pipe": "os.mkfifo(os.path.join(wheel_directory, name)); return name",
    "a folder": "os.mkdir(os.path.join(wheel_directory, name)); return name",
    "none": "return name",
    "two": "[open(os.path.join(wheel_directory, each), 'w') for each in ('b.whl', 'x.whl')]; return name",
    "no archive": "open(os.path.join(wheel_directory, 'b.whl'), 'w'); return 'b.whl'",
    "another place": "return '../../../../etc/passwd'",
    "no name": "return [name]",
    "the folder a link": "os.rmdir(wheel_directory); os.symlink('/etc', wheel_directory); return name",
    "a deep answer": (
        "import sys\nwith open(os.path.join(sys.argv[2], 'output.json'), 'w') as file:\n"
        "    file.write('{\"return_val\": ' + '[' * 10**5 + ']' * 10**5 + '}')\nos._exit(0)"
    ),
    "an exit": "os._exit(0)",
    "an exit with a status": "os._exit(3)",
    "an error": "raise RuntimeError('no')",
    "a signal": "os.kill(os.getpid(), 11)",
    "a pipe as answer": "import sys; os.mkfifo(os.path.join(sys.argv[2], 'output.json')); os._exit(0)",
    "a long answer": "return 'x' * (2 << 20)",
    "a flood": "print('x' * (1 << 20)); raise SystemExit(1)",
    "no UTF-8": r"os.write(1, b'\\xff\\xfe'); raise SystemExit(1)",
}


@pytest.mark.one_python
@pytest.mark.parametrize("what", sorted(BAD_RESULTS))
def test_what_a_backend_leaves_is_checked(tmp_path: Path, make: MakeBuilds, what: str) -> None:
    builds = make()
    with pytest.raises(SdistBuildFailed) as caught:
        builds.build(source(tmp_path, first=BAD_RESULTS[what]))
    assert (caught.value.project, caught.value.version) == ("a", "1.0")
    assert len(str(caught.value)) < 1 << 16
    (built,) = (tmp_path / "wheels").rglob("built")
    assert list(built.iterdir()) == []


def test_a_build_of_another_version(tmp_path: Path, make: MakeBuilds) -> None:
    with pytest.raises(SdistBuildFailed, match=r"the build made a-2\.0"):
        make().build(source(tmp_path, version="2.0"))


def test_archives_that_reach_out(tmp_path: Path, make: MakeBuilds) -> None:
    """Paths and links out of the folder, devices, and what is no archive."""
    for number, member in enumerate(("../x", "/etc/minreq-was-here", "link", "hard", "device", "")):
        folder = tmp_path / str(number)
        folder.mkdir()
        _, path = archive(folder, {"pyproject.toml": PYPROJECT, "backend.py": ""})
        with tarfile.open(path, "w:gz") as file:
            info = tarfile.TarInfo(member or "a")
            if member in {"link", "hard"}:
                info.type, info.linkname = (tarfile.SYMTYPE if member == "link" else tarfile.LNKTYPE), "/etc/passwd"
            elif member == "device":
                info.type = tarfile.CHRTYPE
            file.addfile(info)
        if not member:
            path.write_bytes(b"no archive")
        with pytest.raises(SdistBuildFailed, match=None if member else "the archive cannot be unpacked: "):
            make().build(describe(path))
        assert not (tmp_path / "x").exists()
    assert not Path("/etc/minreq-was-here").exists()


def test_large_archives_are_refused(tmp_path: Path, make: MakeBuilds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minreq.sdists.source._MAX_BYTES", 1000)
    sdist, _ = archive(tmp_path, {"setup.py": "x" * 2000})
    with pytest.raises(SdistBuildFailed, match="unpacks to more than"):
        make().build(sdist)


@pytest.mark.parametrize(
    "text",
    ["[", "build-system = 1", "[build-system]\nrequires = 1", "x = " + "[" * 5000 + "]" * 5000, "\udcff"],
    ids=["syntax", "table", "requires", "deep", "bytes"],
)
def test_a_pyproject_that_cannot_be_read(tmp_path: Path, make: MakeBuilds, text: str) -> None:
    path = tmp_path / "a-1.0.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a-1.0/pyproject.toml", text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SdistBuildFailed) as caught:
        make().build(describe(path))
    # A name of a temporary folder would make two equal locks differ in their notes.
    assert not any("minreq-" in line for line in caught.value.lines)


@pytest.mark.parametrize(
    ("only", "no", "refused"),
    [
        ((), (), False),
        ((":all:",), (), True),
        (("a",), (), True),
        (("b",), (), False),
        ((":all:",), ("a",), False),
    ],
)
def test_only_binary(
    tmp_path: Path, make: MakeBuilds, only: tuple[str, ...], no: tuple[str, ...], *, refused: bool
) -> None:
    builds = make(only_binary=frozenset(only), no_binary=frozenset(no))
    if refused:
        with pytest.raises(NoWheel, match="--only-binary"):
            builds.build(source(tmp_path))
        assert builds.notes == []
    else:
        assert builds.build(source(tmp_path))["found"] == {}


def test_a_foreign_platform_is_refused(tmp_path: Path, make: MakeBuilds) -> None:
    target = preset_platform("lambda-python3.12-arm64")
    with pytest.raises(NoWheel, match=r"lambda-python3\.12-arm64") as caught:
        make().build(source(tmp_path), targets=(target,))
    assert caught.value.exit_status == 4


def test_nothing_runs_where_isolation_is_required(
    tmp_path: Path, make: MakeBuilds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SANDBOX_VARIABLE, "hooks")
    sdist = source(tmp_path)
    builds = make()
    with pytest.raises(SandboxMissing):
        builds.build(sdist, require_sandbox=True)
    assert builds.notes == [], "a note comes before anything runs"
    builds.build(sdist)
    assert builds.notes, "without the option it runs"


def test_a_project_that_cannot_be_built(tmp_path: Path, make: MakeBuilds) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text("def build_wheel(*_, **__):\n    raise RuntimeError('broken project')\n")
    with pytest.raises(ProjectBuildFailed, match="broken project"):
        make().builder.build_project(folder, tmp_path / "projects")


def test_a_build_that_never_ends(tmp_path: Path, make: MakeBuilds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minreq.sdists.backend._TIMEOUT", 3.0)
    began = time.monotonic()
    with pytest.raises(SdistBuildFailed, match="did not end within"):
        make().build(source(tmp_path, first="import time; time.sleep(600)"))
    assert time.monotonic() - began < 300


SCENARIO = """
explanation = "The root is a source distribution."
requirements = ["app"]
program = "import app"
[wheels]
app."1.0" = { sdist = true }
"""


def test_a_lock_says_what_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And with ``--require-sandbox`` nothing runs where hooks alone isolate, also by the configuration."""
    made = project(SCENARIO, tmp_path)
    done = made.minreq("lock", "app", "--smoke", "smoke.py")
    assert done.status == 0, done.err
    assert "builds app 1.0 from source: " in " ".join(done.err.split())
    by_hooks = {**made.environment(), SANDBOX_VARIABLE: "hooks"}
    monkeypatch.setattr(Project, "environment", lambda _project: by_hooks)
    made.lock.unlink()
    for file in made.store.rglob("*.whl"):
        file.unlink()
    (made.folder / "pyproject.toml").write_text("[tool.minreq]\nrequire-sandbox = true\n")
    refused = made.minreq("lock", "app", "--smoke", "smoke.py")
    assert refused.status == 1
    assert "nothing was run" in refused.err
    assert "builds app" not in refused.err
    assert list(made.store.rglob("*.whl")) == []
