"""Reads YAML of others: its nodes, and its events. A document that is nested too deeply is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import yaml

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: The composer in C calls itself for each level, without a limit: deep nesting would end the interpreter.
_MOST_LEVELS = 100


def read_events(text: str, loader: type[yaml.SafeLoader] = _LOADER) -> list[yaml.Event]:
    """Return the events of *text*. Raises ``yaml.YAMLError``, and ``RecursionError`` if it is nested too deeply."""
    return [*_limit_levels(yaml.parse(text, loader))]


def compose_all(text: str) -> Iterator[yaml.Node]:
    """Yield the node of each document. Raises as `read_events` does.

    Nodes, not values: nodes have line numbers, and tags of other programs (``!Ref``) do no harm.
    """
    # What comes before a fault is good, and the composer meets the fault again.
    with suppress(yaml.YAMLError):
        read_events(text)
    yield from yaml.compose_all(text, Loader=_LOADER)


def _limit_levels(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_LEVELS:
            raise RecursionError(f"it is nested more than {_MOST_LEVELS} levels deep")
        yield event
