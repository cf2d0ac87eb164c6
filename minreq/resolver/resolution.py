"""Resolves the input to pins, and extends a resolution by an extra."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set as AbstractSet
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.errors import HashesRequired, VersionsConflict
from minreq.model import Candidate, Resolution, find_required
from minreq.requirements import UserRequirement
from minreq.resolver.background import BackgroundWork
from minreq.resolver.conflict import ConflictExplainer
from minreq.resolver.finder import ReleaseFinder
from minreq.resolver.inputs import ImportFinder, Index, ResolverInput
from minreq.resolver.notes import provided_notes, release_notes, resolution_notes
from minreq.resolver.provider import Provider, RequirementChains
from minreq.resolver.releases import Release
from minreq.resolver.rootsearch import RootChoice, RootSearch
from minreq.resolver.search import Solution, solve


def resolve(inputs: ResolverInput, index: Index, imports: ImportFinder) -> Resolution:
    """Pin the root at the newest version that can be installed, and its declared closure.

    Raises `ResolutionFailure` and its branches; and `IndexFailure` where the index fails, or lacks what the user names.
    """
    with BackgroundWork() as background:
        finder = ReleaseFinder(inputs, index, background)
        for requirement in _named_by_user(inputs):
            finder.prefetch(requirement)
        resolution = _resolution(RootSearch(finder=finder, imports=imports).run(), finder)
        _check_hashes(inputs, resolution.pins, resolution.provided)
        return resolution


def extend(resolution: Resolution, requirement: Requirement, inputs: ResolverInput, index: Index) -> Resolution:
    """Add what *requirement* requires (``litellm[mcp]``); every pin of *resolution* stays as it is.

    The result names the added distributions in ``extras``. Raises what `resolve` raises; a conflict with a pin is a
    failure.
    """
    with BackgroundWork() as background:
        finder = ReleaseFinder(inputs, index, background, fixed=resolution.pins.keys())
        fixed = {name: _release(candidate) for name, candidate in resolution.pins.items()}
        provider, chains = Provider(finder, fixed=fixed), RequirementChains()
        user_requirement = UserRequirement(requirement=requirement, origin=str(requirement))
        result = solve(provider, chains, provider.user_requirements(user_requirement), str(requirement))
        if not isinstance(result, Solution):
            explainer = ConflictExplainer(finder, provider, chains, root=resolution.root)
            conflict = result[0]
            reason = explainer.reason(conflict, subject=str(fixed[resolution.root]))
            raise VersionsConflict(str(requirement), conflict.name, reason, explainer.remedy(conflict), 1)
        pins = {**result.candidates(finder), **resolution.pins}
        _check_hashes(inputs, pins, resolution.provided)
        requires = dict(resolution.requires)
        for name, names in result.requires().items():
            requires[name] = requires.get(name, frozenset()) | names
        added = {name: str(requirement) for name in pins if name not in fixed}
        return replace(
            resolution,
            pins=dict(sorted(pins.items())),
            requires=dict(sorted(requires.items())),
            extras=dict(sorted({**resolution.extras, **added}.items())),
            notes=tuple(dict.fromkeys((*resolution.notes, *release_notes(finder, result)))),
        )


def _named_by_user(inputs: ResolverInput) -> Iterable[Requirement]:
    return inputs.root, *(each.requirement for each in (*inputs.whole, *inputs.available))


def _resolution(choice: RootChoice, finder: ReleaseFinder) -> Resolution:
    inputs, solution = finder.inputs, choice.solution
    pins, requires = solution.candidates(finder), solution.requires()
    whole = solution.closure(Provider(finder).whole_keys(), without=inputs.root_name)
    provided = (inputs.versioned | (inputs.runtime.distributions if inputs.runtime else frozenset())) & pins.keys()
    # A project that is the root is not written, but what it requires is.
    named = provided - {inputs.root_name}
    wanted = whole | {canonicalize_name(each.name) for each in _named_by_user(inputs)}
    # The runtime has what only *named* require. What other distributions that the user wants require is in the lock.
    others = find_required(requires, wanted - named, pins.keys() - named)
    brought = find_required(requires, named, pins) - named - others
    return Resolution(
        pins=pins,
        root=inputs.root_name,
        whole=whole,
        provided=provided | brought,
        requires=requires,
        passed_over=choice.passed_over,
        notes=(*resolution_notes(finder, solution, pins, choice.relaxations), *provided_notes(inputs, named, brought)),
    )


def _check_hashes(
    inputs: ResolverInput, pins: Mapping[NormalizedName, Candidate], provided: AbstractSet[NormalizedName]
) -> None:
    """Raise `HashesRequired` where the user has to allow each file by its hash, and does not for some of *pins*."""
    missing = [pin for name, pin in pins.items() if name not in inputs.hash_rules and name not in provided]
    if inputs.require_hashes and missing:
        files = {f"{pin.name}=={pin.version}": str((pin.sdist or pin.wheel).sha256) for pin in missing}
        raise HashesRequired(files)


def _release(candidate: Candidate) -> Release:
    return Release(
        name=candidate.name,
        version=candidate.version,
        wheels=candidate.wheels,
        wheel=candidate.wheel,
        sdist=candidate.sdist,
    )
