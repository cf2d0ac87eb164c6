"""Run a command in one of the compared environments, and read how its tests ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from minreq.minimize.observe import run_stages
from minreq.model import Lock
from minreq.smoke.paths import STANDARD_LIBRARY, describe_run_paths
from minreq.smoke.pytestevents import PytestRecorder
from minreq.smoke.results import StageResult
from minreq.smoke.run import Run
from minreq.verify.environments import ComparedEnvironment
from minreq.verify.missing import AbsentDistributions, Miss, find_misses
from minreq.verify.outcomes import NameFile, RunOutcomes, read_outcomes

#: How often a run goes on with the tests that remain, where one has ended the process.
_MAX_CONTINUATIONS = 10
#: How many tests may take too long in one environment: each takes the whole time limit.
_MAX_TIMEOUTS = 3
#: What the path map puts before the path of a file in the folder of a command.
_OWN_FOLDER = "smoke/"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRun:
    """What a command did in one environment."""

    #: Of the first process.
    result: StageResult
    outcomes: RunOutcomes
    misses: tuple[Miss, ...] = ()


def run_command(
    environment: ComparedEnvironment,
    lock: Lock,
    *,
    selected: Iterable[str] | None = None,
    absent: AbsentDistributions | None = None,
    is_timeout_final: bool = False,
) -> CommandRun:
    """Run the command in *environment*; only the *selected* tests, if they are given.

    With *absent*, what the tests miss of it is recorded. Where a test ends the process, or takes too long unless
    *is_timeout_final*, the others run in another one.
    """
    found = last = _run_once(environment, lock, selected, absent)
    timeouts = 0
    for _ in range(_MAX_CONTINUATIONS):
        remaining = found.outcomes.remaining
        timeouts += last.result.ended_by == "timeout"
        if not remaining or timeouts >= (1 if is_timeout_final else _MAX_TIMEOUTS):
            break
        last = _run_once(environment, lock, remaining, absent)
        joined = found.outcomes.join(last.outcomes)
        if joined.remaining == remaining:
            break
        found = replace(found, outcomes=joined, misses=(*found.misses, *last.misses))
    return found


def _run_once(
    environment: ComparedEnvironment, lock: Lock, selected: Iterable[str] | None, absent: AbsentDistributions | None
) -> CommandRun:
    recorder = PytestRecorder(
        selected=None if selected is None else tuple(selected),
        chooses=None if absent is None else lambda question: absent.find(question) is not None,
    )
    plan = environment.runner.setup.plan
    with environment.start(recorder, () if absent is None else absent.shared) as run:
        (result,) = run_stages(run, plan, jobs=1)
        scripts = [script for group in plan.groups for script in group.scripts]
        name_file = _make_name_file(run, {str(script.file) for script in scripts})
        folders = {f"{script.folder}/" for script in scripts if script.folder is not None}
    outcomes = read_outcomes(
        recorder.events,
        ending=_describe_ending(result),
        name_file=name_file,
        make_portable=lambda text: describe_run_paths(
            run.path_map.make_output_portable(_without_folders(text, folders))
        ),
    )
    misses = () if absent is None else find_misses(recorder.questions, absent, lock, name_file)
    return CommandRun(result=result, outcomes=outcomes, misses=misses)


def _make_name_file(run: Run, runners: Iterable[str]) -> NameFile:
    """Return what names files of *run*: those of packages as below ``site-packages``, those of the user as they are."""
    others = (f"{run.run_folder.path}/tools/", f"{run.run_folder.path}/hook/", *runners)

    def name_file(file: str) -> str | None:
        if file.startswith(("<", *others)):
            return None
        name = describe_run_paths(run.path_map.make_portable(file))
        return None if name.startswith(STANDARD_LIBRARY) else name.removeprefix(_OWN_FOLDER)

    return name_file


def _describe_ending(result: StageResult) -> str:
    """Return how a run ended that may have ended before its end: the last error that the command printed, if any."""
    printed = (*result.behaviour.output, *result.behaviour.errors)
    lines = [words for line in printed if (words := line.removeprefix("E ").strip())]
    if result.ended_by != "itself" or not lines:
        return result.behaviour.status
    return next((line for line in reversed(lines) if "error" in line.lower()), lines[-1])


def _without_folders(text: str, folders: Iterable[str]) -> str:
    for folder in folders:
        text = text.replace(folder, "")
    return text
