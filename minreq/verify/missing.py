"""Find what a test missed on a lock, and what would cover it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from minreq.model import Frame, Lock, Question, QuestionKind
from minreq.source.modulenames import with_parents
from minreq.verify.outcomes import NameFile, Outcome, name_frame, nodes_around


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """An import, or a look-up of metadata, of a distribution that only the full environment has."""

    distribution: NormalizedName
    #: The module; for a look-up of metadata, the name of the distribution.
    module: str
    #: The place that imports; the path is below ``site-packages``, or in the folder of the tests.
    frame: Frame | None
    #: The test that ran, or what pytest collected; "" where neither.
    test: str = ""
    #: Whether the trace that found the set declined it at this place, and the program went on.
    declined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentDistributions:
    """What the full environment has, and the lock has not."""

    #: By module that cannot be imported: the distribution.
    modules: Mapping[str, NormalizedName]
    names: frozenset[NormalizedName]

    @property
    def shared(self) -> tuple[str, ...]:
        """The packages that have some of the modules, and others."""
        return tuple(sorted({parent for module in self.modules for parent in [*with_parents(module)][:-1]}))

    def without(self, names: frozenset[NormalizedName]) -> AbsentDistributions:
        """Return what is absent where *names* are there."""
        modules = {module: name for module, name in self.modules.items() if name not in names}
        return AbsentDistributions(modules=modules, names=self.names - names)

    def owner(self, module: str) -> NormalizedName | None:
        """Return the distribution that *module* is of, ``None`` for any other module."""
        return next((self.modules[name] for name in with_parents(module) if name in self.modules), None)

    def find(self, question: Question) -> NormalizedName | None:
        """Return the distribution that *question* is about."""
        if question.need is QuestionKind.LIST:
            return None
        if question.need is not QuestionKind.METADATA:
            return self.owner(question.name)
        try:
            name = canonicalize_name(question.name, validate=True)
        except InvalidName:
            return None
        return name if name in self.names else None


def find_misses(
    questions: Iterable[tuple[str, Question]], absent: AbsentDistributions, lock: Lock, name_file: NameFile
) -> tuple[Miss, ...]:
    """Return the misses among *questions*, pairs of a test and what it asked for; each once."""
    declined = {
        (asker.frame.file, asker.frame.line, each.candidate.name)
        for each in lock.selection.left_out
        for asker in each.askers
        if asker.frame is not None
    }
    found: dict[Miss, None] = {}
    for test, question in questions:
        distribution = absent.find(question)
        place = next((named for frame in question.frames if (named := name_frame(frame, name_file))), None)
        # What a tool imports for itself is no miss; the text of `python -c` is of the program, and has no file.
        is_of_tool = place is None and any(not frame.file.startswith("<") for frame in question.frames)
        if distribution is None or is_of_tool:
            continue
        is_declined = place is not None and (place.file, place.line, distribution) in declined
        module = distribution if question.need is QuestionKind.METADATA else question.name
        miss = Miss(distribution=distribution, module=module, frame=place, test=test, declined=is_declined)
        found[miss] = None
    return tuple(found)


def choose_misses(
    test: str,
    outcome: Outcome,
    misses: Iterable[Miss],
    absent: AbsentDistributions,
    *,
    only_own: bool = False,
) -> tuple[Miss, ...]:
    """Return the misses that may be why *test* ended with *outcome*: the likeliest ones alone.

    These are what the failure itself names; else what the test, or the collection of its file, asked for; else what was
    asked for anywhere, as by an import of an earlier test. What the trace declined at the same place comes last. With
    *only_own* only the first two count.
    """
    misses = tuple(misses)
    around = {test, *nodes_around(test)}
    own = [miss for miss in misses if miss.test in around]
    named = [
        next((miss for miss in (*own, *misses) if miss.module == module), None)
        or Miss(distribution=distribution, module=module, frame=frame, test=test)
        for module, frame in outcome.missing
        if (distribution := absent.owner(module)) is not None
    ]
    tiers = [named, [miss for miss in own if not miss.declined]]
    if not only_own:
        tiers += [[miss for miss in misses if not miss.declined], own, [*misses]]
    found: dict[tuple[str, str], Miss] = {}
    for miss in next(filter(None, tiers), ()):
        found.setdefault((miss.distribution, miss.module), miss)
    return tuple(found.values())
