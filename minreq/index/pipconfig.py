"""Reads pip's configuration (its files, its variables, and flags of the same names) into one frozen value."""

from __future__ import annotations

import configparser
import locale
import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import platformdirs
from packaging.utils import canonicalize_name

from minreq.errors import PipConfigurationUnreadable, PipSettingInvalid
from minreq.index.settings import IndexSettings, KeyringProvider
from minreq.index.urls import url_from_setting
from minreq.requirements import FileOption
from minreq.system import regularfile

_LOG = logging.getLogger(__name__)

#: Flags of the command line by pip's long name without dashes: ``yes`` for a switch that is set, several values for an
#: option that pip accepts several times.
Flags = Mapping[str, str | Sequence[str]]

#: Sections that apply, the later one with precedence: minreq reads the settings of ``pip install``.
_SECTIONS = ("global", "install")

#: Other spellings that pip accepts for the same option.
_ALIASES = {"pypi-url": "index-url", "default-timeout": "timeout"}

#: Options that pip accepts several times; in files and variables, white space separates their values.
_MULTIPLE = frozenset({"extra-index-url", "find-links", "trusted-host", "constraint"})

_TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})
_FALSE = frozenset({"n", "no", "f", "false", "off", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """An existing configuration file of pip, not parsed."""

    path: str
    text: str


def load(flags: Flags | None = None, *, prefix: Path | None = None) -> IndexSettings:
    """Read what pip would read from disk and environment; *flags* have precedence.

    *prefix* is the environment whose ``pip.conf`` is read, by default that of minreq itself.

    Raises :class:`PipConfigurationUnreadable` and :class:`PipSettingInvalid`.
    """
    files = [
        ConfigFile(path=str(path), text=_read(path))
        for path in config_files(os.environ, prefix or Path(sys.prefix))
        if path.is_file()
    ]
    return settings(files, os.environ, flags or {})


def config_files(environ: Mapping[str, str], prefix: Path) -> tuple[Path, ...]:
    """Return the files that pip reads, later ones with precedence (pip's documentation, "Configuration Files")."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        # "If set to os.devnull, the loading of all configuration files is disabled."
        return ()
    basename = "pip.ini" if sys.platform == "win32" else "pip.conf"
    folders = [*_global_folders()]
    if not (named and Path(named).exists()):
        # A file that the variable names replaces the user's own.
        folders += _user_folders()
    folders.append(prefix)
    files = [folder / basename for folder in folders]
    return (*files, Path(named)) if named else tuple(files)


def _global_folders() -> list[Path]:
    if sys.platform == "darwin":
        return _paths(platformdirs.site_data_dir("pip", appauthor=False, multipath=True))
    folders = _paths(platformdirs.site_config_dir("pip", appauthor=False, multipath=True))
    return folders if sys.platform == "win32" else [*folders, Path("/etc")]


def _paths(joined: str) -> list[Path]:
    return [Path(path) for path in joined.split(os.pathsep)]


def _user_folders() -> list[Path]:
    legacy = Path.home() / ("pip" if sys.platform == "win32" else ".pip")
    if sys.platform == "darwin":
        support = Path(platformdirs.user_data_dir("pip", appauthor=False, roaming=True))
        return [legacy, support if support.is_dir() else Path.home() / ".config" / "pip"]
    return [legacy, Path(platformdirs.user_config_dir("pip", appauthor=False, roaming=True))]


def _read(path: Path) -> str:
    try:
        text = regularfile.read_text(path, locale.getpreferredencoding(do_setlocale=False))
    except (OSError, UnicodeDecodeError) as error:
        raise PipConfigurationUnreadable(str(path), str(error)) from error
    _LOG.info("read %s", path)
    return text


def settings(files: Iterable[ConfigFile], environ: Mapping[str, str], flags: Flags) -> IndexSettings:
    """Merge *files*, then the variables ``PIP_*`` of *environ*, then *flags*; read nothing else.

    As in pip, a later source replaces the value of an earlier one; only the values of a flag that pip accepts several
    times are added to the configured ones.

    Raises :class:`PipConfigurationUnreadable` and :class:`PipSettingInvalid`.
    """
    merged = _MergedSettings()
    for source in _sources(files, environ):
        for key, value in source.items():
            merged.set(key, value)
    for key, flag in flags.items():
        merged.set_flag(key, flag)
    single, multiple = merged.single, merged.multiple
    pre = _boolean("pre", single.get("pre", "no"))
    if pre and (merged.all_releases or merged.only_final):
        raise PipSettingInvalid("pre", single["pre"], "no, since all-releases or only-final is set too")
    provider = single.get("keyring-provider", "auto")
    if provider not in get_args(KeyringProvider):
        raise PipSettingInvalid("keyring-provider", provider, f"one of {', '.join(get_args(KeyringProvider))}")
    return IndexSettings.from_urls(
        index_url=_url("index-url", single["index-url"]) if "index-url" in single else None,
        extra_index_urls=[_url("extra-index-url", url) for url in multiple["extra-index-url"]],
        find_links=[_url("find-links", location) for location in multiple["find-links"]],
        no_index=_boolean("no-index", single.get("no-index", "no")),
        # requests, and so pip, read these two variables where there is no --cert.
        cert=single.get("cert") or environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or None,
        client_cert=single.get("client-cert"),
        trusted_hosts=tuple(multiple["trusted-host"]),
        timeout=_number("timeout", single.get("timeout", "15")),
        retries=int(_number("retries", single.get("retries", "5"))),
        proxy=single.get("proxy"),
        keyring_provider=provider,
        only_binary=frozenset(merged.only_binary),
        no_binary=frozenset(merged.no_binary),
        all_releases=frozenset({":all:"} if pre else merged.all_releases),
        only_final=frozenset(merged.only_final),
        prefer_binary=_boolean("prefer-binary", single.get("prefer-binary", "no")),
        constraints=tuple(multiple["constraint"]),
        uploaded_prior_to=single.get("uploaded-prior-to"),
    )


def with_options(settings: IndexSettings, options: Iterable[FileOption]) -> IndexSettings:
    """Apply the options of requirements files, as in pip: in their order, with precedence over other settings.

    ``--index-url`` replaces all indexes before it. Raises :class:`PipSettingInvalid`.
    """
    index_url, extra = settings.index_url, [*settings.extra_index_urls]
    find_links, trusted = [*settings.find_links], [*settings.trusted_hosts]
    no_index, prefer_binary = settings.no_index, settings.prefer_binary
    only_binary, no_binary = {*settings.only_binary}, {*settings.no_binary}
    all_releases, only_final = {*settings.all_releases}, {*settings.only_final}
    pairs = {
        "--only-binary": (only_binary, no_binary),
        "--no-binary": (no_binary, only_binary),
        "--all-releases": (all_releases, only_final),
        "--only-final": (only_final, all_releases),
    }
    for option in options:
        value = option.value or ""
        match option.name:
            case "--no-index":
                no_index = True
            case "--index-url":
                index_url, extra = _url("index-url", value), []
            case "--extra-index-url":
                extra.append(_url("extra-index-url", value))
            case "--find-links":
                find_links.append(_url("find-links", value))
            case "--trusted-host":
                trusted.append(value)
            case "--prefer-binary":
                prefer_binary = True
            case "--pre":
                _format_control(":all:", *pairs["--all-releases"])
            case name if name in pairs:
                _format_control(value, *pairs[name])
    return settings.with_urls(
        index_url=index_url,
        extra_index_urls=extra,
        find_links=find_links,
        no_index=no_index,
        trusted_hosts=tuple(trusted),
        only_binary=frozenset(only_binary),
        no_binary=frozenset(no_binary),
        all_releases=frozenset(all_releases),
        only_final=frozenset(only_final),
        prefer_binary=prefer_binary,
    )


def _sources(files: Iterable[ConfigFile], environ: Mapping[str, str]) -> Iterable[Mapping[str, str]]:
    """Yield the settings of each section from all files, then those of the environment; later ones have precedence.

    pip merges the files section by section, and only then gives ``[install]`` precedence over ``[global]``: so an
    ``[install]`` in any file has precedence over a ``[global]`` in any other. Empty values are ignored.
    """
    sections: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(file.text, source=file.path)
        except configparser.Error as error:
            raise PipConfigurationUnreadable(file.path, " ".join(str(error).split())) from error
        for section in _SECTIONS:
            if parser.has_section(section):
                sections[section].update((_key(name), value) for name, value in parser.items(section))
    variables = {_key(name[4:]): value for name, value in environ.items() if name.startswith("PIP_")}
    for source in (*sections.values(), variables):
        yield {key: value for key, value in source.items() if value}


def _key(name: str) -> str:
    key = name.lower().replace("_", "-").removeprefix("--")
    return _ALIASES.get(key, key)


@dataclass(slots=True)
class _MergedSettings:
    """The values of the sources that were merged so far."""

    single: dict[str, str] = field(default_factory=dict)
    multiple: dict[str, list[str]] = field(default_factory=lambda: {key: [] for key in _MULTIPLE})
    only_binary: set[str] = field(default_factory=set)
    no_binary: set[str] = field(default_factory=set)
    all_releases: set[str] = field(default_factory=set)
    only_final: set[str] = field(default_factory=set)

    def set(self, key: str, value: str) -> None:
        """Set the value of a file or variable."""
        if key in _MULTIPLE:
            self.multiple[key] = value.split()
        elif key == "only-binary":
            _format_control(value, self.only_binary, self.no_binary)
        elif key == "no-binary":
            _format_control(value, self.no_binary, self.only_binary)
        elif key == "all-releases":
            _format_control(value, self.all_releases, self.only_final)
        elif key == "only-final":
            _format_control(value, self.only_final, self.all_releases)
        else:
            self.single[key] = value

    def set_flag(self, key: str, flag: str | Sequence[str]) -> None:
        """Set or add the values of a flag of the command line."""
        for value in [flag] if isinstance(flag, str) else flag:
            if key in _MULTIPLE:
                self.multiple[key].append(value)
            else:
                self.set(key, value)


def _format_control(value: str, target: set[str], other: set[str]) -> None:
    """Apply one option of a pair, such as ``--only-binary`` and ``--no-binary``; later words have precedence.

    A word is a name, ``:all:`` or ``:none:``.
    """
    for word in value.split(","):
        if word == ":all:":
            other.clear()
            target.clear()
            target.add(":all:")
        elif word == ":none:":
            target.clear()
        elif word.strip():
            name = canonicalize_name(word.strip())
            other.discard(name)
            target.add(name)


def _url(key: str, location: str) -> str:
    try:
        url = url_from_setting(location)
        # Brackets that do not match raise, and so do a port that is no number and the home of an unknown user.
        urlsplit(url).port  # noqa: B018 - A property that may raise.
    except (ValueError, RuntimeError) as error:
        raise PipSettingInvalid(key, re.sub(r"//[^/]*@", "//", location), f"a URL or a path ({error})") from None
    return url


def _boolean(key: str, value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise PipSettingInvalid(key, value, "yes or no")


def _number(key: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise PipSettingInvalid(key, value, "a number") from None
    if not 0 <= number < float("inf"):
        raise PipSettingInvalid(key, value, "a number, not negative")
    return number
