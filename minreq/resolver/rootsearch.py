"""From one version of the root to the next older one, each tried with what nothing needs set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq.errors import KnownBadRelease, NoVersion, PythonNotSupported, VersionsConflict
from minreq.model import PassedOver
from minreq.resolver.catalogue import ANY, Catalogue, Release, Unfit, applies, is_pin
from minreq.resolver.conflict import Conflict, Teller
from minreq.resolver.demand import Forecast
from minreq.resolver.provider import Aside, Provider, Trail, Wish, written
from minreq.resolver.search import Solution, solve

#: Older versions of the root that are looked at while one is tried.
_SCOUTED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The version of the root that can be had, and what that took."""

    root: Release
    solution: Solution
    aside: Mapping[NormalizedName, Aside]
    #: Newest first.
    passed_over: tuple[PassedOver, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """Why one version of the root cannot be had."""

    root: Release
    conflict: Conflict
    teller: Teller
    #: The place in the root that needs what cannot be had; ``None`` where that was not the question.
    witness: str | None

    def reason(self, subject: str) -> str:
        """A clause in which *subject* stands for the root."""
        why = self.teller.why(self.conflict, subject=subject)
        return why if self.witness is None else f"{why}; {self.witness} imports {self.conflict.name}"


@dataclass(slots=True, kw_only=True)
class Stepping:
    """A demand on its way through the versions of the root."""

    catalogue: Catalogue
    forecast: Forecast
    _refusals: list[_Refusal] = field(default_factory=list)

    def run(self) -> Step:
        """The first version that can be had; raises `VersionsConflict` when none can, and tells of the first tried."""
        roots = self._roots()
        for number, root in enumerate(roots):
            aside: dict[NormalizedName, Aside] = {}
            outcome = self._attempt(root, aside)
            if isinstance(outcome, Solution):
                return Step(root=root, solution=outcome, aside=aside, passed_over=self._passed_over(root))
            self._refusals.append(outcome)
            for older in roots[number + 1 : number + 1 + _SCOUTED]:
                self._scout(older, outcome)
        first = self._refusals[0]
        asked = written(self.catalogue.demand.root)
        remedy = first.teller.remedy(first.conflict)
        raise VersionsConflict(asked, first.conflict.name, first.reason(str(first.root)), remedy, len(roots))

    def _attempt(self, root: Release, aside: dict[NormalizedName, Aside]) -> Solution | _Refusal:
        """Resolve with one version of the root; fills *aside* with what nothing needs until all the rest holds."""
        # What is kept whole is taken at its word.
        firm: frozenset[NormalizedName] = frozenset()
        while True:
            provider, trail = Provider(self.catalogue, aside=aside, firm=firm), Trail()
            outcome = solve(provider, trail, self._wishes(provider, root), written(self.catalogue.demand.root))
            if isinstance(outcome, Solution):
                whole = outcome.closure(provider.whole(), without=root.name) if aside else firm
                if whole <= firm:
                    return outcome
                firm |= whole
                continue
            verdicts: list[tuple[Conflict, str | None]] = []
            for conflict in outcome:
                witness = self._needs(root, conflict.name) if self._negotiable(conflict, aside) else None
                if witness is None and self._negotiable(conflict, aside):
                    aside[conflict.name] = self._further(conflict, aside)
                    break
                verdicts.append((conflict, witness))
            else:
                conflict, witness = verdicts[0]
                teller = Teller(self.catalogue, provider, trail, root=root.name)
                return _Refusal(root=root, conflict=conflict, teller=teller, witness=witness)

    def _wishes(self, provider: Provider, root: Release) -> Iterator[Wish]:
        yield from provider.root(self.catalogue.demand.root, root)
        for stated in (*self.catalogue.demand.whole, *self.catalogue.demand.available):
            yield from provider.stated(stated)

    def _negotiable(self, conflict: Conflict, aside: Mapping[NormalizedName, Aside]) -> bool:
        """Whether the distribution might be done without: the user said nothing about it."""
        demand, name = self.catalogue.demand, conflict.name
        said = conflict.stated or name == demand.root_name or name in demand.limits
        return not said and aside.get(name) is not Aside.ALTOGETHER

    def _further(self, conflict: Conflict, aside: Mapping[NormalizedName, Aside]) -> Aside:
        """How far to set aside what nothing needs: first its versions, then all of it."""
        hopeless = conflict.foreign or conflict.name in aside or self._newest(conflict.name) is None
        return Aside.ALTOGETHER if hopeless else Aside.VERSIONS

    def _needs(self, root: Release, name: NormalizedName) -> str | None:
        """Where *root* needs *name*; asked of the forecast once."""

        def work() -> str | None:
            newest = self._newest(name)
            return self.forecast.needs(self.catalogue.wheel(root), name, None if newest is None else newest.wheel)

        return self.catalogue.ahead.once(("needs", root.version, name), work)

    def _newest(self, name: NormalizedName) -> Release | None:
        return next(self.catalogue.known_matches(name, ANY), None)

    def _scout(self, root: Release, refusal: _Refusal) -> None:
        """Begin to find out whether *root* fails as the newer one did: its metadata, and the need for the same name."""
        name = refusal.conflict.name

        def work() -> None:
            blocked = any(
                next(self.catalogue.known_matches(name, requirement.specifier), None) is None
                for requirement in self.catalogue.requires(root, "")
                if canonicalize_name(requirement.name) == name
            )
            if blocked and refusal.witness is not None:
                self._needs(root, name)

        if root.wheel is not None:
            self.catalogue.ahead.begin(("scout", root.version, name), work)

    def _roots(self) -> tuple[Release, ...]:
        """The versions of the root that the user allows, most wanted first, at least one."""
        demand, specifier = self.catalogue.demand, self._specifier()
        roots = tuple(self.catalogue.matches(demand.root_name, specifier))
        if roots:
            return roots
        # Most indexes take such releases down; whoever asks for one is told why it is not there.
        for version in sorted(demand.refused.get(demand.root_name, ())):
            if is_pin(specifier) and specifier.contains(version, prereleases=True):
                raise KnownBadRelease(demand.root_name, str(version))
        versions = specifier.filter(self.catalogue.shelf(demand.root_name).versions)
        unfit = {v: why for v in versions if isinstance(why := self.catalogue.fitted(demand.root_name, v), Unfit)}
        asked = f"{demand.root_name}{specifier}"
        for version, why in unfit.items():
            if why.requires_python is not None:
                raise PythonNotSupported(asked, str(version), str(why.requires_python), str(why.python))
        newest = self.catalogue.newest(demand.root_name)
        newest_version = None if newest is None else str(newest.version)
        raise NoVersion(
            asked,
            demand.root_name,
            newest_version,
            {str(version): str(why) for version, why in unfit.items()},
            demand.exclude_newer,
        )

    def _specifier(self) -> SpecifierSet:
        """All that the user says about the version of the root."""
        demand = self.catalogue.demand
        specifier = demand.root.specifier
        for stated in (*demand.whole, *demand.available, *demand.limits.get(demand.root_name, ())):
            same = canonicalize_name(stated.requirement.name) == demand.root_name
            if same and applies(stated.requirement, demand.platforms, ""):
                specifier &= stated.requirement.specifier
        return specifier

    def _passed_over(self, chosen: Release) -> tuple[PassedOver, ...]:
        """Every version newer than *chosen* that was tried, or would have been if it fitted.

        Where the pin of the existing lock was taken nothing newer was tried, and what that lock said is said again.
        """
        demand = self.catalogue.demand
        if not self._refusals and chosen.version == demand.preferred.get(chosen.name):
            return tuple(passed for passed in demand.passed_over if passed.version > chosen.version)
        shelf, specifier = self.catalogue.shelf(chosen.name), self._specifier()
        newer = [version for version in shelf.versions if version > chosen.version]
        reasons: dict[Version, str] = {}
        for version in specifier.filter(newer, prereleases=bool(specifier.prereleases) or chosen.version.is_prerelease):
            if isinstance(unfit := self.catalogue.fitted(chosen.name, version), Unfit):
                reasons[version] = f"it {unfit}"
            elif (why := shelf.yanked(version)) is not None:
                reasons[version] = f"it is yanked: {why}".removesuffix(": ")
        reasons |= {refusal.root.version: refusal.reason("it") for refusal in self._refusals}
        return tuple(
            PassedOver(name=chosen.name, version=version, reason=reasons[version])
            for version in sorted(reasons, reverse=True)
            if version in newer
        )
