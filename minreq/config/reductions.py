"""Names what a lock could have less of: only options that it was made with, since others would change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Options that keep distributions whether the smoke needs them or not.
_KEEPING = {"requirement_files": "-r", "whole": "--whole", "include": "--include"}


def name_reductions(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a lock could have less of.

    *options* are those of the command in the lock, by field of ``Settings``. It names the providers that a scan found.
    """
    providers = options.get("providers", ())
    if len(providers) > 1:
        yield "fewer --providers"
    # Without the option all features run that do by default.
    if providers and len(options.get("features", ())) != 1:
        yield "fewer --features"
    if options.get("smokes"):
        yield "a --smoke that uses less"
    yield from (f"fewer distributions of {flag}" for field, flag in _KEEPING.items() if options.get(field))
