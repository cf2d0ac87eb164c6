"""Runs minreq as a process: ``python -m minreq``."""

from __future__ import annotations

import gc
import sys

from minreq import cli
from minreq.system.disclosure import hide_credentials

#: Index pages are hundreds of thousands of objects that live long and have no cycles. With the default threshold the
#: garbage collector takes a third of the time of a resolution.
_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def main() -> int:
    """Run minreq as a process of its own, and return the exit status."""
    hide_credentials()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    # Without this, half of the import of httpx is its command line, with rich and Pygments.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    cli.open_standard_streams()
    status = cli.main()
    # Otherwise Python collects all objects once more at its end, which takes a second.
    gc.freeze()
    return status


if __name__ == "__main__":
    raise SystemExit(main())
