"""Runs the stages of a smoke in the child: the first stage, then each group in a fork of the process it left.

Run as ``python -c "import _minreq_driver; _minreq_driver.main()"`` in the environment that ``_minreq_child`` describes.
Its messages, in version 1 of the protocol told there (SCRIPT is
``{"stage": STAGE, "file": PATH, "environment": {...}, "arguments": [...]}``)::

    {"begin": true}                                   -> {"first": SCRIPT or null}
    {"result": {"stage": STAGE, "status": "passed" or "TYPE: TEXT", "declined": [DISTRIBUTION...], "missing": [MODULE...],
                "traceback": TEXT, "output": TEXT, "warnings": [...], "logs": [...], "connections": [...],
                "loaded": [[FILE, [FILE, LINE, FUNCTION] or null]...]}}
                                                      -> {"go": BOOL}    false: no further script of this process
    {"next": true}                                    -> {"run": PROCESS, "scripts": [SCRIPT...]}, or {"end": true}
    {"end": true}                                     -> {}              the process ends now, of its own will
"""

import os
import sys
import tempfile

import _minreq_child
from _minreq_child import DECLINED, LINK, STATE


def main():
    """The life of the first process: its first stage, then a template."""
    sys.path[:] = [entry for entry in sys.path if entry]  # What ``-c`` put in front is not part of any program.
    first = LINK.request({"begin": True})["first"]
    if first is None or run(first, template=True):
        serve()
    LINK.request({"end": True})


def serve():
    """Run in forks what the parent asks for, until it asks for no more."""
    while True:
        command = LINK.request({"next": True})
        if "run" not in command:
            return
        if not _minreq_child.fork_apart(command["run"], LINK):
            *scripts, last = command["scripts"]
            if all(run(script) for script in scripts):
                run(last, then=leave)
            LINK.request({"end": True})
            os._exit(0)


def run(script, *, template=False, then=lambda: None):
    """Run *script* as ``__main__``, and *then*; tell the parent how it went; return whether to go on.

    A fork at a miss ends here; after a *template* stage it serves as one first.
    """
    os.environ.update(script["environment"])
    STATE.begin(script["stage"])
    sys.stdout.flush()
    kept = os.dup(1)
    STATE.output = tempfile.TemporaryFile(dir=os.path.dirname(_minreq_child.__file__))
    STATE.descriptors = {kept, STATE.output.fileno()}
    os.dup2(STATE.output.fileno(), 1)
    error = execute(script)
    then()
    printed = STATE.printed().decode("utf-8", "replace")
    os.dup2(kept, 1)
    os.close(kept)
    STATE.output.close()
    STATE.output = None
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
    }
    is_fork, STATE.fork = STATE.fork, False
    go_on = LINK.request({"result": result})["go"] and error is None
    if is_fork:
        if go_on and template:
            serve()
        LINK.request({"end": True})
        os._exit(0)
    return go_on


def newly_loaded():
    """The source files that were loaded since the last call, each with the frame that imported it first."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name not in LOADED and isinstance(file, str) and file.endswith(".py"):
            LOADED.add(name)
            found.append((file, STATE.importers.get(name)))
    return found


#: Modules already told of; a fork begins with the template's.
LOADED = set()


def execute(script):
    """Run the file of *script* as Python runs a script; returns what ended it, or ``None``."""
    import types

    file = script["file"]
    module = types.ModuleType("__main__")
    module.__file__ = file
    module.__builtins__ = __builtins__
    sys.modules["__main__"] = module
    sys.argv[:] = [file, *script["arguments"]]
    sys.path[:] = [os.path.dirname(file), *[entry for entry in sys.path if entry != os.path.dirname(file)]]
    try:
        with open(file, "rb") as source:
            code = compile(source.read(), file, "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except SystemExit as exit:
        return None if exit.code in (None, 0) else exit
    except BaseException as error:
        return error
    return None


def chain(error):
    """*error*, and whatever led to it: causes, contexts, members of groups; the outermost first."""
    found, waiting = [], [error]
    while waiting:
        error = waiting.pop(0)
        if error is None or any(error is other for other in found):
            continue
        found.append(error)
        waiting += [error.__cause__, error.__context__, *getattr(error, "exceptions", ())]
    return found


def declined(error):
    names = [getattr(link, DECLINED) for link in chain(error) if hasattr(link, DECLINED)]
    return list(dict.fromkeys(names))


def missing(error):
    """Modules that a ModuleNotFoundError on the way names."""
    names = [link.name for link in chain(error) if isinstance(link, ModuleNotFoundError) and link.name]
    return list(dict.fromkeys(names))


def describe(error):
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}".rstrip(": ")


def traceback_of(error):
    import traceback

    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception as fault:  # An exception that cannot be printed must not hide that there was one.
        return f"{describe(error)} (its traceback cannot be printed: {fault})"


def leave():
    """End as an interpreter ends: threads joined, ``atexit`` run."""
    import atexit
    import threading

    threading._shutdown()
    atexit._run_exitfuncs()
