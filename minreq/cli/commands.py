"""The list of commands, and `main`, which runs one and returns the exit status."""

from __future__ import annotations

import difflib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING

import click
from click.shell_completion import shell_complete

from minreq.cli import output
from minreq.cli.messages import message_options
from minreq.errors import MinreqError, SystemFailure, UsageError

if TYPE_CHECKING:
    from minreq.cli.engine import Engine

_INTERRUPTED = 130
#: The scripts of `minreq completion` set this variable to ask for completions (click: "Shell Completion").
COMPLETION_VARIABLE = "_MINREQ_COMPLETE"
# The status that a shell reports for a program that a closed pipe ended.
_PIPE_CLOSED = 141

#: The commands with their help, in the order of the work. Each command is a module of this package.
_GROUPS: Mapping[str, Mapping[str, str]] = {
    "Start": {
        "init": "Give a project its first configuration.",
        "analyze": "Show what a tree of packages consists of.",
        "scan": "Find the providers that a code base uses.",
        "providers": "Measure which distributions each provider needs.",
        "versions": "Show the sizes and platforms of recent releases.",
    },
    "Lock": {
        "lock": "Make the smallest lock with which the smoke passes.",
        "verify": "Run the smoke of a lock again and compare.",
        "matrix": "Make a table of locks: releases by providers.",
    },
    "Inspect": {
        "explain": "Explain why a distribution is in a lock or left out.",
        "exposure": "Find imports of left-out distributions in the kept code.",
        "diff": "Show the differences between two locks.",
    },
    "Ship": {
        "build": "Install a lock into a folder or zip, slim it, and prove it.",
        "export": "Write a lock as pylock.toml, for uv, or as a wheelhouse.",
        "sync": "Install a lock into an environment and remove the rest.",
        "check": "Check that an environment has exactly the lock.",
        "guard": "Write a module that logs misses in production.",
    },
    "Maintain": {
        "doctor": "Show how this machine isolates a smoke.",
        "cache": "Show or shrink the cache of wheels and index pages.",
        "completion": "Print the shell script that completes commands and options.",
    },
}
_COMMANDS = [name for commands in _GROUPS.values() for name in commands]


def main(argv: Sequence[str] | None = None, *, engine: Engine | None = None) -> int:
    """Run minreq with the arguments *argv* (``None``: those of the process) and return the exit status.

    ::

        0    done
        1    the answer is no: stale, over budget, proof failed, unproven platform; or an error of the system
        2    the command line, the configuration or a file of the user is wrong
        3    the smoke fails even with all dependencies installed
        4    no set of versions satisfies the requirements
        5    the index or the network
        130  interrupted
        141  the reader of the output closed the pipe
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    as_json = "--json" in arguments
    try:
        with _interrupt_on_sigterm():
            status = _run(arguments, engine)
            if lost := output.failure_of_standard_output():
                raise lost
    except MinreqError as error:
        status = _fail(str(error), error.reason, error.exit_status, as_json=as_json and not error.has_result)
    except click.exceptions.NoArgsIsHelpError as error:
        output.print_help(error.format_message())
        status = UsageError.exit_status
    except click.ClickException as error:
        status = _fail(_usage_error_sentence(error), UsageError.reason, UsageError.exit_status, as_json=as_json)
    except (KeyboardInterrupt, click.Abort):
        status = _fail("interrupted", "interrupted", _INTERRUPTED, as_json=as_json)
    except OSError as error:
        lost = output.failure_of_standard_output()
        if isinstance(lost, BrokenPipeError):
            status = _PIPE_CLOSED
        else:
            # A failure that no stage expects: a full disk, a deleted folder, no free process.
            sentence = str(SystemFailure.from_error(error)) if lost is None else _lost_result_sentence(lost)
            status = _fail(sentence, SystemFailure.reason, SystemFailure.exit_status, as_json=as_json)
    if output.failure_of_standard_output():
        output.drop_standard_output()
    return status


class _Commands(click.Group):
    """The commands. A command is imported when it runs: the others do not need most of its imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's.
        """Return the names, in the order of the help."""
        return [*_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command *cmd_name*."""
        if cmd_name not in _COMMANDS:
            close = difflib.get_close_matches(cmd_name, _COMMANDS, n=1)
            if close and not ctx.resilient_parsing:
                ctx.fail(f"no such command {cmd_name!r} (did you mean {close[0]}?)")
            return None
        command: click.Command = import_module(f"minreq.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's.
        """Write each name with its help, below a heading for each group."""
        width = max(map(len, _COMMANDS))
        for heading, commands in _GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), text) for name, text in commands.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`minreq COMMAND --help` shows the options. Progress and errors go to stderr, results to stdout.",
)
@click.version_option(None, "-V", "--version", package_name="minreq", message="%(prog)s %(version)s")
@message_options
@click.pass_context
def root(context: click.Context, /) -> None:
    """Find the smallest set of pinned, hashed distributions with which a program works, and prove it by running it."""
    if context.obj is None:
        # Imported here, since help needs no engine.
        from minreq.cli.engine import Engine  # noqa: PLC0415

        context.obj = Engine()


def _run(arguments: list[str], engine: Engine | None) -> int:
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        return shell_complete(root, {}, "minreq", COMPLETION_VARIABLE, instruction)
    # Not click's own main(): it turns errors into exits before `main` can report them.
    try:
        with root.make_context("minreq", arguments, obj=engine) as context:
            root.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return 0


@contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the run as Ctrl-C does, so that temporary files are removed."""
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


def _usage_error_sentence(error: click.ClickException) -> str:
    # click puts each choice on its own line, after a tab.
    message = " ".join(error.format_message().split()).rstrip(".")
    message = message[:1].lower() + message[1:]
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message}; see `{error.ctx.command_path} --help`"
    return message


def _lost_result_sentence(error: OSError) -> str:
    why = error.strerror or str(error)
    return f"cannot write the result to standard output: {why}; the files that the command writes are complete"


def _fail(sentence: str, reason: str, status: int, *, as_json: bool) -> int:
    if as_json and output.failure_of_standard_output() is None:
        document = {"schema": output.SCHEMA, "error": sentence, "reason": reason, "exit_status": status}
        # What cannot be written is found at the end.
        with suppress(OSError):
            output.print_file(f"{json.dumps(document)}\n")
    output.print_error(sentence)
    return status
