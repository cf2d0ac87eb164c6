"""Start a process in isolation; a folder of scripts, run by minreq's own interpreter.

`minreq.smoke.isolation` calls `main` with the arguments CONFIGURATION COMMAND... CONFIGURATION is a literal of Python,
every key optional::

    {"network": "new" or PID,          a network with nothing but loopback: a new one, or that of a process
     "files": {"system": [PATH...],    seen as they are; if root starts the process, without what only root may read
               "readable": [PATH...],  seen as they are
               "writable": [FOLDER...],
               "temporary": [FOLDER...],
                                       empty and writable; what is written there is gone when the process ends
               "hidden": [FOLDER...],  empty
               "masked": [PATH...],    there, but nobody may open it
               "empty": [PATH...],     seen empty, and not writable: folders, and files as an empty device
               "merged": [{"at": FOLDER, "of": [FOLDER...]}...]},
                                       seen with the files of all, the first on top; what is written there is gone
                                       when the process ends
     "landlock": {"readable": [PATH...], "listed": [FOLDER...], "changeable": [FILE...], "writable": [FOLDER...]},
                                       all that the process may open; for kernels that refuse "files"
     "filter": True,                   no system calls that lead out of the isolation
     "limits": {NAME: NUMBER...}}      of ``resource``, without ``RLIMIT_``

With ``files`` the process has a root folder of its own (``pivot_root(2)``), with devices, terminals and ``/proc`` of
its own (``pid_namespaces(7)``), and nothing of the machine but what the lists name. Everything that is not writable is
read-only (``mount_setattr(2)``). ``network`` and ``files`` need a kernel that allows user namespaces.

Without ``files`` this process stays, and when the process ends, it ends what that has left running. Always, the process
has no capability and no way to get one (``PR_SET_NO_NEW_PRIVS``), also if root starts it.

Where a step fails, a line on stderr names the step, and the exit status is 71. The scripts use the standard library
only, and import all of it before it is out of sight. They import little of it: each run of a smoke starts them, and to
load ``json``, ``signal`` and ``socket``, with what these need, takes longer than all the rest.
"""

from __future__ import annotations

import os
import resource
import sys

from callfilter import filter_calls
from files import change_root, forbid_writing
from landlock import restrict_files
from linux import (
    DIE_WITH_PARENT,
    LIBC,
    NEW_IPC,
    NEW_MOUNTS,
    NEW_PROCESSES,
    SIGKILL,
    SYS_ADMIN,
    KernelRefusal,
    call,
    control,
    drop_capabilities,
    has_capability,
    linux_version,
)
from namespaces import enter_network, enter_new_users, open_users_without_root
from processes import run_and_end_the_rest, run_as_first_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

    Configuration = Mapping[str, Any]

#: Exit status where a step of the isolation fails.
SETUP_FAILED = 71
#: Since this Linux, RLIMIT_NPROC counts the processes of each user namespace, and not those of the user.
_NPROC_PER_NAMESPACE = (5, 14)
#: Since this Linux, each process namespace has a maximum process number of its own.
_PID_MAX_PER_NAMESPACE = (6, 14)


def main() -> NoReturn:
    """Set up the isolation, then become the command, or wait for it."""
    # minreq itself wrote it, by `repr`.
    configuration: Configuration = eval(sys.argv[1])  # noqa: S307
    command = sys.argv[2:]
    try:
        if "files" in configuration:
            _start_in_namespaces(configuration, command)
        if "network" in configuration:
            control(DIE_WITH_PARENT, SIGKILL, what="to end with its parent")
            enter_network(configuration["network"], with_users=True)
            os.execv(command[0], command)
        run_and_end_the_rest(lambda: _become(configuration, command))
    except (KernelRefusal, OSError) as error:
        os.write(2, f"minreq: {error}\n".encode())
    os._exit(SETUP_FAILED)


def _start_in_namespaces(configuration: Configuration, command: list[str]) -> NoReturn:
    """Start *command* below the first process of new namespaces, and wait for it.

    Root makes all but the user namespace with the privileges that it has, so that nothing in that namespace can change
    them. Others have these privileges only in a user namespace.
    """
    control(DIE_WITH_PARENT, SIGKILL, what="to end with its parent")
    is_root = os.geteuid() == 0 and has_capability(SYS_ADMIN)
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    enter_network(configuration["network"], with_users=not is_root)
    _set_limits(configuration, in_namespace=True)
    owners = open_users_without_root() if is_root else None
    call(LIBC.unshare, NEW_MOUNTS | NEW_PROCESSES | NEW_IPC, what="namespaces for mounts and processes")
    first = os.fork()
    if first:
        _, status = os.waitpid(first, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    control(DIE_WITH_PARENT, SIGKILL, what="to end with its parent")
    change_root(configuration["files"], owners)
    _set_pid_max(configuration)
    forbid_writing(configuration["files"])
    if is_root:
        enter_new_users(proc)
    os.close(proc)
    drop_capabilities()
    run_as_first_process(lambda: _become(configuration, command), configuration["files"]["writable"][0])


def _become(configuration: Configuration, command: list[str]) -> NoReturn:
    """Replace this process by *command*, with what its rights and limits are."""
    try:
        if "files" not in configuration:
            _set_limits(configuration, in_namespace=False)
            drop_capabilities()
        if "landlock" in configuration:
            restrict_files(configuration["landlock"])
        if configuration.get("filter"):
            filter_calls()
        os.execv(command[0], command)
    except (KernelRefusal, OSError) as error:
        os.write(2, f"minreq: {error}\n".encode())
    os._exit(SETUP_FAILED)


def _set_pid_max(configuration: Configuration) -> None:
    """Let the processes and threads of this namespace be limited; RLIMIT_NPROC does not hold for root.

    Before Linux 6.14 the file is that of the whole machine, and not writable.
    """
    count = configuration.get("limits", {}).get("NPROC")
    if count is not None and linux_version() >= _PID_MAX_PER_NAMESPACE:
        try:
            with open("/proc/sys/kernel/pid_max", "wb") as file:
                file.write(b"%d" % count)
        except OSError:
            return


def _set_limits(configuration: Configuration, *, in_namespace: bool) -> None:
    """Set the limits; that of processes only *in_namespace*, where other processes of the user do not count."""
    for name, number in configuration.get("limits", {}).items():
        if name == "NPROC" and not (in_namespace and linux_version() >= _NPROC_PER_NAMESPACE):
            continue
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        least = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(kind, (least, least))
