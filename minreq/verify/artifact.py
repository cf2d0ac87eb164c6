"""The distributions of a tree that another tool built from a lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from minreq.errors import ArtifactUnreadable
from minreq.model.parsing import parse_version

#: What tools that make environments install into each; pip-sync leaves pip alone too.
SEED_PACKAGES = frozenset({"pip", "setuptools", "wheel"})


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
