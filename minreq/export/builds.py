"""Reads what a build left out of a tree, and what is in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from minreq.analyze import containers
from minreq.analyze.kinds import BUILD_DESCRIPTION, REPORTING_MODULE
from minreq.errors import BuildOfOtherLock
from minreq.export.statements import BuiltTree, module_path
from minreq.system import regularfile


def read_build(tree: Path, lock: Path) -> BuiltTree:
    """Return the files of *tree*, a folder or zip that `minreq build` made of *lock*.

    Raises ``TreeUnreadable``, and ``BuildOfOtherLock`` where its description is missing, or is that of another lock.
    """
    with containers.open_container(tree) as container:
        descriptions = [path for path in container.sizes if path.rpartition("/")[2] == BUILD_DESCRIPTION]
        if len(descriptions) != 1:
            raise BuildOfOtherLock(tree, lock, f"it has {len(descriptions)} files {BUILD_DESCRIPTION}")
        [path] = descriptions
        folder = path.removesuffix(BUILD_DESCRIPTION)
        files = {each.removeprefix(folder) for each in container.sizes if each.startswith(folder)}
        content = container.read(path)
        if link := _find_link(tree):
            raise BuildOfOtherLock(tree, lock, f"{link} is a link, and a build has none")
        try:
            description = json.loads(content)
            # A file that was written over a placeholder may be the module itself.
            placeholders = {
                each
                for each in description["placeholders"]
                if each in files and _is_placeholder(container.read(f"{folder}{each}"))
            }
            return _read_description(description, files, placeholders, tree, lock)
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
            raise BuildOfOtherLock(tree, lock, f"its {BUILD_DESCRIPTION} was changed") from error


def _find_link(tree: Path) -> str | None:
    """Return a link below *tree*, ``None`` if there is none: what it leads to is not known."""
    paths = (Path(parent, name) for parent, folders, files in os.walk(tree) for name in (*folders, *files))
    return next((path.relative_to(tree).as_posix() for path in paths if path.is_symlink()), None)


def _is_placeholder(content: bytes) -> bool:
    return not content or content.startswith(f"from {REPORTING_MODULE} import left_out\n".encode())


def _read_description(description: Any, files: set[str], placeholders: set[str], tree: Path, lock: Path) -> BuiltTree:
    if description["lock_sha256"] != regularfile.sha256(lock):
        raise BuildOfOtherLock(tree, lock, f"it was made from another content of {description['lock']}")
    # What only says that a module was left out is not that module, and Python takes it before any compiled file of it.
    modules = {module_path(each) for each in placeholders}
    compiled = {each for each in files if "__pycache__/" in each and module_path(each) in modules}
    present = files - placeholders - compiled
    # One of several layers: what it does not have may be in another one.
    is_whole = {*description["distributions"]} <= {*_find_distributions(files)}
    return BuiltTree(
        present=frozenset({*present, *_paths(description.get("cold", {}))}),
        removed=frozenset(_paths(description["removed"]) if is_whole else ()),
    )


def _find_distributions(files: set[str]) -> Iterator[str]:
    for each in files:
        folder, _, name = each.partition("/")
        if folder.endswith(".dist-info") and name == "METADATA":
            yield canonicalize_name(folder.partition("-")[0])


def _paths(by_reason: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for files in by_reason.values():
        yield from files
