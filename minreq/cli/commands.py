"""The list of commands, and how one of them is run and ends."""

from __future__ import annotations

import difflib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import click
from click.shell_completion import shell_complete

from minreq.cli.text import printable
from minreq.errors import MinreqError, UsageError

if TYPE_CHECKING:
    from minreq.cli.engine import Engine

_INTERRUPTED = 130
#: What the scripts of `minreq completion` set when they ask; click's way ("Shell Completion" in its documentation).
COMPLETION_VARIABLE = "_MINREQ_COMPLETE"
# What a shell reports for a program that ended at a closed pipe.
_PIPE_CLOSED = 141

#: The commands, each a module beside this one, and what the list of them says.
_COMMANDS = {
    "lock": "Make the smallest lock with which a program works.",
    "verify": "Prove a lock again.",
    "explain": "Why a distribution is in a lock, or out of it.",
    "exposure": "Where kept code would import what is left out.",
    "guard": "Write a module with which a miss in production tells itself.",
    "providers": "What each provider needs, measured.",
    "scan": "Find the providers that a code base uses.",
    "doctor": "What protects this machine from what is locked.",
    "build": "Install a lock, make it smaller, and prove the result.",
    "analyze": "What a tree of packages is made of, and what could go.",
    "versions": "How large recent releases are, and where they load.",
    "diff": "What lies between two locks.",
    "export": "A lock as pylock.toml, for uv, or as wheels that plain pip accepts.",
    "sync": "Bring an environment to exactly the lock.",
    "check": "Whether an environment is the lock, intended gaps known.",
    "cache": "Where minreq keeps wheels and what it knows of them.",
    "completion": "The script that completes commands and options in a shell.",
}


def main(argv: Sequence[str] | None = None, *, engine: Engine | None = None) -> int:
    """Run minreq with the arguments *argv* (of the process if ``None``) and return the exit status.

    ::

        0    done
        1    the answer is no: stale, over budget, proof failed, unproven platform; or the system refuses
        2    the command line, the configuration or a file of the user is wrong
        3    the smoke fails although nothing is left out
        4    no set of versions satisfies what is needed
        5    the index or the network
        130  interrupted
        141  whoever read the output closed it
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    as_json = "--json" in arguments
    try:
        with _terminable():
            status = _run(arguments, engine)
            sys.stdout.flush()
    except MinreqError as error:
        status = _fail(str(error), error.reason, error.exit_status, as_json=as_json and not error.has_result)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        status = UsageError.exit_status
    except click.ClickException as error:
        status = _fail(_usage(error), UsageError.reason, UsageError.exit_status, as_json=as_json)
    except (KeyboardInterrupt, click.Abort):
        status = _fail("interrupted", "interrupted", _INTERRUPTED, as_json=as_json)
    except BrokenPipeError:
        # Else the interpreter, flushing at its end, would complain after all.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = _PIPE_CLOSED
    except OSError as error:
        # What fails where nobody foresaw it: a disk that is full, a folder that is gone, no process to be had.
        status = _fail(_refusal(error), "system", MinreqError.exit_status, as_json=as_json)
    return status


class _Commands(click.Group):
    """The commands; one is imported when it is asked for, since most of what it needs is of no use to the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's.
        """Their names, in the order of the help."""
        return [*_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them."""
        if cmd_name not in _COMMANDS:
            close = difflib.get_close_matches(cmd_name, _COMMANDS, n=1)
            if close and not ctx.resilient_parsing:
                ctx.fail(f"no such command {cmd_name!r} (did you mean {close[0]}?)")
            return None
        command: click.Command = import_module(f"minreq.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's.
        """Their names, and a sentence each."""
        with formatter.section("Commands"):
            formatter.write_dl([*_COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`minreq COMMAND --help` tells more. Progress and errors go to stderr, results to stdout.",
)
@click.version_option(None, "-V", "--version", package_name="minreq", message="%(prog)s %(version)s")
@click.option("--no-color", is_flag=True, help="No colours, as NO_COLOR; before or after the command.")
@click.pass_context
def root(context: click.Context, /, *, no_color: bool) -> None:
    """Find the smallest set of pinned, hashed distributions with which a program provably works."""
    if no_color:
        os.environ["NO_COLOR"] = "1"
    if context.obj is None:
        # Imported here, since help needs no engine.
        from minreq.cli.engine import Engine  # noqa: PLC0415

        context.obj = Engine()


def _run(arguments: list[str], engine: Engine | None) -> int:
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        return shell_complete(root, {}, "minreq", COMPLETION_VARIABLE, instruction)
    # Not click's own main(): it would turn errors into exits in places where they must pass.
    try:
        with root.make_context("minreq", arguments, obj=engine) as context:
            root.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return 0


@contextmanager
def _terminable() -> Iterator[None]:
    """A SIGTERM, or a terminal that is closed, ends the run as Ctrl-C does: what has to be cleaned up is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ending = (signal.SIGTERM, signal.SIGHUP)
    previous = [(each, signal.signal(each, signal.default_int_handler)) for each in ending]
    try:
        yield
    finally:
        for each, handler in previous:
            signal.signal(each, handler)


def _refusal(error: OSError) -> str:
    why = error.strerror or str(error) or type(error).__name__
    where = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
    return f"the system refuses to go on: {why}{where}; what was written before still stands"


def _usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message}; see `{error.ctx.command_path} --help`"
    return message


def _fail(sentence: str, reason: str, status: int, *, as_json: bool) -> int:
    if as_json:
        # Imported here, since nobody else of this module needs it.
        from minreq.cli.reported import SCHEMA  # noqa: PLC0415

        click.echo(json.dumps({"schema": SCHEMA, "error": sentence, "reason": reason, "exit_status": status}))
    prefix = "error" if os.environ.get("NO_COLOR") else click.style("error", fg="red", bold=True)
    click.echo(f"{prefix}: {printable(sentence)}", err=True)
    return status
