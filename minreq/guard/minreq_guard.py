"""Makes an import of what a minimal lock leaves out tell which distribution is missing, and how to keep it.

Import this module before anything else. It needs the standard library alone, and does nothing until such an import, or
a look-up of such metadata (``importlib.metadata.version``), fails. Then it raises ``ModuleNotFoundError``, or the
``PackageNotFoundError`` of who looks up, with the distribution, the lock and the command that includes it, and writes
one line to stderr: ``minreq-miss`` and a JSON object, which ``minreq lock --misses`` reads. It is silent where the run
that made the lock asked for the same at the same place, and went on without it.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from importlib.metadata import Distribution, DistributionFinder
    from types import FrameType, ModuleType

# <data>
#: The lock, and the command that makes it.
LOCK = ""
COMMAND = ""
#: Module to distribution, for what is left out.
MODULES: Mapping[str, str] = {}
#: All that is left out, sorted.
DISTRIBUTIONS: Sequence[str] = []
#: Module, or distribution, to places that do without it: ends of paths, each with a line.
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
        frame = importer(sys._getframe(1))  # noqa: SLF001 - The documented way to frames.
        if distribution is None or frame is None or not self.misses(fullname, distribution, frame):
            return None
        raise ModuleNotFoundError(f"No module named {fullname!r}: {advice(distribution)}", name=fullname)

    def find_distributions(self, context: DistributionFinder.Context) -> Sequence[Distribution]:
        """Raise for a look-up of what is left out by its name, find nothing else."""
        import re  # noqa: PLC0415 - Costly, and at hand in a program that asks for metadata.

        name = getattr(context, "name", None) or ""
        distribution = re.sub(r"[-_.]+", "-", name).lower()  # As PEP 503 has it.
        if distribution not in DISTRIBUTIONS:
            return []
        error, frame = look_up(sys._getframe(1))  # noqa: SLF001 - As above.
        if error is None or frame is None or not self.misses(distribution, distribution, frame):
            return []
        text = f"No package metadata was found for {name}: {advice(distribution)}"
        # Its text is made by a method.
        raise type(error.__name__, (error,), {"__str__": lambda _: text, "__module__": error.__module__})(name)

    def misses(self, name: str, distribution: str, frame: FrameType) -> bool:
        """Whether *name*, of *distribution*, is a miss at *frame*; each place tells it once."""
        file, line = frame.f_code.co_filename, frame.f_lineno
        if is_declined(name, file, line):
            return False
        if (name, file, line) not in self._told:
            self._told.add((name, file, line))
            tell(name, distribution, file, line, frame.f_code.co_name)
        return True


def advice(distribution: str) -> str:
    """Return what is left out, by what, and how to keep it."""
    return f"{LOCK} leaves out the distribution {distribution}; to keep it, run: {COMMAND} --include {distribution}"


def look_up(frame: FrameType | None) -> tuple[type[ModuleNotFoundError] | None, FrameType | None]:
    """Return what ``Distribution.from_name`` raises where that looks up, and the frame whose code asked it.

    The backport ``importlib_metadata``, and each copy of it, raises a ``PackageNotFoundError`` of its own.
    """
    while frame is not None:
        error, module = frame.f_globals.get("PackageNotFoundError"), frame.f_globals.get("__name__")
        if frame.f_code.co_name == "from_name" and isinstance(error, type) and issubclass(error, ModuleNotFoundError):
            while frame is not None and frame.f_globals.get("__name__") == module:
                frame = frame.f_back
            return error, frame
        frame = frame.f_back
    return None, None


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


def is_declined(name: str, file: str, line: int) -> bool:
    """Whether the run that made the lock asked for *name* here, and went on without it."""
    path = file.replace(os.sep, "/")
    return any(line == there and path.endswith("/" + end) for end, there in DECLINED.get(name, ()))


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
