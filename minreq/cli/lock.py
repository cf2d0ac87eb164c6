"""``minreq lock``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import click
from packaging.requirements import Requirement

from minreq.cli.engine import Engine
from minreq.cli.options import (
    Function,
    Group,
    GroupedCommand,
    converting,
    declared,
    index_options,
    run_options,
)
from minreq.cli.reported import Report, reported
from minreq.config import STDOUT
from minreq.config.options import requirement
from minreq.config.settings import settings
from minreq.errors import InvalidOptions

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
"""


def _smoke_options(function: Function) -> Function:
    group = Group("What is run")
    return declared(
        function,
        group.option("profiles", "A folder with a profile of your own.", metavar="DIR"),
        group.option("providers", "The providers the program uses.", "-p", metavar="NAMES"),
        group.option("scan", "Use the providers that the code in this file or folder uses.", metavar="PATH"),
        group.option("allow-unknown", "Accept calls whose model the code does not tell."),
        group.option("features", "What it uses of them: chat, streaming, tools; all if not said.", metavar="NAMES"),
        group.option(
            "smoke", "A script that exercises the program, or a command such as 'pytest -q tests'.", metavar="FILE"
        ),
        group.option("smoke-with", "What the smoke needs beside the program: pytest.", metavar="REQ"),
    )


def _closure_options(function: Function) -> Function:
    group = Group("What may be in the lock")
    return declared(
        function,
        group.option("project", "The folder of a project that is the root; not written itself.", metavar="DIR"),
        group.option("also", "Another root, minimized with it.", metavar="REQ"),
        group.option("with", "Make it available; kept if the smoke needs it.", metavar="REQ"),
        group.option("include", "Keep it, asked for or not.", metavar="NAME"),
        group.option("exclude", "Leave it out; the proof decides whether that works.", metavar="NAME"),
        group.declare(
            "--misses",
            type=click.File("r", encoding="utf-8", errors="replace"),
            metavar="FILE|-",
            help="Keep what a log of `minreq guard` tells was missed.",
        ),
        group.option("requirement", "Keep the requirements of the file whole.", "-r", metavar="FILE"),
        group.option("whole", "Keep it whole, with all its dependencies.", metavar="REQ"),
        group.option("provided", "In the runtime already: used, not written.", metavar="NAME==VERSION"),
        group.option("allow-pth", "Accept files of it that run at every start of Python.", metavar="NAME"),
        group.option("smallest", "Leave out what changes behaviour without breaking it."),
    )


def _version_options(function: Function) -> Function:
    group = Group("Versions")
    return declared(
        function,
        group.option("constraint", "Constrain versions by the file.", "-c", metavar="FILE"),
        group.option("override", "Replace every requirement on that project.", metavar="REQ"),
        group.option("upgrade", "Let all pins of the existing lock move.", "-U"),
        group.option("upgrade-package", "Let this pin move.", "-P", metavar="NAME"),
        group.option("exclude-newer", "Ignore files uploaded later, or younger: 2026-10-01, 3 days.", metavar="WHEN"),
    )


def _platform_options(function: Function) -> Function:
    group = Group("Platform")
    return declared(
        function,
        group.option("python", "The interpreter the program runs on; this one if not said.", metavar="EXE"),
        group.option("platform", "Lock for this platform, such as lambda-python3.12-x86_64.", metavar="NAME"),
        group.option("allow-unproven", "Accept platforms the smoke could not run on."),
    )


def _lock_options(function: Function) -> Function:
    group = Group("The lock")
    return declared(
        function,
        group.option("output", "Where it is written; requirements-minimal.txt if not said.", "-o", metavar="FILE|-"),
        group.option("hashes", "Write hashes (the default)."),
        group.option("annotate", "Write who imports each (the default)."),
        group.option("budget", "Fail if it installs to more bytes.", metavar="BYTES"),
        group.option("settle", "auto, or runs: a run of its own for every question.", metavar="METHOD"),
        group.option("certify", "Leave each out once more, alone and in clean environments; try other orders."),
        group.option("check", "Only tell whether the lock is stale, without a run."),
        group.option("dry-run", "Write nothing."),
        group.declare("--html", type=Path, metavar="FILE", help="Write a page too: sizes, imports, and the evidence."),
    )


def _root(text: str) -> Requirement | Path:
    """Convert a requirement, or the folder of a project: ``.``, ``../program``."""
    is_path = text in {".", ".."} or os.sep in text.partition("[")[0]
    return Path(text) if is_path and " @ " not in text else requirement(text)


def _roots(roots: Sequence[Requirement | Path], also: Sequence[Requirement]) -> dict[str, Any]:
    """Return by field what the arguments say."""
    named = [each for each in roots if isinstance(each, Requirement)]
    projects = [each for each in roots if isinstance(each, Path)]
    if len(projects) > 1:
        raise InvalidOptions([f"{projects[0]} and {projects[1]} are two projects; one at a time"])
    if projects:
        return {"project": projects[0], "also": (*named, *also)}
    return {"root": named[0] if named else None, "also": (*named[1:], *also)}


@click.command("lock", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("roots", required=False, nargs=-1, callback=converting(_root), metavar="[ROOT]...")
@_smoke_options
@_closure_options
@_version_options
@_platform_options
@_lock_options
@run_options
@index_options
@reported
@click.pass_obj
def command(
    engine: Engine,
    /,
    *,
    misses: TextIO | None,
    roots: tuple[Requirement | Path, ...],
    html: Path | None,
    report: Report,
    **flags: Any,
) -> None:
    """Make the smallest lock of ROOT (litellm if not said) with which the smoke passes, and prove it.

    Several ROOTs are minimized together, in one lock. ROOT may be the folder of a project: the lock then holds what it
    needs, and not the project itself.

    Options can stand in [tool.minreq] of pyproject.toml under their long names, but for --html, --misses and those of
    the last group; a flag wins.
    """
    # Imported here, since a usage error or help needs nothing of them.
    from minreq.cli import summary  # noqa: PLC0415
    from minreq.lockfile import writing  # noqa: PLC0415
    from minreq.lockfile.requirements import render  # noqa: PLC0415

    told = report.settings(settings, {**flags, **_roots(roots, flags["also"])})
    if html is not None and (told.check or told.dry_run):
        raise InvalidOptions(["--html writes a page, and --check and --dry-run write nothing"])
    notes: tuple[str, ...] = ()
    if misses is not None:
        told, notes = engine.misses(told, misses.read())
    if told.output != STDOUT and not told.dry_run and not told.check:
        writing.check(told.output)
    if html is not None:
        writing.check(html)
    before = None if told.check else engine.before(told)
    with report.watching() as progress:
        for note in notes:
            progress.note(note)
        lock = engine.lock(told, progress)
        changed = engine.changes(before, lock) if progress.wrote or told.dry_run else None
        words = summary.lines(lock, told, progress.seconds, wrote=progress.wrote, changed=changed, html=html)
        if html is not None:
            from minreq.cli import lockpage  # noqa: PLC0415

            writing.write({html: lockpage.page(lock)})
        progress.finished(() if report.as_json or told.check else words)
    report.result(lambda: summary.data(lock, told))
    if told.check and not report.as_json and not report.quiet:
        click.echo(f"{told.output} is up to date", err=True)
    if told.output == STDOUT and not report.as_json:
        click.echo(render(lock), nl=False)
