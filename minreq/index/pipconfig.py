"""pip's configuration (its files, its variables, and flags of the same names) as one frozen value."""

from __future__ import annotations

import configparser
import locale
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
from minreq.index.urls import from_setting
from minreq.requirements import StatedOption

#: A flag of the command line under pip's long name without dashes: ``yes`` for a switch that was given, several values
#: for what pip takes several times.
Flags = Mapping[str, str | Sequence[str]]

#: Sections that apply, the later the stronger: minreq finds files as ``pip install`` does.
_SECTIONS = ("global", "install")

#: Other spellings that pip accepts for the same option.
_ALIASES = {"pypi-url": "index-url", "default-timeout": "timeout"}

#: Options that may be given several times; in files and variables their values are separated by white space.
_SEVERAL = frozenset({"extra-index-url", "find-links", "trusted-host", "constraint"})

_TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})
_FALSE = frozenset({"n", "no", "f", "false", "off", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A configuration file of pip that exists, not yet understood."""

    path: str
    text: str


def load(flags: Flags | None = None, *, prefix: Path | None = None) -> IndexSettings:
    """Read what pip would read from disk and environment, under *flags*.

    *prefix* is the environment whose ``pip.conf`` counts, that of minreq itself by default.

    Raises :class:`PipConfigurationUnreadable` and :class:`PipSettingInvalid`.
    """
    files = [
        ConfigFile(path=str(path), text=_read(path))
        for path in config_files(os.environ, prefix or Path(sys.prefix))
        if path.is_file()
    ]
    return settings(files, os.environ, flags or {})


def config_files(environ: Mapping[str, str], prefix: Path) -> tuple[Path, ...]:
    """Name the files pip looks for, the weakest first (pip's documentation, "Configuration Files")."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        # "If set to os.devnull, the loading of all configuration files is disabled."
        return ()
    basename = "pip.ini" if sys.platform == "win32" else "pip.conf"
    folders = [*_global_folders()]
    if not (named and Path(named).exists()):
        # A file named by the variable takes the place of the user's own.
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
        return path.read_text(encoding=locale.getpreferredencoding(do_setlocale=False))
    except (OSError, UnicodeDecodeError) as error:
        raise PipConfigurationUnreadable(str(path), str(error)) from error


def settings(files: Iterable[ConfigFile], environ: Mapping[str, str], flags: Flags) -> IndexSettings:
    """Combine *files* (the weakest first), the variables ``PIP_*`` of *environ*, and *flags*; reads nothing else.

    As in pip, a stronger source replaces what a weaker one says under the same key; only flags that may be given
    several times are added to what is configured.

    Raises :class:`PipConfigurationUnreadable` and :class:`PipSettingInvalid`.
    """
    choices = _Choices()
    for level in _levels(files, environ):
        for key, value in level.items():
            choices.set(key, value)
    for key, flag in flags.items():
        choices.override(key, flag)
    single, several = choices.single, choices.several
    provider = single.get("keyring-provider", "auto")
    if provider not in get_args(KeyringProvider):
        raise PipSettingInvalid("keyring-provider", provider, f"one of {', '.join(get_args(KeyringProvider))}")
    return IndexSettings.of(
        index_url=_url("index-url", single["index-url"]) if "index-url" in single else None,
        extra_index_urls=[_url("extra-index-url", url) for url in several["extra-index-url"]],
        find_links=[_url("find-links", location) for location in several["find-links"]],
        no_index=_boolean("no-index", single.get("no-index", "no")),
        # requests, and so pip, look at these two when no --cert is given.
        cert=single.get("cert") or environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or None,
        client_cert=single.get("client-cert"),
        trusted_hosts=tuple(several["trusted-host"]),
        timeout=_number("timeout", single.get("timeout", "15")),
        retries=int(_number("retries", single.get("retries", "5"))),
        proxy=single.get("proxy"),
        keyring_provider=provider,
        only_binary=frozenset(choices.only_binary),
        no_binary=frozenset(choices.no_binary),
        constraints=tuple(several["constraint"]),
        uploaded_prior_to=single.get("uploaded-prior-to"),
    )


def with_options(settings: IndexSettings, options: Iterable[StatedOption]) -> IndexSettings:
    """Apply what requirement files say about places and formats, as pip does: in their order, over all the rest.

    ``--index-url`` replaces all indexes named before it. Raises :class:`PipSettingInvalid`.
    """
    index_url, extra = settings.index_url, [*settings.extra_index_urls]
    find_links, trusted = [*settings.find_links], [*settings.trusted_hosts]
    no_index = settings.no_index
    only_binary, no_binary = {*settings.only_binary}, {*settings.no_binary}
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
            case "--only-binary":
                _format_control(value, only_binary, no_binary)
            case "--no-binary":
                _format_control(value, no_binary, only_binary)
    return settings.but(
        index_url=index_url,
        extra_index_urls=extra,
        find_links=find_links,
        no_index=no_index,
        trusted_hosts=tuple(trusted),
        only_binary=frozenset(only_binary),
        no_binary=frozenset(no_binary),
    )


def _levels(files: Iterable[ConfigFile], environ: Mapping[str, str]) -> Iterable[Mapping[str, str]]:
    """The settings of each section over all files, then those of the environment; the weakest first.

    pip merges files section by section, and only then lets ``[install]`` win over ``[global]``: a ``[global]`` of the
    strongest file is weaker than an ``[install]`` of the weakest. An empty value says nothing.
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
    for level in (*sections.values(), variables):
        yield {key: value for key, value in level.items() if value}


def _key(name: str) -> str:
    key = name.lower().replace("_", "-").removeprefix("--")
    return _ALIASES.get(key, key)


@dataclass(slots=True)
class _Choices:
    """What has been said so far, from the weakest source to the strongest."""

    single: dict[str, str] = field(default_factory=dict)
    several: dict[str, list[str]] = field(default_factory=lambda: {key: [] for key in _SEVERAL})
    only_binary: set[str] = field(default_factory=set)
    no_binary: set[str] = field(default_factory=set)

    def set(self, key: str, value: str) -> None:
        """A file or a variable says *value*."""
        if key in _SEVERAL:
            self.several[key] = value.split()
        elif key == "only-binary":
            _format_control(value, self.only_binary, self.no_binary)
        elif key == "no-binary":
            _format_control(value, self.no_binary, self.only_binary)
        else:
            self.single[key] = value

    def override(self, key: str, flag: str | Sequence[str]) -> None:
        """The command line says *flag*."""
        for value in [flag] if isinstance(flag, str) else flag:
            if key in _SEVERAL:
                self.several[key].append(value)
            else:
                self.set(key, value)


def _format_control(value: str, target: set[str], other: set[str]) -> None:
    """Apply one ``--only-binary`` or ``--no-binary``: names, ``:all:`` or ``:none:``, the last word wins."""
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
    url = from_setting(location)
    try:
        # Both raise: brackets that do not match, and a port that is no number.
        urlsplit(url).port  # noqa: B018 - a property that checks
    except ValueError as error:
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
