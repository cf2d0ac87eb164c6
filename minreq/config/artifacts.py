"""What the commands that look at trees, or make them, were told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeSettings:
    """Everything ``minreq analyze`` was told."""

    #: A folder, a virtual environment, a wheel or another zip.
    path: Path
    lock: Path | None = None
    #: Unpacked bytes that are allowed.
    budget: int | None = None
    #: What else counts against the budget: the function's own code, other layers.
    function_bytes: int = 0
    #: Where the page is written.
    html: Path | None = None
