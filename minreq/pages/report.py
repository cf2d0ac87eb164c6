"""Makes the page about a lock: sizes as a treemap, imports as a graph, evidence on a click; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from minreq.pages.template import fill_template


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the page shows of one distribution."""

    name: str
    version: str
    #: Unpacked bytes.
    bytes: int
    #: ``request``, ``failure``, ``difference`` or ``masked`` for what is kept, else ``out``.
    kind: str
    #: The reason in a few words.
    why: str
    #: The providers that need it; empty where all do.
    providers: tuple[str, ...] = ()
    #: Each with a label and a text.
    evidence: tuple[tuple[str, str], ...] = ()
    #: From the smoke to the import: each place, with its function and distribution.
    chain: tuple[tuple[str, str], ...] = ()
    #: The names of the distributions that import it, and of those that it imports.
    via: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    #: The names of the distributions that require it, and of those that it would bring.
    declared: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()
    #: The first places that asked for it, and the number of all places.
    askers: tuple[tuple[str, str], ...] = ()
    asked: int = 0


def render_page(
    title: str, facts: Sequence[tuple[str, bool]], entries: Sequence[Entry], *, providers: Sequence[str], limit: int
) -> str:
    """Return the text of the page, which loads no other file.

    *facts* are shown below the title, each with whether it is bad news. *limit* is in bytes.
    """
    largest = sorted(entries, key=lambda each: (-each.bytes, each.name))
    content = {
        "title": title,
        "facts": facts,
        "limit": limit,
        "providers": providers,
        "entries": [asdict(each) for each in largest],
    }
    return fill_template("report.html", title, content)
