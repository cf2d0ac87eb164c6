"""The result of a measurement: which distributions each provider needs."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.model import Platform
from minreq.profiles.planner import SkippedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededDistribution:
    """A distribution that a provider, or the import of the root, needs."""

    name: NormalizedName
    version: Version
    #: Unpacked bytes of its wheel.
    bytes: int
    #: Why it is needed, as a sentence; "" for what the import of the root needs.
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNeeds:
    """What a provider needs in addition to the import of the root."""

    provider: str
    #: With ``by_feature``, the feature whose addition to the default features this is; "" for the default features.
    feature: str = ""
    #: Sorted by name.
    distributions: tuple[NeededDistribution, ...]
    #: The features that ran.
    features: tuple[str, ...]
    #: Features that the provider has calls for and that run only when the user names them.
    more: tuple[str, ...]
    skipped: tuple[SkippedCall, ...]
    #: Why it could not be measured, "" if it was.
    failure: str

    @property
    def bytes(self) -> int:
        """Unpacked bytes of all these distributions."""
        return sum(each.bytes for each in self.distributions)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureAddition:
    """What a feature that a lock does not cover would add to it."""

    feature: str
    #: The release of the root: ``litellm==1.106.2``.
    release: str
    #: The providers of the lock that have the feature in that release, sorted.
    providers: tuple[str, ...]
    #: What the lock lacks, sorted by name; ``None`` if a provider of the lock was not measured with the feature.
    distributions: tuple[NeededDistribution, ...] | None

    @property
    def bytes(self) -> int:
        """Unpacked bytes of all these distributions."""
        return sum(each.bytes for each in self.distributions or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What the import of a root needs, and what each of its providers needs in addition."""

    root: NormalizedName
    version: Version
    platform: Platform
    #: What `import` of the root needs, the root included.
    base: tuple[NeededDistribution, ...]
    #: Sorted by provider, then by feature.
    providers: tuple[ProviderNeeds, ...]
