"""A page about a lock: sizes as a treemap, imports as a graph, and the evidence of each on a click; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from minreq.pages.template import filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A distribution as the page tells it."""

    name: str
    version: str
    #: Unpacked.
    bytes: int
    #: ``request``, ``failure``, ``difference`` or ``masked`` for what is kept, else ``out``.
    kind: str
    #: In a few words.
    why: str
    #: The providers alone that need it; empty where all do.
    providers: tuple[str, ...] = ()
    #: Labels and texts.
    evidence: tuple[tuple[str, str], ...] = ()
    #: From the smoke to the import: a place, and what stands there.
    chain: tuple[tuple[str, str], ...] = ()
    #: Names of those that import it, and of those that it imports.
    via: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    #: Names of those that declare it, and of what it would bring along.
    declared: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()
    #: The first places that asked for it, and how many there are.
    askers: tuple[tuple[str, str], ...] = ()
    asked: int = 0


def page(
    title: str, facts: Sequence[tuple[str, bool]], entries: Sequence[Entry], *, providers: Sequence[str], limit: int
) -> str:
    """Return the text of the page, which asks for nothing else.

    Under the title stand *facts*, each with whether it is bad news; *limit* is in bytes.
    """
    largest = sorted(entries, key=lambda each: (-each.bytes, each.name))
    content = {
        "title": title,
        "facts": facts,
        "limit": limit,
        "providers": providers,
        "entries": [asdict(each) for each in largest],
    }
    return filled("report.html", title, content)
