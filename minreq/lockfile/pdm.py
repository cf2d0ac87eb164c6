"""Renders a lock as settings of PDM, with which the resolver of PDM finds the same pins."""

from __future__ import annotations

import tomlkit

from minreq.lockfile.pinnedroots import excluded_names, pinned_roots
from minreq.model import Lock

_HEAD = """\
# Made by minreq from {made_from}: settings with which `pdm lock` and `pdm sync` find the pins of the lock.
# Put them into pyproject.toml, and these requirements into [project] dependencies:
#
#    {dependencies}
#
"""


def render_settings(lock: Lock, *, made_from: str) -> str:
    """Return the ``[tool.pdm.resolution]`` block (PDM, "Lock dependencies": excludes, overrides)."""
    excludes = tomlkit.array()
    excludes.extend(excluded_names(lock))
    overrides = tomlkit.table()
    for kept in lock.selection.kept:
        overrides.add(kept.candidate.name, f"=={kept.candidate.version}")
    resolution = tomlkit.table()
    resolution.add("excludes", excludes.multiline(multiline=True))
    resolution.add("overrides", overrides)
    document = tomlkit.document()
    pdm = tomlkit.table(is_super_table=True).add("resolution", resolution)
    document.add("tool", tomlkit.table(is_super_table=True).add("pdm", pdm))
    head = _HEAD.format(made_from=made_from, dependencies=", ".join(f'"{each}"' for each in pinned_roots(lock)))
    return head + tomlkit.dumps(document)
