"""Record what the output of a stage does not show: warnings, log records, lost exceptions, imports, opened files."""

from __future__ import annotations

import logging
import os
import ssl
import sys
import threading
import warnings

from _minreq_failure import text_of
from _minreq_frames import importing_frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from _minreq_state import State


def make_import_hook(state: State) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that records for each module the frame that imported it first."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import" and arguments[0] not in state.importers:
            # ``python -m`` imports runpy without a frame of Python.
            frames, _ = importing_frames(sys._getframe().f_back, 1)  # noqa: SLF001 - The documented way to frames.
            state.importers[arguments[0]] = frames[0] if frames else None

    return hook


def record_warnings(state: State) -> None:
    """Record each warning that passes the filters.

    This replaces a private function, which both the C and the Python part call: ``warnings.showwarning`` is for
    programs to replace. From 3.14 on a context may keep a warning for itself, but only after this.
    """
    show: Callable[[warnings.WarningMessage], None] = warnings._showwarnmsg  # type: ignore[attr-defined]  # noqa: SLF001

    def show_and_record(message: warnings.WarningMessage) -> None:
        line = f"{message.category.__name__}: {message.message} ({message.filename})"
        state.record("warnings", line, lambda: show(message))

    warnings._showwarnmsg = show_and_record  # type: ignore[attr-defined]  # noqa: SLF001


def record_logs(state: State) -> None:
    """Record each log record at WARNING and above, whatever handlers a program has."""
    handle = logging.Logger.handle

    def handle_and_record(self: logging.Logger, entry: logging.LogRecord) -> None:
        if entry.levelno < logging.WARNING:
            handle(self, entry)
            return
        try:
            message = entry.getMessage()
        except Exception:  # noqa: BLE001 - The program's own fault, of any type, and logging says so.
            message = str(entry.msg)
        state.record("logs", f"{entry.levelname} {entry.name}: {message}", lambda: handle(self, entry))

    logging.Logger.handle = handle_and_record  # type: ignore[method-assign,assignment]  # A class of its own would not reach all.


def record_uncaught(state: State) -> None:
    """Record exceptions that end a thread, or that are raised where nobody can catch them."""

    def record(arguments: Any, show: Callable[[Any], object]) -> None:
        line = f"ERROR uncaught: {arguments.exc_type.__name__}: {text_of(arguments.exc_value)}"
        state.record("logs", line, lambda: show(arguments))

    unraisable, in_thread = sys.unraisablehook, threading.excepthook

    def unraisable_and_record(arguments: sys.UnraisableHookArgs) -> None:
        record(arguments, unraisable)

    def in_thread_and_record(arguments: threading.ExceptHookArgs) -> None:
        record(arguments, in_thread)

    sys.unraisablehook = unraisable_and_record
    threading.excepthook = in_thread_and_record


def make_open_hook(state: State) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that records each file that is opened, for reading or for writing; see also `opened_files`.

    OpenSSL opens files itself, which raises no event, so the method that makes it load a file is wrapped.
    """
    opened = state.opened = set()

    def record(path: object) -> None:
        if isinstance(path, (str, bytes, os.PathLike)):
            opened.add(os.path.abspath(os.fsdecode(path)))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            record(arguments[0])
        elif event == "import":
            record(arguments[1])  # The file of an extension module, else ``None``.

    load = ssl.SSLContext.load_verify_locations

    def record_and_load(self: ssl.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        record(cafile)
        load(self, cafile, capath, cadata)

    record_and_load.__name__ = load.__name__
    ssl.SSLContext.load_verify_locations = record_and_load  # type: ignore[method-assign]  # A class of its own would not reach all.
    return hook


def opened_files(state: State) -> list[str]:
    """Return the files that the stage has opened, and those that are mapped: libraries that other libraries loaded.

    The list is empty where opens are not recorded.
    """
    if state.opened is None:
        return []
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            mapped = {line.split(maxsplit=5)[5].rstrip("\n") for line in maps if "/" in line}
    except OSError:
        mapped = set()
    return sorted(state.opened | mapped)
