"""What a hostile package can do while its smoke runs, by Python and by compiled code, and what minreq reports."""

from __future__ import annotations

import json
import marshal
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commanding import Done, Project, project

from minreq.cli import main
from minreq.doctor import diagnose
from minreq.smoke.isolation import SANDBOX_VARIABLE, choose_isolation
from minreq.smoke.visible import list_hidden_folders

SCENARIO = """
explanation = "A package that looks for keys, writes where it should not, and calls home."
requirements = ["app"]
program = "import app"
[wheels]
needed."1.0" = {}
[wheels.app."1.0"]
requires = ["needed"]
files = { "app/__init__.py" = "import needed" }
"""

#: Uses Python, so that hooks notice.
STEALING_SCRIPT = """
import app, os, pwd, socket
home = pwd.getpwuid(os.getuid()).pw_dir
def attempt(what, *arguments):
    try:
        what(*arguments)
    except OSError as error:
        print(what.__name__, type(error).__name__, error.strerror)
    else:
        print(what.__name__, "worked")
attempt(open, home + "/.aws/credentials")
attempt(os.listdir, home + "/.ssh")
attempt(open, "/etc/minreq-was-here", "w")
attempt(os.mkdir, "/etc/minreq-was-here")
attempt(open, __file__, "a")
attempt(open, "STORE/new", "a")
attempt(socket.create_connection, ("203.0.113.7", 443), 1)
attempt(open, "own", "w")
attempt(os.system, "true")
print(os.environ.get("AWS_SECRET_ACCESS_KEY"), os.path.expanduser("~") == home)
"""

#: Calls the C library, which raises no audit event.
COMPILED_CODE_SCRIPT = """
import app, ctypes, os, pathlib, resource, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
READ, APPEND, CREATE = os.O_RDONLY, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_CREAT
def opens(path, flags):
    descriptor = libc.open(str(path).encode(), flags, 0o644)
    return descriptor >= 0 and (os.close(descriptor) or True)
assert opens(app.__file__, READ), "it can be read"
assert not opens({secret!r}, READ), "what lies beside is not there"
assert not opens("/etc/minreq-was-here", CREATE)
assert not opens(__file__, APPEND), "the project"
assert not opens({store!r}, APPEND), "the archives"
address = struct.pack("=HH4s8x", socket.AF_INET, socket.htons({port}), socket.inet_aton("127.0.0.1"))
descriptor = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
assert libc.connect(descriptor, address, len(address)) != 0, "the loopback of others"
seen = [name for name in os.listdir("/proc") if name.isdigit()]
assert len(seen) < 20 and not pathlib.Path("/proc/{pid}/cmdline").exists() or {pid} < 20, seen
assert libc.unshare(0x20000) != 0 or os.getuid() != 0, "no capability is left"
status = pathlib.Path("/proc/self/status").read_text()
assert "NoNewPrivs:\\t1" in status and "CapEff:\\t0000000000000000" in status, status
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
try:
    bytearray(1 << 44)
except MemoryError:
    pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sh", ["sh", "-c", "sleep 600", {mark!r}])
    os._exit(0)
os.wait()
"""


@pytest.fixture(scope="module")
def kernel_isolates(tmp_path_factory: pytest.TempPathFactory) -> bool:
    return diagnose(tmp_path_factory.mktemp("doctor")).kernel


@pytest.fixture
def made(tmp_path: Path) -> Project:
    return project(SCENARIO, tmp_path)


def locked(made: Project, monkeypatch: pytest.MonkeyPatch, *arguments: str, switch: str = "") -> Done:
    switch = switch or os.environ.get(SANDBOX_VARIABLE, "")
    environment = {**made.environment(), "AWS_SECRET_ACCESS_KEY": "secret", SANDBOX_VARIABLE: switch}
    with monkeypatch.context() as context:
        context.setattr(Project, "environment", lambda _project: environment)
        return made.minreq("lock", "app", "--smoke", "smoke.py", *arguments)


def test_private_files_and_network_are_refused_and_reported(
    made: Project, monkeypatch: pytest.MonkeyPatch, *, kernel_isolates: bool
) -> None:
    """Isolation by the kernel and by hooks give the same lock, byte for byte; a note says which holds."""
    store = made.cache / "wheels" / "unpacked"
    (made.folder / "smoke.py").write_text(STEALING_SCRIPT.replace("STORE", str(store)))
    done = locked(made, monkeypatch)
    assert done.status == 0, done.err
    assert ("the kernel isolates the smoke" in done.err) == kernel_isolates
    assert " ".join(done.err.split()).count("isolation refused the smoke this access: ") == 6
    assert "the smoke started /bin/sh (smoke/smoke.py:6)" in " ".join(done.err.split())
    assert "read ~/.aws/credentials (smoke/smoke.py:6)" in done.err
    found = json.loads(made.evidence.read_text())["behaviour"]["stages"][0]
    assert found["output"] == [
        "open FileNotFoundError No such file or directory",
        "listdir FileNotFoundError No such file or directory",
        "open OSError Read-only file system",
        "mkdir OSError Read-only file system",
        "open OSError Read-only file system",
        "open OSError Read-only file system",
        "create_connection gaierror Name or service not known",
        "open worked",
        "system worked",
        "None False",
    ]
    assert len(found["connections"]) == 7
    assert not Path("/etc/minreq-was-here").exists()
    files = made.lock.read_bytes(), made.evidence.read_bytes()
    made.lock.unlink()
    made.evidence.unlink()
    by_hooks = locked(made, monkeypatch, switch="hooks")
    assert by_hooks.status == 0, by_hooks.err
    assert "only hooks of Python isolate the smoke" in by_hooks.err
    assert (made.lock.read_bytes(), made.evidence.read_bytes()) == files


def test_another_python_runs_in_isolation_too(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolation may hide the library of the interpreter that sets it up."""
    names = (f"python3.{minor}" for minor in range(10, 20) if minor != sys.version_info.minor)
    # A shim is there for versions that nobody has chosen, and then fails.
    other = next((name for name in names if shutil.which(name) and not subprocess.call([name, "-c", ""])), None)
    if other is None:
        pytest.skip("there is one Python alone")
    done = locked(made, monkeypatch, "--python", other)
    assert done.status == 0, done.err


@pytest.fixture
def port() -> Iterator[int]:
    """The port of another server on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_compiled_code_is_refused_the_same(
    made: Project, monkeypatch: pytest.MonkeyPatch, port: int, *, kernel_isolates: bool
) -> None:
    """And what the smoke leaves running ends with the run."""
    if not kernel_isolates:
        pytest.skip("the kernel cannot isolate here")
    first = locked(made, monkeypatch)
    assert first.status == 0, first.err
    (archive,) = (made.cache / "wheels" / "wheels").rglob("app-*.whl")
    secret = made.cache.parent / "secret"
    secret.write_text("key")
    mark = f"mark-{made.folder}"
    (made.folder / "smoke.py").write_text(
        COMPILED_CODE_SCRIPT.format(secret=str(secret), store=str(archive), port=port, pid=os.getpid(), mark=mark)
    )
    done = locked(made, monkeypatch, "--require-sandbox")
    assert done.status == 0, done.err
    assert not _running(mark)
    assert secret.read_text() == "key"


#: Puts bytecode in the place of that of another package in the store, by Python and by the C library, and then in the
#: environment, where it may.
PLANTING_SCRIPT = """
import glob, importlib.util, marshal, os, struct, sys
import app, needed
(source,) = glob.glob("STORE/*/lib/needed/__init__.py")
status = os.stat(source)
evil = compile("raise SystemExit('planted')", source, "exec")
header = importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, int(status.st_mtime), status.st_size)
path = importlib.util.cache_from_source(source)
try:
    os.remove(path)
except OSError as error:
    print("remove", error.strerror)
try:
    with open(path, "wb") as file:
        file.write(header + marshal.dumps(evil))
except OSError as error:
    print("open", error.strerror)
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print("past it", libc.open((path + ".new").encode(), os.O_WRONLY | os.O_CREAT, 0o644) >= 0)
try:
    with open(importlib.util.cache_from_source(needed.__file__), "wb") as file:
        file.write(header + marshal.dumps(evil))
except OSError:
    pass  # In a trace.
"""


def test_no_package_plants_compiled_code(
    made: Project, monkeypatch: pytest.MonkeyPatch, *, kernel_isolates: bool
) -> None:
    """The next run executes bytecode that was compiled from the sources in a process that runs no package."""
    (made.folder / "smoke.py").write_text(PLANTING_SCRIPT.replace("STORE", str(made.cache / "wheels" / "unpacked")))
    done = locked(made, monkeypatch)
    assert done.status == 0, done.err
    found = json.loads(made.evidence.read_text())["behaviour"]["stages"][0]["output"]
    assert found == ["remove Read-only file system", "open Read-only file system", f"past it {not kernel_isolates}"]
    (made.folder / "smoke.py").write_text("import app, needed; print('clean')")
    again = locked(made, monkeypatch)
    assert again.status == 0, again.err


def test_planted_compiled_code_is_not_run(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled file whose hash is not in the list of the compiler is removed before anything runs."""
    assert locked(made, monkeypatch).status == 0
    lock = made.lock.read_bytes()
    compiled = sorted((made.cache / "wheels" / "unpacked").rglob("__pycache__/*.pyc"))
    assert compiled
    for each in compiled:
        data = each.read_bytes()
        each.write_bytes(data[:16] + marshal.dumps(compile("raise SystemExit('planted')", "x", "exec")))
    made.lock.unlink()
    made.evidence.unlink()
    done = locked(made, monkeypatch)
    assert done.status == 0, done.err
    assert made.lock.read_bytes() == lock


def test_what_is_compiled_is_kept_and_nothing_else(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package may write files beside its own; the next run sees none of them."""
    smoke = (
        "import app, ctypes, os\nctypes.CDLL(None).open((os.path.dirname(app.__file__) + '/evil.py').encode(), 65, 420)"
    )
    (made.folder / "smoke.py").write_text(smoke)
    assert locked(made, monkeypatch).status == 0
    unpacked = made.cache / "wheels" / "unpacked"
    assert list(unpacked.rglob("app/__pycache__/*.pyc"))
    if diagnose(made.cache).kernel:
        assert not list(unpacked.rglob("evil.py"))
    assert not list((made.cache / "wheels" / "unfinished").iterdir())


CHANGING_SCRIPT = """
import app, ctypes, glob, os
(file,) = glob.glob({store!r} + "/unpacked/*/lib/app/__init__.py")
status = os.stat(file)
libc = ctypes.CDLL(None, use_errno=True)
descriptor = libc.open(file.encode(), os.O_WRONLY)
libc.write(descriptor, b"#", 1)
times = (ctypes.c_long * 4)(*(part for ns in (status.st_atime_ns, status.st_mtime_ns) for part in divmod(ns, 10**9)))
libc.futimens(descriptor, times)
libc.close(descriptor)
"""


def test_compiled_code_that_changes_the_store_is_found(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It bypasses hooks: no lock is written, and the next one unpacks the wheel again. The kernel does not allow it."""
    (made.folder / "smoke.py").write_text(CHANGING_SCRIPT.format(store=str(made.store)))
    done = locked(made, monkeypatch, "--json", switch="hooks")
    assert (done.status, json.loads(done.out)["reason"]) == (1, "store-changed")
    assert "lib/app/__init__.py was changed; minreq wrote no result" in " ".join(done.err.split())
    assert not made.lock.exists()
    (made.folder / "smoke.py").write_text("import app")
    again = locked(made, monkeypatch)
    assert again.status == 0
    assert "was damaged in the store and is unpacked again: lib/app/__init__.py was changed" in " ".join(
        again.err.split()
    )
    assert "needed==1.0" in made.lock.read_text()


def test_the_fallback_can_be_refused(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    done = locked(made, monkeypatch, "--require-sandbox", "--json", switch="hooks")
    assert done.status == 1
    assert json.loads(done.out)["reason"] == "sandbox"
    assert "nothing was run" in done.err
    assert not made.lock.exists()


def test_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MINREQ_CACHE_DIR", str(tmp_path / "cache"))
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["writable"]
    assert found["kernel"] == (not found["why"])
    monkeypatch.setenv(SANDBOX_VARIABLE, "hooks")
    assert main(["doctor", "--require-sandbox"]) == 1
    output = capsys.readouterr()
    assert "Isolation   only hooks of Python isolate the smoke" in output.out
    assert "the kernel cannot isolate the smoke here: MINREQ_SANDBOX is set to hooks" in output.err


def test_a_store_that_cannot_be_written_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    found = diagnose(tmp_path / "file")
    assert not found.writable
    assert "the store cannot be written" in found.sentence
    assert capsys.readouterr().err == ""


def test_environments_are_copied_where_the_kernel_merges_no_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A security module may forbid that alone; what isolates holds all the same, and the user is told."""
    monkeypatch.delenv(SANDBOX_VARIABLE, raising=False)
    trial = "minreq.smoke.isolation._try"
    monkeypatch.setattr(trial, lambda each: "the kernel refuses to mount overlay" if each.merges else "")
    found = choose_isolation(tmp_path / "unpacked")
    assert (found.kernel, found.merges) == (True, False)
    assert found.description.endswith("as the kernel merges no folders here: the kernel refuses to mount overlay")
    monkeypatch.setattr(trial, lambda _each: "no namespaces")
    found = choose_isolation(tmp_path / "unpacked")
    assert (found.kernel, found.merges, found.fallback_reason) == (False, False, "no namespaces")


def test_homes_and_temporary_folders_are_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    hidden = list_hidden_folders()
    assert any(tmp_path.resolve().is_relative_to(folder) for folder in hidden)
    assert Path("/") not in hidden
    assert not [folder for folder in hidden for other in hidden if folder != other and folder.is_relative_to(other)]


def _running(mark: str) -> bool:
    """Whether a process with *mark* in its command line runs a moment after it was to end."""
    time.sleep(0.1)
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes():
                return True
        except OSError:  # noqa: PERF203 - It ended while we looked.
            continue
    return False
