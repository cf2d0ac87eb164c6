"""Start a process in isolation; a folder of scripts, run by minreq's own interpreter.

::

    python -I -S launcher CONFIGURATION COMMAND...

CONFIGURATION is JSON, every key optional::

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
     "filter": true,                   no system calls that lead out of the isolation
     "limits": {NAME: NUMBER...}}      of ``resource``, without ``RLIMIT_``

With ``files`` the process has a root folder of its own (``pivot_root(2)``), with devices, terminals and ``/proc`` of
its own (``pid_namespaces(7)``), and nothing of the machine but what the lists name. Everything that is not writable is
read-only (``mount_setattr(2)``). ``network`` and ``files`` need a kernel that allows user namespaces.

Without ``files`` this process stays, and when the process ends, it ends what that has left running. Always, the process
has no capability and no way to get one (``PR_SET_NO_NEW_PRIVS``), also if root starts it.

Where a step fails, a line on stderr names the step, and the exit status is 71. The scripts use the standard library
only, and import all of it before it is out of sight.
"""

from __future__ import annotations

# Python keeps the compiled code of a module, and not that of this file.
from launch import main

main()
