"""Makes a proven lock from a task: resolves, reads the wheels, minimizes, selects."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name

from minreq.config import Settings
from minreq.errors import BaselineFailure
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.lock import bytecode, resolve
from minreq.lock.keys import describe_keys
from minreq.lock.resolve import ResolvedTask
from minreq.lock.session import LockSession, make_demand
from minreq.minimize import MinimalSet, UserChoices, guess, minimize
from minreq.minimize.certify import certify, subject_digest
from minreq.minimize.prefetch import Prefetcher, precompile
from minreq.minimize.record import normalize_behaviour
from minreq.minimize.runner import SmokeRunner, open_runner
from minreq.minimize.select import declined_questions, loaded_files, request_evidence, select
from minreq.model import Certificate, Lock, Resolution, Selection
from minreq.reporting import Reporter
from minreq.task import smoketools
from minreq.task.resolverinput import provider_requirements
from minreq.task.smoketools import Tools
from minreq.task.task import Task, check_script_names, read_previous_lock
from minreq.wheels import rules
from minreq.wheels.closure import Closure
from minreq.wheels.installorder import sort_as_installed
from minreq.wheels.store import Store
from minreq.wheels.unpacking import read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class _MinimizedLock:
    """The minimal set, and what goes into the lock."""

    minimal_set: MinimalSet
    selection: Selection
    resolution: Resolution
    certificate: Certificate | None


def make_lock(
    task: Task, index: IndexClient, index_settings: IndexSettings, reporter: Reporter, session: LockSession
) -> Lock:
    """Make the lock of *task* and prove it; write nothing. Raises every branch of ``MinreqError``.

    Where *session* has proven the same, that is the lock.
    """
    resolved = resolve.resolve_task(task, index, index_settings, reporter, session)
    demand = make_demand(task, resolved.closure.resolution)
    if (found := session.find_lock(demand)) is not None:
        reporter.note("this lock has the contents of one that was made before: nothing of the two differs")
        return replace(
            found,
            root=task.title,
            command=task.command,
            hashes=task.settings.hashes,
            annotate=task.settings.annotate,
        )
    lock = _prove(task, resolved, reporter, session)
    session.add_lock(demand, lock)
    return lock


def _prove(task: Task, resolved: ResolvedTask, reporter: Reporter, session: LockSession) -> Lock:
    """Make the lock of the *resolved* task and prove it."""
    for sentence in task.skipped_call_notes(resolved.resolution.pins[task.profiled_root].version):
        reporter.note(sentence)
    minimized = _minimize(task, replace(resolved, likely=session.find_hints(task)), reporter)
    settings = task.settings
    for sentence in (
        *_idle_option_notes(settings, minimized.resolution),
        *_smoke_notes(minimized.minimal_set, resolved.closure, resolved.store),
    ):
        reporter.note(sentence)
    minimal_set = minimized.minimal_set
    if not minimized.resolution.extras:
        # The first stage of a lock with extras also finds these.
        session.add_hints(task, minimal_set.first_stage)
    noise = minimal_set.noise
    behaviour = normalize_behaviour(
        minimal_set.proof.behaviour,
        noise,
        [minimal_set.reference.behaviour, *minimal_set.repetitions],
        with_fast_clock=minimal_set.with_fast_clock,
        now=time.time(),
    )
    return Lock(
        root=task.title,
        command=task.command,
        stages=tuple(stage.stage for stage in behaviour.stages),
        resolution=minimized.resolution,
        selection=minimized.selection,
        platforms=task.targets,
        proven_on=task.host,
        behaviour=behaviour,
        noise=tuple(sorted({f"{each.what} of {each.stage}" for each in noise})),
        inputs=task.input_digests(resolved.resolution.pins[task.profiled_root].version),
        certificate=minimized.certificate,
        tools=tuple(resolved.tools.resolution.pins[name] for name in sorted(resolved.tools.names)),
        hashes=settings.hashes,
        annotate=settings.annotate,
    )


def _minimize(task: Task, resolved: ResolvedTask, reporter: Reporter) -> _MinimizedLock:
    """Run the smoke until the minimal set is found and proven.

    A tool that replaces parts of what the program imports has to import the same: where the smoke fails with tools that
    have copies of their own, they get none.
    """
    tools = resolved.tools
    try:
        return _minimize_with_tools(task, resolved, reporter)
    except BaselineFailure:
        if not tools.shared:
            raise
    names = ", ".join(sorted(tools.shared))
    reporter.note(f"the smoke fails with separate copies of {names} for its tools; the tools now use the program's")
    return _minimize_with_tools(task, replace(resolved, tools=replace(tools, joined=True)), reporter)


def _minimize_with_tools(task: Task, resolved: ResolvedTask, reporter: Reporter) -> _MinimizedLock:
    settings, closure, tools = task.settings, resolved.closure, resolved.tools
    version = resolved.resolution.pins[task.profiled_root].version
    check_script_names(settings.smokes, closure.import_map)
    choices = _user_choices(task, resolved)
    plan = task.plan(version)
    # If the store has the root, it probably has its dependencies too, compiled.
    is_new = not resolved.store.holds(closure.candidate(closure.resolution.root).wheel)
    scripts = (
        (*filter(None, [plan.first]), *(each for group in plan.groups for each in group.scripts)) if is_new else ()
    )
    likely = [canonicalize_name(each.name) for each in provider_requirements(task)] if is_new else ()
    # What the store has is checked while emulator and isolation start: the reference waits for all of it.
    at_once = () if is_new else tuple(closure.resolution.pins)
    with (
        Prefetcher(closure, scripts, likely=likely, excluded=choices.excluded, at_once=at_once) as prefetcher,
        tools.place(closure, resolved.store) as tool_places,
        open_runner(
            task.interpreter,
            plan,
            closure,
            resolved.store,
            initial=frozenset(choices.requested) | resolved.resolution.provided | tools.installed,
            jobs=settings.jobs,
            timeout=settings.timeout,
            require_sandbox=settings.require_sandbox,
            tools=tool_places,
            reporter=reporter,
        ) as runner,
    ):
        files = prefetcher.wait_for_files()
        if is_new:
            # The reference has the whole closure. The smallest come first: a large wheel would make many others wait.
            prefetcher.fetch(sorted(closure.resolution.pins, key=closure.installed_bytes))
        precompile(runner, files)
        minimal_set = _add_masked(minimize(runner, choices, reporter), tools, runner, reporter)
        # Read before certifying, which may add to the closure.
        resolution = closure.resolution
        path_map = runner.setup.make_path_map(runner.scratch)
        selection = select(
            resolution,
            minimal_set,
            size=closure.installed_bytes,
            source_bytes=closure.source_bytes,
            import_map=closure.import_map,
            loaded=loaded_files(minimal_set, path_map),
            excluded=choices.excluded,
            declined=declined_questions(resolution, minimal_set, path_map),
        )
        selection = bytecode.with_compiled_sizes(selection, runner, reporter)
        digest = subject_digest([kept.candidate for kept in selection.kept], task.input_digests(version))
        certificate = certify(runner, minimal_set, digest, reporter) if settings.certify else None
    return _MinimizedLock(minimal_set=minimal_set, selection=selection, resolution=resolution, certificate=certificate)


def _idle_option_notes(settings: Settings, resolution: Resolution) -> Iterator[str]:
    """Yield a note for each name without effect: a typing error, or a name that nothing declares any more."""
    named = [(f"--exclude {name} excludes nothing", name) for name in settings.exclude]
    named += [(f"--upgrade-package {name} upgrades nothing", name) for name in settings.upgrade_packages]
    for what, name in named:
        if name not in resolution.pins:
            close = difflib.get_close_matches(name, resolution.pins, n=1)
            suggestion = f" (did you mean {close[0]}?)" if close else ""
            yield f"{what}: no distribution of that name is declared{suggestion}"


def _smoke_notes(minimal_set: MinimalSet, closure: Closure, store: Store) -> Iterator[str]:
    """Yield notes on accesses, started programs, printed keys, and kept distributions with the same files."""
    connections = {each for stage in minimal_set.reference.behaviour.stages for each in stage.connections}
    for each in sorted(connections):
        word, _, program = each.partition(" ")
        yield f"the smoke started {program}" if word == "run" else f"isolation refused the smoke this access: {each}"
    yield from describe_keys(minimal_set.reference.behaviour, minimal_set.evidence.values())
    order = sort_as_installed(minimal_set.evidence.keys(), closure.resolution.requires)
    kept = {name: read_record(store.unpack(closure.candidate(name).wheel)) for name in order}
    yield from rules.describe_overlaps(kept)


def _add_masked(minimal_set: MinimalSet, tools: Tools, runner: SmokeRunner, reporter: Reporter) -> MinimalSet:
    """Add to *minimal_set* the distributions that kept code imports and that no run could be without."""
    path_map = runner.setup.make_path_map(runner.scratch)
    masked = smoketools.find_masked(
        tools.installed,
        frozenset(minimal_set.evidence) | runner.closure.resolution.provided,
        loaded=minimal_set.trace.importer_of_file.keys(),
        import_map=runner.closure.import_map,
        owner=path_map.owner_of,
        name_place=path_map.make_portable,
    )
    for name, evidence in masked.items():
        reporter.note(
            f"{name}: a tool of the smoke uses it too; kept for its import at {evidence.place}, not certified"
        )
    return replace(minimal_set, evidence={**minimal_set.evidence, **masked})


def _read_guess(task: Task) -> guess.Guess | None:
    """Return what the lock on disk lets expect of the next one; ``None``: nothing."""
    settings = task.settings
    # The method that takes no shortcut guesses nothing. The other two leave out what the last lock may have kept.
    if settings.settle == "runs" or settings.smallest or settings.exclude:
        return None
    before = read_previous_lock(settings)
    return guess.read_guess(before) if before else None


def _user_choices(task: Task, resolved: ResolvedTask) -> UserChoices:
    """Return the choices of the user: what to keep on request, and what to exclude."""
    settings, resolution = task.settings, resolved.resolution
    origins = {canonicalize_name(each.requirement.name): each.origin for each in resolved.resolver_input.whole}
    origins |= {name: f"--include {name}" for name in settings.include}
    origins |= {canonicalize_name(each.name): "root" for each in settings.roots}
    return UserChoices(
        requested=request_evidence(resolution, origins),
        excluded=frozenset(settings.exclude),
        smallest=settings.smallest,
        portable=task.is_portable,
        settle=settings.settle,
        likely=resolved.likely,
        guess=_read_guess(task) if resolved.likely is None else None,
    )
