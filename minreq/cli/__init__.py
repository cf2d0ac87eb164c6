"""The command line: argv to settings, values to text, errors to an exit status; the only place that prints."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from minreq.cli import cache, lock, verify
from minreq.cli.engine import Engine
from minreq.cli.text import printable
from minreq.errors import MinreqError, UsageError

_INTERRUPTED = 130
# What a shell reports for a program that ended at a closed pipe.
_PIPE_CLOSED = 141


def main(argv: Sequence[str] | None = None, *, engine: Engine | None = None) -> int:
    """Run minreq with the arguments *argv* (of the process if ``None``) and return the exit status.

    ::

        0    done
        1    the answer is no: stale, over budget, proof failed, unproven platform
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
            status = _run(arguments, engine or Engine())
            sys.stdout.flush()
    except MinreqError as error:
        return _fail(str(error), error.reason, error.exit_status, as_json=as_json)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return UsageError.exit_status
    except click.ClickException as error:
        return _fail(_usage(error), UsageError.reason, UsageError.exit_status, as_json=as_json)
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", "interrupted", _INTERRUPTED, as_json=as_json)
    except BrokenPipeError:
        # Else the interpreter, flushing at its end, would complain after all.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    return status


@click.group(
    commands=[lock.command, verify.command, cache.command],
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`minreq COMMAND --help` tells more. Progress and errors go to stderr, results to stdout.",
)
@click.version_option(None, "-V", "--version", package_name="minreq", message="%(prog)s %(version)s")
def _minreq() -> None:
    """Find the smallest set of pinned, hashed distributions with which a program provably works."""


def _run(arguments: list[str], engine: Engine) -> int:
    # Not click's own main(): it would turn errors into exits in places where they must pass.
    try:
        with _minreq.make_context("minreq", arguments, obj=engine) as context:
            _minreq.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return 0


@contextmanager
def _terminable() -> Iterator[None]:
    """A SIGTERM ends the run as Ctrl-C does: what has to be cleaned up is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message}; see `{error.ctx.command_path} --help`"
    return message


def _fail(sentence: str, reason: str, status: int, *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"error": sentence, "reason": reason, "exit_status": status}))
    prefix = "error" if os.environ.get("NO_COLOR") else click.style("error", fg="red", bold=True)
    click.echo(f"{prefix}: {printable(sentence)}", err=True)
    return status
