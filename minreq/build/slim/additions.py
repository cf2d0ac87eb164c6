"""Tell about how many bytes a build itself adds to the files of a lock, before it is made; nothing is run."""

from __future__ import annotations

import marshal
from collections.abc import Collection, Iterator
from importlib import resources

from packaging.utils import NormalizedName

from minreq.analyze.kinds import COLD_FOLDER
from minreq.build.slim import description, placeholders
from minreq.build.slim.cold import ColdSelection
from minreq.build.slim.select import FileSelection
from minreq.build.slim.servecall import insert_call
from minreq.build.slim.write import WrittenFiles
from minreq.config.levels import Level

#: Before the code in a compiled file (PEP 552).
_HEADER = 16
#: In the description: the beginning with the steps, and beside its name a distribution and an archive.
_DESCRIPTION, _DISTRIBUTION, _ARCHIVE = 2_000, 16, 200
#: In the index of the archives: beside its name an archive and a package.
_ARCHIVE_IN_INDEX, _PACKAGE_IN_INDEX = 110, 45
#: What the call that serves cold files adds to the compiled file of a package.
_COMPILED_CALL = 90


def estimate_additions(
    names: Collection[NormalizedName], selection: FileSelection, level: Level, *, has_bytecode: bool
) -> int:
    """Return the bytes of the description, of placeholders, and of what serves cold files.

    *names* are the distributions of the tree.
    """
    cold = selection.cold
    serving = sum(_serving(selection, cold, has_bytecode=has_bytecode)) if cold is not None and cold.cold else 0
    return _describe(names, selection) + sum(_placeholders(selection, level)) + serving


def _describe(names: Collection[NormalizedName], selection: FileSelection) -> int:
    written = WrittenFiles(
        stripped={},
        placeholders=placeholders.plan_placeholders(selection),
        service_placeholders={},
        compiled={},
        source_of={},
        replaced_sources={},
    )
    text = description.describe({}, selection.removed, written, (), cold=selection.cold)
    owners = {each.file.owner for each in selection.cold.cold} if selection.cold else ()
    return (
        len(text.encode())
        + _DESCRIPTION
        + sum(len(name) + _DISTRIBUTION for name in names)
        + sum(len(owner) + _ARCHIVE for owner in owners)
    )


def _placeholders(selection: FileSelection, level: Level) -> Iterator[int]:
    for each in placeholders.plan_placeholders(selection).values():
        yield len(placeholders.placeholder_source(each.rule))
    yield from (len("{}\n") for _ in placeholders.plan_service_placeholders(selection))
    if selection.removed:
        yield len(placeholders.reporting_module(level, ""))


def _serving(selection: FileSelection, cold: ColdSelection, *, has_bytecode: bool) -> Iterator[int]:
    """Yield the bytes of the package that serves cold files, of its index, and of the calls of it."""
    for source in resources.files("minreq.build.slim").joinpath(COLD_FOLDER).iterdir():
        if source.name.endswith(".py"):
            content = source.read_bytes()
            yield len(content)
            if has_bytecode:
                code = compile(content, f"{COLD_FOLDER}/{source.name}", "exec", dont_inherit=True)
                yield _HEADER + len(marshal.dumps(code))
    yield from (len(owner) * 2 + _ARCHIVE_IN_INDEX for owner in {each.file.owner for each in cold.cold})
    starts = {f"{package}/__init__.py" for package in cold.packages}
    for file in selection.kept:
        if file.path in starts:
            content = file.source.read_bytes()
            changed = insert_call(content)
            yield len(file.path) + _PACKAGE_IN_INDEX
            if changed is not None:
                yield len(changed) - len(content) + (_COMPILED_CALL if has_bytecode else 0)
