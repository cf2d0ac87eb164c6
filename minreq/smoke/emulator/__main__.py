"""Run the emulator as a process that obeys commands.

::

    python -m minreq.smoke.emulator --certificate FILE --key FILE

Commands are lines of JSON on stdin; each is answered by one line of JSON on stdout, in order::

    {"open": NAME}   ->  {"name": NAME, "http": PORT, "https": PORT}
    {"close": NAME}  ->  {"name": NAME, "requests": [{"method", "target", "headers": [[name, value]...], "body"}...]}

Both ports are on 127.0.0.1 and belong to NAME alone, so every request is recorded under a name. Names may be opened and
closed at any time, and many may be open at once. The answer is ``{"name": NAME, "error": SENTENCE}`` for a name that is
already open or not open, and for any other command. The end of stdin ends the process. Nothing else is written to
stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import Sequence
from typing import Any

from minreq.smoke.emulator.routing import PROXIED_HOSTS, answer
from minreq.smoke.emulator.server import HTTP2, Listeners


async def _serve(context: ssl.SSLContext) -> None:
    """Run the commands that arrive on stdin until it ends."""
    loop = asyncio.get_running_loop()
    listeners_by_name: dict[str, Listeners] = {}
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await run_command(json.loads(line), listeners_by_name, context)), flush=True)  # noqa: T201 - the protocol
    for listeners in listeners_by_name.values():
        listeners.close()


async def run_command(
    command: dict[str, str], listeners_by_name: dict[str, Listeners], context: ssl.SSLContext
) -> dict[str, Any]:
    """Run one command and return the answer; *listeners_by_name* are those that are open now."""
    match command:
        case {"open": name} if name not in listeners_by_name:
            listeners_by_name[name] = Listeners(handler=answer, proxied=frozenset(PROXIED_HOSTS))
            await listeners_by_name[name].open(context)
            return {"name": name, **listeners_by_name[name].ports}
        case {"close": name} if name in listeners_by_name:
            listeners = listeners_by_name.pop(name)
            listeners.close()
            return {"name": name, "requests": listeners.requests}
        case {"open": name}:
            return {"name": name, "error": f"{name!r} is open already"}
        case {"close": name}:
            return {"name": name, "error": f"{name!r} is not open"}
    return {"name": None, "error": f"no such command: {sorted(command)}"}


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line, and run until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m minreq.smoke.emulator", description="The local provider server.")
    parser.add_argument("--certificate", required=True, metavar="FILE", help="certificate of 127.0.0.1, PEM")
    parser.add_argument("--key", required=True, metavar="FILE", help="its private key, PEM")
    options = parser.parse_args(argv)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    context.set_alpn_protocols([HTTP2, "http/1.1"])
    asyncio.run(_serve(context))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
