"""Loaded at the start of every interpreter of a smoke: asks the parent about misses, records, and keeps to loopback.

This file and the others of its folder are copied into the ``site-packages`` of a throw-away environment, where a
``.pth`` file of one line imports this one; so a subprocess of the same interpreter carries the hook along. Only the
standard library is at hand here, and nothing of minreq. Imports point one way: ``_minreq_driver`` > ``_minreq_child``,
``_minreq_jobs`` > ``_minreq_programs`` > ``_minreq_compiled``, ``_minreq_files``, ``_minreq_finder`` >
``_minreq_fork``, ``_minreq_network``, ``_minreq_record`` > ``_minreq_link``, ``_minreq_state`` > ``_minreq_failure``,
``_minreq_frames``, ``_minreq_listing``.

The protocol, version 3
-----------------------
``_minreq_child.json`` beside this file tells how to begin::

    {"protocol": 3, "socket": PATH, "paths": [FOLDER...], "asks": BOOL, "shared": [PACKAGE...],
     "authority": PEM, "folders": {"hidden": [FOLDER...], "readable": [PATH...], "writable": [FOLDER...],
     "temporary": [FOLDER...]}, "home": FOLDER, "opens": BOOL, "store": FOLDER or null}

A process that cannot begin so, for one since the number is another, says why on stderr and ends with the status 70:
without the hook it would ask nothing, and reach anything.

Each process holds one connection to the Unix socket. A message is one line of JSON; each gets one line as its answer.
The first of a connection names the process; a subprocess inherits the name in the environment variable
``MINREQ_PROCESS``, and its stage in ``MINREQ_STAGE``::

    {"hello": PROCESS, "pid": PID, "protocol": 3}                 -> {}
    {"ask": "import"|"probe"|"metadata", "name": NAME, "frames": [[FILE, LINE, FUNCTION]...],
     "stage": STAGE, "order": N, "quiet": BOOL}                   -> one of
        {"answer": "yes", "path": FOLDER, "shared": [PACKAGE...], "fork": PROCESS or null}
        {"answer": "no", "distribution": NAME}                       left out: our own ModuleNotFoundError
        {"answer": "namespace"}                                      an empty namespace package
        {"answer": "unknown"}                                        nobody owns it
    {"ask": "list", "name": GROUP or "", and the rest as above}   -> {"listed": [[NAME, VERSION, FOLDER, TEXT]...]}
    {"compile": PATH, "optimize": N}                              -> {"compiled": BOOL}    it is there now
    {"unsettled": REASON}                                         -> {}    a fork met what it must not do, and ends

The messages of the driver are told in ``_minreq_driver.py``. A connection that closes before its process said ``end``
means that the process died.
"""

from __future__ import annotations

import json
import os
import sys

from _minreq_compiled import ask_for_compiled
from _minreq_files import keep_to_folders
from _minreq_finder import Finder
from _minreq_fork import end_what_harms
from _minreq_link import NO_PARENT, Link
from _minreq_network import keep_to_loopback, trust
from _minreq_programs import record_programs
from _minreq_record import record_first_imports, record_logs, record_opens, record_uncaught, record_warnings
from _minreq_state import FOLDER, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROTOCOL = 3


def read_configuration() -> dict[str, Any]:
    """Return what the parent wrote; another version of the protocol ends this process."""
    with open(os.path.join(FOLDER, "_minreq_child.json"), encoding="utf-8") as file:
        configuration: dict[str, Any] = json.load(file)
    if configuration["protocol"] != PROTOCOL:
        refuse(f"it speaks version {configuration['protocol']!r} of the protocol, these files version {PROTOCOL}")
    return configuration


def refuse(reason: str) -> None:
    """End this process: an exception here would be printed by ``site``, and the program would run without the hook."""
    os.write(2, f"minreq: {FOLDER} does not fit the minreq that wrote _minreq_child.json there: {reason}\n".encode())
    os._exit(NO_PARENT)


def install(configuration: dict[str, Any]) -> tuple[Link, State]:
    """Do what *configuration* says to this process."""
    sys.path.extend(configuration["paths"])
    link, state = Link(configuration["socket"], PROTOCOL), State()
    for hook in (
        end_what_harms(link, state),
        record_first_imports(state),
        keep_to_loopback(state),
        keep_to_folders(state, configuration["folders"], configuration["home"]),
        record_programs(state),
    ):
        sys.addaudithook(hook)
    trust(configuration["authority"])
    record_warnings(state)
    record_logs(state)
    record_uncaught(state)
    if configuration["opens"]:
        sys.addaudithook(record_opens(state))
    if configuration["store"] is not None:
        ask_for_compiled(link, configuration["store"])
    if configuration["asks"]:
        sys.meta_path.append(Finder(link, state, configuration["shared"]))
    return link, state


try:
    LINK, STATE = install(read_configuration())
except Exception as fault:  # noqa: BLE001 - Whatever it is, nothing may run here now.
    refuse(f"{type(fault).__name__}: {fault}")
