"""System calls of Linux that Python has no function for."""

from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# From <linux/sched.h>, <linux/mount.h>, <linux/prctl.h> and <linux/capability.h>.
NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PROCESSES, NEW_NETWORK = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 0x40000
NO_SUID, NO_DEVICES, NO_EXECUTION = 0x2, 0x4, 0x8
DETACH = 0x2
DIE_WITH_PARENT, SET_DUMPABLE, DROP_FROM_BOUNDING_SET, ADOPT_ORPHANS, NO_NEW_PRIVILEGES = 1, 4, 24, 36, 38
SYS_ADMIN = 21

# From <signal.h>; the module ``signal`` makes enumerations of all of them.
SIGKILL, SIGTERM = 9, 15

_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_CLONE_TREE, _CLOSE_ON_EXEC, _EMPTY_PATH, _WHOLE_TREE, _MOVE_EMPTY_PATH = 0x1, 0o2000000, 0x1000, 0x8000, 0x4
_READ_ONLY, _MAP_OWNERS = 0x1, 0x100000
_AT_WORKING_FOLDER = -100
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION = 0x20080522

LIBC = ctypes.CDLL(None, use_errno=True)


class KernelRefusal(Exception):
    """The kernel does not allow a step."""


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("spread", ctypes.c_uint64),
        ("of", ctypes.c_uint64),
    )


def call(function: Any, *arguments: object, what: str) -> int:
    """Call *function* of the C library; raise `KernelRefusal` where it fails."""
    result: int = function(*arguments)
    if result < 0:
        raise KernelRefusal(f"the kernel refuses {what}: {os.strerror(ctypes.get_errno())}")
    return result


def control(option: int, value: int, *, what: str) -> None:
    """Change an attribute of this process (``prctl(2)``)."""
    call(LIBC.prctl, option, ctypes.c_ulong(value), 0, 0, 0, what=what)


def has_capability(number: int) -> bool:
    """Whether this process has the capability *number*."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        mask = next((line.split()[1] for line in file if line.startswith("CapEff:")), "0")
    return bool(int(mask, 16) >> number & 1)


def drop_capabilities() -> None:
    """Give up all capabilities of this process, and every way to get one."""
    for number in range(_LAST_CAPABILITY + 1):
        LIBC.prctl(DROP_FROM_BOUNDING_SET, number, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    call(LIBC.capset, header, (ctypes.c_uint32 * 6)(), what="to give up capabilities")
    control(NO_NEW_PRIVILEGES, 1, what="to give up privileges")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount *source* on *target* (``mount(2)``)."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    what = f"to mount {kind or source or 'privately'} on {target}"
    call(LIBC.mount, texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3], what=what)


def bind(source: str, target: str, *, tree: bool = True) -> None:
    """Show *source* at *target*, with what is mounted below it if *tree* is set."""
    mount(source, target, None, BIND | (RECURSIVE if tree else 0))


def bind_with_owners(source: str, target: str, users: int) -> bool:
    """Show the tree *source* at *target* as if its owners were those of the namespace *users*; return whether it works.

    A file system may not be able to do that (``mount_setattr(2)``, "ID-mapped mounts").
    """
    tree = LIBC.syscall(_OPEN_TREE, _AT_WORKING_FOLDER, os.fsencode(source), _CLONE_TREE | _CLOSE_ON_EXEC | _WHOLE_TREE)
    if tree < 0:
        return False
    try:
        attributes = _MountAttributes(_MAP_OWNERS, 0, 0, users)
        size = ctypes.sizeof(attributes)
        flags = _EMPTY_PATH | _WHOLE_TREE
        if LIBC.syscall(_MOUNT_SETATTR, tree, b"", flags, ctypes.byref(attributes), size) < 0:
            return False
        place = os.fsencode(target)
        return bool(LIBC.syscall(_MOVE_MOUNT, tree, b"", _AT_WORKING_FOLDER, place, _MOVE_EMPTY_PATH) == 0)
    finally:
        os.close(tree)


def set_writable(path: str, *, writable: bool) -> None:
    """Let what is mounted at *path* be *writable*; else also what is mounted below it is read-only."""
    attributes = _MountAttributes(*((0, _READ_ONLY) if writable else (_READ_ONLY, 0)), 0, 0)
    target = (_AT_WORKING_FOLDER, os.fsencode(path), 0 if writable else _WHOLE_TREE)
    what = f"to change what may be written at {path}"
    call(LIBC.syscall, _MOUNT_SETATTR, *target, ctypes.byref(attributes), ctypes.sizeof(attributes), what=what)


def linux_version() -> tuple[int, ...]:
    """Return the first two numbers of the version."""
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
