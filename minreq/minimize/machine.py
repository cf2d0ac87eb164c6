"""Prove a set where the machine's own files are hidden, and find what they stand for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from minreq.minimize.environments import EnvironmentSearch, Fault, stage_of
from minreq.minimize.observe import Observation
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.userchoices import UserChoices
from minreq.model import Difference, Evidence, Failure
from minreq.reporting import Reporter
from minreq.smoke.isolation import can_start
from minreq.smoke.machinefiles import SHARED_LIBRARIES
from minreq.smoke.results import StageResult

#: Kinds of files that are hidden from a run, in the order in which they are tried.
Kinds = tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class MachineSearch:
    """Runs that do not see what a slimmer machine lacks, such as time zones.

    A set that behaves as the reference in such a run depends on none of these files, and is proven. Otherwise it needs
    the files, or a distribution that has the same.
    """

    runner: SmokeRunner
    choices: UserChoices
    reporter: Reporter
    environments: EnvironmentSearch
    #: What the search keeps.
    evidence: dict[NormalizedName, Evidence] = field(default_factory=dict, init=False)
    #: The kinds that can be hidden here.
    _kinds: Kinds = field(init=False)

    def __post_init__(self) -> None:
        self._kinds = tuple(self.runner.machine_files)

    @property
    def hides(self) -> bool:
        """Whether anything is hidden; if not, the runs are those that see all files."""
        return bool(self._kinds)

    def start(self, names: frozenset[NormalizedName]) -> None:
        """Start the run on *names*."""
        self.environments.runs.start(names, hidden=self._kinds)

    def find_faults(self, names: frozenset[NormalizedName]) -> tuple[Fault, ...]:
        """Return what the smoke does otherwise than the reference on *names*, without the files of the machine."""
        faults = self.environments.find_faults(names, hidden=self._kinds)
        if faults and self._interpreter_needs_libraries(faults[0]):
            self._kinds = tuple(kind for kind in self._kinds if kind != SHARED_LIBRARIES)
            return self.environments.find_faults(names, hidden=self._kinds)
        return faults

    def _interpreter_needs_libraries(self, fault: Fault) -> bool:
        """Whether *fault* may be that the interpreter itself finds its libraries by a hidden file only."""
        if SHARED_LIBRARIES not in self._kinds or not isinstance(fault, StageResult) or fault.ended_by != "death":
            return False
        setup = self.runner.hiding([SHARED_LIBRARIES]).setup
        return not can_start(setup.isolation, [str(setup.executable), "-I", "-S", "-c", ""])

    def prove(self, names: frozenset[NormalizedName]) -> tuple[frozenset[NormalizedName], Observation]:
        """Return *names* with what is kept for other machines, and the run that proves them.

        On *names* alone the smoke has to behave as in the reference where it sees all files.
        """
        faults, hidden = self.find_faults(names), self._kinds
        while faults:
            cause = self._find_cause(names, faults[0], hidden)
            if not cause:
                # The fault came once: chance, and no reason to doubt the set.
                hidden = ()
                break
            found, is_supplied = self._find_suppliers(names, faults[0], cause)
            kept = {name: each for name, each in found.items() if self._keeps(each)}
            self._report(faults[0], cause, found.keys() - kept.keys(), is_supplied=is_supplied)
            self.evidence |= kept
            names = names.union(kept)
            for name, each in kept.items():
                self.reporter.settled(name, each)
            if not kept or len(kept) < len(found) or not is_supplied:
                hidden = tuple(kind for kind in hidden if kind not in cause)
            faults = self.environments.find_faults(names, hidden=hidden)
        return names, self.environments.runs.start(names, hidden=hidden).result()

    def _find_cause(self, names: frozenset[NormalizedName], fault: Fault, hidden: Kinds) -> Kinds:
        """Return the kind without which *names* show *fault* again, *hidden* if it takes several; else nothing."""
        for kind in hidden:
            # Also another run than that with the fault, where there is one kind only.
            if self.environments.repeats(fault, names, (kind,)):
                return (kind,)
        return hidden if len(hidden) > 1 and self.environments.repeats(fault, names, hidden) else ()

    def _find_suppliers(
        self, names: frozenset[NormalizedName], fault: Fault, hidden: Kinds
    ) -> tuple[Mapping[NormalizedName, Failure | Difference], bool]:
        """Return what has to be added to *names* where no file of the kinds *hidden* is, and whether that is enough."""
        found: dict[NormalizedName, Failure | Difference] = {}
        faults: tuple[Fault, ...] = (fault,)
        while faults:
            evidence = self.environments.find_supplier(names.union(found), faults[0], hidden)
            if evidence is None:
                return found, False
            found[evidence.distribution] = evidence
            faults = self.environments.find_faults(names.union(found), hidden=hidden)
        return found, True

    def _keeps(self, evidence: Failure | Difference) -> bool:
        """Whether *evidence* keeps a distribution that this machine does not need."""
        is_excluded = evidence.distribution in self.choices.excluded
        return self.choices.portable and not is_excluded and self.environments.keeps(evidence)

    def _report(self, fault: Fault, cause: Kinds, missing: Collection[NormalizedName], *, is_supplied: bool) -> None:
        """Tell the user which files of the machine the lock goes on needing, and what would supply them."""
        kinds = " and ".join(cause)
        paths = ", ".join(str(path) for kind in cause for path in self.runner.machine_files[kind])
        needs = f"{stage_of(fault)} uses the machine's {kinds} ({paths})"
        if missing:
            includes = " ".join(f"--include {name}" for name in sorted(missing))
            advice = "your options leave it out" if self.choices.portable else f"add {includes}, or --portable"
            names = ", ".join(sorted(missing))
            self.reporter.note(f"{needs}; where there are none, {names} can supply them: {advice}")
        if not is_supplied:
            self.reporter.note(f"{needs}; no declared distribution supplies all that it needs of them")
