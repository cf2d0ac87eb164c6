"""Makes the world a child lives in, and starts it there; a script of its own, run by minreq's own interpreter.

::

    python -I -S launching.py CONFIGURATION COMMAND...

CONFIGURATION is JSON, every key optional::

    {"network": "new" or PID,          a network with nothing but loopback: one of its own, or that of a process
     "files": {"hidden": [FOLDER...],  seen empty, and writable as long as the child lives
               "readable": [PATH...],  seen all the same
               "writable": [FOLDER...]},
     "limits": {NAME: NUMBER...}}      of ``resource``, ``RLIMIT_`` left out

Everything that is not writable is read-only (``mount_setattr(2)``), the child sees no process but its own
(``pid_namespaces(7)``), and has no capability and no way to get one (``PR_SET_NO_NEW_PRIVS``). With ``network`` or
``files`` the kernel must allow user namespaces; where a step fails, a line on stderr says which, and the status is 71.
Standard library only, and all of it imported before anything is hidden.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

#: Exit status where the world cannot be made.
NO_WORLD = 71

# From <linux/sched.h>, <linux/mount.h>, <linux/prctl.h> and <linux/sockios.h>.
_NEW_MOUNTS, _NEW_IPC, _NEW_USER, _NEW_PROCESSES, _NEW_NETWORK = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_BIND, _RECURSIVE, _PRIVATE = 0x1000, 0x4000, 0x40000
_NO_SUID, _NO_DEVICES, _NO_EXECUTION = 0x2, 0x4, 0x8
_DETACH = 0x2
_MOUNT_SETATTR, _WHOLE_TREE, _READ_ONLY = 442, 0x8000, 0x1
_AT_WORKING_FOLDER = -100
_DIE_WITH_PARENT, _DROP_FROM_BOUND, _NO_NEW_PRIVILEGES = 1, 24, 38
_LAST_CAPABILITY = 63
_GET_FLAGS, _SET_FLAGS, _IS_UP = 0x8913, 0x8914, 0x1
#: Seconds until the process whose network is to be shared must have it.
_PATIENCE = 20.0
#: Of the folders that are seen empty.
_MOST_HIDDEN = "size=256m,mode=1777"
#: Since this Linux the number of processes is counted for each user namespace, and not for the user.
_COUNTED_APART = (5, 14)
#: Since this one each process namespace has a largest number of its own.
_NUMBERED_APART = (6, 14)

_LIBC = ctypes.CDLL(None, use_errno=True)


class _Refused(Exception):
    """The kernel does not allow a step."""


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("spread", ctypes.c_uint64),
        ("of", ctypes.c_uint64),
    )


def main() -> NoReturn:
    """Make the world, and become the command, or wait for it."""
    configuration: Mapping[str, Any] = json.loads(sys.argv[1])
    command = sys.argv[2:]
    _call(_LIBC.prctl, _DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0, what="to end with its parent")
    try:
        if "network" in configuration:
            _enter_network(configuration["network"])
        if "files" in configuration:
            _enter_files(configuration["files"])
            _limit(configuration.get("limits", {}), apart=True)
            _become_first(command, configuration.get("limits", {}), configuration["files"]["writable"][0])
        _limit(configuration.get("limits", {}), apart=False)
        os.execv(command[0], command)
    except (_Refused, OSError) as error:
        os.write(2, f"minreq: {error}\n".encode())
    os._exit(NO_WORLD)


def _enter_network(network: str | int) -> None:
    if network == "new":
        _enter_user()
        _call(_LIBC.unshare, _NEW_NETWORK, what="a network namespace")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            request = struct.pack("16sh", b"lo", 0)
            (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, _GET_FLAGS, request), 16)
            fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", flags | _IS_UP))
        return
    own = os.readlink("/proc/self/ns/net")
    stop = time.monotonic() + _PATIENCE
    while os.readlink(f"/proc/{network}/ns/net") == own:
        if time.monotonic() > stop:
            raise _Refused("the emulator's network was never made")
        time.sleep(0.002)
    for kind, number in (("user", _NEW_USER), ("net", _NEW_NETWORK)):
        descriptor = os.open(f"/proc/{network}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
        _call(_LIBC.setns, descriptor, number, what=f"the emulator's {kind} namespace")
        os.close(descriptor)


def _enter_user() -> None:
    """A user namespace in which the user is who it was, and rules over nothing but what is made there."""
    user, group = os.getuid(), os.getgid()
    _call(_LIBC.unshare, _NEW_USER, what="a user namespace")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _enter_files(files: Mapping[str, Any]) -> None:
    _call(_LIBC.unshare, _NEW_MOUNTS | _NEW_PROCESSES | _NEW_IPC, what="namespaces for mounts and processes")
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    folder = os.getcwd()
    hidden, readable, writable = files["hidden"], files["readable"], files["writable"]
    shown = [path for path in (*readable, *writable) if any(_is_within(path, each) for each in hidden)]
    stage = writable[0] + "/.stage"
    os.mkdir(stage)
    _mount("tmpfs", stage, "tmpfs", _NO_SUID | _NO_DEVICES)
    for number, path in enumerate(shown):
        place = f"{stage}/{number}"
        _make_place(place, like=path)
        _mount(path, place, None, _BIND | _RECURSIVE)
    # The stage lies in what may be about to be hidden.
    kept = os.open(stage, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for path in hidden:
        _mount("tmpfs", path, "tmpfs", _NO_SUID | _NO_DEVICES, _MOST_HIDDEN)
    for number, path in sorted(enumerate(shown), key=lambda each: each[1]):
        if os.path.islink(path):
            continue  # It came with the folder it is in; what it leads to is shown too.
        _make_place(path, like=f"/proc/self/fd/{kept}/{number}")
        _mount(f"/proc/self/fd/{kept}/{number}", path, None, _BIND | _RECURSIVE)
    for path in writable:
        if path not in shown:
            _mount(path, path, None, _BIND | _RECURSIVE)
    os.close(kept)
    _LIBC.umount2(os.fsencode(stage), _DETACH)
    _change_tree("/", set_=_READ_ONLY, recursive=True)
    for path in (*hidden, *writable):
        _change_tree(path, clear=_READ_ONLY)
    if os.path.isdir("/dev/shm"):  # noqa: S108 - Where semaphores live.
        _mount("tmpfs", "/dev/shm", "tmpfs", _NO_SUID | _NO_DEVICES, _MOST_HIDDEN)  # noqa: S108
    os.chdir(folder)


def _become_first(command: list[str], limits: Mapping[str, int], folder: str) -> NoReturn:
    """Stand between: the first process of the new world ends it, and takes in whom nobody waits for.

    How each of them ended is written into *folder*: ``ended`` has a line with its number and its status. As bytes: the
    library of this interpreter may be out of sight by now, where the smoke has another one, and a codec lies in it.
    """
    first = os.fork()
    if first:
        _, status = os.waitpid(first, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    try:
        _call(_LIBC.prctl, _DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0, what="to end with its parent")
        _mount("proc", "/proc", "proc", _NO_SUID | _NO_DEVICES | _NO_EXECUTION)
        if "NPROC" in limits:
            _limit_numbers(limits["NPROC"])
        for capability in range(_LAST_CAPABILITY + 1):
            _LIBC.prctl(_DROP_FROM_BOUND, capability, 0, 0, 0)
        _call(_LIBC.prctl, _NO_NEW_PRIVILEGES, 1, 0, 0, 0, what="to give up privileges")
        child = os.fork()
        if not child:
            os.execv(command[0], command)
        while True:
            ended, status = os.wait()
            code = os.waitstatus_to_exitcode(status)
            with open(f"{folder}/ended", "ab") as file:
                file.write(b"%d %d\n" % (ended, code))
            if ended == child:
                os._exit(code & 0xFF)
    except (_Refused, OSError) as error:
        os.write(2, f"minreq: {error}\n".encode())
    os._exit(NO_WORLD)


def _limit_numbers(most: int) -> None:
    """Let processes and threads of this world have numbers up to *most* alone, whoever runs them: root has no NPROC.

    Before Linux 6.14 the number is that of the whole machine, which is not ours to change, and the file not writable.
    """
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    if release >= _NUMBERED_APART:
        with contextlib.suppress(OSError), open("/proc/sys/kernel/pid_max", "wb") as file:
            file.write(b"%d" % most)


def _limit(limits: Mapping[str, int], *, apart: bool) -> None:
    """Set *limits*; that of processes only *apart*, where it does not count what the user runs otherwise."""
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    for name, number in limits.items():
        if name == "NPROC" and not (apart and release >= _COUNTED_APART):
            continue
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        least = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(kind, (least, least))


def _make_place(path: str, *, like: str) -> None:
    if os.path.isdir(like):
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab"):
        pass


def _is_within(path: str, folder: str) -> bool:
    return os.path.join(path, "").startswith(os.path.join(folder, ""))


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    _call(
        _LIBC.mount,
        texts[0],
        texts[1],
        texts[2],
        flags,
        texts[3],
        what=f"to mount {kind or source or 'apart'} on {target}",
    )


def _change_tree(path: str, *, set_: int = 0, clear: int = 0, recursive: bool = False) -> None:
    change = _MountAttributes(set_, clear, 0, 0)
    place = (_AT_WORKING_FOLDER, os.fsencode(path), _WHOLE_TREE if recursive else 0)
    what = f"to change what may be written at {path}"
    _call(_LIBC.syscall, _MOUNT_SETATTR, *place, ctypes.byref(change), ctypes.sizeof(change), what=what)


def _call(function: Any, *arguments: object, what: str) -> None:
    if function(*arguments) != 0:
        raise _Refused(f"the kernel refuses {what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
