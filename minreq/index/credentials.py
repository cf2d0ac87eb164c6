"""Finds the credentials for an index by host: in its URL, in netrc, in keyring. They are never shown."""

from __future__ import annotations

import importlib
import json
import netrc
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from minreq.index.settings import Credentials


class CredentialStore:
    """Finds credentials for a URL in pip's order: URL of the index, netrc, and after a 401 keyring."""

    def __init__(self, configured: Iterable[Credentials], *, keyring_provider: str = "auto") -> None:
        self._configured = tuple(configured)
        self._keyring_provider = keyring_provider
        self._from_keyring: dict[str, Credentials | None] = {}
        self._lock = Lock()

    def find(self, url: str) -> Credentials | None:
        """Return credentials for the first request: of the index nearest to *url* on its host, else of netrc."""
        origin = _parse_origin(url)
        with self._lock:
            if from_keyring := self._from_keyring.get(origin):
                return from_keyring
        same_host = self._configured_for(origin)
        if same_host:
            return max(same_host, key=lambda credentials: len(os.path.commonpath([credentials.url, url])))
        return _from_netrc(url)

    def ask_keyring(self, url: str) -> Credentials | None:
        """Return the credentials that keyring has for *url*, ``None`` when it has none; ask once for each host."""
        origin = _parse_origin(url)
        with self._lock:
            if origin not in self._from_keyring:
                same_host = self._configured_for(origin)
                user = same_host[0].user if same_host else None
                services = [*(credentials.url for credentials in same_host), origin, urlsplit(url).netloc]
                self._from_keyring[origin] = _from_keyring(services, user, self._keyring_provider)
            return self._from_keyring[origin]

    def _configured_for(self, origin: str) -> list[Credentials]:
        return [credentials for credentials in self._configured if _parse_origin(credentials.url) == origin]


def _parse_origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _from_netrc(url: str) -> Credentials | None:
    named = os.environ.get("NETRC")
    for path in [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]:
        if path.exists() and not path.is_file():
            continue  # A pipe would be waited for.
        try:
            entry = netrc.netrc(path).authenticators(urlsplit(url).hostname or "")
        except (OSError, netrc.NetrcParseError):
            # As in requests, and so in pip: a netrc that cannot be read has no credentials.
            continue
        if entry:
            return Credentials(url=url, user=entry[0] or entry[1] or "", password=entry[2])
    return None


def _from_keyring(services: Iterable[str], user: str | None, provider: str) -> Credentials | None:
    for service in services:
        found = None
        if provider in {"auto", "import"}:
            found = _imported_keyring(service, user)
        if found is None and provider in {"auto", "subprocess"}:
            found = _keyring_command(service, user)
        if found is not None:
            return found
    return None


def _imported_keyring(service: str, user: str | None) -> Credentials | None:
    try:
        found = importlib.import_module("keyring").get_credential(service, user)
    except Exception:  # noqa: BLE001 - A backend of keyring may raise anything; the user sees the 401 instead.
        return None
    return None if found is None else Credentials(url=service, user=found.username, password=found.password)


def _keyring_command(service: str, user: str | None) -> Credentials | None:
    command = shutil.which("keyring")
    if command is None:
        return None
    answer = subprocess.run(
        [command, "--mode=creds", "--output=json", "get", service, *([user] if user else [])],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    try:
        found = json.loads(answer.stdout)
        return Credentials(url=service, user=found["username"], password=found["password"])
    except (ValueError, LookupError, TypeError):
        return None
