"""Notes where a resolution differs from what packages require: overrides, relaxations, known-bad releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set as AbstractSet

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.model import Candidate, Sdist, Wheel
from minreq.resolver.finder import ReleaseFinder
from minreq.resolver.inputs import ResolverInput
from minreq.resolver.provider import Key, Relaxation, format_origin, format_requirement
from minreq.resolver.releases import Release
from minreq.resolver.search import Solution


def resolution_notes(
    finder: ReleaseFinder,
    solution: Solution,
    pins: Mapping[NormalizedName, Candidate],
    relaxations: Mapping[NormalizedName, Relaxation],
) -> tuple[str, ...]:
    """Return the notes, sorted by the project that each is about."""
    notes = (
        note
        for name in sorted({*pins, *relaxations})
        for note in (
            *_override_notes(finder, solution, name),
            *_relaxation_notes(finder, solution, name, pins.get(name)),
            *_known_bad_notes(finder, pins.get(name)),
            *_defect_notes(finder, name, pins.get(name)),
            *_foreign_notes(finder, solution, name, pins.get(name)),
        )
    )

    return (*notes, *release_notes(finder, solution))


def provided_notes(
    inputs: ResolverInput, named: AbstractSet[NormalizedName], brought: AbstractSet[NormalizedName]
) -> Iterator[str]:
    """Yield notes on what the runtime has in versions that the user did not name: *brought*, and some of *named*."""
    if inputs.runtime and (unversioned := sorted((named & inputs.runtime.distributions) - inputs.versioned)):
        yield (
            f"{inputs.runtime.name} has {', '.join(unversioned)} (as of {inputs.runtime.date}), in versions that are "
            "not published: the smoke uses the newest that fit here; name those of your function with --provided "
            "NAME==VERSION"
        )
    elif inputs.runtime and not named & inputs.runtime.distributions:
        yield f"--runtime {inputs.runtime.name} changes nothing: nothing that the runtime has is in the closure"
    if brought:
        pronoun = "it" if len(named) == 1 else "they"
        yield (
            f"the runtime provides {', '.join(sorted(named))}, and so also what only {pronoun} "
            f"require{'s' if len(named) == 1 else ''}: {', '.join(sorted(brought))}"
        )


def release_notes(finder: ReleaseFinder, solution: Solution) -> Iterator[str]:
    """Yield notes on the releases of *solution*: extras that they do not have, and hashes that the index lacks."""
    for key in sorted(solution.pins):
        release = solution.pins[key].release
        if key.extra and key.extra not in (extras := finder.metadata(release).extras):
            known = f"it has {', '.join(sorted(extras))}" if extras else "it has none"
            yield f"{release} has no extra {key.extra!r}, so that adds nothing; {known}"
        files: list[Wheel | Sdist] = [*release.wheels, *([release.sdist] if release.sdist else [])]
        unknown = [file.filename for file in files if file.sha256 is None]
        if unknown and not key.extra:
            names = ", ".join(unknown)
            yield f"the index gives no SHA-256 for {names}; the lock has that of the file that minreq downloaded now"


def _override_notes(finder: ReleaseFinder, solution: Solution, name: NormalizedName) -> Iterator[str]:
    overrides = [each for each in finder.inputs.overrides if canonicalize_name(each.requirement.name) == name]
    if overrides and (replaced := list(_requirements_on(finder, solution, name))):
        by = " and ".join(format_origin(each.place, format_requirement(each.requirement)) for each in overrides)
        yield f"{by} replaces {', '.join(f'{format_requirement(r)} of {release}' for r, release in replaced)}"


def _relaxation_notes(
    finder: ReleaseFinder, solution: Solution, name: NormalizedName, chosen: Candidate | None
) -> Iterator[str]:
    if name in finder.inputs.override_specifiers:
        return
    for requirement, release in _requirements_on(finder, solution, name):
        reason = f"nothing in {finder.inputs.root_name} imports {name} as it loads"
        text = format_requirement(requirement)
        if chosen is None:
            yield f"{release} requires {text}, which cannot be had and is left out: {reason}"
        elif not requirement.specifier.contains(chosen.version, prereleases=True):
            yield f"{release} requires {text} and gets {name} {chosen.version}: {reason}"


def _known_bad_notes(finder: ReleaseFinder, chosen: Candidate | None) -> Iterator[str]:
    # The resolution lists the known-bad versions of the root among those passed over.
    if chosen is None or chosen.name == finder.inputs.root_name:
        return
    for version in sorted(finder.inputs.known_bad.get(chosen.name, ())):
        if version > chosen.version and version in finder.project_files(chosen.name).versions:
            yield f"{chosen.name} {version} is known to be malicious and was not considered"


def _defect_notes(finder: ReleaseFinder, name: NormalizedName, chosen: Candidate | None) -> Iterator[str]:
    # The resolution lists the unusable versions of the root among those passed over.
    if name == finder.inputs.root_name:
        return
    for (project, version), defect in sorted(finder.defects.items()):
        if project == name and (chosen is None or version > chosen.version):
            yield f"{name} {version} is unusable, so it was passed over: {defect}"


def _foreign_notes(
    finder: ReleaseFinder, solution: Solution, name: NormalizedName, chosen: Candidate | None
) -> Iterator[str]:
    host = finder.inputs.host
    if chosen is None or chosen.sdist is not None or not chosen.wheel.tags.isdisjoint(host.tags):
        return
    platforms = ", ".join(each.name for each in finder.platforms(solution.pins[Key(name)].platforms))
    yield (
        f"{name} is required on {platforms} alone and has no wheel for the host: the smoke cannot show whether it is "
        f"needed there; --whole {name} with a marker of that platform keeps it"
    )


def _requirements_on(
    finder: ReleaseFinder, solution: Solution, name: NormalizedName
) -> Iterator[tuple[Requirement, Release]]:
    """Yield every requirement on *name* that packages of the solution have."""
    for key in sorted(solution.pins):
        release = solution.pins[key].release
        for each in finder.requirements(release, key.extra, solution.pins[key].platforms):
            if each.name == name:
                yield each.requirement, release
