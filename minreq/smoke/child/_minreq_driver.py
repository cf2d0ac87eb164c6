"""Runs the stages of a smoke in the child: the first stage, then each group in a fork of the process it left.

Run as ``python -c "import _minreq_driver; _minreq_driver.main()"`` in the environment that ``_minreq_child`` describes.
Its messages, in version 1 of the protocol told there (SCRIPT is
``{"stage": STAGE, "file": PATH, "environment": {...}, "arguments": [...]}``)::

    {"begin": true}                                   -> {"first": SCRIPT or null}
    {"result": {"stage": STAGE, "status": "passed" or "TYPE: TEXT", "declined": [DISTRIBUTION...], "missing": [MODULE...],
                "traceback": TEXT, "output": TEXT, "warnings": [...], "logs": [...], "connections": [...]}}
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
    """The life of the first process: a template after its first stage."""
    sys.path[:] = [entry for entry in sys.path if entry]  # What ``-c`` put in front is not part of any program.
    first = LINK.request({"begin": True})["first"]
    if first is not None and not run(first):
        return finish()
    while True:
        command = LINK.request({"next": True})
        if "run" not in command:
            return finish()
        if not _minreq_child.fork_apart(command["run"], LINK):
            *scripts, last = command["scripts"]
            if all(run(script) for script in scripts):
                run(last, leave)
            LINK.request({"end": True})
            os._exit(0)


def run(script, then=lambda: None):
    """Run *script* as ``__main__``, and *then*; tell the parent how it went; return whether to go on."""
    os.environ.update(script["environment"])
    STATE.begin(script["stage"])
    with tempfile.TemporaryFile(dir=os.path.dirname(_minreq_child.__file__)) as output:
        kept = redirect(output)
        STATE.descriptors = {kept, output.fileno()}
        try:
            error = execute(script)
            then()
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    result = {
        "stage": script["stage"],
        "status": "passed" if error is None else describe(error),
        "declined": [] if error is None else declined(error),
        "missing": [] if error is None else missing(error),
        "traceback": "" if error is None else traceback_of(error),
        "output": text,
        "warnings": STATE.warnings,
        "logs": STATE.logs,
        "connections": STATE.connections,
    }
    if STATE.fork:
        STATE.fork = False
        LINK.request({"result": result})
        LINK.request({"end": True})
        os._exit(0)
    return LINK.request({"result": result})["go"] and error is None


def redirect(output):
    """Let file descriptor 1 write to *output*; returns a copy of the old one."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(output.fileno(), 1)
    return kept


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


def finish():
    LINK.request({"end": True})


def leave():
    """End as an interpreter ends: threads joined, ``atexit`` run."""
    import atexit
    import threading

    threading._shutdown()
    atexit._run_exitfuncs()
