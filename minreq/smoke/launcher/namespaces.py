"""Enter new namespaces: of users, and of a network with nothing but loopback."""

from __future__ import annotations

import fcntl
import os
import struct
import time

from linux import LIBC, NEW_NETWORK, NEW_USER, SIGKILL, KernelRefusal, call

# From <sys/socket.h> and <linux/sockios.h>.
_AF_INET, _SOCK_DGRAM = 2, 2
_GET_FLAGS, _SET_FLAGS, _IS_UP = 0x8913, 0x8914, 0x1
#: Seconds that the emulator may take to set up its network.
_NETWORK_TIMEOUT = 20.0
#: A user that owns nothing, on most systems.
_NOBODY = 65534


def enter_network(network: str | int, *, with_users: bool) -> None:
    """Enter a new network, or that of the process *network*; the namespace of its users too if *with_users* is set."""
    if network == "new":
        if with_users:
            enter_new_users()
        call(LIBC.unshare, NEW_NETWORK, what="a network namespace")
        any_socket = call(LIBC.socket, _AF_INET, _SOCK_DGRAM, 0, what="a socket")
        request = struct.pack("16sh", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, _GET_FLAGS, request), 16)
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", flags | _IS_UP))
        os.close(any_socket)
        return
    own_namespace = os.readlink("/proc/self/ns/net")
    stop = time.monotonic() + _NETWORK_TIMEOUT
    while os.readlink(f"/proc/{network}/ns/net") == own_namespace:
        if time.monotonic() > stop:
            raise KernelRefusal("the emulator has not set up its network in time")
        time.sleep(0.002)
    for kind, number in (("user", NEW_USER), ("net", NEW_NETWORK)):
        if kind == "net" or with_users:
            descriptor = os.open(f"/proc/{network}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
            call(LIBC.setns, descriptor, number, what=f"the emulator's {kind} namespace")
            os.close(descriptor)


def enter_new_users(proc: int | None = None) -> None:
    """Enter a user namespace with the same user and group; its privileges reach only what is created in it.

    *proc* is the opened folder ``/proc``, where the one at that path cannot be written any more.
    """
    user, group = os.getuid(), os.getgid()
    call(LIBC.unshare, NEW_USER, what="a user namespace")
    folder = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY) if proc is None else proc
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        _write(f"self/{name}", text, folder)
    if proc is None:
        os.close(folder)


def open_users_without_root() -> int:
    """Return the descriptor of a user namespace that knows the files of root as those of nobody."""
    ready, go_on = os.pipe(), os.pipe()
    helper = os.fork()
    if not helper:
        try:
            LIBC.unshare(NEW_USER)
            os.write(ready[1], b"x")
            os.close(go_on[1])
            os.read(go_on[0], 1)
        finally:
            os._exit(0)
    os.close(ready[1])
    try:
        os.read(ready[0], 1)
        folder = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        for name in ("uid_map", "gid_map"):
            _write(f"{helper}/{name}", f"0 {_NOBODY} 1", folder)
        os.close(folder)
        return os.open(f"/proc/{helper}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.kill(helper, SIGKILL)
        os.waitpid(helper, 0)
        for each in (ready[0], *go_on):
            os.close(each)


def _write(name: str, text: str, folder: int) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)
