"""Install minreq's hooks at the start of every interpreter of a smoke: ask the parent, record, and isolate.

This file and the others of its folder are copied beside a temporary environment, where a ``.pth`` file of one line
imports this one. So a subprocess of the same interpreter loads the hooks too. The files import the standard library and
each other, at once: their folder does not stay on ``sys.path``. They import nothing else of minreq.

Imports go one way: ``_minreq_driver`` > ``_minreq_child``, ``_minreq_jobs`` > ``_minreq_programs`` >
``_minreq_clock``, ``_minreq_compiled``, ``_minreq_files``, ``_minreq_finder``, ``_minreq_pytest`` > ``_minreq_fork``,
``_minreq_network``, ``_minreq_record``, ``_minreq_tools`` > ``_minreq_link``, ``_minreq_state`` >
``_minreq_caught``, ``_minreq_failure``, ``_minreq_listing`` > ``_minreq_frames``.

The protocol, version 6
-----------------------
``_minreq_child.json`` beside this file is the configuration::

    {"protocol": 6, "socket": PATH, "paths": [FOLDER...], "asks": BOOL, "shared": [PACKAGE...],
     "authority": PEM, "folders": {"system": [PATH...], "readable": [PATH...], "masked": [PATH...],
     "hidden": [FOLDER...], "writable": [FOLDER...], "temporary": [FOLDER...], "followed": [FOLDER...],
     "devices": [PATH...], "terminals": [PATH...], "sockets": [PATH...]},
     "home": FOLDER, "opens": BOOL, "sources": [FOLDER...],
     "tools": {"folders": [FOLDER...], "program": [FOLDER...], "runners": [FILE...], "named": [DISTRIBUTION...],
     "own": {MODULE: DISTRIBUTION}, "shared": [MODULE...], "shared_distributions": [DISTRIBUTION...]} or null,
     "fast_clock": BOOL, "tests": {"selected": [ID...] or null} or null}

A process that cannot install the hooks, for instance since the number of the protocol is another, writes the reason to
stderr and ends with the status 70: without the hooks it would ask nothing, and reach anything.

Each process holds one connection to the Unix socket. A message is one line of JSON; its answer is one line too. Before
each goes a line of the character CAN (0x18), which cancels what is left of one that was interrupted. A message has a
number, ``id``, and its answer has the same; they are left out here. The first message of a connection names the
process; a subprocess inherits the name in the environment variable ``MINREQ_PROCESS``, and its stage in
``MINREQ_STAGE``::

    {"hello": PROCESS, "pid": PID, "protocol": 6}                 -> {}
    {"ask": "import"|"probe"|"metadata", "name": NAME, "frames": [[FILE, LINE, FUNCTION]...],
     "stage": STAGE, "order": N, "quiet": BOOL, "test": ID or ""} -> one of
        {"answer": "yes", "path": FOLDER, "shared": [PACKAGE...], "fork": PROCESS or null}
        {"answer": "no", "distribution": NAME}                       left out: minreq raises a ModuleNotFoundError
        {"answer": "namespace"}                                      an empty namespace package
        {"answer": "unknown"}                                        no distribution owns the name
    {"ask": "list", "name": GROUP or "", and the rest as above}   -> {"listed": [[NAME, VERSION, FOLDER, TEXT]...]}
    {"compile": PATH, "optimize": N}                              -> {"compiled": BOOL, "source": PATH}
        whether the source, which the store has at this path, has a compiled file now
    {"record": {"logs": [...], "warnings": [...], "exits": [...], "shown": [TEXT...]}, "stage": STAGE}
                                                                  -> {}    of a worker, a process that the stage
        started; "shown" is what appeared on stderr for it. All keys are optional.
    {"unsettled": REASON}                                         -> {}    a fork ends before it does what it must not

The messages of the driver are in ``_minreq_driver.py``, those about tests in ``_minreq_pytest.py``.

If a connection closes before its process has sent ``end``, the
process has died.
"""

from __future__ import annotations

import json
import os
import sys

from _minreq_clock import advance_clocks
from _minreq_compiled import let_parent_compile
from _minreq_files import make_file_hook
from _minreq_finder import Finder
from _minreq_fork import make_fork_hook
from _minreq_link import NO_PARENT, Link
from _minreq_network import make_network_hook, trust_authority
from _minreq_programs import make_program_hook, record_exits
from _minreq_pytest import provide_plugin
from _minreq_record import make_import_hook, make_open_hook, record_logs, record_uncaught, record_warnings
from _minreq_state import FOLDER, State
from _minreq_tools import keep_tools_apart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROTOCOL = 6


def read_configuration() -> dict[str, Any]:
    """Return the configuration that the parent wrote; end this process if it has another version of the protocol."""
    with open(os.path.join(FOLDER, "_minreq_child.json"), encoding="utf-8") as file:
        configuration: dict[str, Any] = json.load(file)
    if configuration["protocol"] != PROTOCOL:
        refuse(f"it speaks version {configuration['protocol']!r} of the protocol, these files version {PROTOCOL}")
    return configuration


def refuse(reason: str) -> None:
    """End this process; ``site`` would only print an exception, and the program would run without the hooks."""
    os.write(2, f"minreq: {FOLDER} does not fit the minreq that wrote _minreq_child.json there: {reason}\n".encode())
    os._exit(NO_PARENT)


def install(configuration: dict[str, Any]) -> tuple[Link, State]:
    """Install the hooks in this process as *configuration* says."""
    sys.path.extend(configuration["paths"])
    link = Link(configuration["socket"], PROTOCOL)
    state = State(link)
    for hook in (
        make_fork_hook(link, state),
        make_import_hook(state),
        make_network_hook(state, configuration["folders"]["sockets"]),
        make_file_hook(state, configuration["folders"], configuration["home"]),
        make_program_hook(state),
    ):
        sys.addaudithook(hook)
    trust_authority(configuration["authority"])
    record_warnings(state)
    record_logs(state)
    record_uncaught(state)
    record_exits(state)
    if configuration["opens"]:
        sys.addaudithook(make_open_hook(state))
    tools = None if configuration["tools"] is None else keep_tools_apart(configuration["tools"], state)
    if configuration["sources"]:
        let_parent_compile(link, configuration["sources"], links=[] if tools is None else tools.folders)
    if configuration["asks"]:
        sys.meta_path.append(Finder(link, state, configuration["shared"], tools))
    if configuration["fast_clock"]:
        advance_clocks()
    if configuration["tests"] is not None:
        provide_plugin(link, state, configuration["tests"]["selected"])
    return link, state


try:
    LINK, STATE = install(read_configuration())
except Exception as fault:  # noqa: BLE001 - After any error, nothing may run here.
    refuse(f"{type(fault).__name__}: {fault}")
