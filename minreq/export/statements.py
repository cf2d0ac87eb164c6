"""Decides of which vulnerabilities a lock, or a tree built from it, shows that it is not affected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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

    A left-out distribution is not there. Of a kept one the vulnerable code is not there if the advisory names it, the
    build left its files out, and *tree* has no other file of these modules.
    """
    return tuple(
        statement
        for advisory in advisories
        for name in sorted(advisory.projects)
        for statement in _judge(lock, advisory, name, tree)
    )


def _judge(lock: Lock, advisory: Advisory, name: NormalizedName, tree: BuiltTree | None) -> Iterator[Statement]:
    for kept in lock.selection.kept:
        if kept.candidate.name == name:
            code = advisory.projects[name]
            if tree is not None and code and all(_is_removed(each, tree) for each in code):
                yield Statement(
                    advisory=advisory,
                    name=name,
                    version=str(kept.candidate.version),
                    justification="vulnerable_code_not_present",
                    impact=f"The build left out the files of {', '.join(sorted(set(code)))}.",
                )
            return
    for left_out in lock.selection.left_out:
        if left_out.candidate.name == name:
            yield Statement(
                advisory=advisory,
                name=name,
                version=str(left_out.candidate.version),
                justification="component_not_present",
                impact=f"The lock leaves {name} out; the smoke behaves the same without it.",
            )


def _is_removed(code: str, tree: BuiltTree) -> bool:
    """Whether the module of *code*, or one that contains it, was removed, with each of its files.

    ``PIL.ImageFont.truetype`` may be code of the module ``PIL.ImageFont``, or of ``PIL`` alone. The longest name that
    was a module decides; no name that was one: then nothing is known.
    """
    parts = code.split(".")
    for length in range(len(parts), 0, -1):
        module = "/".join(parts[:length])
        if _has_module(module, tree.present):
            return False
        if _has_module(module, tree.removed):
            return True
    return False


def _has_module(path: str, files: frozenset[str]) -> bool:
    return any(module_path(file) == path or file.startswith(f"{path}/") for file in files)


def module_path(file: str) -> str:
    """Return the path of the module of *file* without its ending; that of a package is the path of its folder."""
    match = _MODULE_FILE.fullmatch(file)
    if match is None:
        return file
    parent = match["parent"].rstrip("/")
    return parent if match["name"] == "__init__" else f"{parent}/{match['name']}".lstrip("/")
