"""How a request leaves the machine: certificates, trusted hosts, proxies, credentials."""

from __future__ import annotations

import base64
import ipaddress
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from typing import Any
from weakref import WeakSet

import certifi
import httpx

from minreq.errors import IndexNotTrusted, IndexOffline, PipSettingInvalid
from minreq.index.credentials import CredentialStore
from minreq.index.settings import Credentials, IndexSettings
from minreq.index.urls import bare

#: Why a request failed that nobody waits for any more.
ABANDONED = "the request was abandoned"

#: Connections open at once, to all hosts together.
CONNECTIONS = 32


class Network(httpx.BaseTransport):
    """One pool of connections for each way out (direct, by proxy, unverified), shared by threads.

    httpx itself would take proxies from the environment only for transports that it makes, and would keep credentials
    in the requests, where a cache could store them; so both are done here, below the cache.
    """

    def __init__(self, settings: IndexSettings) -> None:
        self._settings = settings
        self._credentials = CredentialStore(settings.credentials, keyring_provider=settings.keyring_provider)
        self._pools: dict[tuple[str | None, bool], httpx.HTTPTransport] = {}
        self._lock = Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._abandoned = Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*, with credentials where its host is known; once more after a 401 that keyring can answer."""
        url = str(request.url)
        if self._abandoned.is_set():
            raise httpx.ConnectError(ABANDONED)
        if self._settings.offline:
            raise IndexOffline(bare(url))
        trusted = _is_trusted(request.url, self._settings.trusted_hosts)
        if request.url.scheme == "http" and not (trusted or _is_loopback(request.url.host)):
            raise IndexNotTrusted(bare(url), request.url.host)
        request.extensions["trace"] = self._notice
        pool = self._pool(_proxy(request.url, self._settings.proxy), verified=not trusted)
        response = pool.handle_request(_with(request, self._credentials.known(url)))
        if response.status_code == httpx.codes.UNAUTHORIZED and (found := self._credentials.after_refusal(url)):
            response.close()
            response = pool.handle_request(_with(request, found))
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _Wanted(response.stream, self._abandoned)
        return response

    def abandon(self) -> None:
        """End every connection at once: whoever waits for a byte of one, on any thread, fails now."""
        self._abandoned.set()
        with self._lock:
            sockets = [*self._sockets]
        for each in sockets:
            _end(each)

    def _notice(self, event: str, told: Mapping[str, Any]) -> None:
        """Remember the sockets of new connections, which httpcore tells of in its extension "trace"."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            opened = told["return_value"].get_extra_info("socket")
            with self._lock:
                self._sockets.add(opened)
            # It was opened while the others were ended.
            if self._abandoned.is_set():
                _end(opened)

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
        context = _authorities(self._settings.cert)
        if self._settings.client_cert:
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
            return httpx.HTTPTransport(verify=context, trust_env=False, limits=limits, proxy=proxy)
        except (ValueError, ImportError) as error:
            # An unknown scheme, or SOCKS without its library.
            raise PipSettingInvalid("proxy", bare(proxy or ""), f"the URL of a proxy ({error})") from error


def _end(connection: socket.socket) -> None:
    # Closing it would leave a thread that reads from it waiting. Of a TLS connection the socket below is meant.
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Wanted(httpx.SyncByteStream):
    """A body that does not end because nobody wants it: else a cache would take what had come for the whole."""

    def __init__(self, body: httpx.SyncByteStream, abandoned: Event) -> None:
        self._body = body
        self._abandoned = abandoned

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body
        if self._abandoned.is_set():
            raise httpx.ReadError(ABANDONED)

    def close(self) -> None:
        self._body.close()


class Storable(httpx.BaseTransport):
    """Keeps from the cache what it could never use again.

    An answer with neither a lifetime nor a validator may be stored (RFC 9111, section 3), and would be, each time anew.
    """

    _USES = ("cache-control", "expires", "etag", "last-modified")

    def __init__(self, network: httpx.BaseTransport) -> None:
        self._network = network

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*."""
        response = self._network.handle_request(request)
        if not any(name in response.headers for name in self._USES):
            response.headers["Cache-Control"] = "no-store"
        return response

    def close(self) -> None:
        """Close what is below."""
        self._network.close()


def _with(request: httpx.Request, credentials: Credentials | None) -> httpx.Request:
    if credentials is None:
        return request
    token = base64.b64encode(f"{credentials.user}:{credentials.password or ''}".encode()).decode()
    headers = request.headers.copy()
    headers["Authorization"] = f"Basic {token}"
    return httpx.Request(
        request.method, request.url, headers=headers, stream=request.stream, extensions=request.extensions
    )


def _authorities(cert: str | None) -> ssl.SSLContext:
    if cert is None:
        # pip looks into the system's store; where OpenSSL finds none, certifi has the same authorities.
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        return context
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
    """The proxy for *url*: the one of the settings, else as ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` say."""
    if setting is None:
        if urllib.request.proxy_bypass(url.host):
            return None
        proxies = urllib.request.getproxies()
        setting = proxies.get(url.scheme) or proxies.get("all")
    if not setting:
        return None
    return setting if "://" in setting else f"http://{setting}"
