"""``python -m minreq``."""

from __future__ import annotations

import gc
import sys

from minreq import cli

#: Pages of indexes are hundreds of thousands of objects that stay, in no cycle. With Python's own first threshold a
#: third of a resolution goes into looking through them.
_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def main() -> int:
    """Run minreq as a process of its own, and return the exit status."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    # httpx does without its command line; with it, half of importing httpx is rich's progress bars and Pygments.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    status = cli.main()
    # Python would look through all of them once more before it ends, which takes a second.
    gc.freeze()
    return status


if __name__ == "__main__":
    raise SystemExit(main())
