"""Decides of which vulnerabilities a lock, or a tree built from it, shows that it is not affected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.utils import NormalizedName

from minreq.export.advisories import Advisory
from minreq.model import Lock

#: As OpenVEX names them (https://github.com/openvex/spec, status justifications).
Justification = Literal["component_not_present", "vulnerable_code_not_present"]

#: The file of a module below its folder: a source, a compiled file with its tag, or an extension module.
_MODULE_FILE = re.compile(r"(?P<parent>.*?)(?:__pycache__/)?(?P<name>[^/.]+)(?P<end>(?:\.[^/]+)?\.(?:py|pyc|so|pyd))")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltTree:
    """The files of a build, by their path below its top folder. Files in cold archives are there, too."""

    present: frozenset[str]
    removed: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A vulnerability that does not affect what is shipped, and why."""

    advisory: Advisory
    name: NormalizedName
    version: str
    justification: Justification
    #: A sentence for a person.
    impact: str


def find_statements(lock: Lock, advisories: Sequence[Advisory], tree: BuiltTree | None) -> tuple[Statement, ...]:
    """Return what can be shown; of every other vulnerability nothing is claimed.

    A left-out distribution is not there, unless the runtime provides it. Of a kept one the vulnerable code is not there
    if the advisory names its modules, the build left their files out, and *tree* has no file of them, in any folder.
    """
    kept = {each.candidate.name: each.candidate for each in lock.selection.kept}
    # Not `selection.left_out`: what the runtime provides is there.
    left_out = {each.candidate.name: each.candidate for each in lock.left_out}
    found: list[Statement] = []
    for advisory in advisories:
        for name, code in sorted(advisory.projects.items()):
            justification: Justification
            if name in kept:
                if tree is None or not code or not all(_is_removed(each, tree) for each in code):
                    continue
                justification = "vulnerable_code_not_present"
                impact = f"The build left out the files of {', '.join(sorted(set(code)))}."
            elif name in left_out:
                justification = "component_not_present"
                impact = f"The lock leaves {name} out; the smoke behaves the same without it."
            else:
                continue
            version = str({**left_out, **kept}[name].version)
            found.append(
                Statement(advisory=advisory, name=name, version=version, justification=justification, impact=impact)
            )
    return tuple(found)


def _is_removed(code: str, tree: BuiltTree) -> bool:
    """Whether the module of *code*, or one that contains it, was removed, with each of its files.

    ``PIL.ImageFont.ImageFont`` may be code of the module ``PIL.ImageFont``, or of ``PIL`` alone. The longest name that
    was a module decides; no name that was one: then nothing is known.
    """
    parts = code.split(".")
    for length in range(len(parts), 0, -1):
        module = "/".join(parts[:length])
        if any(_is_file_of(module, file) for file in tree.present):
            return False
        if removed := [file for file in tree.removed if _was_file_of(module, file)]:
            return not _is_in_library(removed, tree)
    return False


def _is_file_of(module: str, file: str) -> bool:
    """Whether *file* may be of *module*, whatever folder they are in: distributions bring copies of others."""
    return f"/{module}/" in f"/{module_path(file)}/" or f"/{module}/" in f"/{file}"


def _is_in_library(removed: Sequence[str], tree: BuiltTree) -> bool:
    """Whether the code of *removed* may be in a library: mypyc makes one of many modules, and these open it."""
    is_compiled = any(file.endswith((".so", ".pyd")) for file in removed)
    return is_compiled and any("__mypyc." in file for file in tree.present)


def _was_file_of(module: str, file: str) -> bool:
    """Whether *file* is code of *module*: a folder of data has the name of no module."""
    return _MODULE_FILE.fullmatch(file) is not None and f"{module_path(file)}/".startswith(f"{module}/")


def module_path(file: str) -> str:
    """Return the path of the module of *file* without its ending; that of a package is the path of its folder."""
    match = _MODULE_FILE.fullmatch(file)
    if match is None:
        return file
    parent = match["parent"].rstrip("/")
    return parent if match["name"] == "__init__" else f"{parent}/{match['name']}".lstrip("/")
