"""Let a process open nothing but the files that it may see (``landlock(7)``); no privilege is needed for that."""

from __future__ import annotations

import ctypes
import os
import stat

from linux import LIBC, call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _FILES_BELOW = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
#: The number of rights on files, by version: from 2 on to link, from 3 on to truncate, from 5 on to control devices.
_RIGHTS = (13, 14, 15, 15, 16)
_TRUNCATE, _CONTROL_DEVICE = 1 << 14, 1 << 15
#: From version 6 on: no abstract socket and no signal leaves the process and those that it starts.
_SCOPES, _SCOPES_SINCE = 0b11, 6


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Rule(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def restrict_files(files: Mapping[str, Sequence[str]]) -> None:
    """Restrict this process and all that it starts to *files*.

    It reads what is ``readable``, lists the folders ``listed``, changes files that are ``changeable``, and writes below
    what is ``writable``. What does not exist is left out. The process has no privileges, see `drop_capabilities`.
    """
    version = call(LIBC.syscall, _CREATE_RULESET, None, 0, _ASK_VERSION, what="Landlock")
    all_rights = (1 << _RIGHTS[min(version, len(_RIGHTS)) - 1]) - 1
    ruleset = _Ruleset(all_rights, 0, _SCOPES if version >= _SCOPES_SINCE else 0)
    size = ctypes.sizeof(ruleset) if version >= _SCOPES_SINCE else 8
    rules = call(LIBC.syscall, _CREATE_RULESET, ctypes.byref(ruleset), size, 0, what="rules of Landlock")
    read = _EXECUTE | _READ_FILE | _READ_FOLDER
    for key, rights in (
        ("readable", read),
        ("listed", _READ_FOLDER),
        ("changeable", read | _WRITE_FILE | _TRUNCATE | _CONTROL_DEVICE),
        ("writable", all_rights),
    ):
        for path in files[key]:
            _allow(rules, path, rights & all_rights)
    call(LIBC.syscall, _RESTRICT_SELF, rules, 0, what="to be restricted by Landlock")
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        rights &= _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _CONTROL_DEVICE
    rule = _Rule(rights, descriptor)
    what = f"a rule for {path}"
    call(LIBC.syscall, _ADD_RULE, rules, _FILES_BELOW, ctypes.byref(rule), 0, what=what)
    os.close(descriptor)
