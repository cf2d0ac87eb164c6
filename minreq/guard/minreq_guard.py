"""Makes an import of what a minimal lock leaves out tell which distribution is missing, and how to keep it.

Import this module before anything else. It needs the standard library alone, and does nothing until such an import
fails. Then it raises ``ModuleNotFoundError`` with the distribution, the lock and the command that includes it, and
writes one line to stderr: ``minreq-miss`` and a JSON object, which ``minreq lock --misses`` reads. It is silent where
the run that made the lock asked for the same at the same place, and went on without it.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import FrameType, ModuleType

# <data>
#: The lock, and the command that makes it.
LOCK = ""
COMMAND = ""
#: Module to distribution, for what is left out.
MODULES: Mapping[str, str] = {}
#: Module to places that do without it: ends of paths, each with a line.
DECLINED: Mapping[str, Sequence[tuple[str, int]]] = {}
# </data>

_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep
_PACKAGES = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


class Guard:
    """The last finder on ``sys.meta_path``: what comes here is nowhere else."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, int]] = set()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - Named by the import system (PEP 451).
        target: ModuleType | None = None,  # noqa: ARG002 - As above.
    ) -> ModuleSpec | None:
        """Raise for what is left out, find nothing else."""
        distribution = MODULES.get(fullname)
        if distribution is None:
            return None
        frame = importer(sys._getframe(1))  # noqa: SLF001 - The documented way to frames.
        if frame is None:
            return None
        file, line = frame.f_code.co_filename, frame.f_lineno
        if is_declined(fullname, file, line):
            return None
        if (fullname, file, line) not in self._told:
            self._told.add((fullname, file, line))
            tell(fullname, distribution, file, line, frame.f_code.co_name)
        raise ModuleNotFoundError(
            f"No module named {fullname!r}: {LOCK} leaves out the distribution {distribution}; "
            f"to keep it, run: {COMMAND} --include {distribution}",
            name=fullname,
        )


def importer(frame: FrameType | None) -> FrameType | None:
    """Return the frame whose code imports, outside of the standard library; ``None`` for a mere ``find_spec``."""
    while frame is not None:
        file = frame.f_code.co_filename
        if frame.f_globals.get("__name__") == "importlib.util" and frame.f_code.co_name == "find_spec":
            return None
        of_python = file.startswith("<frozen") or (
            file.startswith(_STANDARD_LIBRARY) and not any(part in file for part in _PACKAGES)
        )
        if not of_python:
            return frame
        frame = frame.f_back
    return None


def is_declined(module: str, file: str, line: int) -> bool:
    """Whether the run that made the lock asked for *module* here, and went on without it."""
    path = file.replace(os.sep, "/")
    return any(line == there and path.endswith("/" + end) for end, there in DECLINED.get(module, ()))


def tell(module: str, distribution: str, file: str, line: int, function: str) -> None:
    """Write the line for those who collect logs; that nobody does is no reason to fail otherwise."""
    miss = {
        "module": module,
        "distribution": distribution,
        "lock": LOCK,
        "file": file,
        "line": line,
        "function": function,
    }
    try:
        sys.stderr.write("minreq-miss " + json.dumps(miss) + "\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass


def install() -> None:
    """Put a guard at the end of ``sys.meta_path``, once."""
    if not any(type(finder).__name__ == "Guard" and type(finder).__module__ == __name__ for finder in sys.meta_path):
        sys.meta_path.append(Guard())


install()
