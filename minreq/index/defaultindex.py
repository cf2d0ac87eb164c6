"""The index pip asks when nothing names one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache

from minreq.errors import DefaultIndexUnknown


@cache
def default_index() -> str:
    """Ask the pip installed beside minreq, by the one public way there is: the help of its option says the default.

    minreq names no index of its own, so that there is one place to change it: pip. Configuration is kept out
    (``--isolated``, ``PIP_CONFIG_FILE``), since here the default below all configuration is wanted.

    Raises :class:`DefaultIndexUnknown`.
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
    match = re.search(r"--index-url\b[^(]*\(default (https://[^\s)]+)\)", answer.stdout)
    if match is None:
        raise DefaultIndexUnknown("its help has changed")
    return match[1]
