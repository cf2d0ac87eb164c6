"""Where a build goes: a folder, a zip, or a zip for each layer; whole or not at all."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minreq.build.product import Product
from minreq.build.result import Layer
from minreq.build.slim import description, packing
from minreq.build.slim.layering import BASE, Layers
from minreq.config import BuildSettings
from minreq.errors import ArchiveTooLarge, OutputFolderMissing, OutputUnwritable

#: Where the packages of a layer lie (AWS Lambda developer guide, "Packaging your layer content").
_LAYER = "python"


def check(settings: BuildSettings) -> None:
    """Raise ``OutputUnwritable`` early: a folder is replaced only if a build of minreq lies in it, and none is made."""
    output = settings.output
    if not output.parent.exists():
        raise OutputFolderMissing(output, output.parent)
    if not output.parent.is_dir():
        raise OutputUnwritable(output, f"{output.parent} is no folder")
    if settings.is_zip:
        if output.exists() and not output.is_file():
            raise OutputUnwritable(output, "it is not a regular file")
    elif output.is_dir():
        if any(output.iterdir()) and not any(output.rglob(description.FILE)) and not _has_layers(output):
            raise OutputUnwritable(output, f"it is a folder with something else in it (no {description.FILE})")
    elif output.exists():
        raise OutputUnwritable(output, "it is a file; name a folder, or a file that ends in .zip")


def write(settings: BuildSettings, product: Product, split: Layers | None) -> tuple[Layer, ...]:
    """Put *product* where it belongs, and return what layers there are.

    Raises ``OutputUnwritable``, ``ArchiveTooLarge``.
    """
    is_packed = settings.is_zip or split is not None
    prefix = settings.prefix if settings.prefix is not None else (_LAYER if is_packed else "")
    with _replacing(settings.output) as new:
        if split is not None:
            new.mkdir()
            return tuple(
                _layer(settings, product, split, name=name, archive=new / f"{name}.zip", prefix=prefix)
                for name in split.names
            )
        if settings.is_zip:
            _check_size(settings, settings.output.name, packing.pack(product.folder, new, prefix, product.files))
        else:
            shutil.copytree(product.folder, new / prefix if prefix else new)
    return ()


def sha256(file: Path) -> str:
    """Return the hash of *file*, hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _layer(settings: BuildSettings, product: Product, split: Layers, *, name: str, archive: Path, prefix: str) -> Layer:
    paths = product.files_of(split, (name,))
    size = packing.pack(product.folder, archive, prefix, paths)
    _check_size(settings, archive.name, size)
    return Layer(
        name=name,
        file=settings.output / archive.name,
        bytes=product.bytes_of(paths),
        zip_bytes=size,
        sha256=sha256(archive),
        distributions=tuple(sorted(each for each, layer in split.of.items() if layer == name)),
    )


def _check_size(settings: BuildSettings, archive: str, size: int) -> None:
    if settings.max_zip is not None and size > settings.max_zip:
        raise ArchiveTooLarge(archive, size, settings.max_zip)


def _has_layers(folder: Path) -> bool:
    """Whether nothing but layers lies in *folder*."""
    files = [*folder.iterdir()]
    return any(file.name == f"{BASE}.zip" for file in files) and all(file.suffix == ".zip" for file in files)


@contextmanager
def _replacing(output: Path) -> Iterator[Path]:
    """Give a place beside *output* for what takes its place at the end; on any failure *output* stays."""
    new = output.with_name(f".{output.name}.{secrets.token_hex(6)}.tmp")
    old = output.with_name(f".{output.name}.{secrets.token_hex(6)}.old")
    try:
        yield new
        if new.is_dir() and output.is_dir():
            output.replace(old)
        new.replace(output)
    except OSError as error:
        raise OutputUnwritable(output, error.strerror or str(error)) from error
    finally:
        # Whatever came between the two renames, an interruption too.
        if old.exists() and not output.exists():
            with suppress(OSError):
                old.replace(output)
        for leftover in (new, old):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)
