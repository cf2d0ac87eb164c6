"""``minreq init``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from packaging.requirements import Requirement

from minreq.cli.engine import Engine
from minreq.cli.options import (
    Group,
    GroupedCommand,
    cache_dir,
    convert_with,
    location_options,
    read_shared_configuration,
)
from minreq.cli.report import Report, after_result, pass_output
from minreq.cli.text import align_columns, printable
from minreq.config.options import DEFAULT_ROOT, parse_requirement
from minreq.config.settings import scan_settings
from minreq.counts import pluralize
from minreq.errors import NotConfirmed

if TYPE_CHECKING:
    from minreq.init import JobChoice, ProjectPlan

_EXAMPLES = """\
Examples:
  minreq init
  minreq init --yes
  minreq init functions/summarize --ci github
  minreq init --root langchain-openai
"""
_GROUP = Group("Init")
#: The most findings that are printed.
_MAX_FINDINGS = 20


@click.command("init", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("folder", required=False, type=Path, default=Path(), metavar="[FOLDER]")
@_GROUP.declare(
    "--root",
    metavar="REQ",
    callback=convert_with(parse_requirement),
    help="The package to lock. Default: litellm, as the project requires it.",
)
@_GROUP.option("profiles", "Read your own profile from this folder.", metavar="DIR")
@_GROUP.declare(
    "--ci",
    "job",
    type=click.Choice(["auto", "github", "gitlab", "none"]),
    default="auto",
    help="Where the lock is checked. Default: auto, as the project's files say.",
)
@_GROUP.declare("--yes", "-y", is_flag=True, help="Write the files without a question.")
@location_options
@pass_output
@click.pass_obj
def command(engine: Engine, /, *, folder: Path, job: JobChoice, yes: bool, report: Report, **flags: Any) -> None:
    """Give the project in FOLDER (default: the working directory) a first configuration.

    minreq reads the code, the requirements, and the files of SAM, the Serverless Framework, AWS CDK and Docker, says
    what it found, and shows what it would write as a diff: [tool.minreq] in pyproject.toml, a smoke where no provider
    has one, a job that checks the lock and upgrades it, and a hook of pre-commit where that is in use. A file that is
    there keeps what it has, and a second run changes nothing. minreq runs none of the project's code.
    """
    given = {**flags, "root": flags["root"] or Requirement(DEFAULT_ROOT), "cache_dir": cache_dir()}
    settings = scan_settings(given, read_shared_configuration())
    with report.show_progress() as progress:
        plan = engine.plan_project(settings, folder, job, progress)
    if not report.as_json:
        report.print_result(dict, map(printable, _format_plan(plan)))
    written = bool(plan.changes) and (yes or _confirm(report))
    if written:
        engine.write_plan(plan)
    report.print_result(lambda: _to_json_data(plan, written=written), _format_end(plan, written=written))
    if plan.changes and not written:
        with after_result():
            raise NotConfirmed([change.path for change in plan.changes])


def _confirm(report: Report) -> bool:
    """Ask a person; where nobody can answer, the answer is no."""
    return not report.as_json and sys.stdin.isatty() and click.confirm("Write these files?", err=True)


def _format_plan(plan: ProjectPlan) -> Iterator[str]:
    if plan.findings:
        shown = plan.findings[:_MAX_FINDINGS]
        yield from align_columns([[each.place, each.what] for each in shown])
        if len(plan.findings) > len(shown):
            yield f"and {len(plan.findings) - len(shown)} more; `minreq scan` shows all"
        yield ""
    for change in plan.changes:
        yield from change.diff
        yield ""


def _format_end(plan: ProjectPlan, *, written: bool) -> Iterator[str]:
    if not plan.changes:
        yield "Nothing to change."
    elif written:
        yield f"Wrote {', '.join(change.path for change in plan.changes)}"
    if plan.advice:
        yield f"Left to you ({pluralize(len(plan.advice), 'thing')}):"
        yield from (f"  {printable(each)}" for each in plan.advice)
    if written or not plan.changes:
        yield "Next: minreq lock"


def _to_json_data(plan: ProjectPlan, *, written: bool) -> dict[str, Any]:
    return {
        "folder": plan.folder.as_posix(),
        "findings": [{"place": each.place, "what": each.what} for each in plan.findings],
        "changes": [
            {"path": each.path, "new": each.old is None, "diff": "".join(f"{line}\n" for line in each.diff)}
            for each in plan.changes
        ],
        "advice": list(plan.advice),
        "written": written,
    }
