"""pip's configuration is read as pip reads it: its files, variables, sections, precedence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from minreq.errors import PipConfigurationUnreadable, PipSettingInvalid
from minreq.index.pipconfig import ConfigFile, Flags, config_files, load, settings, with_options
from minreq.index.settings import Credentials, IndexSettings
from minreq.requirements import FileOption


def of(*texts: str, environ: Mapping[str, str] | None = None, flags: Flags | None = None) -> IndexSettings:
    files = [ConfigFile(path=f"{number}.conf", text=text) for number, text in enumerate(texts)]
    return settings(files, environ or {}, flags or {})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and no variable of pip."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "xdg"))
    return tmp_path


def test_no_configuration_gives_pips_defaults() -> None:
    assert of() == IndexSettings()


def test_every_setting() -> None:
    assert of(
        """
        [global]
        index-url = https://main.example/simple
        extra-index-url =
            https://one.example/simple
            https://two.example/simple
        find-links = https://links.example/ /srv/wheels
        no-index = yes
        cert = ca.pem
        client-cert = me.pem
        trusted-host = one.example two.example:8443
        timeout = 7.5
        retries = 2
        proxy = http://proxy.example:3128
        keyring-provider = subprocess
        only-binary = a,B.c
        no-binary = d
        constraint = constraints.txt
        uploaded-prior-to = P3D
        """.replace("\n        ", "\n")
    ) == IndexSettings(
        index_url="https://main.example/simple",
        extra_index_urls=("https://one.example/simple", "https://two.example/simple"),
        find_links=("https://links.example/", "file:///srv/wheels"),
        no_index=True,
        cert="ca.pem",
        client_cert="me.pem",
        trusted_hosts=("one.example", "two.example:8443"),
        timeout=7.5,
        retries=2,
        proxy="http://proxy.example:3128",
        keyring_provider="subprocess",
        only_binary=frozenset({"a", "b-c"}),
        no_binary=frozenset({"d"}),
        constraints=("constraints.txt",),
        uploaded_prior_to="P3D",
    )


def test_precedence_of_sources() -> None:
    """From low to high: `global` of all files, `install` of all files, variables, flags."""
    weak = "[global]\ntimeout = 1\nretries = 1\nproxy = one\ncert = one\n[install]\nproxy = two"
    strong = "[global]\nretries = 2\nproxy = three\ncert = two"
    found = of(weak, strong, environ={"PIP_CERT": "three", "PIP_PROXY": ""}, flags={"cert": "four"})
    assert (found.timeout, found.retries, found.proxy, found.cert) == (1, 2, "two", "four")


def test_flags_that_may_be_repeated_are_added() -> None:
    """As in pip: a flag adds to the configured values, a variable replaces those of a file."""
    found = of(
        "[global]\nextra-index-url = https://file.example/",
        environ={"PIP_EXTRA_INDEX_URL": "https://a.example/ https://b.example/"},
        flags={"extra-index-url": ["https://flag.example/"], "find-links": "/srv", "no-index": "yes"},
    )
    assert found.extra_index_urls == ("https://a.example/", "https://b.example/", "https://flag.example/")
    assert found.find_links == ("file:///srv",)
    assert found.no_index


def test_names_are_spelled_in_several_ways() -> None:
    """`_` and `-`, any case, leading dashes, and the older names of two options."""
    found = of("[global]\nNO_INDEX = true\n--retries = 3\npypi-url = https://old.example/")
    assert (found.no_index, found.retries, found.index_url) == (True, 3, "https://old.example/")
    assert of(environ={"PIP_DEFAULT_TIMEOUT": "180"}).timeout == 180
    assert of("[download]\ntimeout = 3\n[list]\ntimeout = 4").timeout == 15


def test_empty_values_are_ignored() -> None:
    assert of("[global]\nindex-url =", environ={"PIP_RETRIES": ""}) == IndexSettings()


def test_certificates_of_requests_count() -> None:
    """pip inherits these two variables from requests."""
    assert of(environ={"CURL_CA_BUNDLE": "c"}).cert == "c"
    assert of(environ={"CURL_CA_BUNDLE": "c", "REQUESTS_CA_BUNDLE": "r"}).cert == "r"
    assert of(environ={"REQUESTS_CA_BUNDLE": "r"}, flags={"cert": "f"}).cert == "f"


def test_credentials_are_kept_apart() -> None:
    """No URL holds them, and the `repr` of the settings does not show them."""
    found = of(
        environ={
            "PIP_INDEX_URL": "https://me:s%40cret@main.example/simple",
            "PIP_EXTRA_INDEX_URL": "https://token@extra.example/simple",
            "PIP_PROXY": "http://me:pr0xy@proxy.example",
        }
    )
    assert found.index_url == "https://main.example/simple"
    assert found.extra_index_urls == ("https://extra.example/simple",)
    assert [(known.url, known.user, known.password) for known in found.credentials] == [
        ("https://main.example/simple", "me", "s@cret"),
        ("https://extra.example/simple", "token", None),
    ]
    assert not {"s@cret", "s%40cret", "token", "pr0xy"} & set(repr(found).replace("'", " ").replace("@", " ").split())
    assert "cret" not in repr(found)


@pytest.mark.parametrize(
    ("only", "no", "expected"),
    [
        pytest.param(["a,b"], ["b"], ({"a"}, {"b"}), id="the last word about a name"),
        pytest.param([":all:"], ["b"], ({":all:"}, {"b"}), id="all but one"),
        pytest.param(["a,:all:,b"], [], ({":all:", "b"}, set()), id="all clears what stood before"),
        pytest.param(["a,:none:"], [], (set(), set()), id="none clears"),
        pytest.param(["a"], [":all:"], (set(), {":all:"}), id="all clears the other side"),
    ],
)
def test_only_binary_and_no_binary(only: list[str], no: list[str], expected: tuple[set[str], set[str]]) -> None:
    found = of(flags={"only-binary": only, "no-binary": no})
    assert (set(found.only_binary), set(found.no_binary)) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [("no-index", "perhaps"), ("timeout", "soon"), ("timeout", "-1"), ("retries", "inf"), ("keyring-provider", "x")],
)
def test_invalid_values(key: str, value: str) -> None:
    with pytest.raises(PipSettingInvalid) as caught:
        of(flags={key: value})
    assert (caught.value.key, caught.value.value) == (key, value)
    assert key in str(caught.value)


@pytest.mark.parametrize("url", ["https://me:s3cret@[index.example/", "https://me:s3cret@index.example:port/"])
@pytest.mark.parametrize("key", ["index-url", "extra-index-url", "find-links"])
def test_invalid_urls(key: str, url: str) -> None:
    """The message shows no password."""
    with pytest.raises(PipSettingInvalid) as caught:
        of(flags={key: url})
    assert caught.value.key == key
    assert "s3cret" not in f"{caught.value} {caught.value!r}"


def test_the_home_of_an_unknown_user_is_an_error() -> None:
    with pytest.raises(PipSettingInvalid, match="find-links = '~nobody-here/wheels'"):
        of(flags={"find-links": "~nobody-here/wheels"})


def test_a_switch_may_be_off() -> None:
    assert not of("[global]\nno-index = off").no_index


def test_a_broken_file_is_an_error() -> None:
    with pytest.raises(PipConfigurationUnreadable) as caught:
        of("timeout = 3")
    assert caught.value.path == "0.conf"


def test_a_file_in_another_encoding_is_an_error(home: Path) -> None:
    (home / "pip.conf").write_bytes(b"[global]\ncert = \xff\xfe")
    with pytest.raises(PipConfigurationUnreadable) as caught:
        load(prefix=home)
    assert caught.value.path == str(home / "pip.conf")


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="the places of Linux")
def test_config_files(home: Path) -> None:
    """Global ones, the user's two, the environment's."""
    assert config_files(os.environ, Path("/venv")) == (
        home / "xdg/pip/pip.conf",
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        home / ".config/pip/pip.conf",
        Path("/venv/pip.conf"),
    )


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="the places of Linux")
def test_a_file_named_by_the_variable(home: Path) -> None:
    """It replaces the user's file, has precedence over all, and as the null device disables all."""
    named = home / "named.conf"
    assert len(config_files({"PIP_CONFIG_FILE": str(named)}, Path("/venv"))) == 6
    named.touch()
    assert config_files({"PIP_CONFIG_FILE": str(named)}, Path("/venv")) == (
        home / "xdg/pip/pip.conf",
        Path("/etc/pip.conf"),
        Path("/venv/pip.conf"),
        named,
    )
    assert config_files({"PIP_CONFIG_FILE": os.devnull}, Path("/venv")) == ()


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="the places of Linux")
def test_load_reads_what_pip_reads(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pip config list` shows the same values."""
    for number, folder in enumerate([home / "xdg/pip", home / ".pip", home / ".config/pip"]):
        folder.mkdir(parents=True)
        (folder / "pip.conf").write_text(f"[global]\nretries = {number}\n[install]\ntimeout = {number + 10}\n")
    monkeypatch.setenv("PIP_CERT", "ca.pem")
    found = load({"proxy": "http://proxy.example"}, prefix=home / "nothing")
    assert (found.retries, found.timeout, found.cert, found.proxy) == (2, 12, "ca.pem", "http://proxy.example")
    pip_output = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    assert "global.retries='2'" in pip_output
    assert "install.timeout='12'" in pip_output
    assert ":env:.cert='ca.pem'" in pip_output


def in_file(configured: IndexSettings, *options: tuple[str, str | None]) -> IndexSettings:
    stated = (FileOption(name=name, value=value, origin="-r a.in", line=1) for name, value in options)
    return with_options(configured, stated)


def test_options_of_a_requirements_file() -> None:
    """As in pip: an index replaces all indexes before it, other options add."""
    configured = IndexSettings(
        index_url="https://one.example",
        extra_index_urls=("https://two.example",),
        find_links=("file:///links",),
        only_binary=frozenset({":all:"}),
        credentials=(Credentials(url="https://one.example", user="me", password=None),),
    )
    assert in_file(configured) == configured
    applied = in_file(
        configured,
        ("--index-url", "https://you:secret@index.example"),
        ("--extra-index-url", "https://more.example"),
        ("--find-links", "/more"),
        ("--trusted-host", "index.example"),
        ("--no-binary", "a"),
    )
    assert (applied.index_url, applied.extra_index_urls) == ("https://index.example", ("https://more.example",))
    assert applied.find_links == ("file:///links", "file:///more")
    assert (applied.trusted_hosts, applied.only_binary, applied.no_binary) == (
        ("index.example",),
        frozenset({":all:"}),
        frozenset({"a"}),
    )
    assert [credentials.user for credentials in applied.credentials] == ["me", "you"]
    assert not applied.no_index


def test_no_index_in_a_requirements_file() -> None:
    applied = in_file(IndexSettings(), ("--no-index", None), ("--only-binary", ":all:"))
    assert applied.no_index
    assert applied.only_binary == {":all:"}
    with pytest.raises(PipSettingInvalid, match="index-url"):
        in_file(IndexSettings(), ("--index-url", "https://[x"))


def releases(found: IndexSettings) -> tuple[list[str], list[str], bool]:
    return sorted(found.all_releases), sorted(found.only_final), found.prefer_binary


def test_releases_of_options_and_variables() -> None:
    """As in pip: a later option has precedence, and ``pre`` means ``all-releases :all:``."""
    with pytest.raises(PipSettingInvalid, match=r"pre = '1'.* all-releases or only-final is set too"):
        settings([], {"PIP_PRE": "1", "PIP_ONLY_FINAL": "a"}, {})
    assert releases(settings([], {"PIP_PRE": "1"}, {})) == ([":all:"], [], False)
    found = settings([], {"PIP_ALL_RELEASES": ":all:", "PIP_PREFER_BINARY": "yes"}, {"only-final": "A,b"})
    assert releases(found) == ([":all:"], ["a", "b"], True)
    assert releases(in_file(found, ("--all-releases", "b"), ("--only-final", ":none:"))) == ([":all:", "b"], [], True)
    options = (("--only-final", ":all:"), ("--pre", None), ("--prefer-binary", None))
    assert releases(in_file(IndexSettings(), *options)) == ([":all:"], [], True)
    assert releases(settings([], {"PIP_PRE": "0"}, {})) == ([], [], False)
