"""Isolate the processes of a smoke: by namespaces of the kernel, else by Landlock, and always by hooks of Python.

The choice is made once for each lock.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from minreq.smoke.environment import MergedFolder
from minreq.smoke.visible import VisibleFiles, find_visible, list_sockets, list_terminals, list_unmasked
from minreq.system import temporary

_LOG = logging.getLogger(__name__)

#: Set to ``hooks`` or ``landlock``, this variable keeps minreq from trying more: for machines where namespaces
#: misbehave, and to compare them.
SANDBOX_VARIABLE = "MINREQ_SANDBOX"

#: A folder of scripts, and how its interpreter starts them. To run the folder itself would load ``runpy`` first.
_LAUNCHER = Path(__file__).with_name("launcher")
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); import launch; launch.main()"
#: The machines whose system calls the launcher knows.
_FILTERED_MACHINES = frozenset({"x86_64", "aarch64"})
_GET_FILTER = 21
#: The system call ``landlock_create_ruleset`` on all machines, and the flag that asks for the version.
_CREATE_RULESET, _ASK_VERSION = 444, 1
#: From this version on Landlock also refuses signals and abstract sockets.
_SCOPES_SINCE = 6
#: Devices that every process may use.
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_OWN_DEVICES = ("/dev/ptmx", "/dev/pts/ptmx", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr")
#: Where semaphores live.
_SHARED_MEMORY = "/dev/shm"  # noqa: S108

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


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """How the processes of a smoke are started."""

    #: Whether namespaces of the kernel isolate them; if not, the reason.
    kernel: bool
    fallback_reason: str = ""
    #: The version of Landlock that restricts them where there are no namespaces; 0 where it does not.
    landlock: int = 0
    #: Whether the kernel refuses system calls that lead out of the isolation.
    filters_calls: bool = False
    #: Whether the kernel merges the folders of an environment; if not, they are copied. The reason, where it isolates.
    merges: bool = False
    copy_reason: str = ""
    #: The folder of unpacked wheels.
    unpacked: Path
    #: What a child sees of the machine.
    visible: VisibleFiles
    #: Files and folders of the machine that the child sees empty; only namespaces can do that.
    empty: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=_default_limits)

    @property
    def name(self) -> str:
        """What isolates: ``namespaces``, ``landlock`` or ``hooks``."""
        return "namespaces" if self.kernel else "landlock" if self.landlock else "hooks"

    @property
    def description(self) -> str:
        """The protection that holds and what it leaves open, as a note for the user."""
        if self.kernel:
            copies = f"; each environment is copied, as the kernel merges no folders here: {self.copy_reason}"
            return (
                "the kernel isolates the smoke: it reaches loopback only, writes into one folder, and sees no private "
                f"file or process{'' if self.merges else copies}"
            )
        if self.landlock:
            return (
                "Landlock isolates the files of the smoke, and hooks of Python its network: compiled code and other "
                f"programs that it starts can reach the network and Unix sockets: {self.fallback_reason}"
            )
        return (
            "only hooks of Python isolate the smoke, and compiled code, other programs that it starts, and Python code "
            "that intends to can bypass them: these reach your files, your other programs and the network: "
            f"{self.fallback_reason}"
        )

    @property
    def open_ends(self) -> tuple[str, ...]:
        """What the isolation does not close, for ``minreq doctor``."""
        ends = ["the memory of all processes together, and what they share"]
        if not self.filters_calls:
            ends.append("nested namespaces, the keyring of the session, AF_VSOCK, typing on a terminal")
        if not self.kernel:
            ends.append("servers on loopback, command lines of other processes, their shared memory")
            native = ["the network", "Unix sockets", "permissions of your files", "limits of your processes"]
            native += ["signals to your processes"] if self.landlock < _SCOPES_SINCE else []
            native += [] if self.landlock else ["your files", "your terminal", "your processes"]
            who = "compiled code" if self.landlock else "compiled code, Python code that intends to,"
            ends.append(f"for {who} and other programs: {', '.join(native)}")
        return tuple(ends)

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
        configuration: dict[str, object] = {"limits": self.limits.as_resource_limits(), "filter": self.filters_calls}
        may_write = [str(writable), *map(str, also_writable)]
        if self.kernel:
            configuration["network"] = "new" if network is None else network
            configuration["files"] = {
                "system": _as_texts(self.visible.system),
                "readable": self._readable_paths(readable),
                "writable": may_write,
                "temporary": _as_texts(self.visible.temporary),
                "hidden": _as_texts(self.visible.hidden),
                "masked": _as_texts(self.visible.masked),
                "empty": _as_texts(self.empty),
                "merged": [folder.as_literal() for folder in merged],
            }
        elif self.landlock:
            files, folders = self._unmasked
            configuration["landlock"] = {
                "readable": [*files, *_as_texts(self._needed(readable)), "/proc"],
                "listed": folders,
                "changeable": _DEVICES,
                "writable": [*may_write, _SHARED_MEMORY],
            }
        return _launch(configuration, command)

    def folders_for_hooks(self, *, writable: Path, readable: Iterable[Path]) -> dict[str, list[str]]:
        """Return the folders that the hooks of the child check."""
        temporary_folders = _as_texts(self.visible.temporary)
        return {
            "system": _as_texts(self.visible.system),
            "readable": self._readable_paths(readable),
            "masked": _as_texts(self.visible.masked),
            "writable": [str(writable)],
            "devices": [*_DEVICES, *_OWN_DEVICES],
            "sockets": list_sockets(),
            # Namespaces have temporary folders and terminals of their own, and nothing where links lead out. Without
            # them these folders are those of all programs.
            "temporary": [*(temporary_folders if self.kernel else ()), _SHARED_MEMORY],
            "hidden": [*_as_texts(self.visible.hidden), *(() if self.kernel else temporary_folders)],
            "terminals": [] if self.kernel else list_terminals(),
            "followed": [] if self.kernel else [str(writable)],
        }

    def _readable_paths(self, readable: Iterable[Path]) -> list[str]:
        return sorted({*_as_texts(self.visible.readable), *_as_texts(self._needed(readable))})

    def _needed(self, readable: Iterable[Path]) -> list[Path]:
        """Return the paths *readable* of one run, and the store."""
        return [path for path in map(_absolute, (*readable, self.unpacked.parent)) if path.exists()]

    @cached_property
    def _unmasked(self) -> tuple[list[str], list[str]]:
        return list_unmasked(self.visible)


def choose_isolation(unpacked: Path, projects: Iterable[Path] = (), installations: Iterable[Path] = ()) -> Isolation:
    """Return the strongest isolation that works here: by namespaces, by Landlock, or by hooks alone.

    A child sees *projects* without their keys, *installations*, and the folder of the wheels, which are *unpacked*.
    """
    hooks = Isolation(
        kernel=False,
        filters_calls=_can_filter_calls(),
        unpacked=unpacked,
        visible=find_visible(projects, installations),
    )
    wanted = os.environ.get(SANDBOX_VARIABLE, "")
    reason = f"{SANDBOX_VARIABLE} is set to {wanted}"
    if wanted not in {"hooks", "landlock"}:
        by_kernel = replace(hooks, kernel=True, merges=True)
        no_merge = _try(by_kernel)
        if not no_merge:
            return by_kernel
        copying = replace(by_kernel, merges=False, copy_reason=no_merge)
        reason = _try(copying)
        if not reason:
            return copying
    by_landlock = replace(hooks, landlock=find_landlock(), fallback_reason=reason)
    if wanted != "hooks" and by_landlock.landlock and not _try(by_landlock):
        return by_landlock
    return replace(hooks, fallback_reason=reason)


def can_start(isolation: Isolation, command: Sequence[str]) -> bool:
    """Whether *command* starts and succeeds in *isolation*."""
    return not _try(isolation, command)


def _try(isolation: Isolation, tried: Sequence[str] = ()) -> str:
    """Start *tried* in *isolation*, or what replaces a folder if it merges; return why that fails, "" if it works."""
    failure = _start(isolation, tried)
    _LOG.info("tried to isolate by %s: %s", isolation.name, failure or "it works")
    return failure


def _start(isolation: Isolation, tried: Sequence[str]) -> str:
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


def find_landlock() -> int:
    """Return the version of Landlock that the kernel has, 0 if it has none."""
    if sys.platform != "linux":
        return 0
    return max(int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)), 0)


def _can_filter_calls() -> bool:
    """Whether the kernel has filters of system calls, and the launcher knows its numbers."""
    if sys.platform != "linux" or platform.machine() not in _FILTERED_MACHINES:
        return False
    return int(ctypes.CDLL(None).prctl(_GET_FILTER, 0, 0, 0, 0)) >= 0


def _as_texts(paths: Iterable[Path]) -> list[str]:
    return [str(path) for path in paths]


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - Links on the way keep their names.


def _launch(configuration: dict[str, object], command: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", _START, str(_LAUNCHER), repr(configuration), *command]
