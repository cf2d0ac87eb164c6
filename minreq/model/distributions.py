"""Platforms, the files of an index, and the pins of a closure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import NormalizedName
from packaging.version import Version

#: AWS Lambda's limit for a function and its layers together, unpacked, in bytes.
LAMBDA_LIMIT = 262_144_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """An interpreter on an operating system, as wheels and markers see it."""

    #: ``host`` for the interpreter at hand, else the name of a preset such as ``lambda-python3.12-x86_64``.
    name: str
    #: The full version of Python, ``3.12.1``.
    python_version: Version
    #: The environment markers of PEP 508, without ``extra``.
    markers: Mapping[str, str]
    #: Compatible wheel tags, most wanted first.
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel on an index, as the Simple API describes it (PEP 503, 592, 658, 691, 700)."""

    name: NormalizedName
    version: Version
    filename: str
    #: Absolute, ``https:``, ``http:`` or ``file:``, without the fragment; credentials are kept out.
    url: str
    #: Hex digest; ``None`` where the index offers no SHA-256 (such a wheel is hashed when it is fetched).
    sha256: str | None
    tags: frozenset[Tag]
    #: Bytes of the archive, where the index tells.
    size: int | None = None
    requires_python: SpecifierSet | None = None
    upload_time: datetime | None = None
    #: ``None``: not yanked. Else the reason, which may be empty.
    yanked: str | None = None
    #: Hex SHA-256 of the metadata file beside the wheel (PEP 658); "" when offered without hash, ``None`` when not.
    metadata_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdist:
    """A source distribution on an index; becomes a wheel before anything else looks at it."""

    name: NormalizedName
    version: Version
    filename: str
    url: str
    sha256: str | None
    size: int | None = None
    requires_python: SpecifierSet | None = None
    upload_time: datetime | None = None
    yanked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What the resolver reads from core metadata (``METADATA`` in ``.dist-info``)."""

    name: NormalizedName
    version: Version
    requires: tuple[Requirement, ...] = ()
    #: ``Provides-Extra``, normalized.
    extras: frozenset[NormalizedName] = frozenset()
    requires_python: SpecifierSet | None = None


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
    #: The wheel the host installs: what is traced and proven.
    wheel: Wheel
    #: Every wheel of this version that fits a target platform, sorted by file name; their hashes go into the lock.
    wheels: tuple[Wheel, ...]
    #: What *wheel* was built from, where the index has no wheel that fits: an installer builds it again, so the lock
    #: pins this file. Each build makes other bytes.
    sdist: Sdist | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A newer version of the root that was not taken, and why."""

    name: NormalizedName
    version: Version
    #: A sentence for a person.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The declared closure of the roots, pinned: what a full install would bring."""

    #: By name, sorted by name.
    pins: Mapping[NormalizedName, Candidate]
    #: The project whose distributions are minimized (``litellm``).
    root: NormalizedName
    #: Projects kept whole, with their closures (``-r``, ``--whole``).
    whole: frozenset[NormalizedName] = frozenset()
    #: Projects the runtime already has (``--provided``): pinned, traced, not written.
    provided: frozenset[NormalizedName] = frozenset()
    #: Who requires whom: the names each pin declares under the markers and extras in use.
    requires: Mapping[NormalizedName, frozenset[NormalizedName]] = field(default_factory=dict)
    #: For each pin that an extra brought in at a hard miss, ``litellm[mcp]``.
    extras: Mapping[NormalizedName, str] = field(default_factory=dict)
    #: Newest first.
    passed_over: tuple[PassedOver, ...] = ()
    #: Sentences about constraints that were set aside: overrides, and floors of distributions nothing needs.
    notes: tuple[str, ...] = ()
