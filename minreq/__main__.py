"""Runs minreq as a process: ``python -m minreq``."""

from __future__ import annotations

import gc
import sys

#: Index pages are hundreds of thousands of objects that live long and have no cycles. With the default threshold the
#: garbage collector takes a third of the time of a resolution. Where nothing changed it need not run at all.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000

#: Modules that the libraries import where they can, and that minreq does not use: the command line of httpx with rich
#: and Pygments, HTTP/2, and what is asynchronous. They would take more than half of the time of that import.
_UNUSED_MODULES = (
    "anysqlite",
    "httpcore._async.http2",
    "httpcore._backends.anyio",
    "httpcore._backends.trio",
    "httpcore._sync.http2",
    "httpx._main",
    "redis",
)


def main() -> int:
    """Run minreq as a process of its own, and return the exit status."""
    # What is imported stays, so to collect in between only takes time.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    for name in _UNUSED_MODULES:
        # An import of it then raises ImportError.
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    from minreq import cli  # noqa: PLC0415 # After the lines above.
    from minreq.system.disclosure import hide_credentials  # noqa: PLC0415

    hide_credentials()
    cli.open_standard_streams()
    status = cli.main()
    # Otherwise Python collects all objects once more at its end, which takes a second.
    gc.freeze()
    return status


if __name__ == "__main__":
    raise SystemExit(main())
