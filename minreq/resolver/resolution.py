"""The product: a demand becomes a resolution, and a resolution grows by an extra."""

from __future__ import annotations

from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from minreq.errors import UnknownExtra, VersionsConflict
from minreq.model import Candidate, Resolution
from minreq.requirements import StatedRequirement
from minreq.resolver.ahead import Ahead
from minreq.resolver.catalogue import Catalogue, Release
from minreq.resolver.conflict import Teller
from minreq.resolver.demand import Demand, Forecast, Index
from minreq.resolver.notes import notes
from minreq.resolver.provider import Key, Provider, Trail
from minreq.resolver.search import Solution, solve
from minreq.resolver.stepping import Step, Stepping


def resolve(demand: Demand, index: Index, forecast: Forecast) -> Resolution:
    """Pin the root at the newest version that can be had, and everything it declares.

    Raises `ResolutionFailure` and its branches; and `IndexFailure` where the index fails, or lacks what the user named.
    """
    with Ahead() as ahead:
        catalogue = Catalogue(demand, index, ahead)
        for requirement in (demand.root, *(stated.requirement for stated in (*demand.whole, *demand.available))):
            catalogue.look_ahead(requirement)
        step = Stepping(catalogue=catalogue, forecast=forecast).run()
        for requirement in (demand.root, *(stated.requirement for stated in (*demand.whole, *demand.available))):
            _check_extras(requirement, step.solution, catalogue)
        return _resolution(step, catalogue)


def extend(resolution: Resolution, requirement: Requirement, demand: Demand, index: Index) -> Resolution:
    """Add what *requirement* brings (``litellm[mcp]``); every pin of *resolution* stays as it is.

    What it adds is in ``extras`` of the result. Raises as `resolve` does; a conflict with a pin is a failure.
    """
    with Ahead() as ahead:
        catalogue = Catalogue(demand, index, ahead, fixed=resolution.pins.keys())
        fixed = {name: _release(candidate) for name, candidate in resolution.pins.items()}
        provider, trail = Provider(catalogue, fixed=fixed), Trail()
        stated = StatedRequirement(requirement=requirement, origin=str(requirement))
        solution = solve(provider, trail, provider.stated(stated), str(requirement))
        if not isinstance(solution, Solution):
            teller = Teller(catalogue, provider, trail, root=resolution.root)
            conflict, subject = solution[0], str(fixed[resolution.root])
            why, remedy = teller.why(conflict, subject=subject), teller.remedy(conflict)
            raise VersionsConflict(str(requirement), conflict.name, why, remedy, 1)
        _check_extras(requirement, solution, catalogue)
        pins = {**solution.candidates(catalogue), **resolution.pins}
        requires = dict(resolution.requires)
        for name, names in solution.requires().items():
            requires[name] = requires.get(name, frozenset()) | names
        brought = {name: str(requirement) for name in pins if name not in fixed}
        return replace(
            resolution,
            pins=dict(sorted(pins.items())),
            requires=dict(sorted(requires.items())),
            extras=dict(sorted({**resolution.extras, **brought}.items())),
        )


def _resolution(step: Step, catalogue: Catalogue) -> Resolution:
    demand, solution = catalogue.demand, step.solution
    pins = solution.candidates(catalogue)
    return Resolution(
        pins=pins,
        root=demand.root_name,
        whole=solution.closure(Provider(catalogue).whole(), without=demand.root_name),
        provided=frozenset(canonicalize_name(stated.requirement.name) for stated in demand.provided) & pins.keys(),
        requires=solution.requires(),
        passed_over=step.passed_over,
        notes=notes(catalogue, solution, pins, step.aside),
    )


def _check_extras(requirement: Requirement, solution: Solution, catalogue: Catalogue) -> None:
    """Raise `UnknownExtra` where the user asks for an extra that the chosen version does not have."""
    pin = solution.pins.get(Key(canonicalize_name(requirement.name)))
    if pin is not None:
        known = catalogue.metadata(pin.release).extras
        for extra in sorted(requirement.extras):
            if canonicalize_name(extra) not in known:
                raise UnknownExtra(str(pin.release), extra, sorted(known))


def _release(candidate: Candidate) -> Release:
    return Release(
        name=candidate.name,
        version=candidate.version,
        wheels=candidate.wheels,
        wheel=candidate.wheel,
        sdist=candidate.sdist,
    )
