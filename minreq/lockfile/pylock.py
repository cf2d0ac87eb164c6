"""Renders a lock as ``pylock.toml`` (PEP 751), by ``packaging.pylock``."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import tomlkit
from packaging.markers import Marker
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from minreq.errors import HashMissing
from minreq.lockfile.platformmarkers import pin_marker, platform_marker
from minreq.lockfile.requirements import pinned_files
from minreq.model import Candidate, Lock, Platform, Sdist, Wheel

DEFAULT_NAME = "pylock.minimal.toml"

_HEAD = """\
# Made by minreq from {lock}. What the program does not need is left out, so install it without dependencies:
#
#    pip install --no-deps -r {name}
#    uv pip sync {name}

"""


def render(lock: Lock, urls: Mapping[str, str], *, made_from: str, filename: str = DEFAULT_NAME) -> str:
    """Return the text of the file; *urls* has the URL of each pinned file, by file name.

    *made_from* and *filename* are for the header. Raises ``HashMissing``: the specification requires a hash.
    """
    packages = [
        _package(kept.candidate, urls, lock)
        for kept in sorted(lock.selection.kept, key=lambda each: each.candidate.name)
    ]
    platforms = sorted(lock.platforms, key=lambda each: each.name)
    document = Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(each) for each in dict.fromkeys(map(platform_marker, platforms))],
        requires_python=_requires_python(platforms),
        created_by="minreq",
        packages=packages,
    )
    document.validate()
    return _HEAD.format(lock=made_from, name=filename) + tomlkit.dumps(document.to_dict())


def _package(candidate: Candidate, urls: Mapping[str, str], lock: Lock) -> Package:
    files = sorted(pinned_files(candidate), key=lambda each: each.filename)
    if candidate.sdist is not None:
        (file,) = files
        sdist = PackageSdist(name=_name(file, urls), url=urls[file.filename], size=file.size, hashes=_hashes(file))
        return Package(name=candidate.name, version=candidate.version, sdist=sdist)
    wheels = [
        PackageWheel(name=_name(file, urls), url=urls[file.filename], size=file.size, hashes=_hashes(file))
        for file in files
    ]
    marker = pin_marker(candidate, lock)
    parsed = None if marker is None else Marker(marker)
    return Package(name=candidate.name, version=candidate.version, marker=parsed, wheels=wheels)


def _name(file: Wheel | Sdist, urls: Mapping[str, str]) -> str | None:
    """Return the file name if the URL does not end with it."""
    return None if urlsplit(urls[file.filename]).path.endswith(f"/{file.filename}") else file.filename


def _hashes(file: Wheel | Sdist) -> Mapping[str, str]:
    if file.sha256 is None:
        raise HashMissing(file.filename)
    return {"sha256": file.sha256}


def _requires_python(platforms: list[Platform]) -> SpecifierSet:
    oldest = min(platform.python_version for platform in platforms)
    return SpecifierSet(f">={oldest.major}.{oldest.minor}")
