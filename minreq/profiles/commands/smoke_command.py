"""Runs a command as a shell would: ``FOLDER pytest -q tests/smoke``, ``FOLDER python -m pytest``.

The entry points of the installed distributions show what the command is. No shell and no other process is involved.
"""

import os
import runpy
import sys
from importlib.metadata import entry_points
from pathlib import Path


def main() -> object:
    """Run the command; return its value for ``sys.exit``."""
    folder, program, *arguments = sys.argv[1:]
    os.chdir(folder)
    if program in {"python", "python3"}:
        if arguments[:1] == ["-m"]:
            sys.path[0] = folder
            sys.argv[:] = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        elif not arguments or arguments[0].startswith("-"):
            got = f", not {arguments[0]}" if arguments else ""
            return f"{program} needs a script, or -m and a module{got}; write the code into a script"
        else:
            sys.path[0] = str(Path(arguments[0]).absolute().parent)
            sys.argv[:] = arguments
            runpy.run_path(arguments[0], run_name="__main__")
        return None
    del sys.path[0]
    found = [each for each in entry_points(group="console_scripts") if each.name == program]
    if not found:
        return f"no installed distribution has the command {program!r}; name the project that has it with --smoke-with"
    sys.argv[:] = [program, *arguments]
    return found[0].load()()


sys.exit(main())
