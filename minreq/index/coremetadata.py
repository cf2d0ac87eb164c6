"""Parses the text of ``METADATA`` into the values that the resolver needs; text in, value out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement
from packaging.specifiers import InvalidSpecifier
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from minreq.errors import ArchiveUnreadable, MetadataMismatch
from minreq.model import Metadata, Wheel
from minreq.model.parsing import parse_requirement, parse_specifiers, parse_version

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

#: Major versions of the format that minreq reads.
_METADATA_VERSIONS = ("1", "2")
#: Characters of a ``License`` that is a name, and not the text of one.
_MAX_LICENSE_NAME = 100


def parse(text: bytes, wheel: Wheel) -> Metadata:
    """Parse the core metadata of *wheel* (packaging.python.org, "Core metadata specifications").

    It validates only what the resolver needs: an invalid ``Description-Content-Type`` does no harm. As in pip, an
    unreadable ``Requires-Python`` constrains nothing, and an unreadable ``Requires-Dist`` makes the release unusable.
    So does a later major version of the format: tools "MUST fail" there.

    Raises :class:`ArchiveUnreadable` and :class:`MetadataMismatch`.
    """
    # Slow to import, and a check of a lock reads no metadata.
    from packaging.metadata import parse_email  # noqa: PLC0415

    raw, _ = parse_email(text)
    metadata_version = raw.get("metadata_version", _METADATA_VERSIONS[0])
    if metadata_version.partition(".")[0] not in _METADATA_VERSIONS:
        problem = f"its metadata has the version {metadata_version!r}, and minreq reads versions 1 and 2"
        raise ArchiveUnreadable(wheel.filename, wheel.url, problem)
    try:
        name, version = raw["name"], parse_version(raw["version"])
        requires = tuple(parse_requirement(requirement) for requirement in raw.get("requires_dist", ()))
    except KeyError as error:
        raise ArchiveUnreadable(wheel.filename, wheel.url, f"its metadata has no {error.args[0]}") from None
    except (InvalidVersion, InvalidRequirement) as error:
        problem = " ".join(str(error).split())
        raise ArchiveUnreadable(wheel.filename, wheel.url, f"its metadata cannot be read: {problem}") from error
    if canonicalize_name(name) != wheel.name or version != wheel.version:
        raise MetadataMismatch(wheel.filename, name, raw["version"])
    try:
        requires_python = parse_specifiers(raw["requires_python"]) if "requires_python" in raw else None
    except InvalidSpecifier:
        requires_python = None
    return Metadata(
        name=wheel.name,
        version=version,
        requires=requires,
        extras=frozenset(map(canonicalize_name, raw.get("provides_extra", ()))),
        requires_python=requires_python,
        license_expression=raw.get("license_expression"),
        license_names=_find_license_names(raw),
    )


def _find_license_names(raw: RawMetadata) -> tuple[str, ...]:
    named = [each for each in raw.get("classifiers", ()) if each.startswith("License ::")]
    if named:
        return tuple(each.rpartition(" :: ")[2] for each in named)
    text = raw.get("license", "").strip()
    # Many projects put the whole text here.
    return (text,) if text and "\n" not in text and len(text) <= _MAX_LICENSE_NAME else ()
