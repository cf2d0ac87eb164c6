"""Writes to standard output and standard error: no other module of this room does.

What packages, indexes and programs say goes into our lines. Here it is made harmless: it can neither end a line of
ours and begin another, nor be a command for a terminal or for a CI system (`minreq.cli.text.printable`).
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import click

from minreq.cli.text import printable, printable_block, wrap_block, wrap_row

#: The schema of the `--json` documents. It grows when a reader of the old schema could misread the new (docs/json.md).
SCHEMA = 1

#: How lines of a result begin that are never wrapped: a command, to be copied, and the lines of a diff.
_WHOLE = ("minreq ", "+", "-")

#: File descriptors of the standard streams.
_STDIN, _STDOUT, _STDERR = 0, 1, 2


def print_lines(lines: Iterable[str]) -> None:
    """Write *lines* of a result to standard output: wrapped at words for a terminal, whole for a file or a program."""
    width = shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None
    for line in lines:
        text = printable(line)
        click.echo(text if width is None or text.startswith(_WHOLE) else wrap_row(text, width))


def print_json(data: Mapping[str, Any]) -> None:
    """Write a result as JSON to standard output, with the schema as the first key."""
    click.echo(to_json(data))


def to_json(data: Mapping[str, Any]) -> str:
    """Return *data* as JSON, with the schema as the first key."""
    return json.dumps({"schema": SCHEMA, **data}, indent=1)


def print_file(text: str) -> None:
    """Write *text*, the content of a file for another program, to standard output."""
    click.echo(text, nl=False)


def print_note(sentence: str) -> None:
    """Write *sentence* for a person to standard error."""
    click.echo(_wrap(printable(sentence)), err=True)


def print_help(text: str) -> None:
    """Write the help of a command to standard error."""
    click.echo(text, err=True)


def print_error(sentence: str) -> None:
    """Write the sentence of an error to standard error; its further lines are indented."""
    prefix = "error" if os.environ.get("NO_COLOR") else click.style("error", fg="red", bold=True)
    text = _wrap(f"error: {printable_block(sentence)}")
    click.echo(prefix + text.removeprefix("error"), err=True)


def _wrap(text: str) -> str:
    """Wrap *text* at words for a terminal, which would wrap inside them; a log keeps each line whole."""
    return wrap_block(text, shutil.get_terminal_size().columns) if sys.stderr.isatty() else text


def open_standard_streams() -> None:
    """Make standard streams usable that the caller of the process has closed, or that fail.

    A closed stream is replaced, else the next opened file would take its number and get what is written to it. Writing
    to a closed standard output still fails, since the result would be lost. What cannot be written to standard error is
    dropped: it is for people, and must not end the work.
    """
    for descriptor, flags in ((_STDIN, os.O_RDONLY), (_STDOUT, os.O_RDONLY), (_STDERR, os.O_WRONLY)):
        _open_if_closed(descriptor, flags)
    sys.stdout = _open_text(_RecordingFile(_STDOUT, "w", closefd=False), sys.stdout)
    sys.stderr = _open_text(_LossyFile(_STDERR, "w", closefd=False), sys.stderr)


def _open_text(file: io.FileIO, like: io.TextIOWrapper | Any) -> io.TextIOWrapper:
    """Open *file* for text with the encoding of *like*, which is ``None`` for a stream that was closed."""
    encoding, errors = ("utf-8", "backslashreplace") if like is None else (like.encoding, like.errors)
    return io.TextIOWrapper(io.BufferedWriter(file), encoding=encoding, errors=errors, line_buffering=True)


def _open_if_closed(descriptor: int, flags: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, flags)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)


class _RecordingFile(io.FileIO):
    """A file that remembers why it could not be written: after that, buffers above it may be empty."""

    error: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write *data*, or a part; return the length of the part."""
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            raise


class _LossyFile(io.FileIO):
    """A file that drops what cannot be written."""

    def write(self, data: Any, /) -> int:
        """Write *data*, or nothing of it; return its length."""
        length = memoryview(data).nbytes
        view, written = memoryview(data).cast("B"), 0
        with suppress(OSError):
            while written < length:
                written += super().write(view[written:]) or 0
        return length


def failure_of_standard_output() -> OSError | None:
    """Return why standard output cannot be written, ``None`` where it can."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        return error
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.error if isinstance(raw, _RecordingFile) else None


def drop_standard_output() -> None:
    """Drop what was not written: the interpreter would try again at its end, and fail."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
