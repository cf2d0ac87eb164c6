"""Which features of the profile bring a left-out distribution, and which functions programs call for them; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from minreq.model import Lock
from minreq.profiles import planner
from minreq.profiles.loader import Profile
from minreq.profiles.scanprofile import ScanProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """The features that the smoke of a lock did not run, as far as the profile of the root knows."""

    #: By distribution, the features whose smoke needs it.
    adding: Mapping[NormalizedName, tuple[str, ...]] = field(default_factory=dict)
    #: The names of functions that programs call for a feature: ``openai.OpenAI()``.
    known_functions: frozenset[str] = frozenset()
    #: Those of features that the smoke did not run.
    functions_not_run: frozenset[str] = frozenset()


def read_features(lock: Lock, profile: Profile | None, scan_profile: ScanProfile | None) -> Features:
    """Return what *profile* knows of the features that the smoke of *lock* did not run."""
    if profile is None:
        return Features()
    version = planner.root_version(profile, lock.resolution)
    adding = planner.distributions_of_features_not_run(profile, lock.stages, version)
    not_run = {feature for features in adding.values() for feature in features}
    features_of: dict[str, Iterable[str]] = {}
    if scan_profile is not None:
        rules = scan_profile.rules
        features_of |= {f"{rules.module}.{name}()": each.features for name, each in rules.functions.items()}
        features_of |= {f"{name}()": (each.feature,) for name, each in rules.constructors.items()}
    return Features(
        adding=adding,
        known_functions=frozenset(features_of),
        functions_not_run=frozenset(name for name, each in features_of.items() if not not_run.isdisjoint(each)),
    )
