"""A list of everything installed, as a full install would have it: what is not here yet is told, and not loaded."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import Distribution
    from types import FrameType

_MACHINERY = frozenset({"importlib.metadata", "importlib_metadata", "itertools"})


def group_of(frame: FrameType | None) -> str | None:
    """Return the group that ``entry_points(group=...)`` asks for, ``None`` where all are listed."""
    while frame is not None:
        if frame.f_globals.get("__name__") in _MACHINERY and frame.f_code.co_name == "entry_points":
            parameters = frame.f_locals.get("params")
            group = parameters.get("group") if isinstance(parameters, dict) else None
            return group if isinstance(group, str) else None
        frame = frame.f_back
    return None


def is_by_name(frame: FrameType | None) -> bool:
    """Whether the import at hand has its name from data, as that of an entry point has, and not from a statement."""
    while frame is not None:
        module, function = frame.f_globals.get("__name__"), frame.f_code.co_name
        if module == "importlib" and function == "import_module":
            return True
        if not (frame.f_code.co_filename.startswith("<frozen importlib") or str(module).startswith("_minreq_")):
            return False
        frame = frame.f_back
    return False


def listed(rows: Iterable[tuple[str, str, str, str]]) -> list[Distribution]:
    """Return those of *rows* (name, version, ``.dist-info``, text of ``entry_points.txt``) that are not here anyway."""
    return [
        _told(name, version, text)
        for name, version, folder, text in rows
        if not any(os.path.isdir(os.path.join(entry, folder)) for entry in sys.path)
    ]


def _told(name: str, version: str, entry_points: str) -> Distribution:
    """Return a distribution that knows its name, its version and its entry points."""
    from importlib import metadata  # noqa: PLC0415 - Costly, and at hand in a program that asks for it.
    from pathlib import Path  # noqa: PLC0415 - As above.

    class Told(metadata.Distribution):
        """Of what is not here yet."""

        def read_text(self, filename: str) -> str | None:
            """Read one of the files that are known."""
            core = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            return {"METADATA": core, "entry_points.txt": entry_points}.get(str(filename))

        def locate_file(self, path: str | os.PathLike[str]) -> Path:
            """Return a path at which nothing is."""
            return Path(f"{name}-{version}", path)

    return Told()
