"""The process of the emulator.

::

    python -m minreq.smoke.emulator --certificate FILE --key FILE

Commands are lines of JSON on stdin; each is answered by one line of JSON on stdout, in order::

    {"open": NAME}   ->  {"name": NAME, "http": PORT, "https": PORT}
    {"close": NAME}  ->  {"name": NAME, "requests": [{"method", "target", "headers": [[name, value]...], "body"}...]}

Both ports are on 127.0.0.1 and belong to NAME alone, so every request is recorded under a name; names are opened and
closed at any time, many may be open at once. A name that is open already, or is not open, and any other command are
answered ``{"name": NAME, "error": SENTENCE}``. The end of stdin ends the process; nothing else is written to stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import Sequence
from typing import Any

from minreq.smoke.emulator.routing import PROXIED, answer
from minreq.smoke.emulator.server import Listeners


async def _serve(context: ssl.SSLContext) -> None:
    """Obey the lines of stdin until it ends."""
    loop = asyncio.get_running_loop()
    opened: dict[str, Listeners] = {}
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await obey(json.loads(line), opened, context)), flush=True)  # noqa: T201 - the protocol
    for listeners in opened.values():
        listeners.close()


async def obey(command: dict[str, str], opened: dict[str, Listeners], context: ssl.SSLContext) -> dict[str, Any]:
    """The answer to one command; *opened* are the names that listen now."""
    match command:
        case {"open": name} if name not in opened:
            opened[name] = Listeners(handler=answer, proxied=frozenset(PROXIED))
            await opened[name].open(context)
            return {"name": name, **opened[name].ports}
        case {"close": name} if name in opened:
            listeners = opened.pop(name)
            listeners.close()
            return {"name": name, "requests": listeners.requests}
        case {"open": name}:
            return {"name": name, "error": f"{name!r} is open already"}
        case {"close": name}:
            return {"name": name, "error": f"{name!r} is not open"}
    return {"name": None, "error": f"no such command: {sorted(command)}"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m minreq.smoke.emulator", description="The local provider server.")
    parser.add_argument("--certificate", required=True, metavar="FILE", help="certificate of 127.0.0.1, PEM")
    parser.add_argument("--key", required=True, metavar="FILE", help="its private key, PEM")
    options = parser.parse_args(argv)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    context.set_alpn_protocols(["http/1.1"])
    asyncio.run(_serve(context))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
