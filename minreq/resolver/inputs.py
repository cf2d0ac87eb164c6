"""What is to be resolved, and what the resolver asks of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Protocol

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq.model import Metadata, PassedOver, Platform, Sdist, Wheel
from minreq.requirements import StatedRequirement


class Index(Protocol):
    """Where files and metadata come from; called from several threads at once."""

    def releases(self, name: NormalizedName, /) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
        """Everything the index has of the project; raises `ProjectNotFound` and the other index failures.

        The files of a version are looked at one version after the other, most never: they may be read that late.
        """
        ...

    def metadata(self, wheel: Wheel, /) -> Metadata:
        """The core metadata of the wheel."""
        ...


class Builder(Protocol):
    """Makes a wheel for the host out of a source distribution."""

    def build(self, sdist: Sdist, /) -> Wheel:
        """Build it; the wheel's URL names a local file. Raises `NoWheel` where that is not allowed."""
        ...


class Forecast(Protocol):
    """Says whether a root would miss a distribution, without running anything; called from several threads at once."""

    def needs(self, root: Wheel, blocked: NormalizedName, sample: Wheel | None) -> str | None:
        """The place in *root* that cannot do without *blocked* (``a/b.py:8``), or ``None``.

        *sample* is a wheel of *blocked*, which says the modules it owns; ``None`` when the index has none that fits.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is to be resolved, for which platforms, and what the user said about it."""

    root: Requirement
    #: The platform the smoke runs on.
    host: Platform
    #: The platforms the lock is for; the host when empty.
    targets: tuple[Platform, ...] = ()
    #: ``--with``: part of the closure, kept only if the smoke needs it.
    available: tuple[StatedRequirement, ...] = ()
    #: ``-r`` and ``--whole``: kept with their closures. A line that names the root only narrows the root.
    whole: tuple[StatedRequirement, ...] = ()
    #: ``--provided NAME==VERSION``: pinned to what the runtime has.
    provided: tuple[StatedRequirement, ...] = ()
    constraints: tuple[StatedRequirement, ...] = ()
    #: Each replaces everything that packages say about the versions of that project.
    overrides: tuple[StatedRequirement, ...] = ()
    #: Pins of the existing lock, taken where they are still possible; leave out those that may move (``-U``, ``-P``).
    preferred: Mapping[NormalizedName, Version] = field(default_factory=dict)
    #: What the existing lock says about newer versions of the root; said again while its pin is taken.
    passed_over: tuple[PassedOver, ...] = ()
    #: Known-bad releases: never chosen, an error where asked for exactly.
    refused: Mapping[NormalizedName, frozenset[Version]] = field(default_factory=dict)
    #: Files uploaded later, or at a time the index does not tell, do not exist.
    exclude_newer: datetime | None = None
    #: Projects of which no source distribution (or no wheel) is taken: names, or ``:all:``, as pip has them.
    only_binary: frozenset[str] = frozenset()
    no_binary: frozenset[str] = frozenset()
    #: ``None``: source distributions are not built.
    builder: Builder | None = None

    @cached_property
    def root_name(self) -> NormalizedName:
        """The project of the root."""
        return canonicalize_name(self.root.name)

    @cached_property
    def platforms(self) -> tuple[Platform, ...]:
        """The host first, then the targets that differ from it."""
        return (self.host, *(target for target in self.targets if target != self.host))

    @cached_property
    def overriding(self) -> Mapping[NormalizedName, SpecifierSet]:
        """By project, what stands in the place of every package's requirement of it."""
        return _combined(self.overrides)

    @cached_property
    def limits(self) -> Mapping[NormalizedName, tuple[StatedRequirement, ...]]:
        """By project, the constraints the user put on its version beside asking for it."""
        limits: dict[NormalizedName, tuple[StatedRequirement, ...]] = {}
        for stated in (*self.provided, *self.constraints):
            name = canonicalize_name(stated.requirement.name)
            limits[name] = (*limits.get(name, ()), stated)
        return limits

    def forbids(self, name: NormalizedName) -> type[Wheel | Sdist] | None:
        """The kind of file of a project that is not to be taken; a name says more than ``:all:``."""
        for word in (name, ":all:"):
            if word in self.only_binary:
                return Sdist
            if word in self.no_binary:
                return Wheel
        return None


def _combined(requirements: tuple[StatedRequirement, ...]) -> Mapping[NormalizedName, SpecifierSet]:
    specifiers: dict[NormalizedName, SpecifierSet] = {}
    for stated in requirements:
        name = canonicalize_name(stated.requirement.name)
        specifiers[name] = specifiers.get(name, SpecifierSet()) & stated.requirement.specifier
    return specifiers
