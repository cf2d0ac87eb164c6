"""The index pip asks when nothing names one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from minreq.errors import DefaultIndexUnknown


def default_index(cache: Path) -> str:
    """The default of the pip installed beside minreq, remembered in the folder *cache* for each version of pip.

    minreq names no index of its own, so that there is one place to change it: pip.

    Raises :class:`DefaultIndexUnknown`.
    """
    remembered = cache / f"default-index-of-pip-{version('pip')}"
    with suppress(OSError):
        if url := remembered.read_text(encoding="utf-8"):
            return url
    url = _ask_pip()
    with suppress(OSError):
        remembered.write_text(url, encoding="utf-8")
    return url


def _ask_pip() -> str:
    """Read the help of ``--index-url``: the one public place where pip tells its default.

    Configuration is kept out (``--isolated``, ``PIP_CONFIG_FILE``), since the default below all of it is wanted.
    """
    command = [sys.executable, "-I", "-m", "pip", "--isolated", "--no-color", "download", "--help"]
    # One line for each option, however long.
    environment = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "COLUMNS": "1000"}
    answer = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    if answer.returncode:
        raise DefaultIndexUnknown((answer.stderr.strip().splitlines() or ["no words"])[-1])
    return default_in(answer.stdout)


def default_in(text: str) -> str:
    """Find the default in the help of pip.

    Raises :class:`DefaultIndexUnknown`.
    """
    match = re.search(r"--index-url\b[^(]*\(default (https://[^\s)]+)\)", text)
    if match is None:
        raise DefaultIndexUnknown("its help has changed")
    return match[1]
