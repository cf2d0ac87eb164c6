"""Reads a lock file in the format of PEP 751 (``pylock.toml``) as requirements."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from packaging.pylock import Package, Pylock, PylockValidationError
from packaging.requirements import Requirement

from minreq.errors import RequirementsUnreadable
from minreq.requirements.content import UserRequirement
from minreq.requirements.lines import LineError, parse_hash

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_requirements(text: str, name: str, environments: Sequence[Mapping[str, str]]) -> list[UserRequirement]:
    """Return the packages that a lock file has for any of *environments*, each at its version and with its hashes.

    *name* is the path or URL of the file. Raises `RequirementsUnreadable`.
    """
    try:
        lock = Pylock.from_dict(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, PylockValidationError) as error:
        raise RequirementsUnreadable(name, None, f"it is no lock file: {' '.join(str(error).split())}") from error
    try:
        _check_environments(lock, environments)
        return [
            UserRequirement(requirement=_requirement(package), origin=f"-r {name}", hashes=_hashes(package))
            for package in lock.packages
            if _applies(package, lock, environments)
        ]
    except LineError as error:
        raise RequirementsUnreadable(name, None, str(error)) from error


def _check_environments(lock: Pylock, environments: Sequence[Mapping[str, str]]) -> None:
    for environment in environments:
        python = environment["python_full_version"]
        if lock.requires_python is not None and not lock.requires_python.contains(python, prereleases=True):
            raise LineError(f"it is for Python {lock.requires_python}, and this is {python}")
        if lock.environments and not any(marker.evaluate(dict(environment)) for marker in lock.environments):
            markers = " or ".join(map(str, lock.environments))
            raise LineError(f"it is for other platforms: {markers}")


def _applies(package: Package, lock: Pylock, environments: Sequence[Mapping[str, str]]) -> bool:
    if package.marker is None:
        return True
    # The specification: no extras, and the groups that the file names as its default.
    selected = {"extras": frozenset[str](), "dependency_groups": frozenset(lock.default_groups or ())}
    return any(
        package.marker.evaluate(cast("dict[str, str]", {**environment, **selected}), context="lock_file")
        for environment in environments
    )


def _requirement(package: Package) -> Requirement:
    if package.version is None or not (package.wheels or package.sdist):
        raise LineError(f"{package.name} is no release of an index, so it has no version to lock; use --find-links")
    return Requirement(f"{package.name}=={package.version}")


def _hashes(package: Package) -> frozenset[str]:
    hashes = [wheel.hashes for wheel in package.wheels or ()]
    hashes += [package.sdist.hashes] if package.sdist else []
    return frozenset(each for file_hashes in hashes for each in _strong_hashes(file_hashes))


def _strong_hashes(hashes: Mapping[str, str]) -> Iterator[str]:
    """Yield the hashes of one file, which has at least one that is strong enough."""
    strong = {name: digest for name, digest in hashes.items() if name in {"sha256", "sha384", "sha512"}}
    for name, digest in (strong or hashes).items():
        yield parse_hash(f"{name}:{digest}")
