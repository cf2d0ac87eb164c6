"""A tree that another tool built from a lock: find its import folders and its distributions."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from minreq.errors import ArtifactUnreadable
from minreq.model.parsing import parse_version
from minreq.system import temporary, zipfiles

#: Files that say which distributions a tree has, and what they require.
_METADATA = re.compile(r"\.(dist-info/METADATA|egg-info/PKG-INFO|egg-info/requires\.txt)$")

#: What tools that make environments install into each; pip-sync leaves pip alone too.
SEED_PACKAGES = frozenset({"pip", "setuptools", "wheel"})


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


def installed_versions(folders: Iterable[Path]) -> Mapping[NormalizedName, Version]:
    """Return the versions of the distributions in *folders*; of several with one name the first counts.

    Raises `ArtifactUnreadable` for metadata that cannot be read without waiting.
    """
    found: dict[NormalizedName, Version] = {}
    folders = tuple(folders)
    for file in (file for folder in folders for file in folder.glob("*.dist-info/*")):
        if file.exists() and not (file.is_file() or file.is_dir()):
            raise ArtifactUnreadable(file, "it is no regular file")
    for distribution in distributions(path=[str(folder) for folder in folders]):
        metadata = distribution.metadata
        if "Name" in metadata and "Version" in metadata:
            # An interrupted uninstall leaves metadata that is no distribution.
            with suppress(InvalidName, InvalidVersion):
                found.setdefault(canonicalize_name(metadata["Name"], validate=True), parse_version(metadata["Version"]))
    return dict(sorted(found.items()))


def find_discrepancies(
    installed: Mapping[NormalizedName, Version],
    pins: Mapping[NormalizedName, Version],
    *,
    where: str,
    tolerated: frozenset[str] = frozenset(),
) -> Iterator[tuple[NormalizedName, str]]:
    """Yield a sentence for each distribution that differs from *pins*, by name; *tolerated* may be there or not."""
    for name in sorted(installed.keys() | pins.keys()):
        if name not in installed:
            yield name, f"{name} {pins[name]} is not in {where}"
        elif name not in pins:
            if name not in tolerated:
                yield name, f"{name} {installed[name]} is in {where} and not in the lock"
        elif installed[name] != pins[name]:
            yield name, f"{name} is {installed[name]} in {where} and {pins[name]} in the lock"


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
