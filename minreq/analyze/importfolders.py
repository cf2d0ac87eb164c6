"""Open a tree to import from it: a folder, or a zip that is unpacked."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from minreq.errors import ArtifactUnreadable
from minreq.system import temporary, zipfiles

#: Files that say which distributions a tree has, and what they require.
_METADATA = re.compile(r"\.(dist-info/METADATA|egg-info/PKG-INFO|egg-info/requires\.txt)$")


@contextmanager
def open_tree(path: Path, scratch: Path, *, metadata_only: bool = False) -> Iterator[Path]:
    """Yield the folder *path*; a zip is unpacked into a folder below *scratch*, or only its metadata.

    Raises `ArtifactUnreadable`.
    """
    if path.is_dir():
        yield path.absolute()
        return
    with temporary.make_temporary_folder(scratch) as folder:
        _unpack(path, folder, metadata_only=metadata_only)
        yield folder


def find_import_folders(folder: Path, python: tuple[int, int], *, named: Path) -> tuple[Path, ...]:
    """Return the folders of the tree *folder* to import from, in the order of ``sys.path``.

    This is the folder itself. When it has no distribution but a folder ``python``, as a layer of AWS Lambda has (Lambda
    developer guide, "Packaging your layer content"), it is that folder. Raises `ArtifactUnreadable` with the path as
    the user *named* it.
    """
    if (folder / "pyvenv.cfg").is_file():
        raise ArtifactUnreadable(named, "it is a virtual environment; name its interpreter with --python")
    layer = folder / "python"
    if any(folder.glob("*.dist-info")) or not layer.is_dir():
        return (folder,)
    versioned = layer / "lib" / "python{}.{}".format(*python) / "site-packages"
    return (layer, versioned) if versioned.is_dir() else (layer,)


def _unpack(path: Path, folder: Path, *, metadata_only: bool) -> None:
    try:
        with zipfiles.open_archive(path) as archive:
            for member in archive.infolist():
                inside = PurePosixPath(member.filename.replace("\\", "/"))
                if inside.is_absolute() or ".." in inside.parts:
                    raise ArtifactUnreadable(path, f"its member {member.filename!r} leads out of it")
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise ArtifactUnreadable(path, f"its member {member.filename!r} is a link")
            names = [name for name in archive.namelist() if not metadata_only or _METADATA.search(name)]
            archive.extractall(folder, names)
    except zipfiles.ArchiveRefused as refused:
        raise ArtifactUnreadable(path, f"{refused.path}: {refused.why}") from None
    except zipfiles.READ_ERRORS as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ArtifactUnreadable(path, why) from error
