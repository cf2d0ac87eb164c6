"""Run the whole smoke and record what it does: in a trace, or in an environment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from packaging.utils import NormalizedName

from minreq.minimize.runner import SmokeRunner
from minreq.minimize.trace import TracedQuestion, TraceQuestionHandler
from minreq.model import Answer, Behaviour, Frame, Plan
from minreq.smoke.results import CaughtImport, StageResult
from minreq.smoke.run import Run

#: The hash seed of a proof. Reference and trace have another: a set must not depend on the order of hashes.
PROOF_SEED = 20260229


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one run of the smoke did, and what it asked for."""

    behaviour: Behaviour
    #: The stages that did not pass, in plan order.
    failures: tuple[StageResult, ...]
    #: The answer about each distribution; the file names do not depend on the machine.
    answers: Mapping[NormalizedName, Answer]
    #: All questions about each distribution.
    questions: Mapping[NormalizedName, tuple[TracedQuestion, ...]]
    #: By distribution: the stages that may notice that it is gone.
    noticing_stages: Mapping[NormalizedName, frozenset[str]] = field(default_factory=dict)
    #: By distribution: the questions about it of forks that ran without it.
    questions_without: Mapping[NormalizedName, tuple[TracedQuestion, ...]] = field(default_factory=dict)
    #: Where the exceptions of declined imports were caught, also in such forks.
    caught: frozenset[CaughtImport] = frozenset()
    #: Questions about names that no distribution of the closure owned at that moment.
    unanswered: tuple[TracedQuestion, ...] = ()
    #: What a list of all installed distributions had, or would have had.
    listed: frozenset[NormalizedName] = frozenset()
    #: By source file of each loaded module, as on this machine: the place that imported it first.
    importer_of_file: Mapping[str, Frame | None] = field(default_factory=dict)
    #: By source file: the first stage, in plan order, that loaded it.
    stage_of_file: Mapping[str, str] = field(default_factory=dict)

    @property
    def failure(self) -> StageResult | None:
        """The first stage that did not pass, ``None`` when all did."""
        return self.failures[0] if self.failures else None

    @property
    def failed_stages(self) -> tuple[str, ...]:
        """The stages that did not pass."""
        return tuple(each.behaviour.stage for each in self.failures)

    @property
    def accepted(self) -> frozenset[NormalizedName]:
        """The distributions that the run asked for and got."""
        return frozenset(name for name, answer in self.answers.items() if answer.accepted)

    @property
    def declined(self) -> frozenset[NormalizedName]:
        """The distributions that the run asked for and did not get."""
        return frozenset(self.answers) - self.accepted


def join_questions(trace: Observation, others: Iterable[Observation]) -> Observation:
    """Return *trace* with what the *others*, traces of other groups, asked for as well; what one accepted counts."""
    for other in others:
        accepted = {name: other.answers[name] for name in other.accepted - trace.accepted}
        trace = replace(
            trace,
            answers={**other.answers, **trace.answers, **accepted},
            questions={**other.questions, **trace.questions, **{name: other.questions[name] for name in accepted}},
            questions_without={**other.questions_without, **trace.questions_without},
            caught=trace.caught | other.caught,
            importer_of_file={**other.importer_of_file, **trace.importer_of_file},
            stage_of_file={**other.stage_of_file, **trace.stage_of_file},
        )
    return trace


def observe_trace(
    runner: SmokeRunner,
    handler: TraceQuestionHandler,
    name: str,
    *,
    seed: int = 0,
    continue_after: Callable[[StageResult], bool] = lambda _first: True,
    use_run: Callable[[Run, Observation], None] = lambda _run, _observation: None,
) -> Observation:
    """Run the smoke with only the initial distributions; *handler* answers what it asks for.

    *seed* is the hash seed of the child. *continue_after* decides after the first stage whether the others run.
    *use_run* may use the run while it is alive.
    """
    setup, closure = runner.setup, runner.closure
    shared = sorted(closure.import_map.shared)
    paths = runner.folders(runner.initial)
    run = Run(setup, name, paths=paths, handler=handler, shared=shared, seed=seed, max_forks=runner.jobs)
    handler.bind(run.path_map, runner.initial)
    with run:
        results = run_stages(run, setup.plan, runner.jobs, continue_after)
        answers = handler.answers()
        observation = Observation(
            behaviour=Behaviour(stages=tuple(result.behaviour for result in results)),
            failures=tuple(result for result in results if not result.passed),
            answers=answers,
            questions={name: handler.questions(name) for name in answers},
            noticing_stages={name: handler.find_noticing_stages(name) for name in answers},
            unanswered=handler.unanswered,
            listed=handler.listed,
            importer_of_file={file: importer for result in results for file, importer in result.loaded_files},
            stage_of_file={
                file: result.behaviour.stage for result in reversed(results) for file, _ in result.loaded_files
            },
        )
        use_run(run, observation)
        return replace(observation, questions_without=handler.questions_without(), caught=frozenset(run.caught))


def observe_environment(
    runner: SmokeRunner,
    names: Iterable[NormalizedName],
    name: str,
    *,
    seed: int = PROOF_SEED,
    continue_after: Callable[[StageResult], bool] = lambda _first: True,
) -> Observation:
    """Run the smoke in an environment with *names* alone, as an installer leaves it; *name* is that of the run.

    *seed* and *continue_after* are those of `observe_trace`. The loaded files are those of the store, as in a trace.
    Raises what fetching and unpacking raise.
    """
    with Run(runner.setup, name, installed=runner.installed(names), seed=seed) as run:
        results = run_stages(run, runner.setup.plan, runner.jobs, continue_after)
        return _observe_results(results, find_stored=run.find_stored)


def _observe_results(results: Sequence[StageResult], *, find_stored: Callable[[str], str]) -> Observation:
    """Return the observation of a run that asks nothing; *find_stored* returns the path of a file in the store."""

    def stored(frame: Frame) -> Frame:
        return replace(frame, file=find_stored(frame.file))

    loaded = [
        (find_stored(file), importer and stored(importer), result.behaviour.stage)
        for result in results
        for file, importer in result.loaded_files
    ]
    return Observation(
        behaviour=Behaviour(stages=tuple(result.behaviour for result in results)),
        failures=tuple(
            replace(result, importers={module: stored(frame) for module, frame in result.importers.items()})
            for result in results
            if not result.passed
        ),
        answers={},
        questions={},
        importer_of_file={file: importer for file, importer, _ in loaded},
        stage_of_file={file: stage for file, _, stage in reversed(loaded)},
    )


def run_stages(
    run: Run, plan: Plan, jobs: int, continue_after: Callable[[StageResult], bool] = lambda _first: True
) -> tuple[StageResult, ...]:
    """Run all stages of *plan*, *jobs* groups at a time; return the results in plan order.

    Nothing else runs when the first stage fails or *continue_after* returns false. When a stage of a group fails, the
    rest of the group does not run. So equal sets fail at equal places.
    """
    first = run.wait_for_first_stage()
    if first is not None and not (first.passed and continue_after(first)):
        return (first,)
    with ThreadPoolExecutor(jobs) as pool:
        groups = pool.map(lambda group: run.run_scripts(group.scripts), plan.groups)
        return (*filter(None, [first]), *(result for group in groups for result in group))
