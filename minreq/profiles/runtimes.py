"""The managed runtimes that minreq knows, and the distributions that each of them has."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from packaging.utils import canonicalize_name

from minreq.errors import UnknownRuntime
from minreq.model import Runtime
from minreq.profiles.documents import read_toml

_FILE = Path(__file__).with_name("runtimes.toml")


def runtime_names() -> tuple[str, ...]:
    """Return the names of the runtimes, oldest Python first."""
    return tuple(_load_runtimes())


def find_runtime(name: str) -> Runtime:
    """Return the runtime of that name; raise ``UnknownRuntime``."""
    known = _load_runtimes()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        raise UnknownRuntime(name, tuple(known), close[0] if close else None)
    return known[name]


@cache
def _load_runtimes() -> Mapping[str, Runtime]:
    document = read_toml(_FILE)
    return {
        name: Runtime(
            name=name,
            python=table["python"],
            distributions=frozenset(map(canonicalize_name, table["distributions"])),
            date=document["date"],
        )
        for name, table in document["runtimes"].items()
    }
