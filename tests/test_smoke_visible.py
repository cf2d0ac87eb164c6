"""Which files of the machine a child sees."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from minreq.smoke.visible import (
    VisibleFiles,
    find_visible,
    is_too_wide,
    list_beside,
    list_hidden_folders,
    list_installation,
    list_sockets,
    list_unmasked,
)

SECRETS = (
    ".env",
    ".env.production",
    "a/.env.local",
    ".envrc",
    ".netrc",
    ".pypirc",
    ".npmrc",
    ".git-credentials",
    ".git/config",
    "deploy/id_ed25519",
    "deploy/tls.key",
    "deploy/store.p12",
    "credentials.json",
)
SECRET_FOLDERS = (".ssh", ".aws", ".kube", "deploy/.gnupg")
PLAIN = (".env.example", "env.py", "a/keys.py", "public.pem", "id_rsa.pub", "config", "a/b/c.txt")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "homes" / "user"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    return home


def write(folder: Path, *names: str, text: str = "x") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_files_of_keys_are_masked(home: Path) -> None:
    project = home / "project"
    write(project, *SECRETS, *PLAIN, "node_modules/.env")
    write(project, "server.pem", text="-----BEGIN RSA PRIVATE KEY-----\n")
    for name in SECRET_FOLDERS:
        (project / name).mkdir(parents=True)
    masked = find_visible([project], []).masked
    found = {str(path.relative_to(project)) for path in masked if path.is_relative_to(project)}
    assert found == {*SECRETS, *SECRET_FOLDERS, "server.pem"}


def test_configurations_of_installers_are_masked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their addresses of indexes may have passwords."""
    write(home, "tool/pip.conf", "conf/mine.ini", "netrc")
    for name, file in (("PIP_CONFIG_FILE", "conf/mine.ini"), ("NETRC", "netrc")):
        monkeypatch.setenv(name, str(home / file))
    assert {home / "tool" / "pip.conf", home / "conf" / "mine.ini", home / "netrc"} <= {
        *find_visible([], [home / "tool"]).masked
    }


@pytest.mark.parametrize("path", ["/", "/home", "/tmp", "/var", "/run", "{home}", "{home}/..", "{home}/../.."])  # noqa: S108
def test_what_contains_a_home_is_too_wide(home: Path, path: str) -> None:
    folder = Path(path.format(home=home)).resolve()
    assert is_too_wide(folder) == folder.is_dir()
    assert folder not in find_visible([folder], [folder]).readable


def test_a_link_to_what_is_too_wide_is_too_wide(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home)
    assert is_too_wide(tmp_path / "link")
    assert find_visible([tmp_path / "link"], []).readable == ()


def test_beside_a_script(home: Path) -> None:
    write(home, "smoke.py", "helper.py", "diary.txt", "project/smoke.py")
    assert list_beside(home / "smoke.py") == [home / "smoke.py", home / "helper.py", home / "smoke.py"]
    assert list_beside(home / "project" / "smoke.py") == [home / "project" / "smoke.py", home / "project"]


def test_an_interpreter_in_a_home(home: Path) -> None:
    write(home, "bin/python", "lib/os.py", "diary.txt", "python/bin/python")
    assert list_installation(home) == [home / "bin", home / "lib"]
    assert list_installation(home / "python") == [home / "python"]


def test_landlock_gets_what_lies_around_the_masked_paths(tmp_path: Path) -> None:
    write(tmp_path, "a/secret", "a/plain", "b/plain", "secret")
    (tmp_path / "a" / "link").symlink_to("secret")
    masked = (tmp_path / "a" / "secret", tmp_path / "secret")
    visible = VisibleFiles(system=(), readable=(tmp_path,), masked=masked, hidden=(), temporary=())
    files, folders = list_unmasked(visible)
    assert sorted(files) == [str(tmp_path / "a" / "plain"), str(tmp_path / "b")]
    assert sorted(folders) == [str(tmp_path), str(tmp_path / "a")]


def test_homes_and_temporary_folders_are_hidden(home: Path) -> None:
    hidden = list_hidden_folders()
    assert any(home.resolve().is_relative_to(folder) for folder in hidden)
    assert Path("/") not in hidden
    assert not [folder for folder in hidden for other in hidden if folder != other and folder.is_relative_to(other)]


def test_sockets_are_listed(tmp_path: Path) -> None:
    address = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        first.bind(address)
        second.bind(f"\0{tmp_path.name}-abstract")
        assert {address, f"@{tmp_path.name}-abstract"} <= {*list_sockets()}
    assert f"@{tmp_path.name}-abstract" not in list_sockets()
