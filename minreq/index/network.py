"""Sends requests: with certificates, trusted hosts, proxies and credentials."""

from __future__ import annotations

import base64
import ipaddress
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from weakref import WeakSet

import certifi
import httpx

from minreq.errors import IndexInsecure, IndexOffline, PipSettingInvalid
from minreq.index.credentials import CredentialStore
from minreq.index.deadline import Deadline, DeadlineBackend
from minreq.index.hostlimit import HostLimit, Slot
from minreq.index.settings import Credentials, IndexSettings
from minreq.index.urls import without_credentials

#: The error of a request that the client abandoned.
ABANDONED = "the request was abandoned"

#: Open connections at the same time, to all hosts together.
CONNECTIONS = 32


class Network(httpx.BaseTransport):
    """A pool of connections for each route (direct, by proxy, unverified); shared by threads.

    It handles proxies and credentials itself, below the cache: httpx reads proxies from the environment only for its
    own transports, and keeps credentials in the requests, where a cache could store them.
    """

    def __init__(self, settings: IndexSettings, hosts: HostLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        #: What other processes of this machine send to the same hosts counts too.
        self.hosts = hosts
        #: The caller starts it before a request, in the same thread.
        self.deadline = Deadline(clock)
        self._credentials = CredentialStore(settings.credentials, keyring_provider=settings.keyring_provider)
        self._pools: dict[tuple[str | None, bool], httpx.HTTPTransport] = {}
        self._lock = Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._abandoned = Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* with the credentials of its host; after a 401, send it again with those of keyring."""
        url = str(request.url)
        if self._abandoned.is_set():
            raise httpx.ConnectError(ABANDONED)
        if self._settings.offline:
            raise IndexOffline(without_credentials(url))
        trusted = _is_trusted(request.url, self._settings.trusted_hosts)
        if request.url.scheme == "http" and not (trusted or _is_loopback(request.url.host)):
            raise IndexInsecure(without_credentials(url), request.url.host)
        pool = self._pool(_proxy(request.url, self._settings.proxy), verified=not trusted)
        slot = self.hosts.acquire(request.url.host)
        try:
            response = pool.handle_request(_add_credentials(request, self._credentials.find(url)))
            if response.status_code == httpx.codes.UNAUTHORIZED and (found := self._credentials.ask_keyring(url)):
                response.close()
                response = pool.handle_request(_add_credentials(request, found))
        except BaseException:
            slot.release()
            raise
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _AbortableBody(response.stream, self._abandoned, slot)
        return response

    def abandon(self) -> None:
        """Shut down every connection: a thread that waits for a byte of one fails at once."""
        self._abandoned.set()
        with self._lock:
            sockets = [*self._sockets]
        for each in sockets:
            _shut_down(each)

    def _record_socket(self, connection: socket.socket) -> None:
        """Record the socket of a new connection."""
        with self._lock:
            self._sockets.add(connection)
        # It was opened while `abandon` shut down the others.
        if self._abandoned.is_set():
            _shut_down(connection)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()

    def _pool(self, proxy: str | None, *, verified: bool) -> httpx.HTTPTransport:
        with self._lock:
            if (proxy, verified) not in self._pools:
                self._pools[proxy, verified] = self._new_pool(proxy, verified=verified)
            return self._pools[proxy, verified]

    def _new_pool(self, proxy: str | None, *, verified: bool) -> httpx.HTTPTransport:
        context = _make_ssl_context(self._settings.cert)
        if self._settings.client_cert:
            if Path(self._settings.client_cert).is_fifo():
                raise PipSettingInvalid("client-cert", self._settings.client_cert, "a certificate in a file")
            try:
                context.load_cert_chain(self._settings.client_cert)
            except OSError as error:
                raise PipSettingInvalid(
                    "client-cert", self._settings.client_cert, f"a certificate ({error})"
                ) from error
        if not verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        try:
            transport = httpx.HTTPTransport(verify=context, trust_env=False, limits=limits, proxy=proxy)
        except (ValueError, ImportError) as error:
            # An unknown scheme, or SOCKS without its library.
            raise PipSettingInvalid(
                "proxy", without_credentials(proxy or ""), f"the URL of a proxy ({error})"
            ) from error
        # httpx has no parameter for the backend of httpcore.
        pool = transport._pool  # noqa: SLF001
        pool._network_backend = DeadlineBackend(pool._network_backend, self.deadline, self._record_socket)  # type: ignore[assignment]  # noqa: SLF001
        return transport


def _shut_down(connection: socket.socket) -> None:
    # `close` would leave a thread waiting that reads from the socket. For TLS, this shuts down the socket below.
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _AbortableBody(httpx.SyncByteStream):
    """A body that raises when the client abandons it: else a cache would store an incomplete body as a whole one.

    It releases the *slot* at its end.
    """

    def __init__(self, body: httpx.SyncByteStream, abandoned: Event, slot: Slot) -> None:
        self._body = body
        self._abandoned = abandoned
        self._slot = slot

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body
        # A cache may read a body to its end, and never close it.
        self._slot.release()
        if self._abandoned.is_set():
            raise httpx.ReadError(ABANDONED)

    def close(self) -> None:
        self._slot.release()
        self._body.close()


class NoStoreTransport(httpx.BaseTransport):
    """Forbids the cache to store responses that it could never use again.

    Without a lifetime and without a validator, a response may be stored (RFC 9111, section 3), and hishel would do so
    each time. A redirect is not stored either: nothing would check its target.
    """

    _REUSE_HEADERS = ("cache-control", "expires", "etag", "last-modified")

    def __init__(self, network: httpx.BaseTransport) -> None:
        self._network = network

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*."""
        response = self._network.handle_request(request)
        if response.has_redirect_location or not any(name in response.headers for name in self._REUSE_HEADERS):
            response.headers["Cache-Control"] = "no-store"
        return response

    def close(self) -> None:
        """Close the network."""
        self._network.close()


def _add_credentials(request: httpx.Request, credentials: Credentials | None) -> httpx.Request:
    if credentials is None:
        return request
    token = base64.b64encode(f"{credentials.user}:{credentials.password or ''}".encode()).decode()
    headers = request.headers.copy()
    headers["Authorization"] = f"Basic {token}"
    return httpx.Request(
        request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
    )


def _make_ssl_context(cert: str | None) -> ssl.SSLContext:
    if cert is None:
        # pip reads the system's store; where OpenSSL finds none, certifi has the same authorities.
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        return context
    if Path(cert).exists() and not (Path(cert).is_file() or Path(cert).is_dir()):
        raise PipSettingInvalid("cert", cert, "a file or folder of certificates")
    try:
        if Path(cert).is_dir():
            return ssl.create_default_context(capath=cert)
        return ssl.create_default_context(cafile=cert)
    except OSError as error:
        raise PipSettingInvalid("cert", cert, f"a file or folder of certificates ({error})") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_trusted(url: httpx.URL, trusted_hosts: tuple[str, ...]) -> bool:
    for trusted in trusted_hosts:
        host, colon, port = trusted.rpartition(":")
        if colon and port.isdecimal() and not host.endswith(":"):
            if url.host == host.strip("[]").lower() and (url.port or _default_port(url)) == int(port):
                return True
        elif url.host == trusted.strip("[]").lower():
            return True
    return False


def _default_port(url: httpx.URL) -> int:
    return 443 if url.scheme == "https" else 80


def _proxy(url: httpx.URL, setting: str | None) -> str | None:
    """Return the proxy for *url*: from the settings, else from ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``."""
    if setting is None:
        if urllib.request.proxy_bypass(url.host):
            return None
        proxies = urllib.request.getproxies()
        setting = proxies.get(url.scheme) or proxies.get("all")
    if not setting:
        return None
    return setting if "://" in setting else f"http://{setting}"
