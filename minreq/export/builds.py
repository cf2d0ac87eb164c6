"""Reads what a build left out of a tree, and what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from minreq.analyze import containers
from minreq.errors import BuildOfOtherLock
from minreq.export.statements import BuiltTree, module_path
from minreq.system import regularfile

_DESCRIPTION = "minreq-build.json"


def read_build(tree: Path, lock: Path) -> BuiltTree:
    """Return the files of *tree*, a folder or zip that `minreq build` made of *lock*.

    Raises ``TreeUnreadable``, and ``BuildOfOtherLock`` where its description is missing, or is that of another lock.
    """
    with containers.open_container(tree) as container:
        descriptions = [path for path in container.sizes if path.rpartition("/")[2] == _DESCRIPTION]
        if len(descriptions) != 1:
            raise BuildOfOtherLock(tree, lock, f"it has {len(descriptions)} files {_DESCRIPTION}")
        [path] = descriptions
        folder = path.removesuffix(_DESCRIPTION)
        files = {each.removeprefix(folder) for each in container.sizes if each.startswith(folder)}
        content = container.read(path)
    try:
        return _read_description(json.loads(content), files, tree, lock)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise BuildOfOtherLock(tree, lock, f"its {_DESCRIPTION} was changed") from error


def _read_description(description: Any, files: set[str], tree: Path, lock: Path) -> BuiltTree:
    if description["lock_sha256"] != regularfile.sha256(lock):
        raise BuildOfOtherLock(tree, lock, f"it was made from another content of {description['lock']}")
    # What only says that a module was left out is not that module, and Python takes it before any compiled file of it.
    placeholders = {*description["placeholders"]}
    modules = {module_path(each) for each in placeholders}
    compiled = {each for each in files if "__pycache__/" in each and module_path(each) in modules}
    present = files - placeholders - compiled
    return BuiltTree(
        present=frozenset({*present, *_paths(description.get("cold", {}))}),
        removed=frozenset(_paths(description["removed"])),
    )


def _paths(by_reason: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for files in by_reason.values():
        yield from files
