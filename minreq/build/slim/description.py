"""``minreq-build.json``, which lies in every tree that is built: what it was made from, and what was left out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from minreq.build.slim.leaves import Removal
from minreq.build.slim.savings import Saving
from minreq.build.slim.tree import Written

FILE = "minreq-build.json"

SCHEMA = 1


def describe(facts: Mapping[str, Any], removed: Iterable[Removal], written: Written, steps: Iterable[Saving]) -> str:
    """Return the text; *facts* come first. It says nothing of the machine, nor of the time."""
    by_rule: dict[str, dict[str, int]] = defaultdict(dict)
    for removal in removed:
        by_rule[removal.rule.value][removal.leaf.path] = removal.leaf.size
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
    }
    return json.dumps(document, indent=1) + "\n"
