"""``minreq lock``."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from packaging.requirements import Requirement

from minreq.cli import output
from minreq.cli.engine import Engine
from minreq.cli.options import (
    FEATURES_OF_LITELLM,
    Function,
    Group,
    GroupedCommand,
    add_options,
    convert_with,
    index_options,
    run_options,
    to_path,
)
from minreq.cli.report import Report, pass_report
from minreq.config import STDOUT, Settings
from minreq.config.options import parse_requirement
from minreq.config.settings import format_command, relock_settings
from minreq.errors import InvalidOptions

if TYPE_CHECKING:
    from minreq.cli.lockbudget import LockBudget
    from minreq.model import Lock

_EXAMPLES = """\
Examples:
  minreq lock --providers openai,bedrock
  minreq lock litellm==1.78.7 --providers openai --features chat,streaming
  minreq lock mlflow-skinny --smoke my_smoke.py
  minreq lock -r requirements.in --providers bedrock --provided boto3==1.44.0
  minreq lock langchain-openai sentry-sdk --smoke my_smoke.py
  minreq lock . --smoke 'pytest -q tests/smoke' --smoke-with pytest
  minreq lock --scan src
  minreq lock --check
  minreq lock --all
  minreq lock --check --all functions
"""


def _smoke_options(function: Function) -> Function:
    group = Group("Smoke")
    return add_options(
        function,
        group.option("profiles", "Read your own profile from this folder.", metavar="DIR"),
        group.option("providers", "The providers that the program calls.", "-p", metavar="NAMES"),
        group.option("scan", "Find the providers in the code of this file or folder.", metavar="PATH"),
        group.option("allow-unknown", "With --scan: accept calls whose model is not in the code."),
        group.option("features", f"The features to run. {FEATURES_OF_LITELLM}", metavar="NAMES"),
        group.option(
            "smoke",
            "A script that shows that the program works, or a command such as 'pytest -q tests'.",
            metavar="FILE",
        ),
        group.option(
            "smoke-file",
            "Copy this file or folder into the working directory of the scripts, which is empty otherwise.",
            metavar="PATH",
        ),
        group.option("smoke-with", "A tool that the smoke requires and the lock omits: pytest.", metavar="REQ"),
    )


def _closure_options(function: Function) -> Function:
    group = Group("Contents of the lock")
    return add_options(
        function,
        group.option(
            "project", "Use the project in this folder as root; the lock omits the project itself.", metavar="DIR"
        ),
        group.option("also", "Minimize this root too, in the same lock.", metavar="REQ"),
        group.option("with", "Add this to the closure; the lock keeps it if the smoke needs it.", metavar="REQ"),
        group.option("include", "Keep this distribution, needed or not.", metavar="NAME"),
        group.option("exclude", "Leave this distribution out; fail if the smoke needs it.", metavar="NAME"),
        group.declare(
            "--misses",
            type=click.File("r", encoding="utf-8", errors="replace"),
            metavar="FILE|-",
            help="Keep the distributions that this log of `minreq guard` misses.",
        ),
        group.option(
            "requirement", "Keep all requirements of this file or URL with their dependencies.", "-r", metavar="FILE"
        ),
        group.option("whole", "Keep this requirement with all its dependencies.", metavar="REQ"),
        group.option(
            "provided",
            "The runtime has this distribution, and what only it requires: the smoke uses them, the lock omits them.",
            metavar="NAME==VERSION",
        ),
        group.option(
            "runtime",
            "Omit what this managed runtime has, such as boto3: lambda-python3.10 to lambda-python3.14.",
            metavar="NAME",
        ),
        group.option(
            "allow-pth", "Accept a .pth file of this distribution, which runs at every start of Python.", metavar="NAME"
        ),
        group.option(
            "smallest", "Also leave out distributions without which the smoke passes but behaves differently."
        ),
        group.option(
            "portable",
            "Keep what the smoke needs on a machine without time zones, certificates or other files that this one has. "
            "Default: only with --platform.",
        ),
    )


def _version_options(function: Function) -> Function:
    group = Group("Versions")
    return add_options(
        function,
        group.option("constraint", "Constrain versions by this file or URL.", "-c", metavar="FILE"),
        group.option("override", "Replace every requirement on this project.", metavar="REQ"),
        group.option("upgrade", "Update all pins of the existing lock.", "-U"),
        group.option("upgrade-package", "Update this pin.", "-P", metavar="NAME"),
        group.option(
            "exclude-newer",
            "Ignore files uploaded after this date, or in this period: 2026-10-01, 3 days.",
            metavar="WHEN",
        ),
    )


def _platform_options(function: Function) -> Function:
    group = Group("Platform")
    return add_options(
        function,
        group.option(
            "python",
            "The interpreter of the program: a path, or a version such as 3.13. Default: the one that runs minreq.",
            metavar="EXE",
        ),
        group.option("platform", "Lock for this platform, such as lambda-python3.12-x86_64.", metavar="NAME"),
        group.option("allow-unproven", "Accept a platform that the smoke cannot run on."),
    )


def _lock_options(function: Function) -> Function:
    group = Group("Lock")
    return add_options(
        function,
        group.option(
            "output", "Write the lock to this file. Default: requirements-minimal.txt.", "-o", metavar="FILE|-"
        ),
        group.option("hashes", "Write hashes (the default)."),
        group.option("annotate", "Write comments that say who imports each distribution (the default)."),
        group.option("budget", "Exit 1 if the lock installs more bytes, compiled files included.", metavar="BYTES"),
        group.option(
            "bytecode",
            "add: the installer compiles, as pip does (the default); none: it does not, as uv and pip --no-compile.",
            metavar="WHAT",
        ),
        group.option("settle", "auto (the default), or runs: a separate run for each distribution.", metavar="METHOD"),
        group.option(
            "certify", "Test the set again: one clean run without each distribution, and other orders of the features."
        ),
        group.option("check", "Only check whether the lock is stale; run nothing."),
        group.declare(
            "--all",
            "every",
            is_flag=False,
            flag_value="",
            metavar="[DIR]",
            help="Make or check every lock of pyproject.toml, or of every pyproject.toml below this folder.",
        ),
        group.option("dry-run", "Make and prove the lock, but write nothing."),
        group.declare(
            "--html",
            callback=to_path,
            metavar="FILE|-",
            help="Also write an HTML page with sizes, imports and evidence.",
        ),
    )


def _root(text: str) -> Requirement | Path:
    """Convert a requirement, or the folder of a project: ``.``, ``../program``."""
    is_path = text in {".", ".."} or os.sep in text.partition("[")[0]
    return Path(text) if is_path and " @ " not in text else parse_requirement(text)


def _roots(roots: Sequence[Requirement | Path], also: Sequence[Requirement]) -> dict[str, Any]:
    """Return the values of the arguments by field of ``Settings``."""
    named = [each for each in roots if isinstance(each, Requirement)]
    projects = [each for each in roots if isinstance(each, Path)]
    if len(projects) > 1:
        raise InvalidOptions([f"{projects[0]} and {projects[1]} are two projects; give one"])
    if projects:
        return {"project": projects[0], "also": (*named, *also)}
    return {"root": named[0] if named else None, "also": (*named[1:], *also)}


def _settings(
    engine: Engine, report: Report, flags: Mapping[str, Any], misses: TextIO | None
) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings of the lock, and notes on those that the command line does not show."""
    join = functools.partial(relock_settings, read_recorded=engine.read_recorded_options)
    settings, is_relock = report.settings(join, flags)
    notes = (f"options, with those of the last lock: {format_command(settings)}",) if is_relock else ()
    if misses is None:
        return settings, notes
    settings, missed = engine.misses(settings, misses.read())
    return settings, (*notes, *missed)


def _check_outputs(settings: Settings, html: Path | None, report: Report) -> None:
    """Raise ``InvalidOptions`` or ``OutputUnwritable`` before the work begins."""
    from minreq.lockfile import writing  # noqa: PLC0415 # Help and usage errors do not need it.

    is_written = not settings.check and not settings.dry_run
    if html is not None and not is_written:
        raise InvalidOptions(["--html writes a page, but --check and --dry-run write nothing; use one"])
    if settings.output != STDOUT and is_written:
        writing.check_writable(settings.output)
    if html == settings.output == STDOUT:
        raise InvalidOptions(["--html - and --output - both print to standard output; name a file for one"])
    report.check_document("--html", html)


def _render_page(lock: Lock, budget: LockBudget) -> str:
    from minreq.cli import lockpage  # noqa: PLC0415 # As in `command`.

    return lockpage.render_page(lock, budget)


@click.command("lock", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("roots", required=False, nargs=-1, callback=convert_with(_root), metavar="[ROOT]...")
@_smoke_options
@_closure_options
@_version_options
@_platform_options
@_lock_options
@run_options
@index_options
@pass_report
@click.pass_obj
def command(
    engine: Engine,
    /,
    *,
    misses: TextIO | None,
    roots: tuple[Requirement | Path, ...],
    html: Path | None,
    every: str | None,
    report: Report,
    **flags: Any,
) -> None:
    """Make the smallest lock of ROOT (default: litellm) with which the smoke passes, and prove it.

    minreq minimizes several ROOTs together, in one lock. ROOT may be the folder of a project: the lock then holds the
    distributions that the project needs, and not the project itself.

    [tool.minreq] of pyproject.toml can set the options by their long names, except --all, --html, --misses and the
    options under 'This command'. Options on the command line win. If nothing names a smoke, minreq uses the options
    that made the lock on disk.
    """
    flags |= _roots(roots, flags["also"])
    if every is not None:
        from minreq.cli.lockall import lock_all  # noqa: PLC0415 # Help and usage errors do not need it.

        others = [name for name, value in {"--html": html, "--misses": misses}.items() if value is not None]
        lock_all(engine, report, Path(every) if every else None, flags, others)
    else:
        settings, notes = _settings(engine, report, flags, misses)
        _check_outputs(settings, html, report)
        if settings.check and not report.as_json:
            _check_one(engine, report, settings, notes)
        else:
            _lock_one(engine, report, settings, notes, html)


def _check_one(engine: Engine, report: Report, settings: Settings, notes: Sequence[str]) -> None:
    """Check a lock. Only a check without JSON is done here: it needs few modules."""
    with report.show_progress() as progress:
        for note in notes:
            progress.note(note)
        engine.lock(settings, progress)
        progress.finish()
    report.note(f"{settings.output} is up to date")


def _lock_one(engine: Engine, report: Report, settings: Settings, notes: Sequence[str], html: Path | None) -> None:
    """Make a lock and print it, or check one and print it as JSON."""
    # Imported here: help and usage errors do not need these modules.
    from minreq.cli import durations, lockbudget, lockview  # noqa: PLC0415
    from minreq.lockfile.requirements import render  # noqa: PLC0415

    before = None if settings.check else engine.read_previous_evidence(settings)
    command_line = format_command(settings)
    with report.show_progress() as progress:
        if not settings.check:
            progress.expected = durations.read_duration(settings.cache_dir, command_line)
        for note in notes:
            progress.note(note)
        lock = engine.lock(settings, progress)
        if progress.wrote:
            durations.write_duration(settings.cache_dir, command_line, progress.seconds)
        changed = engine.compare_with_previous(before, lock) if progress.wrote or settings.dry_run else None
        build = engine.forecast_build(lock, settings) if lockbudget.is_build_worthwhile(lock, settings) else None
        uncovered = engine.list_uncovered_features(lock, settings)
        summary = lockview.format_lines(
            lock,
            settings,
            progress.seconds,
            wrote=progress.wrote,
            changed=changed,
            html=None if html == STDOUT else html,
            uncovered=uncovered,
            build=build,
        )
        report.write_document(html, lambda: _render_page(lock, lockbudget.read_budget(lock, settings, build)))
        progress.finish(() if report.as_json else summary)
    report.print_result(lambda: lockview.to_json_data(lock, settings, uncovered, build))
    if settings.output == STDOUT and not report.as_json:
        output.print_file(render(lock))
