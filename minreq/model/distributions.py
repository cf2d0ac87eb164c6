"""Platforms, files of an index, candidates and resolutions."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import NormalizedName
from packaging.version import Version

#: AWS Lambda's limit for a function and its layers together, unpacked, in bytes.
LAMBDA_LIMIT = 262_144_000
#: The largest zip that AWS Lambda takes without S3, in bytes: 50 MiB, which AWS calls "50 MB".
LAMBDA_UPLOAD_LIMIT = 52_428_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """An interpreter on an operating system: its markers and wheel tags."""

    #: ``host``: the interpreter that minreq uses; else the name of a preset such as ``lambda-python3.12-x86_64``.
    name: str
    #: The full version of Python, ``3.12.1``.
    python_version: Version
    #: The environment markers of PEP 508, without ``extra``.
    markers: Mapping[str, str]
    #: Compatible wheel tags, best first.
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A managed runtime, and the distributions that it has beside the standard library, in unknown versions."""

    #: ``lambda-python3.12``.
    name: str
    #: The version of its Python, ``3.12``.
    python: str
    distributions: frozenset[NormalizedName]
    #: The day on which minreq's list was compared with what the operator publishes.
    date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel on an index, as the Simple API describes it (PEP 503, 592, 658, 691, 700)."""

    name: NormalizedName
    version: Version
    filename: str
    #: Absolute, ``https:``, ``http:`` or ``file:``, without the fragment; credentials are kept out.
    url: str
    #: Hex digest; ``None`` if the index has no SHA-256. minreq then hashes the wheel when it fetches it.
    sha256: str | None
    tags: frozenset[Tag]
    #: Bytes of the archive, if the index gives them.
    size: int | None = None
    requires_python: SpecifierSet | None = None
    upload_time: datetime | None = None
    #: The reason, which may be empty; ``None``: not yanked.
    yanked: str | None = None
    #: Hex SHA-256 of the metadata file beside the wheel (PEP 658); "": a file without hash; ``None``: no file.
    metadata_sha256: str | None = None
    #: The hashes that the index gives beside SHA-256: ``md5:DIGEST``.
    other_hashes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdist:
    """A source distribution on an index. minreq builds a wheel from it before it uses it."""

    name: NormalizedName
    version: Version
    filename: str
    url: str
    sha256: str | None
    size: int | None = None
    requires_python: SpecifierSet | None = None
    upload_time: datetime | None = None
    yanked: str | None = None
    other_hashes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The core metadata that the resolver reads (``METADATA`` in ``.dist-info``)."""

    name: NormalizedName
    version: Version
    requires: tuple[Requirement, ...] = ()
    #: ``Provides-Extra``, normalized.
    extras: frozenset[NormalizedName] = frozenset()
    requires_python: SpecifierSet | None = None
    #: ``License-Expression`` (PEP 639), as it is written.
    license_expression: str | None = None
    #: Of older metadata, the licences of the classifiers, or else a ``License`` that is a name.
    license_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in a wheel, read from the zip's central directory."""

    #: Path inside the archive, with ``/``.
    path: str
    #: Unpacked bytes.
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A version of a project that can be installed, with the wheels of it that fit.

    A candidate is found in an index and not installed yet.
    """

    name: NormalizedName
    version: Version
    #: The wheel that the host installs; the runs use it.
    wheel: Wheel
    #: Every wheel of this version that fits a target platform, sorted by file name; their hashes go into the lock.
    wheels: tuple[Wheel, ...]
    #: The source distribution of *wheel*, if the index has no wheel that fits. An installer builds the wheel again, and
    #: each build has other bytes, so the lock pins this file.
    sdist: Sdist | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A newer version of the root that the resolver did not choose, and the reason."""

    name: NormalizedName
    version: Version
    #: A sentence.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The pinned closure of the roots: what a full install would contain."""

    #: By name, sorted by name.
    pins: Mapping[NormalizedName, Candidate]
    #: The project whose distributions are minimized (``litellm``).
    root: NormalizedName
    #: Projects kept with their dependencies (``-r``, ``--whole``).
    whole: frozenset[NormalizedName] = frozenset()
    #: Projects that the runtime has (``--provided``, ``--runtime``): pinned and used in runs, but not in the lock.
    provided: frozenset[NormalizedName] = frozenset()
    #: For each pin the names that it declares, under the markers and extras in use.
    requires: Mapping[NormalizedName, frozenset[NormalizedName]] = field(default_factory=dict)
    #: For each pin that an extra added, because the smoke failed without it: ``litellm[mcp]``.
    extras: Mapping[NormalizedName, str] = field(default_factory=dict)
    #: Newest first.
    passed_over: tuple[PassedOver, ...] = ()
    #: Sentences about requirements that were ignored: overrides, and lower bounds of unneeded distributions.
    notes: tuple[str, ...] = ()


def find_required(
    requires: Mapping[NormalizedName, Iterable[NormalizedName]],
    start: Iterable[NormalizedName],
    within: Container[NormalizedName],
) -> frozenset[NormalizedName]:
    """Return *start* and what that requires, directly or not, as far as it is in *within*."""
    found: set[NormalizedName] = set()
    waiting = [*start]
    while waiting:
        name = waiting.pop()
        if name in within and name not in found:
            found.add(name)
            waiting += requires.get(name, ())
    return frozenset(found)
