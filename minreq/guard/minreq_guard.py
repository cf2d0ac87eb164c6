# minreq: skip this file
"""Reports imports of distributions that a minimal lock leaves out, and how to keep them.

Import this module before anything else. It needs only the standard library. It acts when an import of a left-out
module, or a look-up of its metadata (``importlib.metadata.version``), fails. Then it raises ``ModuleNotFoundError`` or
``PackageNotFoundError`` with the distribution, the lock and the command that keeps the distribution, and writes one
line to stderr: ``minreq-miss`` and a JSON object, for ``minreq lock --misses``. It does nothing where the run that made
the lock asked for the same module at the same place and went on without it.
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
#: Left-out module -> distribution.
MODULES: Mapping[str, str] = {}
#: The left-out distributions, sorted.
DISTRIBUTIONS: Sequence[str] = []
#: Module or distribution -> places that go on without it: the end of the path and the line.
DECLINED: Mapping[str, Sequence[tuple[str, int]]] = {}
# </data>

_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep
_PACKAGES = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


class Guard:
    """The last finder on ``sys.meta_path``: it gets the modules that no other finder has."""

    def __init__(self) -> None:
        self._reported: set[tuple[str, str, int]] = set()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - Named by the import system (PEP 451).
        target: ModuleType | None = None,  # noqa: ARG002 - As above.
    ) -> ModuleSpec | None:
        """Raise an error for a left-out module; find no other module."""
        distribution = MODULES.get(fullname)
        frame = importing_frame(sys._getframe(1))  # noqa: SLF001 - The documented way to get a frame.
        if distribution is None or frame is None or not self.report_unless_declined(fullname, distribution, frame):
            return None
        raise ModuleNotFoundError(f"No module named {fullname!r}: {advice(distribution)}", name=fullname)

    def find_distributions(self, context: DistributionFinder.Context) -> Sequence[Distribution]:
        """Raise an error for a look-up of a left-out distribution by its name; find no other distribution."""
        import re  # noqa: PLC0415 - Slow to import; a program that looks up metadata has it already.

        name = getattr(context, "name", None) or ""
        distribution = re.sub(r"[-_.]+", "-", name).lower()  # PEP 503.
        if distribution not in DISTRIBUTIONS:
            return []
        error, frame = find_lookup(sys._getframe(1))  # noqa: SLF001 - As above.
        if error is None or frame is None or not self.report_unless_declined(distribution, distribution, frame):
            return []
        text = f"No package metadata was found for {name}: {advice(distribution)}"
        # Its class makes its text in a method, so a subclass is needed.
        raise type(error.__name__, (error,), {"__str__": lambda _: text, "__module__": error.__module__})(name)

    def report_unless_declined(self, name: str, distribution: str, frame: FrameType) -> bool:
        """Return whether *name*, of *distribution*, is a miss at *frame*, and report it once for each place."""
        file, line = frame.f_code.co_filename, frame.f_lineno
        if is_declined(name, file, line):
            return False
        if (name, file, line) not in self._reported:
            self._reported.add((name, file, line))
            report(name, distribution, file, line, frame.f_code.co_name)
        return True


def advice(distribution: str) -> str:
    """Return which distribution is left out, by which lock, and how to keep it."""
    return f"{LOCK} leaves out the distribution {distribution}; to keep it, run: {COMMAND} --include {distribution}"


def find_lookup(frame: FrameType | None) -> tuple[type[ModuleNotFoundError] | None, FrameType | None]:
    """Return the error of the ``Distribution.from_name`` that does the look-up, and the frame that called it.

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


def importing_frame(frame: FrameType | None) -> FrameType | None:
    """Return the frame outside of the standard library that imports; ``None`` for a probe with ``find_spec``."""
    while frame is not None:
        file = frame.f_code.co_filename
        if frame.f_globals.get("__name__") == "importlib.util" and frame.f_code.co_name == "find_spec":
            return None
        is_standard_library = file.startswith("<frozen") or (
            file.startswith(_STANDARD_LIBRARY) and not any(part in file for part in _PACKAGES)
        )
        if not is_standard_library:
            return frame
        frame = frame.f_back
    return None


def is_declined(name: str, file: str, line: int) -> bool:
    """Whether the run that made the lock asked for *name* at this place and went on without it."""
    path = file.replace(os.sep, "/")
    return any(line == there and path.endswith("/" + end) for end, there in DECLINED.get(name, ()))


def report(module: str, distribution: str, file: str, line: int, function: str) -> None:
    """Write the line for a log collector. A stderr that cannot be written is no error."""
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
