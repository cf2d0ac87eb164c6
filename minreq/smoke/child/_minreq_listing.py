"""Show in lists of what is installed the distributions that a full install would have and that are not here yet."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import Distribution
    from types import FrameType

_METADATA_MODULES = frozenset({"importlib.metadata", "importlib_metadata", "itertools"})


def requested_group(frame: FrameType | None) -> str | None:
    """Return the group that ``entry_points(group=...)`` asks for, ``None`` where all are listed."""
    while frame is not None:
        if frame.f_globals.get("__name__") in _METADATA_MODULES and frame.f_code.co_name == "entry_points":
            parameters = frame.f_locals.get("params")
            group = parameters.get("group") if isinstance(parameters, dict) else None
            return group if isinstance(group, str) else None
        frame = frame.f_back
    return None


def is_import_by_name(frame: FrameType | None) -> bool:
    """Whether ``import_module`` imports, as for an entry point, and not an import statement."""
    while frame is not None:
        module, function = frame.f_globals.get("__name__"), frame.f_code.co_name
        if module == "importlib" and function == "import_module":
            return True
        if not (frame.f_code.co_filename.startswith("<frozen importlib") or str(module).startswith("_minreq_")):
            return False
        frame = frame.f_back
    return False


def make_distributions(rows: Iterable[tuple[str, str, str, str]]) -> list[Distribution]:
    """Return a distribution for each of *rows* that is not installed already.

    A row is name, version, name of the ``.dist-info`` folder, and text of ``entry_points.txt``.
    """
    return [
        _make_distribution(name, version, text)
        for name, version, folder, text in rows
        if not any(os.path.isdir(os.path.join(entry, folder)) for entry in sys.path)
    ]


def _make_distribution(name: str, version: str, entry_points: str) -> Distribution:
    """Return a distribution that has a name, a version and entry points, and no other file."""
    from importlib import metadata  # noqa: PLC0415 - Costly, and already loaded in a program that lists.
    from pathlib import Path  # noqa: PLC0415 - As above.

    class ListedDistribution(metadata.Distribution):
        """A distribution that is not here yet."""

        def read_text(self, filename: str) -> str | None:
            """Return the text of the metadata or of the entry points."""
            core = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            return {"METADATA": core, "entry_points.txt": entry_points}.get(str(filename))

        def locate_file(self, path: str | os.PathLike[str]) -> Path:
            """Return a path at which nothing is."""
            return Path(f"{name}-{version}", path)

    return ListedDistribution()
