"""What keeps a child in: the kernel where it can, else the hooks of the child alone; decided once for each lock."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from minreq.system import temporary

#: ``hooks``: do not ask the kernel. For machines where what it allows misbehaves, and to compare.
SWITCH = "MINREQ_SANDBOX"

#: Where other programs keep keys, sockets and what is no business of a smoke.
_PRIVATE = ("/run", "/home", "/root")
#: Where everybody may write.
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - Hidden, not used.

#: A script of its own.
_LAUNCHER = Path(__file__).with_name("launching.py")

#: Seconds; making a world takes some hundredths of one.
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What each process of a smoke may take at most."""

    #: Bytes of private memory.
    memory: int
    #: Bytes of one file.
    file: int = 256 << 20
    #: Processes and threads of all runs of a lock together; the kernel counts them where it walls off.
    processes: int = 2048

    def words(self) -> dict[str, int]:
        """Return them as ``resource`` names them."""
        return {"CORE": 0, "DATA": self.memory, "FSIZE": self.file, "NPROC": self.processes}


def limits() -> Limits:
    """Return the limits on this machine: a smoke that needs most of its memory would fail elsewhere."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Limits(memory=max(memory // 4 * 3, 2 << 30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Walls:
    """How children are started."""

    #: Whether the kernel walls them off; *why* not otherwise.
    kernel: bool
    why: str = ""
    #: The folder of unpacked wheels.
    unpacked: Path
    #: Seen although they lie where everything else is hidden.
    readable: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=limits)

    @property
    def sentence(self) -> str:
        """Say which protection holds."""
        if self.kernel:
            return (
                "the kernel walls the smoke off: loopback, one folder to write in, no private file or process in sight"
            )
        return f"hooks of Python alone hold the smoke, and compiled code can pass them by: {self.why}"

    def server(self, command: Sequence[str]) -> list[str]:
        """Return the command line that starts *command*, the emulator, in a network of its own."""
        return _launch({"network": "new"}, command) if self.kernel else [*command]

    def command(
        self,
        command: Sequence[str],
        *,
        writable: Path,
        also: Sequence[Path] = (),
        readable: Iterable[Path],
        network: int | None,
    ) -> list[str]:
        """Return the command line that starts *command* in a world with one *writable* folder, and *also* others.

        *network* is the process whose network it shares.
        """
        configuration: dict[str, object] = {"limits": self.limits.words()}
        if self.kernel:
            configuration["network"] = "new" if network is None else network
            configuration["files"] = {
                "hidden": [str(folder) for folder in hidden_folders()],
                "readable": self._seen(readable),
                "writable": [str(writable), *map(str, also)],
            }
        return _launch(configuration, command)

    def folders(self, *, writable: Path, readable: Iterable[Path]) -> dict[str, list[str]]:
        """Return the same for the hooks of the child; what is temporary they leave to the kernel."""
        temporary = {str(Path(name).resolve()) for name in (*_TEMPORARY, tempfile.gettempdir())}
        return {
            "hidden": [str(folder) for folder in hidden_folders() if str(folder) not in temporary],
            "readable": self._seen(readable),
            "writable": [str(writable)],
            "temporary": [*sorted(temporary), "/dev/shm"],  # noqa: S108 - Semaphores.
        }

    def _seen(self, readable: Iterable[Path]) -> list[str]:
        hidden = hidden_folders()
        seen = {*map(_absolute, (*self.readable, *readable, self.unpacked.parent))}
        return sorted(str(path) for path in seen if path not in hidden and path.exists())


def walls(unpacked: Path, readable: Iterable[Path] = ()) -> Walls:
    """Try what the kernel allows here, by doing it once."""
    seen = tuple(dict.fromkeys(map(_absolute, readable)))
    if os.environ.get(SWITCH) == "hooks":
        return Walls(kernel=False, why=f"{SWITCH} says so", unpacked=unpacked, readable=seen)
    tried = Walls(kernel=True, unpacked=unpacked, readable=seen)
    why = _trial(tried)
    if why:
        return Walls(kernel=False, why=why, unpacked=unpacked, readable=seen)
    return tried


def _trial(tried: Walls) -> str:
    """Start something in the world of *tried*; return why that fails."""
    if sys.platform != "linux":
        return "this system has no namespaces"
    with temporary.folder() as folder:
        try:
            command = tried.command(["/bin/true"], writable=folder, readable=(), network=None)
            done = subprocess.run(
                command, capture_output=True, text=True, cwd=folder, env={}, check=False, timeout=_PATIENCE
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1].removeprefix("minreq: ") if lines else "it ended at once")


def hidden_folders() -> tuple[Path, ...]:
    """Return the folders of which a child sees nothing, unless it is shown to it."""
    wanted = [
        *_PRIVATE,
        *_TEMPORARY,
        tempfile.gettempdir(),
        os.environ.get("HOME", "/"),
        os.environ.get("XDG_RUNTIME_DIR", "/"),
    ]
    with suppress(KeyError):
        wanted.append(pwd.getpwuid(os.getuid()).pw_dir)
    found: list[Path] = []
    for each in sorted({Path(name).resolve() for name in wanted}):
        if each.is_dir() and each != Path("/") and not any(each.is_relative_to(other) for other in found):
            found.append(each)
    return tuple(found)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - Links on the way stay as they are named.


def _launch(configuration: dict[str, object], command: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(configuration), *command]
