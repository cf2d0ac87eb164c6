"""Write a build to its output: a folder, a zip, or one zip for each layer; completely or not at all."""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minreq.build import advice
from minreq.build.result import Layer
from minreq.build.slim import archive as packing, description
from minreq.build.slim.layers import BASE, LayerPlan
from minreq.build.tree import BuiltTree
from minreq.config import BuildSettings
from minreq.errors import ArchiveTooLarge, OutputFolderMissing, OutputUnwritable
from minreq.system import regularfile, temporary

_LOG = logging.getLogger(__name__)

#: The folder in a layer that Python imports from (AWS Lambda developer guide, "Packaging your layer content").
_LAYER_PREFIX = "python"


def check(settings: BuildSettings) -> None:
    """Raise ``OutputUnwritable`` before anything runs. A folder is replaced only if it holds a build of minreq."""
    output = settings.output
    if output.name in {"", ".."}:
        raise OutputUnwritable(
            output, "a build replaces its folder, and this path has no name to replace; name another"
        )
    if not output.parent.exists():
        raise OutputFolderMissing(output, output.parent)
    if not output.parent.is_dir():
        raise OutputUnwritable(output, f"{output.parent} is no folder")
    if settings.is_zip:
        if output.exists() and not output.is_file():
            raise OutputUnwritable(output, "it is not a regular file")
    elif output.is_dir():
        if any(output.iterdir()) and not any(output.rglob(description.FILE)) and not _holds_only_layers(output):
            raise OutputUnwritable(output, f"it is a folder with something else in it (no {description.FILE})")
    elif output.exists():
        raise OutputUnwritable(output, "it is a file; name a folder, or a file that ends in .zip")


def write(settings: BuildSettings, tree: BuiltTree, layers: LayerPlan | None) -> tuple[Layer, ...]:
    """Write *tree* to the output, and return its layers; raises ``OutputUnwritable``, ``ArchiveTooLarge``."""
    is_packed = settings.is_zip or layers is not None
    prefix = settings.prefix if settings.prefix is not None else (_LAYER_PREFIX if is_packed else "")
    with _replacement(settings.output) as new:
        if layers is not None:
            new.mkdir()
            return tuple(
                _write_layer(settings, tree, layers, name=name, archive=new / f"{name}.zip", prefix=prefix)
                for name in layers.names
            )
        if settings.is_zip:
            _check_size(
                settings, settings.output.name, packing.write_archive(tree.folder, new, prefix, tree.file_sizes)
            )
        else:
            shutil.copytree(tree.folder, new / prefix if prefix else new)
    return ()


def _write_layer(
    settings: BuildSettings, tree: BuiltTree, layers: LayerPlan, *, name: str, archive: Path, prefix: str
) -> Layer:
    paths = tree.files_of_layers(layers, (name,))
    size = packing.write_archive(tree.folder, archive, prefix, paths)
    _check_size(settings, archive.name, size)
    return Layer(
        name=name,
        file=settings.output / archive.name,
        bytes=tree.bytes_of(paths),
        zip_bytes=size,
        sha256=regularfile.sha256(archive),
        distributions=tuple(sorted(each for each, layer in layers.layer_of.items() if layer == name)),
    )


def _check_size(settings: BuildSettings, archive: str, size: int) -> None:
    if settings.max_zip is not None and size > settings.max_zip:
        raise ArchiveTooLarge(archive, size, settings.max_zip, [*advice.suggest_smaller_archive(settings)])


def _holds_only_layers(folder: Path) -> bool:
    """Whether *folder* holds layers and nothing else."""
    files = [*folder.iterdir()]
    return any(file.name == f"{BASE}.zip" for file in files) and all(file.suffix == ".zip" for file in files)


@contextmanager
def _replacement(output: Path) -> Iterator[Path]:
    """Yield a path beside *output* that replaces it at the end; on any failure *output* stays as it was."""
    new = output.with_name(f".{output.name}.{secrets.token_hex(6)}.tmp")
    old = output.with_name(f".{output.name}.{secrets.token_hex(6)}.old")
    try:
        yield new
        if new.is_dir() and output.is_dir():
            output.replace(old)
        new.replace(output)
        _LOG.info("wrote %s", output)
    except OSError as error:
        raise OutputUnwritable(output, error.strerror or str(error)) from error
    finally:
        # The two renames can be interrupted between them; then the old output comes back.
        if old.exists() and not output.exists():
            with suppress(OSError):
                old.replace(output)
        for leftover in (new, old):
            if leftover.is_dir():
                temporary.remove(leftover)
            else:
                leftover.unlink(missing_ok=True)
