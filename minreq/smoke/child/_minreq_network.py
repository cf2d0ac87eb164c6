"""What a process may reach: loopback, where the emulator is trusted, and nothing else."""

from __future__ import annotations

import errno
import os
import socket
import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from _minreq_state import State

#: Audit events with a socket and the address it wants to reach.
_ADDRESSED = frozenset({"socket.connect", "socket.sendmsg", "socket.sendto"})
#: Audit events with the name of a host to look up.
_NAMED = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
#: Hosts that are this machine, beside all of 127.0.0.0/8; the unspecified addresses are where servers listen.
_LOCAL = frozenset({"", "localhost", "::1", "0.0.0.0", "::"})  # noqa: S104 - Nothing is bound here.


def keep_to_loopback(state: State) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that refuses the rest, as a machine without network does, and writes down what was tried."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _ADDRESSED:
            address = arguments[1]
            # Other families than IPv4 and IPv6 have paths or numbers there, and do not leave the machine.
            if isinstance(address, tuple) and isinstance(address[0], (str, bytes)) and not is_local(address[0]):
                state.connections.append(f"{text(address[0])}:{address[1]}")
                raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        elif event in _NAMED and not is_local(arguments[0]):
            port = arguments[1] if len(arguments) > 1 else ""
            state.connections.append(f"{text(arguments[0])}:{port}")
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    return hook


def is_local(host: str | bytes | None) -> bool:
    """Whether *host*, a name or an address, is this machine."""
    return host is None or text(host) in _LOCAL or text(host).startswith("127.")


def text(host: str | bytes) -> str:
    """Return *host* as text."""
    return host.decode("ascii", "replace") if isinstance(host, bytes) else host


def trust(authority: str) -> None:
    """Let every TLS context do its real work first, then trust the emulator's *authority* (PEM) too.

    Verification stays on, and whatever file a program loads must be there: that is how certifi is needed.
    """
    load = ssl.SSLContext.load_verify_locations

    def then_trust(method: Callable[..., None]) -> Callable[..., None]:
        def method_then_trust(self: ssl.SSLContext, *arguments: object, **options: object) -> None:
            method(self, *arguments, **options)
            load(self, cadata=authority)

        method_then_trust.__name__ = method.__name__
        return method_then_trust

    for name in ("load_verify_locations", "load_default_certs", "set_default_verify_paths"):
        setattr(ssl.SSLContext, name, then_trust(getattr(ssl.SSLContext, name)))
