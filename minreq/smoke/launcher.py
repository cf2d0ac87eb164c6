"""Start a process in isolation; a script of its own, run by minreq's own interpreter.

::

    python -I -S launcher.py CONFIGURATION COMMAND...

CONFIGURATION is JSON, every key optional::

    {"network": "new" or PID,          a network with nothing but loopback: a new one, or that of a process
     "files": {"hidden": [FOLDER...],  seen empty; what is written there is gone when the process ends
               "empty": [PATH...],     seen empty, and not writable: folders, and files as an empty device
               "readable": [PATH...],  seen although it lies in a hidden folder
               "writable": [FOLDER...],
               "merged": [{"at": FOLDER, "of": [FOLDER...]}...]},
                                         seen with the files of all, the first on top; what is written there is gone
                                         when the process ends
     "limits": {NAME: NUMBER...}}      of ``resource``, without ``RLIMIT_``

Everything that is not writable is read-only (``mount_setattr(2)``). The process sees only its own processes
(``pid_namespaces(7)``), and has no capability and no way to get one (``PR_SET_NO_NEW_PRIVS``). ``network`` and
``files`` need a kernel that allows user namespaces. Where a step fails, a line on stderr names the step, and the exit
status is 71. The script uses the standard library only, and imports all of it before it hides any folder.
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

#: Exit status where a step of the isolation fails.
SETUP_FAILED = 71

# From <linux/sched.h>, <linux/mount.h>, <linux/prctl.h> and <linux/sockios.h>.
_NEW_MOUNTS, _NEW_IPC, _NEW_USER, _NEW_PROCESSES, _NEW_NETWORK = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_BIND, _RECURSIVE, _PRIVATE = 0x1000, 0x4000, 0x40000
_NO_SUID, _NO_DEVICES, _NO_EXECUTION = 0x2, 0x4, 0x8
_DETACH = 0x2
_MOUNT_SETATTR, _WHOLE_TREE, _READ_ONLY = 442, 0x8000, 0x1
_AT_WORKING_FOLDER = -100
_DIE_WITH_PARENT, _DROP_FROM_BOUNDING_SET, _NO_NEW_PRIVILEGES = 1, 24, 38
_LAST_CAPABILITY = 63
_GET_FLAGS, _SET_FLAGS, _IS_UP = 0x8913, 0x8914, 0x1
#: Seconds that the emulator may take to set up its network.
_NETWORK_TIMEOUT = 20.0
#: Mount options of the folders that are seen empty.
_EMPTY_FOLDER_OPTIONS = "size=256m,mode=1777"
_ABSENT_FOLDER_OPTIONS = "size=4k,mode=755"
#: Mount options of what is written into merged folders; as much as one file may have.
_LAYER_OPTIONS = "size=256m,mode=755"
#: Since this Linux, RLIMIT_NPROC counts the processes of each user namespace, and not those of the user.
_NPROC_PER_NAMESPACE = (5, 14)
#: Since this Linux, each process namespace has a maximum process number of its own.
_PID_MAX_PER_NAMESPACE = (6, 14)

_LIBC = ctypes.CDLL(None, use_errno=True)


class _KernelRefusal(Exception):
    """The kernel does not allow a step."""


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("spread", ctypes.c_uint64),
        ("of", ctypes.c_uint64),
    )


def main() -> NoReturn:
    """Set up the isolation, then become the command, or wait for it."""
    configuration: Mapping[str, Any] = json.loads(sys.argv[1])
    command = sys.argv[2:]
    _call(_LIBC.prctl, _DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0, what="to end with its parent")
    try:
        if "network" in configuration:
            _enter_network(configuration["network"])
        if "files" in configuration:
            _isolate_files(configuration["files"])
            _set_limits(configuration.get("limits", {}), in_namespace=True)
            _run_as_init(command, configuration.get("limits", {}), configuration["files"]["writable"][0])
        _set_limits(configuration.get("limits", {}), in_namespace=False)
        os.execv(command[0], command)
    except (_KernelRefusal, OSError) as error:
        os.write(2, f"minreq: {error}\n".encode())
    os._exit(SETUP_FAILED)


def _enter_network(network: str | int) -> None:
    if network == "new":
        _enter_new_user_namespace()
        _call(_LIBC.unshare, _NEW_NETWORK, what="a network namespace")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            request = struct.pack("16sh", b"lo", 0)
            (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, _GET_FLAGS, request), 16)
            fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", flags | _IS_UP))
        return
    own_namespace = os.readlink("/proc/self/ns/net")
    stop = time.monotonic() + _NETWORK_TIMEOUT
    while os.readlink(f"/proc/{network}/ns/net") == own_namespace:
        if time.monotonic() > stop:
            raise _KernelRefusal("the emulator has not set up its network in time")
        time.sleep(0.002)
    for kind, number in (("user", _NEW_USER), ("net", _NEW_NETWORK)):
        descriptor = os.open(f"/proc/{network}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
        _call(_LIBC.setns, descriptor, number, what=f"the emulator's {kind} namespace")
        os.close(descriptor)


def _enter_new_user_namespace() -> None:
    """Enter a user namespace with the same user and group; its privileges reach only what is created in it."""
    user, group = os.getuid(), os.getgid()
    _call(_LIBC.unshare, _NEW_USER, what="a user namespace")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _isolate_files(files: Mapping[str, Any]) -> None:
    _call(_LIBC.unshare, _NEW_MOUNTS | _NEW_PROCESSES | _NEW_IPC, what="namespaces for mounts and processes")
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    working_folder = os.getcwd()
    hidden, readable, writable = files["hidden"], files["readable"], files["writable"]
    shown = [path for path in (*readable, *writable) if any(_is_within(path, each) for each in hidden)]
    # The paths to show are first mounted in a stage, as the folders that they lie in are about to be hidden.
    stage = writable[0] + "/.stage"
    os.mkdir(stage)
    _mount("tmpfs", stage, "tmpfs", _NO_SUID | _NO_DEVICES)
    for number, path in enumerate(shown):
        mount_point = f"{stage}/{number}"
        _make_mount_point(mount_point, like=path)
        _mount(path, mount_point, None, _BIND | _RECURSIVE)
    # The stage itself may lie in a folder that is about to be hidden: from here on it is reached by its descriptor.
    descriptor = os.open(stage, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for path in hidden:
        _mount("tmpfs", path, "tmpfs", _NO_SUID | _NO_DEVICES, _EMPTY_FOLDER_OPTIONS)
    for number, path in sorted(enumerate(shown), key=lambda each: each[1]):
        if os.path.islink(path):
            continue  # It came with the folder that it is in; its target is shown too.
        _make_mount_point(path, like=f"/proc/self/fd/{descriptor}/{number}")
        _mount(f"/proc/self/fd/{descriptor}/{number}", path, None, _BIND | _RECURSIVE)
    for path in writable:
        if path not in shown:
            _mount(path, path, None, _BIND | _RECURSIVE)
    os.close(descriptor)
    _hide_contents(files.get("empty", []))
    for merged in files.get("merged", ()):
        _merge(merged["of"], merged["at"], writable[0])
    _LIBC.umount2(os.fsencode(stage), _DETACH)
    _change_mounts("/", set_=_READ_ONLY, recursive=True)
    for path in (*hidden, *writable, *(merged["at"] for merged in files.get("merged", ()))):
        _change_mounts(path, clear=_READ_ONLY)
    if os.path.isdir("/dev/shm"):  # noqa: S108 - Where semaphores live.
        _mount("tmpfs", "/dev/shm", "tmpfs", _NO_SUID | _NO_DEVICES, _EMPTY_FOLDER_OPTIONS)  # noqa: S108
    os.chdir(working_folder)


def _hide_contents(paths: list[str]) -> None:
    """Let each of *paths* be an empty folder, or an empty device, which is no regular file."""
    for path in paths:
        if os.path.isdir(path):
            _mount("tmpfs", path, "tmpfs", _NO_SUID | _NO_DEVICES, _ABSENT_FOLDER_OPTIONS)
        else:
            _mount(os.devnull, path, None, _BIND)


def _merge(folders: list[str], target: str, writable: str) -> None:
    """Mount all *folders* on *target* as one, the first of them on top; what is written there stays in memory.

    The kernel does not rename a folder that one of *folders* has (``EXDEV``); programs that expect this copy it.
    """
    layers = f"{writable}/.layers"
    os.mkdir(layers)
    _mount("tmpfs", layers, "tmpfs", _NO_SUID | _NO_DEVICES, _LAYER_OPTIONS)
    os.chdir(layers)
    os.mkdir("written")
    os.mkdir("work")
    # Links with short names: all names together have to fit into one page of memory.
    names = [str(number) for number in range(len(folders))]
    for name, folder in zip(names, folders, strict=True):
        os.symlink(folder, name)
    options = f"lowerdir={':'.join(names)},upperdir=written,workdir=work,userxattr"
    _mount("overlay", target, "overlay", _NO_SUID | _NO_DEVICES, options)
    os.chdir("/")
    # The merged folder keeps what it needs.
    _LIBC.umount2(os.fsencode(layers), _DETACH)
    os.rmdir(layers)


def _run_as_init(command: list[str], limits: Mapping[str, int], folder: str) -> NoReturn:
    """Start *command* below the first process of the process namespace, and wait for it.

    The first process adopts every process that nobody waits for; when it ends, the kernel ends the rest. For each
    process that ends, it appends a line with number and exit status to the file ``ended`` in *folder*. It writes bytes:
    the standard library of this interpreter may be hidden by now, if the smoke runs on another one, and a codec would
    have to be imported from it.
    """
    first = os.fork()
    if first:
        _, status = os.waitpid(first, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    try:
        _call(_LIBC.prctl, _DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0, what="to end with its parent")
        _mount("proc", "/proc", "proc", _NO_SUID | _NO_DEVICES | _NO_EXECUTION)
        if "NPROC" in limits:
            _set_pid_max(limits["NPROC"])
        for capability in range(_LAST_CAPABILITY + 1):
            _LIBC.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
        _call(_LIBC.prctl, _NO_NEW_PRIVILEGES, 1, 0, 0, 0, what="to give up privileges")
        child = os.fork()
        if not child:
            os.execv(command[0], command)
        while True:
            pid, status = os.wait()
            code = os.waitstatus_to_exitcode(status)
            with open(f"{folder}/ended", "ab") as file:
                file.write(b"%d %d\n" % (pid, code))
            if pid == child:
                os._exit(code & 0xFF)
    except (_KernelRefusal, OSError) as error:
        os.write(2, f"minreq: {error}\n".encode())
    os._exit(SETUP_FAILED)


def _set_pid_max(count: int) -> None:
    """Let the processes and threads of this namespace be *count* at most; RLIMIT_NPROC does not hold for root.

    Before Linux 6.14 the file is that of the whole machine, and not writable.
    """
    if _linux_version() >= _PID_MAX_PER_NAMESPACE:
        with contextlib.suppress(OSError), open("/proc/sys/kernel/pid_max", "wb") as file:
            file.write(b"%d" % count)


def _set_limits(limits: Mapping[str, int], *, in_namespace: bool) -> None:
    """Set *limits*; that of processes only *in_namespace*, where other processes of the user do not count."""
    for name, number in limits.items():
        if name == "NPROC" and not (in_namespace and _linux_version() >= _NPROC_PER_NAMESPACE):
            continue
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        least = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(kind, (least, least))


def _linux_version() -> tuple[int, ...]:
    return tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])


def _make_mount_point(path: str, *, like: str) -> None:
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
        what=f"to mount {kind or source or 'privately'} on {target}",
    )


def _change_mounts(path: str, *, set_: int = 0, clear: int = 0, recursive: bool = False) -> None:
    attributes = _MountAttributes(set_, clear, 0, 0)
    target = (_AT_WORKING_FOLDER, os.fsencode(path), _WHOLE_TREE if recursive else 0)
    what = f"to change what may be written at {path}"
    _call(_LIBC.syscall, _MOUNT_SETATTR, *target, ctypes.byref(attributes), ctypes.sizeof(attributes), what=what)


def _call(function: Any, *arguments: object, what: str) -> None:
    if function(*arguments) != 0:
        raise _KernelRefusal(f"the kernel refuses {what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
