"""Keep a process off the network: it reaches loopback, where it trusts the emulator, and nothing else."""

from __future__ import annotations

import errno
import os
import socket
import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from _minreq_state import State

#: Audit events whose second argument is the address that a socket is to reach.
_ADDRESS_EVENTS = frozenset({"socket.connect", "socket.sendmsg", "socket.sendto"})
#: Audit events whose first argument is the name of a host to look up.
_NAME_EVENTS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
#: Hosts that are this machine, beside all of 127.0.0.0/8; the unspecified addresses are where servers listen.
_LOCAL_HOSTS = frozenset({"", "localhost", "::1", "0.0.0.0", "::"})  # noqa: S104 - Nothing is bound here.


def make_network_hook(state: State, sockets: Collection[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that refuses all but loopback, as a machine without network does, and records each try.

    It refuses the Unix *sockets* of other programs too.
    """
    foreign = frozenset(sockets)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _ADDRESS_EVENTS:
            address = arguments[1]
            # Other families have numbers there, and do not leave the machine.
            if isinstance(address, (str, bytes)) and name_of_socket(address) in foreign:
                state.connections.append(f"connect {name_of_socket(address)}")
                raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            if isinstance(address, tuple) and isinstance(address[0], (str, bytes)) and not is_local(address[0]):
                state.connections.append(f"{as_text(address[0])}:{address[1]}")
                raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        elif event in _NAME_EVENTS and not is_local(arguments[0]):
            port = arguments[1] if len(arguments) > 1 else ""
            state.connections.append(f"{as_text(arguments[0])}:{port}")
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    return hook


def name_of_socket(address: str | bytes) -> str:
    """Return the *address* of a Unix socket as ``/proc/net/unix`` shows it: ``@`` for the NUL of an abstract one."""
    name = os.fsdecode(address)
    return "@" + name[1:].rstrip("\0") if name[:1] == "\0" else os.path.realpath(name)


def is_local(host: str | bytes | None) -> bool:
    """Whether *host*, a name or an address, is this machine."""
    return host is None or as_text(host) in _LOCAL_HOSTS or as_text(host).startswith("127.")


def as_text(host: str | bytes) -> str:
    """Return *host* as text."""
    return host.decode("ascii", "replace") if isinstance(host, bytes) else host


def trust_authority(authority: str) -> None:
    """Let every TLS context trust the emulator's *authority* (PEM) too, if there is one, beside its own certificates.

    Verification stays on. A file of certificates that a program loads must exist, so a run shows whether the smoke
    needs certifi.
    """
    if not authority:
        return
    load = ssl.SSLContext.load_verify_locations

    def also_trust(method: Callable[..., None]) -> Callable[..., None]:
        def method_and_trust(self: ssl.SSLContext, *arguments: object, **options: object) -> None:
            method(self, *arguments, **options)
            load(self, cadata=authority)

        method_and_trust.__name__ = method.__name__
        return method_and_trust

    for name in ("load_verify_locations", "load_default_certs", "set_default_verify_paths"):
        setattr(ssl.SSLContext, name, also_trust(getattr(ssl.SSLContext, name)))
