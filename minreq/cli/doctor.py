"""``minreq doctor``."""

from __future__ import annotations

from dataclasses import asdict

import click

from minreq.cli.engine import Engine
from minreq.cli.options import cache_dir, output_options
from minreq.cli.reported import document, judging
from minreq.cli.text import size
from minreq.errors import SandboxMissing


@click.command("doctor")
@click.option("--require-sandbox", is_flag=True, help="Fail where the kernel does not wall a smoke off.")
@output_options
@click.pass_obj
def command(engine: Engine, /, *, require_sandbox: bool, as_json: bool) -> None:
    """Tell what protects this machine from what is locked, by trying it."""
    found = engine.diagnose(cache_dir())
    if as_json:
        click.echo(document({**asdict(found), "store": str(found.store)}))
    else:
        rows = {
            "Python": found.python,
            "System": found.system,
            "Protection": found.sentence,
            "Network": "a network of its own, with loopback alone" if found.kernel else "loopback, by hooks of Python",
            "Files": _files(kernel=found.kernel),
            "Processes": f"at most {found.processes}, none other in sight" if found.processes else "not limited",
            "Memory": f"{size(found.memory)} for each process, files of {size(found.file)}",
            "Bytecode": "compiled apart, by no run, and kept",
            "Forks": "yes" if found.forks else "no: each stage is a run of its own",
            "Store": f"{found.store}, {'can be written' if found.writable else 'cannot be written'}",
        }
        for name, text in rows.items():
            click.echo(f"{name:<12}{text}")
    if require_sandbox and not found.kernel:
        with judging():
            raise SandboxMissing(found.why)


def _files(*, kernel: bool) -> str:
    if kernel:
        return "read-only but for one folder; homes, /run and temporary folders are seen empty"
    return "as the user's, but for what hooks of Python refuse"
