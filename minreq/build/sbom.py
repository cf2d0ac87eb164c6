"""The bill of materials of a build: what its tree holds, with the licences that its files state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from minreq.build.task import BuildTask
from minreq.build.tree import BuiltTree
from minreq.index import coremetadata
from minreq.lockfile import cyclonedx
from minreq.model import Metadata
from minreq.system import regularfile


def render(task: BuildTask, tree: BuiltTree) -> str:
    """Return the document (CycloneDX 1.6): that of the lock, with the bytes of each distribution in *tree*.

    A distribution that has cold files counts with what of it lies in the tree, its archive included. Raises
    ``ExtraMissing``.
    """
    sizes = tree.distribution_sizes
    properties = {name: {"minreq:bytes-in-tree": str(sizes.get(name, 0))} for name in task.names}
    return cyclonedx.render(
        task.lock,
        _read_metadata(task, tree.folder),
        made_from=task.settings.output.name,
        properties=properties,
        command="build --sbom",
    )


def _read_metadata(task: BuildTask, folder: Path) -> Mapping[NormalizedName, Metadata]:
    """Return the metadata in the tree; every level keeps it."""
    wheels = {kept.candidate.name: kept.candidate.wheel for kept in task.lock.selection.kept}
    files = {
        canonicalize_name(path.parent.name.partition("-")[0]): path
        for path in sorted(folder.glob("*.dist-info/METADATA"))
    }
    return {
        name: coremetadata.parse(regularfile.read_whole(files[name]), wheel)
        for name, wheel in wheels.items()
        if name in files
    }
