"""Runs the stages of a smoke in the child: the first stage, then each group in a fork of the process it left.

Run as ``python -c "import _minreq_driver; _minreq_driver.main()"`` in the environment that ``_minreq_child`` describes.
Its messages, in version 3 of the protocol told there (SCRIPT is
``{"stage": STAGE, "file": PATH, "environment": {...}, "arguments": [...]}``)::

    {"begin": true}                                   -> {"first": SCRIPT or null}
    {"result": {"stage": STAGE, "status": "passed" or "TYPE: TEXT", "declined": [DISTRIBUTION...],
                "missing": [MODULE...], "traceback": TEXT, "output": TEXT, "warnings": [...], "logs": [...],
                "connections": [...], "loaded": [[FILE, [FILE, LINE, FUNCTION] or null]...],
                "opened": [FILE...]}}        the last is empty unless the configuration asks for it
                                                      -> {"go": BOOL}    false: no further script of this process
    {"next": true}                                    -> {"run": PROCESS, "scripts": [SCRIPT...]}, or {"end": true}
    {"end": true}                                     -> {}              the process ends now, of its own will
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import types

from _minreq_child import LINK, STATE
from _minreq_failure import declined, describe, missing, traceback_of
from _minreq_fork import fork_apart
from _minreq_jobs import Jobs
from _minreq_record import opened
from _minreq_state import flush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypedDict

    from _minreq_frames import Place

    class Script(TypedDict):
        """A stage to run, as the protocol words it."""

        stage: str
        file: str
        environment: dict[str, str]
        arguments: list[str]


JOBS = Jobs()


def main() -> None:
    """The life of the first process: its first stage, then a template."""
    JOBS.follow()
    sys.path[:] = [entry for entry in sys.path if entry]  # What ``-c`` put in front is not part of any program.
    first = LINK.request({"begin": True})["first"]
    if first is None or run(first, template=True):
        serve()
    LINK.request({"end": True})


def serve() -> None:
    """Run in forks what the parent asks for, until it asks for no more."""
    while True:
        command = LINK.request({"next": True})
        if "run" not in command:
            return
        if not fork_apart(command["run"], LINK):
            *scripts, last = command["scripts"]
            if all(run(script) for script in scripts):
                run(last, then=leave)
            LINK.request({"end": True})
            os._exit(0)


def run(script: Script, *, template: bool = False, then: Callable[[], None] = lambda: None) -> bool:
    """Run *script* as ``__main__``, and *then*; tell the parent how it went; return whether to go on.

    A fork at a miss ends here; after a *template* stage it serves as one first.
    """
    os.environ.update(script["environment"])
    STATE.begin(script["stage"])
    flush()
    kept = os.dup(1)
    STATE.capture_output()
    STATE.descriptors = {kept, *([] if STATE.output is None else [STATE.output])}
    error = execute(script)
    JOBS.finish()
    then()
    printed = STATE.printed().decode("utf-8", "replace")
    STATE.release_output(kept)
    result = {
        "stage": script["stage"],
        "status": "passed" if error is None else describe(error),
        "declined": [] if error is None else declined(error),
        "missing": [] if error is None else missing(error),
        "traceback": "" if error is None else traceback_of(error),
        "output": printed,
        "warnings": STATE.warnings,
        "logs": STATE.logs,
        "connections": STATE.connections,
        "loaded": newly_loaded(),
        "opened": opened(STATE),
    }
    is_fork, STATE.fork_folder = STATE.fork_folder is not None, None
    go_on = bool(LINK.request({"result": result})["go"]) and error is None
    if is_fork:
        if go_on and template:
            serve()
        LINK.request({"end": True})
        os._exit(0)
    return go_on


#: Modules already told of; a fork begins with the template's.
_told: set[str] = set()


def newly_loaded() -> list[tuple[str, Place | None]]:
    """The source files that were loaded since the last call, each with the frame that imported it first."""
    found = []
    for name, module in list(sys.modules.items()):
        file = file_of(module)
        if name not in _told and file is not None and file.endswith(".py"):
            _told.add(name)
            found.append((file, STATE.importers.get(name)))
    return found


def file_of(module: object) -> str | None:
    """Return the ``__file__`` of *module* without asking it: a lazy module would load itself, and may fail."""
    try:
        file = object.__getattribute__(module, "__dict__").get("__file__")
    except AttributeError:
        return None
    return file if isinstance(file, str) else None


def execute(script: Script) -> BaseException | None:
    """Run the file of *script* as Python runs a script; return what ended it, or ``None``."""
    file = script["file"]
    folder = os.path.dirname(file)
    module = types.ModuleType("__main__")
    vars(module).update(__file__=file, __builtins__=__builtins__)
    sys.modules["__main__"] = module
    sys.argv[:] = [file, *script["arguments"]]
    sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]
    try:
        with open(file, "rb") as source:
            code = compile(source.read(), file, "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 - To run the script is what this process is for.
    except SystemExit as end:
        return None if end.code in {None, 0} else end
    except BaseException as error:  # noqa: BLE001 - As the interpreter does: whatever it is, it ends the stage.
        return error
    return None


def leave() -> None:
    """End as an interpreter ends: threads joined, ``atexit`` run; ``sys.exit`` does neither in a fork that goes on."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - Nothing public joins all threads as the end does.
    atexit._run_exitfuncs()  # noqa: SLF001 - Nothing public runs them before the result is told.
