"""Decide the answers of the next trace from what the last one did."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace

from packaging.utils import NormalizedName

from minreq.errors import ExcludedIsNeeded
from minreq.minimize.compare import Deviation, describe
from minreq.minimize.guess import Guess, GuessCheck
from minreq.minimize.hints import imports_without_handler, loads_from_listing
from minreq.minimize.observe import Observation
from minreq.minimize.reference import Reference
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.settle import BehaviourComparison, difference_evidence, failure_evidence
from minreq.minimize.suspects import normalize_spelling, text_of_deviation
from minreq.minimize.trace import Decision, TraceQuestionHandler, has_group
from minreq.minimize.userchoices import UserChoices
from minreq.minimize.verdicts import Verdicts
from minreq.model import Behaviour, QuestionKind
from minreq.reporting import Reporter, Step
from minreq.smoke.run import Run
from minreq.wheels.closure import Closure


class UntraceableError(Exception):
    """A trace fails or deviates where the reference does not, and no answer changes that."""

    def __init__(self, trace: Observation, stage: str, why: str) -> None:
        super().__init__(stage, why)
        self.trace, self.stage, self.why = trace, stage, why


@dataclass(slots=True, kw_only=True)
class Decisions:
    """The answers that are decided before the next trace, and what led to them.

    Each ``decide_after_`` method returns a sentence that says why another trace is due, ``None`` where none is.
    """

    choices: UserChoices
    reference: Reference
    verdicts: Verdicts
    reporter: Reporter
    by_name: dict[NormalizedName, Decision] = field(init=False)
    #: By distribution: the stage that will most likely fail without it, as the code that the reference loaded shows.
    likely_failing_stages: dict[NormalizedName, str] = field(default_factory=dict)
    #: By suspect: the deviation that it may cause.
    deviation_by_suspect: dict[NormalizedName, Deviation] = field(default_factory=dict)
    #: The suspect that the current trace accepts, to see whether the deviation goes away.
    _suspect: NormalizedName | None = None
    #: Suspects that do not cause a deviation, each with its stage and kind.
    _cleared: set[tuple[NormalizedName, str, str]] = field(default_factory=set)
    #: What the current trace leaves out together for the first time.
    _batch: tuple[NormalizedName, ...] = ()
    #: What the first stage needs, although a trace would decline it.
    first_stage: frozenset[NormalizedName] = frozenset()
    #: What the first trace is to show; ``None``: nothing, or the trace showed it.
    _guess: Guess | None = field(init=False)
    #: How many of the latest declined distributions are accepted again when a failure names none.
    _guess_count: int = 1

    def __post_init__(self) -> None:
        likely = dict.fromkeys(self.choices.likely or (), Decision(accepted=True, reason="a similar lock needs it"))
        excluded = dict.fromkeys(self.choices.excluded, Decision(accepted=False, reason="excluded"))
        self.by_name = {**likely, **excluded}
        self._guess = self.choices.guess
        if self._guess is not None:
            self.by_name |= dict.fromkeys(self._guess.names, Decision(accepted=True, reason="the last lock needs it"))

    @property
    def comparison_of_traces(self) -> BehaviourComparison:
        """What a fork of a trace that lacks a distribution is compared with."""
        return BehaviourComparison(
            expected=self.reference.behaviour,
            drop_noise=self.reference.drop_trace_deviations,
            known=self.deviation_by_suspect,
        )

    @property
    def comparison_of_environments(self) -> BehaviourComparison:
        """What an environment that lacks a distribution is compared with."""
        return replace(self.comparison_of_traces, drop_noise=self.reference.drop_noise)

    @property
    def is_guessing(self) -> bool:
        """Whether the guess is not confirmed."""
        return self._guess is not None

    def can_guess(self, closure: Closure) -> bool:
        """Whether there is a guess, and *closure* has the extras that it expects; wait until the reference has them."""
        if self._guess is None:
            return False
        if self._guess.extras != frozenset(closure.resolution.extras.values()):
            self.reference.observation  # noqa: B018 - As below.
        return self._guess.extras == frozenset(closure.resolution.extras.values())

    def does_as_reference(
        self, run: Run, handler: TraceQuestionHandler, trace: Observation, runner: SmokeRunner
    ) -> bool:
        """Whether *trace* shows no deviation; if it was guessed, whether its *run* shows that the guess is right."""
        if self._guess is None:
            return not self.find_deviations(trace)
        check = GuessCheck(self._guess, run=run, handler=handler, trace=trace, expected=self.reference.behaviour)
        return self._confirm_guess(self._guess, check, runner)

    def _confirm_guess(self, guess: Guess, check: GuessCheck, runner: SmokeRunner) -> bool:
        """Decide what the traces that *guess* saves would have decided; return whether *check* shows the same."""
        for name in guess.hinted:
            del self.by_name[name]
        self.deviation_by_suspect |= guess.differing
        self.first_stage = guess.failing | guess.differing.keys()
        self.decide_from_reference(runner)
        if not check.confirms(self.by_name):
            return False
        for name, failure in check.failures():
            self.verdicts.record(check.trace, {name: failure})
        self._guess = None
        return True

    def decide_from_reference(self, runner: SmokeRunner) -> None:
        """Accept from the start what code of the reference imports without a handler."""
        reference = self.reference.observation
        path_map = runner.setup.make_path_map(runner.scratch)
        import_map = runner.closure.import_map
        hints = imports_without_handler(reference, import_map, path_map.owner_of, path_map.make_portable)
        for name, frame in hints.items():
            if name not in self.by_name:
                reason = f"{path_map.make_portable(frame.file)}:{frame.line} imports it without a handler"
                self.likely_failing_stages[name] = reference.stage_of_file[frame.file]
                self.by_name[name] = Decision(accepted=True, reason=reason)
        listed = {name for name, (_, text) in runner.closure.entry_points().items() if has_group(text, "")}
        for name, file in loads_from_listing(reference, listed, path_map.owner_of).items():
            if name not in self.by_name:
                self.likely_failing_stages[name] = reference.stage_of_file[file]
                self.by_name[name] = Decision(accepted=True, reason="an entry point of it was loaded")

    def deviations_of(self, behaviour: Behaviour) -> tuple[Deviation, ...]:
        """Return how the *behaviour* of a trace differs from the reference, without the accepted differences.

        A guess runs nothing beside its trace to find noise: if it is wrong, that would not have run.
        """
        if self.is_guessing:
            return self.reference.compare(behaviour)
        return self.reference.compare_trace(behaviour, self.verdicts.accepted_differences)

    def decide_after_reversals(self, names: Collection[NormalizedName], *, extra_added: bool) -> str | None:
        """Accept what the trace declined first and then had to accept; *names* are those distributions.

        With a reversed answer, or an extra that the closure got on the way, the trace is void and shows nothing else:
        an answer that changed may have caused its failure.
        """
        for name in names:
            self.by_name[name] = Decision(accepted=True, reason="needed after all")
        why = _sentence(names, "is needed after all", "are needed after all")
        return why or ("minreq added an extra" if extra_added else None)

    def decide_after_failure(self, trace: Observation) -> str | None:
        """Accept what the trace fails without."""
        if trace.failure is None:
            self._batch, self._guess_count = (), 1
            return None
        if self._batch:
            # Each of them alone can be left out, but not all together.
            first, *rest = self._batch
            self._batch = ()
            for name in rest:
                self.by_name[name] = Decision(accepted=True, reason=f"needed without {first}")
            return _sentence(rest, f"is needed without {first}", f"are needed without {first}")
        suspects = self._suspects_of_failure(trace)
        for name in suspects:
            self.by_name[name] = Decision(accepted=True, reason="the smoke fails without it")
        return _sentence(suspects, "is needed", "may be needed")

    def _suspects_of_failure(self, trace: Observation) -> list[NormalizedName]:
        """Return the declined distributions that failures name, or else the latest ones, twice as many each time."""
        suspects = []
        for failure in trace.failures:
            declined = [name for name in failure.declined if name in trace.declined][:1]
            for name in self.choices.excluded.intersection(declined):
                raise ExcludedIsNeeded(name, failure.behaviour.stage, failure.behaviour.status)
            if self.choices.settle == "auto":
                for name in declined:
                    self.verdicts.record(trace, failure_evidence(name, failure, "trace"))
            suspects += declined
        if suspects:
            return suspects
        self.reference.observation  # noqa: B018 - If the reference fails too, this raises, and explains more.
        latest = sorted(
            trace.declined - self.choices.excluded, key=lambda name: trace.answers[name].question.order, reverse=True
        )
        if not latest:
            behaviour = trace.failures[0].behaviour
            raise UntraceableError(trace, behaviour.stage, behaviour.status)
        self._guess_count *= 2
        return latest[: self._guess_count // 2]

    def decide_after_deviation(self, trace: Observation) -> str | None:
        """Accept the distribution that most likely causes a deviation of the trace, as its suspect."""
        if trace.failure is not None:
            return None
        found = self.find_deviations(trace)
        if self._suspect is not None:
            name, self._suspect = self._suspect, None
            stage, what = self.deviation_by_suspect[name].stage, self.deviation_by_suspect[name].what
            if (stage, what) in {(each.stage, each.what) for each in found}:
                self._cleared.add((name, stage, what))
                self._reset(name)
        if not found:
            return None
        self.reporter.began(Step.COMPARE)
        deviation = found[0]
        suspects = self._suspects_of_deviation(trace, deviation)
        if not suspects:
            return self._accept_all_declined(trace, deviation)
        self._suspect = suspects[0]
        self.deviation_by_suspect[self._suspect] = deviation
        self.by_name[suspects[0]] = Decision(
            accepted=True, reason=f"{deviation.what} of {deviation.stage} may differ without it"
        )
        return f"{deviation.what} of {deviation.stage} differs; minreq tries again with {suspects[0]}"

    def find_deviations(self, trace: Observation) -> tuple[Deviation, ...]:
        """Return how *trace* differs, without what no answer changes; the control may run for that.

        It does not run where the text names a suspect, which then is likely to be the cause.
        """
        found = self.deviations_of(trace.behaviour)
        while found:
            suspects = self._suspects_of_deviation(trace, found[0])
            if (suspects and self._is_named(suspects[0], trace, found[0])) or not self._is_of_tracing(found[0]):
                break
            found = self.deviations_of(trace.behaviour)
        return found

    def _is_of_tracing(self, deviation: Deviation) -> bool:
        """Whether a trace that accepts everything shows *deviation*, too: then tracing is its cause, and no answer."""
        if self.reference.drop_trace_deviations([deviation]):
            return False
        # What was not known before may have hidden that a suspect was the cause.
        self._cleared.clear()
        return True

    def _accept_all_declined(self, trace: Observation, deviation: Deviation) -> str:
        """Accept all that was declined, since no single one causes *deviation*; settling finds which are needed."""
        names = trace.declined - set(self.verdicts.degraded)
        if not names:
            return self._accept_difference(trace, deviation)
        for name in names:
            self.deviation_by_suspect[name] = deviation
            self.by_name[name] = Decision(accepted=True, reason=f"{deviation.what} of {deviation.stage} may differ")
        return f"{deviation.what} of {deviation.stage} differs; minreq tries again with {', '.join(sorted(names))}"

    def _accept_difference(self, trace: Observation, deviation: Deviation) -> str:
        """Accept *deviation*: only degraded distributions are left out, so one of them causes it too."""
        names = sorted(self.verdicts.degraded)
        if not names:
            raise UntraceableError(trace, deviation.stage, describe(deviation))
        self.verdicts.other_accepted_differences.append(difference_evidence(names[0], deviation))
        return f"{deviation.what} of {deviation.stage} also differs without {', '.join(names)}"

    def _reset(self, name: NormalizedName) -> None:
        """Decide about *name* as before it was suspected."""
        del self.deviation_by_suspect[name], self.by_name[name]
        if name in self.choices.excluded:
            self.by_name[name] = Decision(accepted=False, reason="excluded")

    def _suspects_of_deviation(self, trace: Observation, deviation: Deviation) -> list[NormalizedName]:
        """Return the declined distributions that could cause *deviation*, the likeliest first.

        First come those that the text names, then those that a file named in the text asked for, then those that the
        trace declined late.
        """
        text = normalize_spelling(text_of_deviation(deviation))

        def likelihood(name: NormalizedName) -> tuple[bool, bool, bool, int, str]:
            question = trace.answers[name].question
            asker = question.frames[0].file.partition("/")[0].lower() if question.frames else ""
            named = self._is_named(name, trace, deviation)
            return not named, question.need is QuestionKind.LIST, not asker or asker not in text, -question.order, name

        candidates = trace.declined - set(self.verdicts.degraded)
        return sorted(
            (name for name in candidates if (name, deviation.stage, deviation.what) not in self._cleared),
            key=likelihood,
        )

    @staticmethod
    def _is_named(name: NormalizedName, trace: Observation, deviation: Deviation) -> bool:
        """Whether the text of *deviation* names *name*, or what *trace* asked for it by."""
        text = normalize_spelling(text_of_deviation(deviation))
        return name.replace("-", "_") in text or trace.answers[name].question.name.lower() in text

    def drop_unneeded(self, size: Callable[[NormalizedName], int]) -> str | None:
        """Decline what is not needed in the next trace; *size* returns bytes."""
        self.verdicts.confirm_unneeded()
        self.verdicts.forget_differences()
        # The largest comes first: it stays out when not all of them can be left out.
        self._batch = tuple(sorted(self.verdicts.unneeded, key=lambda name: (-size(name), name)))
        for name in self._batch:
            reason = "excluded" if name in self.choices.excluded else "the smoke passes without it"
            self.by_name[name] = Decision(accepted=False, reason=reason)
        return _sentence(self._batch, "can be left out", "can be left out")

    def accepted_without_decision(self, trace: Observation) -> set[NormalizedName]:
        """Return what *trace* accepted although nothing was decided about it, nor about what asked for it.

        What has evidence is no part of it, nor what was unconfirmed before.
        """
        decided = self.by_name.keys() - self.verdicts.evidence.keys()
        return {
            name
            for name in trace.accepted - decided - self.verdicts.evidence.keys() - self.verdicts.ever_unconfirmed
            if not any(decided & set(traced.owners) for traced in trace.questions[name])
        }


def _sentence(names: Iterable[NormalizedName], one: str, many: str) -> str | None:
    """Return ``a, b VERB``; ``None`` without names."""
    found = sorted(names)
    return f"{', '.join(found)} {one if len(found) == 1 else many}" if found else None
