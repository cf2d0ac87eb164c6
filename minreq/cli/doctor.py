"""``minreq doctor``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from minreq.cli.engine import Engine
from minreq.cli.options import GroupedCommand, cache_dir
from minreq.cli.report import Report, after_result, pass_output
from minreq.cli.text import format_size
from minreq.errors import SandboxMissing

if TYPE_CHECKING:
    from minreq.doctor import Diagnosis

#: The files of a smoke, by isolation.
_FILES = {
    "namespaces": "the system, the interpreter, the smoke and the wheels, read-only; one folder is writable",
    "landlock": "by Landlock: the system, the interpreter, the smoke and the wheels; one folder is writable",
    "hooks": "those of the user, except where hooks of Python refuse access",
}


@click.command("doctor", cls=GroupedCommand)
@click.option("--require-sandbox", is_flag=True, help="Exit 1 if the kernel cannot isolate a smoke.")
@pass_output
@click.pass_obj
def command(engine: Engine, /, *, require_sandbox: bool, report: Report) -> None:
    """Show how this machine isolates a smoke. minreq tries each protection."""
    diagnosis = engine.diagnose(cache_dir())
    report.print_result(lambda: {**asdict(diagnosis), "store": str(diagnosis.store)}, _format_lines(diagnosis))
    if require_sandbox and not diagnosis.kernel:
        with after_result():
            raise SandboxMissing(diagnosis.why)


def _format_lines(diagnosis: Diagnosis) -> Iterator[str]:
    rows = {
        "Python": diagnosis.python,
        "System": diagnosis.system,
        "Isolation": diagnosis.sentence,
        "Not closed": "; ".join(diagnosis.open_ends),
        "Network": "its own network, loopback only" if diagnosis.kernel else "loopback only, by hooks of Python",
        "Files": _FILES[diagnosis.isolation],
        "Machine": _machine(diagnosis.hideable),
        "Processes": f"at most {diagnosis.processes}, no others visible" if diagnosis.processes else "not limited",
        "Memory": f"{format_size(diagnosis.memory)} for each process, files of {format_size(diagnosis.file)}",
        "Bytecode": "compiled apart from the runs, and cached",
        "Forks": "yes" if diagnosis.forks else "no: each stage is a separate run",
        "Store": f"{diagnosis.store}, {'writable' if diagnosis.writable else 'not writable'}",
    }
    for name, text in rows.items():
        yield f"{name:<12}{text}"


def _machine(hideable: Sequence[str]) -> str:
    """Say whether a lock finds what the smoke takes from the machine."""
    if not hideable:
        return "a proof cannot hide time zones, certificates and the like, so a lock may need those of this machine"
    return f"a proof hides its {', '.join(hideable)}"
