"""Run the stages of a smoke in the child: the first stage, then each group in a fork of the process after it.

The command line of the child imports this file and calls `main`, in the environment that ``_minreq_child`` describes.
The messages of the driver, in version 6 of the protocol described there (SCRIPT is
``{"stage": STAGE, "file": PATH, "environment": {...}, "arguments": [...]}``)::

    {"begin": true}                                   -> {"first": SCRIPT or null}
    {"result": {"stage": STAGE, "status": "passed" or "TYPE: TEXT", "declined": [DISTRIBUTION...],
                "missing": [[MODULE, [FILE, LINE, FUNCTION] or null]...], "traceback": TEXT, "output": TEXT,
                "errors": TEXT, "warnings": [...], "logs": [...], "exits": [...], "connections": [...],
                "loaded": [[FILE, [FILE, LINE, FUNCTION] or null]...],
                "caught": [[NAME, [FILE, LINE, FUNCTION], [FILE, LINE, FUNCTION]]...],
                "opened": [FILE...]}}        "opened" is empty unless the configuration asks for it;
        "caught" are names that were declined, who asked, and where the exception was caught
                                                      -> {"go": BOOL}    false: no further script of this process
    {"next": true}                                    -> {"run": PROCESS, "scripts": [SCRIPT...]}, or {"end": true}
    {"end": true}                                     -> {}              the process ends now, by itself
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import types

from _minreq_child import LINK, STATE
from _minreq_failure import declined_distributions, describe, format_traceback, missing_modules
from _minreq_fork import fork_detached
from _minreq_jobs import Jobs
from _minreq_record import opened_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypedDict

    from _minreq_frames import FrameInfo

    class Script(TypedDict):
        """A stage to run, as the message has it."""

        stage: str
        file: str
        environment: dict[str, str]
        arguments: list[str]


JOBS = Jobs()


def main() -> None:
    """Run the first stage in this process, which then is the template."""
    JOBS.track()
    sys.path[:] = [entry for entry in sys.path if entry]  # Without the entry that ``-c`` put in front.
    first = LINK.request({"begin": True})["first"]
    if first is None or run(first, template=True):
        serve_as_template()
    LINK.request({"end": True})


def serve_as_template() -> None:
    """Run in forks the scripts that the parent sends, until it sends no more."""
    while True:
        command = LINK.request({"next": True})
        if "run" not in command:
            return
        if not fork_detached(command["run"], LINK):
            *scripts, last = command["scripts"]
            if all(run(script) for script in scripts):
                run(last, then=run_exit_handlers)
            LINK.request({"end": True})
            os._exit(0)


def run(script: Script, *, template: bool = False, then: Callable[[], None] = lambda: None) -> bool:
    """Run *script* as ``__main__``, then call *then*, send the result to the parent, and return whether to go on.

    A fork at a miss ends here; after a *template* stage it serves as a template first.
    """
    os.environ.update(script["environment"])
    STATE.begin_stage(script["stage"])
    error = execute(script)
    JOBS.wait_until_done()
    then()
    output, errors = STATE.printed()
    is_fork, STATE.fork_folder = STATE.fork_folder is not None, None
    STATE.end_stage()
    result = {
        "stage": script["stage"],
        "status": "passed" if error is None else describe(error),
        "declined": [] if error is None else declined_distributions(error),
        "missing": [] if error is None else missing_modules(error),
        "traceback": "" if error is None else format_traceback(error),
        "output": output,
        "errors": errors,
        "warnings": STATE.warnings,
        "logs": STATE.logs,
        "exits": STATE.exits,
        "connections": STATE.connections,
        "loaded": newly_loaded(),
        "caught": STATE.take_caught(),
        "opened": opened_files(STATE),
    }
    go_on = bool(LINK.request({"result": result})["go"]) and error is None
    if is_fork:
        if go_on and template:
            serve_as_template()
        LINK.request({"end": True})
        os._exit(0)
    return go_on


#: Modules whose files are reported already; a fork begins with those of the template.
_reported_modules: set[str] = set()


def newly_loaded() -> list[tuple[str, FrameInfo | None]]:
    """Return the source files that were loaded since the last call, each with the frame that imported it first."""
    files = []
    for name, module in list(sys.modules.items()):
        file = file_from_link(module)
        if name not in _reported_modules and file is not None and file.endswith(".py"):
            _reported_modules.add(name)
            files.append((file, STATE.importers.get(name)))
    return files


def file_from_link(module: object) -> str | None:
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
        exec(code, vars(module))  # noqa: S102 - This process exists to run the script.
    except SystemExit as end:
        return None if end.code in {None, 0} else end
    except BaseException as error:  # noqa: BLE001 - As in an interpreter, any exception ends the stage.
        return error
    return None


def run_exit_handlers() -> None:
    """Join the threads and run ``atexit`` as an interpreter does at its end; ``os._exit`` in a fork does neither."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - Nothing public joins all threads as the end does.
    atexit._run_exitfuncs()  # noqa: SLF001 - Nothing public runs them before the result is sent.
