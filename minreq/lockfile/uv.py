"""Renders a lock as settings of uv, with which the resolver of uv finds the same pins."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Set as AbstractSet

import tomlkit
from packaging.utils import NormalizedName
from tomlkit.items import Array

from minreq.lockfile.pinnedroots import excluded_names, pinned_roots
from minreq.model import Lock, Platform
from minreq.model.parsing import parse_requirement

_TOML_HEAD = """\
# Made by minreq from {made_from}: settings with which `uv lock` and `uv sync` find the pins of the lock.
# Put them into pyproject.toml, and these requirements into [project] dependencies:
#
#    {dependencies}
#
"""
_EXCLUDES_HEAD = """\
# Made by minreq from {made_from}: what the program does not need, for
#
#    printf '%s\\n' {dependencies} | uv pip compile - --excludes {filename} -c {made_from}
#
"""


def render_settings(lock: Lock, *, overridden: AbstractSet[NormalizedName], made_from: str) -> str:
    """Return the ``[tool.uv]`` block (uv settings: exclude-dependencies, constraint-dependencies, environments).

    The pins of the projects *overridden* contradict other requirements, so they become overrides of uv.
    """
    table = tomlkit.table()
    pins = sorted(f"{each.candidate.name}=={each.candidate.version}" for each in lock.selection.kept)
    table.add("exclude-dependencies", _array(excluded_names(lock)))
    if replaced := [pin for pin in pins if parse_requirement(pin).name in overridden]:
        table.add("override-dependencies", _array(replaced))
    table.add("constraint-dependencies", _array(pin for pin in pins if pin not in replaced))
    table.add("environments", _array(sorted(dict.fromkeys(map(_environment, lock.platforms)))))
    document = tomlkit.document()
    document.add("tool", tomlkit.table(is_super_table=True).add("uv", table))
    head = _TOML_HEAD.format(made_from=made_from, dependencies=", ".join(f'"{each}"' for each in pinned_roots(lock)))
    return head + tomlkit.dumps(document)


def render_excludes(lock: Lock, *, made_from: str, filename: str) -> str:
    """Return the file for ``uv pip compile --excludes``: one name a line."""
    head = _EXCLUDES_HEAD.format(made_from=made_from, filename=filename, dependencies=shlex.join(pinned_roots(lock)))
    return head + "".join(f"{name}\n" for name in excluded_names(lock))


def _environment(platform: Platform) -> str:
    version = platform.python_version
    names = ("sys_platform", "platform_machine")
    system = " and ".join(f"{name} == '{platform.markers[name]}'" for name in names if name in platform.markers)
    below = f"{version.major}.{version.minor + 1}"
    return f"{system} and python_full_version >= '{version.major}.{version.minor}' and python_full_version < '{below}'"


def _array(members: Iterable[str]) -> Array:
    array = tomlkit.array()
    array.extend(members)
    return array.multiline(multiline=True)
