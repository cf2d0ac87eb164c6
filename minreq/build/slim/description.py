"""``minreq-build.json``, the description in every tree: the inputs of the build, and what was left out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from minreq.analyze.kinds import BUILD_DESCRIPTION
from minreq.build.slim.cold import ColdSelection
from minreq.build.slim.files import RemovedFile
from minreq.build.slim.sizesteps import SizeStep
from minreq.build.slim.write import WrittenFiles

FILE = BUILD_DESCRIPTION

SCHEMA = 1


class LazyDescription(Protocol):
    """The imports that are deferred in a tree."""

    def describe(self) -> Mapping[str, Any]:
        """Return what the description has."""


def describe(
    facts: Mapping[str, Any],
    removed: Iterable[RemovedFile],
    written: WrittenFiles,
    steps: Iterable[SizeStep],
    *,
    cold: ColdSelection | None = None,
    lazy: LazyDescription | None = None,
) -> str:
    """Return the text, *facts* first. It has nothing about the machine or the time."""
    by_rule: dict[str, dict[str, int]] = defaultdict(dict)
    for each in removed:
        by_rule[each.rule.value][each.file.path] = each.file.size
    document = {
        "schema": SCHEMA,
        **facts,
        "savings": [
            {"step": each.step, "bytes": each.bytes, "files": each.files, "risk": each.risk, "why": each.why}
            for each in steps
        ],
        "removed": by_rule,
        "stripped": dict(sorted(written.stripped.items())),
        "placeholders": [*written.placeholders],
        **({} if cold is None else _describe_cold(cold, written)),
        **({} if lazy is None else {"lazy": lazy.describe()}),
    }
    return json.dumps(document, indent=1) + "\n"


def _describe_cold(selection: ColdSelection, written: WrittenFiles) -> Mapping[str, object]:
    """Return the cold files and the hot ones, by reason, and the archives."""
    cold: dict[str, dict[str, int]] = defaultdict(dict)
    for each in selection.cold:
        cold[each.kind.value][each.file.path] = each.file.size
    hot: dict[str, list[str]] = defaultdict(list)
    for path, reason in selection.hot.items():
        hot[reason.value].append(path)
    archives = {
        path: {"bytes": each.bytes, "sha256": each.sha256, "files": each.files, "unpacked": each.unpacked}
        for path, each in sorted(written.archives.items())
    }
    return {"archives": archives, "cold": cold, "hot": hot}
