"""A lock as what uv is told, so that its own resolver arrives at the same pins: exclusions, constraints, a platform."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Set as AbstractSet

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from tomlkit.items import Array

from minreq.model import Lock, Platform

_TOML_HEAD = """\
# Made by minreq from {made_from}: what is told to uv so that `uv lock` and `uv sync` arrive at the lock.
# Put it into pyproject.toml, and these into [project] dependencies:
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


def roots(lock: Lock) -> tuple[str, ...]:
    """Return the requirements that lead to all that is kept, each pinned: the root, then what nothing kept declares."""
    kept = {each.candidate.name: each.candidate for each in lock.selection.kept}
    found: list[NormalizedName] = []
    reached: set[NormalizedName] = set()
    declared = {name for each in kept for name in lock.resolution.requires.get(each, frozenset())}
    asked = [lock.resolution.root, *sorted(lock.resolution.whole & kept.keys()), *sorted(kept.keys() - declared)]
    # A cycle has no beginning; whoever is left after all that is one of it.
    for name in (*asked, *sorted(kept)):
        if name not in reached:
            found.append(name)
            reached |= set(_reachable(lock, name, reached))
    return tuple(f"{_spelled(lock, name)}=={kept[name].version}" for name in found)


def excluded(lock: Lock) -> tuple[NormalizedName, ...]:
    """Return what is left out or the runtime has: uv is not to bring it in."""
    return tuple(sorted(each.candidate.name for each in lock.selection.left_out))


def settings(lock: Lock, *, overridden: AbstractSet[NormalizedName], made_from: str) -> str:
    """Return the ``[tool.uv]`` block (uv settings: exclude-dependencies, constraint-dependencies, environments).

    Of the projects *overridden* the pins contradict what packages say, so for uv they override it too.
    """
    table = tomlkit.table()
    pins = sorted(f"{each.candidate.name}=={each.candidate.version}" for each in lock.selection.kept)
    table.add("exclude-dependencies", _array(excluded(lock)))
    if replaced := [pin for pin in pins if Requirement(pin).name in overridden]:
        table.add("override-dependencies", _array(replaced))
    table.add("constraint-dependencies", _array(pin for pin in pins if pin not in replaced))
    table.add("environments", _array(sorted(dict.fromkeys(map(_environment, lock.platforms)))))
    document = tomlkit.document()
    document.add("tool", tomlkit.table(is_super_table=True).add("uv", table))
    head = _TOML_HEAD.format(made_from=made_from, dependencies=", ".join(f'"{each}"' for each in roots(lock)))
    return head + tomlkit.dumps(document)


def excludes(lock: Lock, *, made_from: str, filename: str) -> str:
    """Return the file for ``uv pip compile --excludes``: a name on each line."""
    head = _EXCLUDES_HEAD.format(made_from=made_from, filename=filename, dependencies=shlex.join(roots(lock)))
    return head + "".join(f"{name}\n" for name in excluded(lock))


def _reachable(lock: Lock, start: NormalizedName, known: set[NormalizedName]) -> Iterator[NormalizedName]:
    kept = {each.candidate.name for each in lock.selection.kept}
    seen, waiting = set(known), [start]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in kept:
            continue
        seen.add(name)
        yield name
        waiting += lock.resolution.requires.get(name, frozenset())


def _spelled(lock: Lock, name: NormalizedName) -> str:
    """The root with the extras that were asked for."""
    root = Requirement(lock.root)
    extras = f"[{','.join(sorted(root.extras))}]" if name == canonicalize_name(root.name) and root.extras else ""
    return f"{name}{extras}"


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
