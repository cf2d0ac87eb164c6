"""``minreq matrix``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import (
    FEATURES_OF_LITELLM,
    Function,
    Group,
    GroupedCommand,
    add_options,
    cache_dir,
    convert_with,
    index_options,
    read_shared_configuration,
    run_options,
)
from minreq.cli.report import Report, after_result, pass_output
from minreq.cli.text import align_columns, printable
from minreq.config import STDOUT
from minreq.config.matrix import MATRIX_OPTIONS, matrix_settings, read_matrix_file
from minreq.config.options import parse_requirement
from minreq.counts import pluralize
from minreq.errors import CellsUnfinished

if TYPE_CHECKING:
    from minreq.matrix.matrix import Matrix
    from minreq.matrix.results import CellResult, Changes

_EXAMPLES = """\
Examples:
  minreq matrix --root litellm --last 8 -p openai -p openai,bedrock
  minreq matrix litellm.toml -o history --html history/index.html
  minreq matrix --root 'litellm>=1.78' --one-per minor -p bedrock --measure
  minreq matrix litellm.toml -j 2
  minreq matrix litellm.toml --scheduler tcp://127.0.0.1:8786
"""
#: The most names of changed distributions in a row.
_MAX_NAMED = 3


def _split(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (each.strip() for each in text.split(","))))


def _place_options(function: Function) -> Function:
    rows, columns = Group("Rows"), Group("Columns")
    return add_options(
        function,
        rows.declare(
            "--root",
            "roots",
            multiple=True,
            callback=convert_with(parse_requirement),
            metavar="REQ",
            help="A root with the releases that become rows: litellm>=1.100. Default: litellm.",
        ),
        rows.option(
            "last",
            "The newest N releases. Default: all that REQ admits; of a bare name the newest one.",
            metavar="N",
            known=MATRIX_OPTIONS,
        ),
        rows.option(
            "one-per",
            "release (the default), or minor: the newest release of each minor version.",
            metavar="WHAT",
            known=MATRIX_OPTIONS,
        ),
        columns.declare(
            "-p",
            "--providers",
            "provider_sets",
            multiple=True,
            callback=convert_with(_split),
            metavar="NAMES",
            help="The providers of one column; give it once for each column.",
        ),
        columns.declare(
            "--python",
            "pythons",
            multiple=True,
            metavar="EXE",
            help="An interpreter of the cells; may be repeated. Default: the one that runs minreq.",
        ),
        columns.declare(
            "--platform",
            "platforms",
            multiple=True,
            metavar="NAME",
            help="A platform of the cells; may be repeated. Default: this machine.",
        ),
    )


def _cell_options(function: Function) -> Function:
    group = Group("Cells")
    return add_options(
        function,
        group.declare(
            "--measure",
            is_flag=True,
            default=None,
            help="Measure what the providers need, instead of making locks.",
        ),
        group.option("build", "Also build each lock at this level.", metavar="LEVEL", known=MATRIX_OPTIONS),
        group.option("profiles", "Read your own profile from this folder.", metavar="DIR"),
        group.option("features", f"The features to run. {FEATURES_OF_LITELLM}", metavar="NAMES"),
        group.option("smoke", "A script that shows that the program works.", metavar="FILE"),
        group.option(
            "smoke-file", "Copy this file or folder into the working directory of the scripts.", metavar="PATH"
        ),
        group.option("smoke-with", "A tool that the smoke requires and the locks omit: pytest.", metavar="REQ"),
        group.option("with", "Add this to every closure.", metavar="REQ"),
        group.option("constraint", "Constrain versions by this file or URL.", "-c", metavar="FILE"),
        group.option(
            "allow-pth", "Accept a .pth file of this distribution, which runs at every start of Python.", metavar="NAME"
        ),
        group.option(
            "exclude-newer",
            "Ignore files uploaded after this date, or in this period: 2026-10-01, 3 days.",
            metavar="WHEN",
        ),
    )


def _result_options(function: Function) -> Function:
    results, cluster = Group("Results"), Group("Cluster of Dask")
    return add_options(
        function,
        results.option(
            "output",
            "The folder of the results. Cells that have a result there are not filled again. Default: minreq-matrix.",
            "-o",
            metavar="DIR",
            known=MATRIX_OPTIONS,
        ),
        results.option(
            "html", "Also write an HTML page with a heat map and the changes.", metavar="FILE|-", known=MATRIX_OPTIONS
        ),
        cluster.option(
            "scheduler",
            "Send the cells to this scheduler. Default: DASK_SCHEDULER_ADDRESS, else a cluster on this machine.",
            metavar="ADDRESS",
            known=MATRIX_OPTIONS,
        ),
        cluster.option(
            "tls-ca-file", "The certificate authority of the cluster.", metavar="PATH", known=MATRIX_OPTIONS
        ),
        cluster.option("tls-cert", "The certificate of minreq for the cluster.", metavar="PATH", known=MATRIX_OPTIONS),
        cluster.option("tls-key", "The key of that certificate.", metavar="PATH", known=MATRIX_OPTIONS),
    )


@click.command("matrix", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("file", required=False, type=Path, metavar="[FILE]")
@_place_options
@_cell_options
@_result_options
@run_options
@index_options
@pass_output
@click.pass_obj
def command(engine: Engine, /, *, file: Path | None, report: Report, **flags: Any) -> None:
    """Make a table of locks, measurements or builds: releases by providers, interpreters and platforms.

    FILE is a TOML file whose keys are the long names of the options; an option on the command line wins. Each cell has
    a file of its own in the folder of the results, so a matrix that was interrupted goes on where it stopped. Of
    [tool.minreq], a matrix takes the options of the index and of runs.

    With -j, minreq fills N cells at the same time, in processes of this machine. Without -j, Dask fills them, if it is
    installed.
    """
    values = read_matrix_file(file) if file is not None else {}
    settings = matrix_settings({**flags, "cache_dir": cache_dir()}, values, read_shared_configuration())
    report.check_printing("--html", settings.html)
    with report.show_matrix_progress() as progress:
        matrix = engine.matrix(settings, progress)
    report.write_document(settings.html, lambda: _render_page(matrix))
    lines = () if settings.html == STDOUT else map(printable, _format_lines(matrix))
    report.print_result(lambda: _to_json_data(matrix), lines)
    unfinished = [f"{each.cell.title}: {each.sentence.splitlines()[0]}" for each in matrix.unfinished]
    if unfinished:
        with after_result():
            raise CellsUnfinished(unfinished, len(matrix.results))


def _render_page(matrix: Matrix) -> str:
    from minreq.cli import matrixpage  # noqa: PLC0415 # Help and usage errors do not need it.

    return matrixpage.render_page(matrix)


def _format_lines(matrix: Matrix) -> Iterator[str]:
    changes = matrix.changes
    is_built = any(each.built_bytes is not None for each in matrix.results)
    rows = [["release", "column", "declared", "kept", "bytes", *(["built"] if is_built else []), "time", "changes"]]
    rows += [_row(each, changes.get(each.key), is_built=is_built) for each in matrix.results]
    yield from align_columns(rows, right=frozenset({2, 3, 4, 5, *([6] if is_built else [])}))
    yield ""
    for sentence, names in _group_failures(matrix.results).items():
        yield f"{', '.join(names)}: {sentence}"
    unfinished = f", {len(matrix.unfinished)} without a result" if matrix.unfinished else ""
    new = len(matrix.results) - matrix.reused - len(matrix.unfinished)
    failed = sum(each.status == "failed" for each in matrix.results)
    counts = f"{new} filled now, {matrix.reused} there before, {failed} failed{unfinished}"
    yield f"{pluralize(len(matrix.results), 'cell')}: {counts}; {', '.join(map(str, matrix.tables))}"


def _row(result: CellResult, changes: Changes | None, *, is_built: bool) -> list[str]:
    title = [f"{result.root} {result.version}", result.cell.column.title]
    if result.status != "done":
        return [
            *title,
            "",
            "",
            "",
            *([""] if is_built else []),
            f"{result.seconds:.1f} s",
            f"{result.status}: {result.reason}",
        ]
    built = [f"{result.built_bytes:,}" if result.built_bytes is not None else ""] if is_built else []
    declared = "" if result.declared is None else str(result.declared)
    return [
        *title,
        declared,
        str(len(result.kept)),
        f"{result.kept_bytes:,}",
        *built,
        f"{result.seconds:.1f} s",
        _name_changes(changes),
    ]


def _name_changes(changes: Changes | None) -> str:
    if changes is None:
        return ""
    parts = [*(f"+{name}" for name in changes.added), *(f"-{name}" for name in changes.dropped)]
    more = [f"and {len(parts) - _MAX_NAMED} more"] if len(parts) > _MAX_NAMED else []
    moved = [pluralize(len(changes.moved), "version")] if changes.moved else []
    return ", ".join([*parts[:_MAX_NAMED], *more, *moved]) or "none"


def _group_failures(results: Sequence[CellResult]) -> Mapping[str, list[str]]:
    """Return the cells without a result by the first line of their sentence."""
    found: dict[str, list[str]] = {}
    for each in results:
        if each.status != "done":
            found.setdefault(each.sentence.splitlines()[0] if each.sentence else each.reason, []).append(
                each.cell.title
            )
    return found


def _to_json_data(matrix: Matrix) -> dict[str, Any]:
    from minreq.matrix.results import make_row  # noqa: PLC0415 # As in `_render_page`.

    changes = matrix.changes
    return {
        "output": matrix.folder.as_posix(),
        "tables": [each.as_posix() for each in matrix.tables],
        "reused": matrix.reused,
        "cells": [make_row(each, changes.get(each.key)) for each in matrix.results],
    }
