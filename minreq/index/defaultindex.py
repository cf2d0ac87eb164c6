"""Finds the index that pip uses when no setting names one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from minreq.errors import DefaultIndexUnknown
from minreq.system import cachefile


def default_index(cache: Path) -> str:
    """Return the default index of the pip installed beside minreq; cached in the folder *cache* per version of pip.

    minreq names no index of its own, so that there is one place to change it: pip.

    Raises :class:`DefaultIndexUnknown`.
    """
    cached = cache / f"default-index-of-pip-{version('pip')}"
    if text := cachefile.read(cached):
        return text.decode()
    url = _read_from_pip()
    cachefile.write(cached, url.encode(), cache / "unfinished")
    return url


def _read_from_pip() -> str:
    """Read the help of ``--index-url``: the one public place where pip shows its default.

    pip runs without configuration (``--isolated``, ``PIP_CONFIG_FILE``), which would replace the default.
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
        raise DefaultIndexUnknown((answer.stderr.strip().splitlines() or ["no output"])[-1])
    return parse_pip_help(answer.stdout)


def parse_pip_help(text: str) -> str:
    """Return the default index in the help of pip.

    Raises :class:`DefaultIndexUnknown`.
    """
    match = re.search(r"--index-url\b[^(]*\(default (https://[^\s)]+)\)", text)
    if match is None:
        raise DefaultIndexUnknown("its help has changed")
    return match[1]
