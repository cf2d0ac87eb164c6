"""Who we are to an index: credentials of its URL, of netrc, of keyring; looked up by host, never shown."""

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
    """Finds credentials for a URL in the order pip does: URL of the index, netrc, and after a refusal keyring."""

    def __init__(self, known: Iterable[Credentials], *, keyring_provider: str = "auto") -> None:
        self._known = tuple(known)
        self._provider = keyring_provider
        self._asked: dict[str, Credentials | None] = {}
        self._lock = Lock()

    def known(self, url: str) -> Credentials | None:
        """Credentials to send at once: of the index nearest to *url* on the same host, else of netrc."""
        origin = _origin(url)
        with self._lock:
            if asked := self._asked.get(origin):
                return asked
        same = [credentials for credentials in self._known if _origin(credentials.url) == origin]
        if same:
            return max(same, key=lambda credentials: len(os.path.commonpath([credentials.url, url])))
        return _from_netrc(url)

    def after_refusal(self, url: str) -> Credentials | None:
        """Credentials that keyring has for *url*, asked once for each host; ``None`` when it has none."""
        origin = _origin(url)
        with self._lock:
            if origin not in self._asked:
                user = next((known.user for known in self._known if _origin(known.url) == origin), None)
                services = [known.url for known in self._known if _origin(known.url) == origin]
                self._asked[origin] = _from_keyring([*services, origin, urlsplit(url).netloc], user, self._provider)
            return self._asked[origin]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _from_netrc(url: str) -> Credentials | None:
    named = os.environ.get("NETRC")
    for path in [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]:
        try:
            entry = netrc.netrc(path).authenticators(urlsplit(url).hostname or "")
        except (OSError, netrc.NetrcParseError):
            # As requests does, and so pip: a netrc that cannot be read holds nothing.
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
    except Exception:  # noqa: BLE001 - a backend of keyring may raise anything; without it the 401 is reported
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
