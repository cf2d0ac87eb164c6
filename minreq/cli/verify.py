"""``minreq verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from minreq.cli import comparisonview
from minreq.cli.engine import Engine
from minreq.cli.options import (
    Function,
    Group,
    GroupedCommand,
    add_options,
    index_options,
    run_options,
    to_path,
)
from minreq.cli.report import Report, after_result, pass_report
from minreq.config.settings import STDOUT, VerifySettings, verify_settings
from minreq.counts import pluralize
from minreq.errors import InvalidOptions, ProofFailed

_EXAMPLES = """\
Examples:
  minreq verify
  minreq verify requirements-minimal.txt
  minreq verify --path build/function.zip
  minreq verify --python .venv/bin/python
  minreq verify --against-full 'pytest -q tests' --smoke-with pytest
  minreq verify --export-smoke canary.py
"""


def _artifact_options(function: Function) -> Function:
    group = Group("Verify something else than a new environment")
    return add_options(
        function,
        group.declare(
            "--path", type=Path, metavar="DIR|ZIP", help="A folder or zip that another tool built from the lock."
        ),
        group.declare(
            "--python", metavar="EXE", help="The interpreter of an environment that another tool made from the lock."
        ),
        group.declare(
            "--against-full",
            metavar="COMMAND",
            help="Run no smoke; run COMMAND with all declared distributions and on the lock, and compare each test.",
        ),
        group.option(
            "smoke-with", "A tool of that COMMAND: pytest. Default: the tools of the lock's smoke.", metavar="REQ"
        ),
        group.declare(
            "--export-smoke",
            "script",
            callback=to_path,
            metavar="FILE|-",
            help="Verify nothing; write the smoke as a script that calls the real endpoints. You run the script.",
        ),
        group.option("smoke", "The new place of a smoke script of the lock, if you moved it.", metavar="FILE"),
        group.option("smoke-file", "The new place of a --smoke-file of the lock, if you moved it.", metavar="PATH"),
    )


@click.command("verify", cls=GroupedCommand, short_help="Run the smoke of a lock again and compare.", epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_artifact_options
@run_options
@index_options
@pass_report
@click.pass_obj
def command(engine: Engine, /, *, report: Report, script: Path | None, **flags: Any) -> None:
    """Run the smoke of LOCK again, on the lock alone, and compare with the evidence.

    LOCK: default is the output of `minreq lock`.
    """
    settings = report.settings(verify_settings, flags)
    if script is not None:
        if settings.against_full is not None:
            raise InvalidOptions(["--export-smoke runs nothing, and --against-full runs a command; give one"])
        _export(engine, settings, script, report)
        return
    if settings.against_full is not None:
        _compare(engine, settings, report)
        return
    with report.show_progress() as progress:
        lock = engine.verify(settings, progress)
        progress.finish([f"{settings.lock} holds: {pluralize(len(lock.selection.kept), 'distribution')}, verified"])
    report.print_result(lambda: {"lock": settings.lock.as_posix(), "holds": True, "stages": list(lock.stages)})


def _compare(engine: Engine, settings: VerifySettings, report: Report) -> None:
    """Run the command of *settings* in both environments, and report which tests differ."""
    with report.show_progress() as progress:
        comparison = engine.compare_with_full(settings, progress)
        for sentence in comparisonview.format_notes(comparison):
            progress.note(sentence)
        holds = f"{settings.lock} holds: {comparisonview.summarize(comparison)}"
        progress.finish([holds] if comparison.holds else [])
    report.print_result(
        lambda: comparisonview.to_json_data(comparison, settings.lock.as_posix()),
        comparisonview.format_lines(comparison),
    )
    if not comparison.holds:
        with after_result():
            raise ProofFailed(str(settings.lock), list(comparisonview.list_reasons(comparison)))


def _export(engine: Engine, settings: VerifySettings, file: Path, report: Report) -> None:
    """Write the smoke of a lock as a script to *file*, and report it."""
    exported = engine.export_smoke(settings, file)
    is_printed = file == STDOUT
    report.print_text(
        lambda: {
            "file": None if is_printed else file.as_posix(),
            **({"text": exported.text} if is_printed else {}),
            "stages": list(exported.stages),
            "left_out": list(exported.left_out),
        },
        exported.text if is_printed else "",
    )
    if exported.left_out:
        report.note(f"left out, since only the emulator can answer: {', '.join(exported.left_out)}")
    if is_printed:
        return
    calls = "it calls the real endpoints with the credentials in its environment; minreq never runs it"
    report.note(f"wrote {file}, {pluralize(len(exported.stages), 'stage')}; {calls}")
