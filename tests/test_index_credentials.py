"""Credentials come from the index URL, netrc and keyring, in that order, and go to their own host only."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from minreq.index.credentials import CredentialStore
from minreq.index.settings import Credentials

KEYRING = """#!{python}
import json, pathlib, sys
with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
if sys.argv[-1] == "refused" or sys.argv[4].startswith("https://index.example/"):
    sys.exit(1)
print(json.dumps({{"username": "command", "password": "from-keyring"}}))
"""

MODULE = """
class Credential:
    username, password = "module", "from-keyring"

def get_credential(service, username):
    return Credential if service == "https://index.example" else None
"""


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without netrc, and no keyring anywhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)


@pytest.fixture
def keyring_command(tmp_path: Path) -> Path:
    """A keyring program that logs its arguments."""
    command, log = tmp_path / "keyring", tmp_path / "log"
    command.write_text(KEYRING.format(python=sys.executable, log=str(log)))
    command.chmod(0o755)
    return log


def credentials(url: str, user: str, password: str | None = None) -> Credentials:
    return Credentials(url=url, user=user, password=password)


def test_nearest_index_on_the_same_host() -> None:
    """Two indexes on one host have credentials of their own; other files on the host get one of these."""
    a, b = credentials("https://index.example/a/simple", "a"), credentials("https://index.example/b/simple", "b")
    store = CredentialStore([a, b])
    assert store.find("https://index.example/a/simple/x/") == a
    assert store.find("https://index.example/b/simple/x/") == b
    assert store.find("https://index.example/files/x.whl") in {a, b}


@pytest.mark.parametrize("url", ["https://other.example/", "http://index.example/", "https://index.example:8443/"])
def test_another_origin_gets_nothing(url: str) -> None:
    assert CredentialStore([credentials("https://index.example/", "a", "b")]).find(url) is None


def test_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By host; from the file in NETRC, else from the home; an unreadable file has none."""
    text = "machine index.example login me password secret\n"
    (tmp_path / ".netrc").write_text(text)
    (tmp_path / ".netrc").chmod(0o600)
    found = CredentialStore([]).find("https://index.example/simple/")
    assert found is not None
    assert (found.user, found.password) == ("me", "secret")
    assert CredentialStore([]).find("https://other.example/simple/") is None
    monkeypatch.setenv("NETRC", str(tmp_path / "broken"))
    (tmp_path / "broken").write_text("what is this")
    assert CredentialStore([]).find("https://index.example/simple/") is None


def test_keyring_command(keyring_command: Path) -> None:
    """Called as pip calls it: with the index URL, then the origin, and the user of the URL; once."""
    store = CredentialStore([credentials("https://index.example/simple", "me")], keyring_provider="subprocess")
    for _ in range(2):
        found = store.ask_keyring("https://index.example/files/x.whl")
        assert found is not None
        assert (found.user, found.password) == ("command", "from-keyring")
    assert keyring_command.read_text().splitlines() == [
        "--mode=creds --output=json get https://index.example/simple me",
        "--mode=creds --output=json get https://index.example me",
    ]
    assert store.find("https://index.example/simple/a/") == found


def test_keyring_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An importable keyring is preferred."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "keyring.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    found = CredentialStore([]).ask_keyring("https://index.example/simple/")
    sys.modules.pop("keyring", None)
    assert found is not None
    assert (found.user, found.password) == ("module", "from-keyring")


@pytest.mark.usefixtures("keyring_command")
def test_keyring_without_credentials() -> None:
    store = CredentialStore([credentials("https://index.example/", "refused")], keyring_provider="subprocess")
    assert store.ask_keyring("https://index.example/simple/") is None


@pytest.mark.usefixtures("keyring_command")
@pytest.mark.parametrize("provider", ["disabled", "import"])
def test_other_providers_do_not_start_the_command(provider: str) -> None:
    assert CredentialStore([], keyring_provider=provider).ask_keyring("https://host.example/") is None


def test_no_keyring_at_all() -> None:
    assert CredentialStore([]).ask_keyring("https://index.example/") is None
