"""Refuse system calls that no smoke needs, and that lead out of what isolates it (``seccomp(2)``).

The filter is a small program for the kernel's BPF machine, made here. A library (``pyseccomp`` with the C library
libseccomp) would have to be on every machine, importable in an interpreter that runs without ``site-packages``; the
filter has ten rules and two sets of numbers.
"""

from __future__ import annotations

import ctypes
import errno
import os

from linux import LIBC, call

#: Numbers of system calls, by machine (``<asm/unistd.h>``), and the number of the machine (``<linux/audit.h>``).
_NUMBERS = {
    "x86_64": {
        "machine": 0xC000003E, "seccomp": 317, "clone": 56, "socket": 41, "ioctl": 16, "unshare": 272, "setns": 308,
        "add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323,
    },
    "aarch64": {
        "machine": 0xC00000B7, "seccomp": 277, "clone": 220, "socket": 198, "ioctl": 29, "unshare": 97, "setns": 268,
        "add_key": 217, "request_key": 218, "keyctl": 219, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282,
    },
}  # fmt: skip
#: These have one number on all machines. A program then uses the older call that does the same.
_IO_URING, _CLONE_3 = (425, 426, 427), 435
#: x86_64 has a second set of numbers, for programs with short pointers.
_SHORT_POINTERS = 0x40000000
#: AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK. Others reach the machine below (AF_VSOCK), devices, or ciphers.
_SOCKET_FAMILIES = (1, 2, 10, 16)
#: TIOCSTI and TIOCLINUX type on a terminal.
_TYPING = (0x5412, 0x541C)
#: All flags of clone(2) that make a namespace.
_NAMESPACES = 0x7E020000

_SET_FILTER, _KEEP_SPEED = 1, 4
# Instructions of <linux/filter.h>; the arguments of a call follow its number and its machine.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE, _FIRST, _SECOND = 0, 4, 16, 24
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000

Instruction = tuple[int, int, int, int]


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def filter_calls() -> None:
    """Filter the system calls of this process and of all that it starts; nothing undoes that."""
    numbers = _NUMBERS[os.uname().machine]
    program = _make_program(numbers)
    instructions = (_Instruction * len(program))(*(_Instruction(*each) for each in program))
    filter_ = _Program(len(program), instructions)
    arguments = (numbers["seccomp"], _SET_FILTER, _KEEP_SPEED, ctypes.byref(filter_))
    call(LIBC.syscall, *arguments, what="to filter system calls")


def _make_program(numbers: dict[str, int]) -> list[Instruction]:
    refused = [numbers[name] for name in ("unshare", "setns", "bpf", "perf_event_open")]
    # As on a kernel that does not have them.
    missing = [numbers[name] for name in ("add_key", "request_key", "keyctl", "userfaultfd")]
    return [
        (_LOAD, 0, 0, _MACHINE),
        (_IF_EQUAL, 1, 0, numbers["machine"]),
        _fail(errno.ENOSYS),
        (_LOAD, 0, 0, _NUMBER),
        (_IF_AT_LEAST, 0, 1, _SHORT_POINTERS),
        _fail(errno.ENOSYS),
        *_refuse(refused, errno.EPERM),
        *_refuse([*missing, *_IO_URING, _CLONE_3], errno.ENOSYS),
        *_check(numbers["clone"], _FIRST, [(_IF_ANY_BIT, 0, 1, _NAMESPACES), _fail(errno.EPERM)]),
        *_check(numbers["ioctl"], _SECOND, _refuse(_TYPING, errno.EPERM)),
        *_check(numbers["socket"], _FIRST, [*_allow(_SOCKET_FAMILIES), _fail(errno.EAFNOSUPPORT)]),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _fail(error: int) -> Instruction:
    return (_RETURN, 0, 0, _FAIL | error)


def _refuse(values: list[int] | tuple[int, ...], error: int) -> list[Instruction]:
    return [each for value in values for each in ((_IF_EQUAL, 0, 1, value), _fail(error))]


def _allow(values: tuple[int, ...]) -> list[Instruction]:
    return [each for value in values for each in ((_IF_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW))]


def _check(number: int, argument: int, rules: list[Instruction]) -> list[Instruction]:
    """Return the instructions that apply *rules* to an *argument* of the call *number*, and then allow the call."""
    inner = [(_LOAD, 0, 0, argument), *rules, (_RETURN, 0, 0, _ALLOW)]
    return [(_IF_EQUAL, 0, len(inner), number), *inner]
