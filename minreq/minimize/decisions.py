"""What a trace teaches: each lesson is a decision for the next one, and a sentence on why that is due."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from minreq.errors import ExcludedNeeded, SmokeUnsteady
from minreq.minimize.baseline import Baseline
from minreq.minimize.compare import Deviation, beyond_noise, sentence
from minreq.minimize.hints import imported_without_handler, loaded_from_a_list
from minreq.minimize.observe import Laboratory, Observation
from minreq.minimize.settle import Judge, certificate, difference
from minreq.minimize.trace import Decision
from minreq.minimize.verdicts import Verdicts
from minreq.minimize.wishes import Wishes
from minreq.model import Need
from minreq.reporting import Reporter, Step


@dataclass(slots=True, kw_only=True)
class Lessons:
    """The answers that are decided before the next trace, and what led to them."""

    wishes: Wishes
    baseline: Baseline
    verdicts: Verdicts
    reporter: Reporter
    decided: dict[NormalizedName, Decision] = field(init=False)
    #: The stage that will most likely fail without a distribution, where code of the baseline says so.
    foretold: dict[NormalizedName, str] = field(default_factory=dict)
    #: The difference each suspect is tried for.
    seen: dict[NormalizedName, Deviation] = field(default_factory=dict)
    #: The distribution that the trace at hand brings back to see whether it makes the difference.
    _suspect: NormalizedName | None = None
    _innocent: set[tuple[NormalizedName, str, str]] = field(default_factory=set)
    #: What the trace at hand leaves out together for the first time.
    _batch: tuple[NormalizedName, ...] = ()
    #: How many of the latest declines are taken back when a failure names nobody.
    _guesses: int = 1

    def __post_init__(self) -> None:
        self.decided = {name: Decision(accepted=False, reason="excluded") for name in self.wishes.excluded}

    @property
    def judge(self) -> Judge:
        """What a run without something is judged by."""
        return Judge(expected=self.baseline.behaviour, noise=self.baseline.noise, seen=self.seen)

    def anticipate(self, laboratory: Laboratory) -> None:
        """Begin with a yes for what code of the baseline imports without a handler."""
        baseline = self.baseline.observation
        places = laboratory.world.places(laboratory.scratch)
        foreseen = imported_without_handler(baseline, laboratory.closure.import_map, places.owner)
        for name, place in foreseen.items():
            if name not in self.decided:
                reason = f"{places.name(place.file)}:{place.line} imports it without a handler"
                self.foretold[name] = baseline.loaded_in[place.file]
                self.decided[name] = Decision(accepted=True, reason=reason)
        for name, question in loaded_from_a_list(baseline).items():
            if name not in self.decided:
                self.foretold[name] = question.stage
                self.decided[name] = Decision(accepted=True, reason=f"{question.name} was found in a list and loaded")

    def deviations_of(self, trace: Observation) -> tuple[Deviation, ...]:
        """Return how *trace* differs from the baseline, accepted differences aside."""
        return self.baseline.deviations_of(trace.behaviour, self.verdicts.accepted)

    def void(self, changed: Collection[NormalizedName], *, outgrown: bool) -> str | None:
        """What the trace declined first and then had to give is needed, or an extra was taken in.

        Either way its answers stood on a wrong footing. Such a trace teaches nothing else: its failure may come of an
        answer that changed on the way.
        """
        for name in changed:
            self.decided[name] = Decision(accepted=True, reason="needed after all")
        why = _sentence(changed, "is needed after all", "are needed after all")
        return why or ("an extra was taken in" if outgrown else None)

    def failed(self, trace: Observation) -> str | None:
        """The trace fails and the baseline does not: some no was wrong."""
        if trace.failure is None:
            self._batch, self._guesses = (), 1
            return None
        if self._batch:
            # Each of them can be left out, not all together.
            first, *rest = self._batch
            self._batch = ()
            for name in rest:
                self.decided[name] = Decision(accepted=True, reason=f"needed without {first}")
            return _sentence(rest, f"is needed without {first}", f"are needed without {first}")
        blamed = self._blamed(trace)
        for name in blamed:
            self.decided[name] = Decision(accepted=True, reason="the smoke fails without it")
        return _sentence(blamed, "is needed", "may be needed")

    def _blamed(self, trace: Observation) -> list[NormalizedName]:
        """Return the declines that the failures name, or else the latest ones, twice as many each time."""
        blamed = []
        for failure in trace.failures:
            declined = [name for name in failure.declined if name in trace.declined][:1]
            for name in self.wishes.excluded.intersection(declined):
                raise ExcludedNeeded(name, failure.behaviour.stage, failure.behaviour.status)
            if self.wishes.settle == "auto":
                for name in declined:
                    self.verdicts.record(trace, certificate(name, failure, "trace"))
            blamed += declined
        if blamed:
            return blamed
        self.baseline.observation  # noqa: B018 - where the baseline fails too, that explains more
        latest = sorted(
            trace.declined - self.wishes.excluded, key=lambda name: trace.answers[name].question.order, reverse=True
        )
        if not latest:
            behaviour = trace.failures[0].behaviour
            raise SmokeUnsteady(behaviour.stage, behaviour.status)
        self._guesses *= 2
        return latest[: self._guesses // 2]

    def deviates(self, trace: Observation) -> str | None:
        """The trace behaves differently: bring back the distribution that may make the difference."""
        if trace.failure is not None:
            return None
        found = self.deviations_of(trace)
        if self._suspect is not None:
            name, self._suspect = self._suspect, None
            stage, what = self.seen[name].stage, self.seen[name].what
            if (stage, what) in {(each.stage, each.what) for each in found}:
                self._innocent.add((name, stage, what))
                self._take_back(name)
        if not found:
            return None
        self.reporter.began(Step.COMPARE)
        deviation = found[0]
        suspects = self._suspects(trace, deviation)
        if not suspects:
            return self._deviates_jointly(trace, deviation)
        self._suspect = suspects[0]
        self.seen[self._suspect] = deviation
        self.decided[suspects[0]] = Decision(
            accepted=True, reason=f"{deviation.what} of {deviation.stage} may differ without it"
        )
        return f"{deviation.what} of {deviation.stage} differs, {suspects[0]} is tried"

    def _deviates_jointly(self, trace: Observation, deviation: Deviation) -> str:
        """No single distribution makes the difference: bring back all of them; settling tells which were needed."""
        if not beyond_noise([deviation], self.baseline.noise([deviation])):
            # What was tried before this was known may make a difference that the noise hid.
            self._innocent.clear()
            return f"{deviation.what} of {deviation.stage} differs from run to run"
        together = trace.declined - set(self.verdicts.degraded)
        if not together:
            return self._comes_of_what_is_degraded(deviation)
        for name in together:
            self.seen[name] = deviation
            self.decided[name] = Decision(accepted=True, reason=f"{deviation.what} of {deviation.stage} may differ")
        return f"{deviation.what} of {deviation.stage} differs, {', '.join(sorted(together))} are tried together"

    def _comes_of_what_is_degraded(self, deviation: Deviation) -> str:
        """Nothing else is left out, so that is what makes the difference: it may show in more than one way."""
        names = sorted(self.verdicts.degraded)
        if not names:
            raise SmokeUnsteady(deviation.stage, sentence(deviation))
        self.verdicts.tolerated.append(difference(names[0], deviation))
        return f"{deviation.what} of {deviation.stage} differs, too, without {', '.join(names)}"

    def _take_back(self, name: NormalizedName) -> None:
        """Let *name* be as if it had never been suspected."""
        del self.seen[name], self.decided[name]
        if name in self.wishes.excluded:
            self.decided[name] = Decision(accepted=False, reason="excluded")

    def _suspects(self, trace: Observation, deviation: Deviation) -> list[NormalizedName]:
        """Return the declined distributions that could make *deviation*, the likeliest first.

        Likely is what the text names, then what a file named in the text asked for, then what was declined late.
        """
        text = f"{deviation.first}\n{deviation.second}".lower().replace("-", "_")

        def likelihood(name: NormalizedName) -> tuple[bool, bool, bool, int, str]:
            question = trace.answers[name].question
            asker = question.frames[0].file.partition("/")[0].lower() if question.frames else ""
            named = name.replace("-", "_") in text or question.name.lower() in text
            return not named, question.need is Need.LIST, not asker or asker not in text, -question.order, name

        candidates = trace.declined - set(self.verdicts.degraded)
        return sorted(
            (name for name in candidates if (name, deviation.stage, deviation.what) not in self._innocent),
            key=likelihood,
        )

    def leave_out(self, size: Callable[[NormalizedName], int]) -> str | None:
        """Decide what is unneeded as no; *size* in bytes."""
        self.verdicts.spare()
        self.verdicts.forget_differences()
        # What frees most comes first: it stays out when not all of them can.
        self._batch = tuple(sorted(self.verdicts.unneeded, key=lambda name: (-size(name), name)))
        for name in self._batch:
            reason = "excluded" if name in self.wishes.excluded else "the smoke passes without it"
            self.decided[name] = Decision(accepted=False, reason=reason)
        return _sentence(self._batch, "can be left out", "can be left out")

    def hopeful(self, trace: Observation) -> set[NormalizedName]:
        """Return what nothing but its own import in *trace* spoke for; what asked for it is no better off."""
        assumed = self.decided.keys() - self.verdicts.evidence.keys()
        return {
            name
            for name in trace.accepted - assumed - self.verdicts.evidence.keys() - self.verdicts.hoped_once
            if not any(assumed & set(asked.owners) for asked in trace.asked[name])
        }


def _sentence(names: Iterable[NormalizedName], one: str, many: str) -> str | None:
    """Return ``a, b VERB``, ``None`` without names."""
    found = sorted(names)
    return f"{', '.join(found)} {one if len(found) == 1 else many}" if found else None
