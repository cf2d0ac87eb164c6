"""Every option there is, once: its name as flag and key, the field it sets, and how its text is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """A distribution the runtime has already."""

    name: NormalizedName
    version: Version

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def requirement(text: str) -> Requirement:
    """Convert *text* as PEP 508 has it."""
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise ValueError(f"{text!r} is not a requirement: {str(error).splitlines()[0]}") from None


def project(text: str) -> NormalizedName:
    """Convert the name of a project."""
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName:
        raise ValueError(f"{text!r} is not the name of a project") from None


def provided(text: str) -> Provided:
    """Convert ``NAME==VERSION``."""
    name, _, version = text.partition("==")
    try:
        return Provided(name=project(name.strip()), version=Version(version))
    except ValueError:
        raise ValueError(f"{text!r} is not NAME==VERSION") from None


def path(text: str) -> Path:
    """Convert a path."""
    if "\0" in text:
        raise ValueError(f"{text!r} is not a path: no file can be called so")
    return Path(text)


def count(text: str) -> int:
    """Convert a whole number above zero."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise ValueError(f"{text!r} is not a whole number above zero")
    return number


def byte_count(text: str) -> int:
    """Convert a number of bytes; without units, since a megabyte is two different numbers."""
    try:
        return count(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise ValueError(f"{text!r} is not a number of bytes, such as 262144000 for AWS Lambda") from None


def seconds(text: str) -> float:
    """Convert a duration above zero, in seconds."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError(f"{text!r} is not a number of seconds above zero")
    return number


def settle(text: str) -> str:
    """Convert the name of a method of settling."""
    if text not in {"auto", "runs"}:
        raise ValueError(f"{text!r} is neither auto nor runs")
    return text


def index_strategy(text: str) -> str:
    """Convert how several indexes are joined."""
    if text not in {"first-index", "unsafe-best-match"}:
        raise ValueError(f"{text!r} is neither first-index nor unsafe-best-match")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A flag of ``lock`` and, where *configurable*, a key of ``[tool.minreq]``, both of the same name.

    The one exception is ``root``, which the command line has as its argument.
    """

    name: str
    #: Of ``Settings`` or ``IndexOptions``.
    field: str
    #: Of one value; a ``ValueError`` is a sentence.
    convert: Callable[[str], Any] = str
    #: True or false, without text.
    switch: bool = False
    #: May be given several times; an array in TOML.
    many: bool = False
    #: Several values may stand in one flag, with commas between.
    commas: bool = False
    #: A path, in TOML relative to the file.
    path: bool = False
    #: What may stand for one value in TOML.
    toml: tuple[type, ...] = (str,)
    configurable: bool = True
    #: Stands in the command of the lock: it decides what is in it, and is no address.
    recorded: bool = True


OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option(name="root", field="root", convert=requirement),
        Option(name="project", field="project", convert=path, path=True),
        Option(name="also", field="also", convert=requirement, many=True),
        Option(name="profiles", field="profiles", convert=Path, many=True, path=True),
        Option(name="providers", field="providers", many=True, commas=True),
        Option(name="smoke", field="smokes", convert=path, many=True, path=True),
        Option(name="smoke-with", field="smoke_with", convert=requirement, many=True),
        Option(name="scan", field="scan", convert=path, many=True, path=True, recorded=False),
        Option(name="allow-unknown", field="allow_unknown", switch=True, recorded=False),
        Option(name="features", field="features", many=True, commas=True),
        Option(name="with", field="with_", convert=requirement, many=True),
        Option(name="whole", field="whole", convert=requirement, many=True),
        Option(name="requirement", field="requirement_files", convert=path, many=True, path=True),
        Option(name="provided", field="provided", convert=provided, many=True),
        Option(name="include", field="include", convert=project, many=True),
        Option(name="exclude", field="exclude", convert=project, many=True),
        Option(name="allow-pth", field="allow_pth", convert=project, many=True),
        Option(name="constraint", field="constraints", convert=path, many=True, path=True),
        Option(name="override", field="overrides", convert=requirement, many=True),
        Option(name="exclude-newer", field="exclude_newer", toml=(str, date)),
        Option(name="smallest", field="smallest", switch=True),
        Option(name="settle", field="settle", convert=settle, recorded=False),
        Option(name="certify", field="certify", switch=True, recorded=False),
        Option(name="budget", field="budget", convert=byte_count, toml=(int,)),
        Option(name="upgrade", field="upgrade", switch=True, configurable=False, recorded=False),
        Option(
            name="upgrade-package",
            field="upgrade_packages",
            convert=project,
            many=True,
            configurable=False,
            recorded=False,
        ),
        Option(name="check", field="check", switch=True, configurable=False, recorded=False),
        Option(name="dry-run", field="dry_run", switch=True, configurable=False, recorded=False),
        Option(name="output", field="output", convert=path, path=True),
        Option(name="hashes", field="hashes", switch=True),
        Option(name="annotate", field="annotate", switch=True),
        Option(name="python", field="python", path=True, recorded=False),
        Option(name="platform", field="platforms", many=True),
        Option(name="allow-unproven", field="allow_unproven", switch=True),
        Option(name="jobs", field="jobs", convert=count, toml=(int,), recorded=False),
        Option(name="timeout", field="timeout", convert=seconds, toml=(int, float), recorded=False),
        Option(name="require-sandbox", field="require_sandbox", switch=True, recorded=False),
        Option(name="index-url", field="index_url", recorded=False),
        Option(name="extra-index-url", field="extra_index_urls", many=True, recorded=False),
        Option(name="find-links", field="find_links", many=True, path=True, recorded=False),
        Option(name="index-strategy", field="index_strategy", convert=index_strategy),
        Option(name="no-index", field="no_index", switch=True, recorded=False),
        Option(name="offline", field="offline", switch=True, recorded=False),
        Option(name="cert", field="cert", path=True, recorded=False),
        Option(name="client-cert", field="client_cert", path=True, recorded=False),
        Option(name="trusted-host", field="trusted_hosts", many=True, recorded=False),
        Option(name="only-binary", field="only_binary", many=True, commas=True),
        Option(name="no-binary", field="no_binary", many=True, commas=True),
    )
}
