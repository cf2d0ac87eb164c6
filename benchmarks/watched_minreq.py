"""minreq as a user starts it, that writes at its end what it used: run with its arguments.

The file that ``MINREQ_BENCHMARK_FACTS`` names gets one JSON object: ``memory``, ``requests``, ``repeated``,
``archive_bytes``. What is wrapped is only the one place through which requests leave.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import sys
from collections import Counter
from pathlib import Path
from typing import Any

#: By address and range.
REQUESTS: Counter[tuple[str, str]] = Counter()
BYTES = [0]


def watch() -> None:
    """Count the requests that leave; imported only once something asks for the network."""
    from minreq.index.network import Network  # noqa: PLC0415 # `minreq --help` needs none of it, and is timed too.

    send = Network.handle_request

    def counted(self: Network, request: Any) -> Any:
        response = send(self, request)
        url = str(request.url)
        REQUESTS[url, request.headers.get("Range", "")] += 1
        if url.partition("#")[0].endswith((".whl", ".tar.gz", ".zip")):
            BYTES[0] += int(response.headers.get("Content-Length", 0))
        return response

    Network.handle_request = counted  # type: ignore[method-assign]


def memory() -> int:
    """Return the most that was resident, in bytes.

    Linux shows it for the program that runs; what `getrusage` shows there begins with what the program was started by.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def write_facts() -> None:
    """Write what was used."""
    facts = {
        "memory": memory(),
        "requests": sum(REQUESTS.values()),
        "repeated": sum(number - 1 for number in REQUESTS.values()),
        "archive_bytes": BYTES[0],
    }
    Path(os.environ["MINREQ_BENCHMARK_FACTS"]).write_text(json.dumps(facts), encoding="utf-8")


def main() -> int:
    """Run minreq."""
    atexit.register(write_facts)
    if not {"--help", "--version"} & {*sys.argv}:
        watch()
    from minreq.__main__ import main as minreq  # noqa: PLC0415 # As above.

    return minreq()


if __name__ == "__main__":
    raise SystemExit(main())
