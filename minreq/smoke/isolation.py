"""Isolate the processes of a smoke: by the kernel where it allows that, else by hooks of Python in the child.

The choice is made once for each lock.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from minreq.smoke.environment import MergedFolder
from minreq.system import temporary

#: Set to ``hooks``, this variable keeps minreq from trying the kernel: for machines where kernel isolation misbehaves,
#: and to compare both.
SANDBOX_VARIABLE = "MINREQ_SANDBOX"

#: Where other programs keep keys, sockets and files that no smoke has to see.
_PRIVATE_FOLDERS = ("/run", "/home", "/root")
#: Where every user may write.
_TEMPORARY_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108 - Hidden, not used.

#: A script of its own.
_LAUNCHER = Path(__file__).with_name("launcher.py")

#: Seconds; to set up the namespaces takes some hundredths of one.
_TRIAL_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What each process of a smoke may take at most."""

    #: Bytes of private memory.
    memory: int
    #: Bytes of one file.
    file: int = 256 << 20
    #: Processes and threads of all runs of a lock together; the kernel counts them where it isolates.
    processes: int = 2048

    def as_resource_limits(self) -> dict[str, int]:
        """Return the limits under the names of ``resource``, without ``RLIMIT_``."""
        return {"CORE": 0, "DATA": self.memory, "FSIZE": self.file, "NPROC": self.processes}


def _default_limits() -> Limits:
    """Return the limits for this machine: a smoke that needs most of its memory would fail elsewhere."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Limits(memory=max(memory // 4 * 3, 2 << 30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """How the processes of a smoke are started."""

    #: Whether the kernel isolates them; if not, the reason.
    kernel: bool
    fallback_reason: str = ""
    #: Whether the kernel merges the folders of an environment; if not, they are copied. The reason, where it isolates.
    merges: bool = False
    copy_reason: str = ""
    #: The folder of unpacked wheels.
    unpacked: Path
    #: Paths that the child sees although they lie in a hidden folder.
    readable: tuple[Path, ...] = ()
    #: Files and folders of the machine that the child sees empty; only the kernel can do that.
    empty: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=_default_limits)

    @property
    def description(self) -> str:
        """The protection that holds, as a note for the user."""
        if self.kernel:
            copies = f"; each environment is copied, as the kernel merges no folders here: {self.copy_reason}"
            return (
                "the kernel isolates the smoke: it reaches loopback only, writes into one folder, and sees no private "
                f"file or process{'' if self.merges else copies}"
            )
        return f"only hooks of Python isolate the smoke, and compiled code can bypass them: {self.fallback_reason}"

    def wrap_emulator_command(self, command: Sequence[str]) -> list[str]:
        """Return the command line that starts *command*, the emulator, in a network namespace of its own."""
        return _launch({"network": "new"}, command) if self.kernel else [*command]

    def wrap_command(
        self,
        command: Sequence[str],
        *,
        writable: Path,
        also_writable: Sequence[Path] = (),
        readable: Iterable[Path],
        merged: Iterable[MergedFolder] = (),
        network: int | None,
    ) -> list[str]:
        """Return the command line that starts *command* in isolation.

        The process may write into the folder *writable*, and into the folders *also_writable*. What it writes where
        folders are *merged* is gone when it ends. *network* is the process whose network it shares; ``None`` gives it a
        network of its own.
        """
        configuration: dict[str, object] = {"limits": self.limits.as_resource_limits()}
        if self.kernel:
            configuration["network"] = "new" if network is None else network
            configuration["files"] = {
                "hidden": [str(folder) for folder in list_hidden_folders()],
                "readable": self._visible_paths(readable),
                "empty": [*map(str, self.empty)],
                "writable": [str(writable), *map(str, also_writable)],
                "merged": [folder.as_json() for folder in merged],
            }
        return _launch(configuration, command)

    def folders_for_hooks(self, *, writable: Path, readable: Iterable[Path]) -> dict[str, list[str]]:
        """Return the folders that the hooks of the child check; they leave temporary folders to the kernel."""
        temporary_folders = {str(Path(name).resolve()) for name in (*_TEMPORARY_FOLDERS, tempfile.gettempdir())}
        return {
            "hidden": [str(folder) for folder in list_hidden_folders() if str(folder) not in temporary_folders],
            "readable": self._visible_paths(readable),
            "writable": [str(writable)],
            "temporary": [*sorted(temporary_folders), "/dev/shm"],  # noqa: S108 - Semaphores.
        }

    def _visible_paths(self, readable: Iterable[Path]) -> list[str]:
        hidden = list_hidden_folders()
        visible = {*map(_absolute, (*self.readable, *readable, self.unpacked.parent))}
        return sorted(str(path) for path in visible if path not in hidden and path.exists())


def choose_isolation(unpacked: Path, readable: Iterable[Path] = ()) -> Isolation:
    """Return isolation by the kernel if trials show that it works here, else isolation by hooks."""
    visible = tuple(dict.fromkeys(map(_absolute, readable)))
    if os.environ.get(SANDBOX_VARIABLE) == "hooks":
        reason = f"{SANDBOX_VARIABLE} is set to hooks"
        return Isolation(kernel=False, fallback_reason=reason, unpacked=unpacked, readable=visible)
    by_kernel = Isolation(kernel=True, merges=True, unpacked=unpacked, readable=visible)
    no_merge = _try_kernel(by_kernel)
    if not no_merge:
        return by_kernel
    copying = replace(by_kernel, merges=False, copy_reason=no_merge)
    reason = _try_kernel(copying)
    if not reason:
        return copying
    return Isolation(kernel=False, fallback_reason=reason, unpacked=unpacked, readable=visible)


def can_start(isolation: Isolation, command: Sequence[str]) -> bool:
    """Whether *command* starts and succeeds in *isolation*."""
    return not _try_kernel(isolation, command)


def _try_kernel(isolation: Isolation, tried: Sequence[str] = ()) -> str:
    """Start *tried* in *isolation*, or what replaces a folder if it merges; return why that fails, "" if it works."""
    if sys.platform != "linux":
        return "this system has no namespaces"
    with temporary.make_temporary_folder() as folder:
        own, site_packages = folder / "own", folder / "site-packages"
        for each in (own / "replaced", site_packages):
            each.mkdir(parents=True)
        with suppress(OSError):
            # A folder above it may be hidden, and cannot be merged then.
            isolation.unpacked.mkdir(parents=True, exist_ok=True)
        stored = next(each for each in (isolation.unpacked, *isolation.unpacked.parents) if each.is_dir())
        merged = [MergedFolder(at=site_packages, of=(own, stored))] if isolation.merges else []
        script = f"cd {site_packages.name} && rmdir replaced && mkdir replaced" if merged else "true"
        try:
            command = isolation.wrap_command(
                tried or ["/bin/sh", "-c", script], writable=folder, readable=(), merged=merged, network=None
            )
            done = subprocess.run(
                command, capture_output=True, text=True, cwd=folder, env={}, check=False, timeout=_TRIAL_TIMEOUT
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1].removeprefix("minreq: ") if lines else "an isolated process ended at once"


def list_hidden_folders() -> tuple[Path, ...]:
    """Return the folders that a child sees as empty, but for the paths in them that it is to see."""
    candidates = [
        *_PRIVATE_FOLDERS,
        *_TEMPORARY_FOLDERS,
        tempfile.gettempdir(),
        os.environ.get("HOME", "/"),
        os.environ.get("XDG_RUNTIME_DIR", "/"),
    ]
    with suppress(KeyError):
        candidates.append(pwd.getpwuid(os.getuid()).pw_dir)
    hidden: list[Path] = []
    for each in sorted({Path(name).resolve() for name in candidates}):
        if each.is_dir() and each != Path("/") and not any(each.is_relative_to(other) for other in hidden):
            hidden.append(each)
    return tuple(hidden)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - Links on the way keep their names.


def _launch(configuration: dict[str, object], command: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(configuration), *command]
