"""Reads the names of wheels and source distributions: project, version, tags."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from packaging.tags import Tag, parse_tag
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from minreq.model import split_sdist_filename
from minreq.model.parsing import parse_version


def release_from_filename(
    filename: str, project: NormalizedName | None = None
) -> tuple[NormalizedName, Version] | None:
    """Return project and version of a file name, ``None`` when they cannot be read.

    It is fast and does not check the whole name: for a name that `parse_filename` accepts the result is right, and it
    may accept a name that `parse_filename` does not. *project* is the project that the file may belong to.
    """
    if filename.endswith(".whl"):
        name, _, rest = filename.partition("-")
        version = rest.partition("-")[0]
    else:
        name, version = split_sdist_filename(filename, project)
    parsed = _parse_version(version)
    return None if parsed is None else (_normalize_name(name), parsed)


def parse_filename(filename: str, project: NormalizedName | None = None) -> dict[str, Any]:
    """Return name, version and, for a wheel, tags; raise ``ValueError``."""
    if filename.endswith(".whl"):
        release, *tag = filename[: -len(".whl")].rsplit("-", 3)
        name, version = _parse_wheel_release(release)
        return {"name": name, "version": version, "tags": _parse_tags("-".join(tag))}
    text, version_text = split_sdist_filename(filename, project)
    return {"name": canonicalize_name(text), "version": parse_version(version_text)}


# A page has dozens of files of each release, and the same few tags for all: each is parsed once.
@lru_cache(maxsize=1024)
def _normalize_name(text: str) -> NormalizedName:
    return canonicalize_name(text)


@lru_cache(maxsize=1 << 16)
def _parse_version(text: str) -> Version | None:
    try:
        return parse_version(text)
    except InvalidVersion:
        return None


@lru_cache(maxsize=4096)
def _parse_wheel_release(part: str) -> tuple[NormalizedName, Version]:
    """Return name and version of a wheel from *part*, its file name up to the tags."""
    name, version, _, _ = parse_wheel_filename(f"{part}-py3-none-any.whl")
    return name, version


@lru_cache(maxsize=4096)
def _parse_tags(part: str) -> frozenset[Tag]:
    return parse_tag(part)
