"""Faults: killed at any moment, two at once, a damaged cache; after each the next lock is the undisturbed one."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from urllib.request import Request, urlopen

import fulldisk
import pytest
from cannedserver import CannedResponse, ReceivedRequest, serve_responses
from commanding import Project, project
from lockkiller import ARGUMENTS, SCENARIO, find_damage, find_processes, kill_locks, lock_files
from simpleserver import ServerFeatures, serve

from minreq.doctor import diagnose
from minreq.smoke.isolation import SANDBOX_VARIABLE

pytestmark = pytest.mark.one_python

#: How often a lock is killed; the moments are the same each time, what happens then is not.
KILLS = 6


@pytest.fixture
def made(tmp_path: Path) -> Project:
    return project(SCENARIO, tmp_path)


def start(made: Project) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        made.command(*ARGUMENTS), cwd=made.folder, env=made.environment(), stderr=subprocess.DEVNULL
    )


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="it looks for processes in /proc")
def test_killed_at_any_moment_of_a_cold_lock(tmp_path: Path) -> None:
    """The lock is the old one or the new one, whole; no process stays; the next lock is the undisturbed one.

    It also removes what the killed one left, and the store is verified. `python tests/lockkiller.py 100` kills more.
    """
    assert len(list(kill_locks(tmp_path, KILLS))) == KILLS


def test_two_at_once_on_one_store_and_one_output(made: Project) -> None:
    with start(made) as one, start(made) as another:
        assert (one.wait(), another.wait()) == (0, 0)
    found = lock_files(made)
    made.lock.unlink()
    made.evidence.unlink()
    assert made.minreq(*ARGUMENTS).status == 0
    assert lock_files(made) == found


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied"])
def test_a_damaged_cache_makes_the_same_lock(made: Project, damage: str) -> None:
    """Every file of it at once; `test_stored.py` has each kind of file alone."""
    assert made.minreq(*ARGUMENTS).status == 0
    expected = lock_files(made)
    number = 0
    for file in sorted(made.cache.rglob("*")):
        if not file.is_file() or "locks" in file.parts:
            continue
        data = file.read_bytes()
        number += 1
        changed = {
            "cut": data[: len(data) // 2],
            "flipped": data[: len(data) // 2] + bytes(255 - each for each in data[len(data) // 2 :]),
            "emptied": b"",
        }
        file.write_bytes(changed[damage])
    assert number > 3
    made.lock.unlink()
    made.evidence.unlink()
    done = made.minreq(*ARGUMENTS)
    assert (done.status, done.err) == (0, "")
    assert lock_files(made) == expected
    assert not list((made.store / "unfinished").iterdir())


CHILDREN = {
    "segfaults": "import app, ctypes; ctypes.string_at(0)",
    "fills its memory": "import app; x = [bytearray(1 << 42)]",
    "floods stdout": "import app, os\nwhile True: os.write(1, b'x' * 1000000)",
    "closes its pipe": "import app, os; os.closerange(3, 64); import needed",
    "writes for ever": "import app\nwith open('large', 'wb') as file:\n    file.truncate(1 << 40)",
    "forks": "import app, os\nfor _ in range(3): os.fork()\nraise SystemExit(3)",
    "forks for ever": "import app, os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "puts a pipe in the place of what it wrote": """import app, os
os.unlink("../output")
os.mkfifo("../output")
os._exit(3)""",
    "hangs": "import app, signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(600)",
}


@pytest.mark.parametrize("child", CHILDREN)
def test_a_child_that_misbehaves_is_a_sentence(made: Project, tmp_path: Path, child: str) -> None:
    """And after it, with a smoke that behaves, the lock is the undisturbed one."""
    if child == "forks for ever" and not diagnose(tmp_path / "doctor").kernel:
        pytest.skip("only the kernel bounds processes")
    (made.folder / "smoke.py").write_text(CHILDREN[child])
    done = made.minreq("lock", "app", "--smoke", "smoke.py", "-q", "--timeout", "5")
    assert 'Traceback (most recent call last):\n  File "/' not in done.err.partition("smoke fails")[0]
    if child != "closes its pipe":
        assert done.status == 3
        assert not made.lock.exists()
    assert find_processes(made.cache) == []
    assert not list((made.store / "unfinished").iterdir())
    assert find_damage(made.store) == []
    (made.folder / "smoke.py").write_text("import app")
    made.lock.unlink(missing_ok=True)
    again = made.minreq(*ARGUMENTS)
    assert (again.status, again.err) == (0, "")
    assert "needed==1.0" in made.lock.read_text()
    assert "unused==1.0" not in made.lock.read_text()


@pytest.mark.parametrize("isolation", ["", "hooks"])
def test_no_link_in_the_place_of_what_a_child_printed_is_followed(made: Project, isolation: str) -> None:
    """minreq shows the end of it: a link to a private file would put that on the terminal, and into logs of CI."""
    secret = made.folder.parent / "secret"
    secret.write_text("a private line")
    (made.folder / "smoke.py").write_text(f"""import app, ctypes, glob, os
(file,) = glob.glob(f"../hook/errors-{{os.getpid()}}")
os.unlink(file)
ctypes.CDLL(None).symlink({str(secret)!r}.encode(), file.encode())
os._exit(3)""")
    environment = {**made.environment(), SANDBOX_VARIABLE: isolation}
    done = subprocess.run(
        made.command(*ARGUMENTS), cwd=made.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "its process died" in done.stderr
    assert "a private line" not in done.stderr


@pytest.mark.parametrize(
    "made_so",
    ["file = '/dev/zero'", "os.mkfifo(file)", "open(file, 'w').write('x = ' + '-' * 9999 + '1')"],
    ids=["a device", "a pipe", "too deep for a parser"],
)
def test_code_calls_itself_by_the_name_of_what_cannot_be_read(made: Project, made_so: str) -> None:
    """What surrounds an import is looked for in the file that the code names."""
    code = "try:\n    import unused\nexcept ImportError:\n    pass"
    (made.folder / "smoke.py").write_text(
        f"import app, os\nfile = os.path.abspath('named')\n{made_so}\nexec(compile({code!r}, file, 'exec'))\n"
    )
    done = made.minreq(*ARGUMENTS, "--timeout", "20")
    assert (done.status, done.err) == (0, "")
    assert "needed==1.0" in made.lock.read_text()
    assert "unused==1.0" not in made.lock.read_text()


@pytest.fixture(scope="module")
def replaced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, tuple[bytes, bytes], tuple[bytes, bytes]]:
    if not fulldisk.can_mount():
        pytest.skip("this user may mount nothing")
    return fulldisk.make_locks(tmp_path_factory.mktemp("filled"))


@pytest.mark.parametrize("size", [24, 330, 560])
def test_a_disk_that_gets_full(
    replaced: tuple[Project, tuple[bytes, bytes], tuple[bytes, bytes]], tmp_path: Path, size: int
) -> None:
    """At whatever write: a sentence, the old lock whole, nothing temporary; then, with more room, the undisturbed one.

    `python tests/fulldisk.py 60` tries more sizes.
    """
    made, old, new = replaced
    fulldisk.lock_on_small_disk(made, old, new, size, tmp_path / "out")


def test_an_index_that_fails_each_request_once(made: Project) -> None:
    """Whatever it is asked for, pages, ranges and archives, by a status or by hanging up."""
    assert made.minreq(*ARGUMENTS).status == 0
    expected = lock_files(made)
    made.lock.unlink()
    made.evidence.unlink()
    failed: list[str] = []

    def answer(asked: ReceivedRequest) -> CannedResponse:
        what = f"{asked.path} {asked.headers.get('range')}"
        if what not in failed:
            failed.append(what)
            return (
                CannedResponse(status=503)
                if len(failed) % 2
                else CannedResponse(body=b"", headers={"Content-Length": "9"})
            )
        with urlopen(Request(f"{server.origin}{asked.path}", headers=dict(asked.headers))) as response:  # noqa: S310 - Loopback.
            return CannedResponse(status=response.status, body=response.read(), headers=dict(response.headers))

    with serve(made.wheelhouse, ServerFeatures()) as server, serve_responses(answer) as between:
        flaky = replace(made, cache=made.cache.with_name("flaky"), index=f"{between.origin}/simple/")
        environment = {**flaky.environment(), "PIP_RETRIES": "3"}
        done = subprocess.run(
            flaky.command(*ARGUMENTS), cwd=flaky.folder, env=environment, capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(failed) > 6
    assert made.lock.read_bytes() == expected[0]


@pytest.mark.parametrize("days", [-4000, 4000], ids=["back", "ahead"])
def test_a_clock_that_jumps(made: Project, days: int) -> None:
    """What the cache has is from another time, as the machine sees it, and the next lock is the same."""
    assert made.minreq(*ARGUMENTS).status == 0
    expected = lock_files(made)
    now = time.time()
    for path in made.cache.rglob("*"):
        if "unpacked" not in path.parts:
            os.utime(path, (now + days * 86400,) * 2, follow_symlinks=False)
    made.lock.unlink()
    made.evidence.unlink()
    done = made.minreq(*ARGUMENTS)
    assert (done.status, done.err) == (0, "")
    assert lock_files(made) == expected
    assert made.minreq("cache", "prune").status == 0
    assert made.minreq(*ARGUMENTS, "-U").status == 0
    assert lock_files(made) == expected


def test_a_cache_that_can_only_be_read(made: Project) -> None:
    """A file system mounted read-only: a sentence, and the lock that was there."""
    if not fulldisk.can_mount():
        pytest.skip("this user may mount nothing")
    assert made.minreq(*ARGUMENTS).status == 0
    before = lock_files(made)
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    command = ["unshare", "-rm", "/bin/sh", "-c", script, str(made.cache), *made.command(*ARGUMENTS, "--no-annotate")]
    done = subprocess.run(command, cwd=made.folder, env=made.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr
    assert lock_files(made) == before


def test_a_store_on_another_file_system(made: Project) -> None:
    """Than output and temporary folder; and without ``/dev/shm``, as some containers are."""
    if not fulldisk.can_mount():
        pytest.skip("this user may mount nothing")
    assert made.minreq(*ARGUMENTS).status == 0
    expected = lock_files(made)
    script = """
    set -e
    mount -t tmpfs none "$0"
    mkdir "$0/cache" "$0/devices"
    for each in null zero urandom random tty; do
        touch "$0/devices/$each"
        mount --bind "/dev/$each" "$0/devices/$each"
    done
    mount --rbind "$0/devices" /dev
    test ! -e /dev/shm
    exec "$@"
    """
    room = made.cache.with_name("room")
    room.mkdir()
    there = replace(made, cache=room / "cache")
    made.lock.unlink()
    command = ["unshare", "-rm", "/bin/sh", "-c", script, str(room), *there.command(*ARGUMENTS)]
    done = subprocess.run(
        command, cwd=made.folder, env=there.environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert lock_files(made) == expected
