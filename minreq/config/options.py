"""The table of options: name as flag and key, field of the settings, and conversion of the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import Version

from minreq.config.levels import INDEX_STRATEGIES, LOCK_BYTECODE, SETTLE_METHODS, choose_from
from minreq.model import parsing


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """A distribution that the runtime provides."""

    name: NormalizedName
    version: Version

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def parse_requirement(text: str) -> Requirement:
    """Convert a requirement (PEP 508) of a release."""
    try:
        requirement = parsing.parse_requirement(text)
    except InvalidRequirement as error:
        raise ValueError(f"{parsing.shorten(text)!r} is not a requirement: {str(error).splitlines()[0]}") from None
    if requirement.url is not None:
        raise ValueError(f"{parsing.shorten(text)!r} is a URL, which has no version to lock; use --find-links")
    return requirement


def parse_project_name(text: str) -> NormalizedName:
    """Convert the name of a project."""
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName:
        raise ValueError(f"{text!r} is not the name of a project") from None


def parse_provided(text: str) -> Provided:
    """Convert ``NAME==VERSION``."""
    name, _, version = text.partition("==")
    try:
        return Provided(name=parse_project_name(name.strip()), version=parsing.parse_version(version))
    except ValueError:
        raise ValueError(f"{text!r} is not NAME==VERSION") from None


def parse_path(text: str) -> Path:
    """Convert a path."""
    if "\0" in text:
        raise ValueError(f"{text!r} is not a path: it has a NUL character")
    path = Path(text)
    # For pathlib both are one path.
    if path == Path("-") and text != "-":
        raise ValueError(f"{text!r} is a file named -, and - alone is standard output; choose another name")
    return path


def parse_path_or_url(text: str) -> Path | str:
    """Convert a path, or a URL of another machine, which stays as it is."""
    url = urlsplit(text)
    if url.scheme in {"http", "https"}:
        return text
    return parse_path(url2pathname(url.path) if url.scheme == "file" else text)


def parse_count(text: str) -> int:
    """Convert an integer above zero."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise ValueError(f"{text!r} is not a whole number above zero")
    return number


_BYTE_UNITS = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def parse_byte_count(text: str) -> int:
    """Convert a number of bytes, perhaps with a unit of IEC 80000-13: ``262144000``, ``262MB``, ``250 MiB``.

    Letters that have two meanings (``M``) are no units. A comma separates thousands: ``3,5MB`` is not 35 MB.
    """
    match = re.fullmatch(
        r"(?P<number>[0-9]{1,3}([_,][0-9]{3})+|[0-9]+)(?P<fraction>\.[0-9]+)?\s*(?P<unit>[A-Za-z]*)",
        text.strip(),
        re.ASCII,
    )
    unit = _BYTE_UNITS.get(match["unit"]) if match else None
    if match is None or unit is None or (match["fraction"] and unit == 1):
        raise ValueError(f"{text!r} is not a number of bytes, such as 262144000, 262MB or 250MiB (AWS Lambda)")
    count = int(Decimal(re.sub("[_,]", "", match["number"]) + (match["fraction"] or "")) * unit)
    if not 0 < count < 2**63:
        raise ValueError(f"{text!r} is not a number of bytes above zero")
    return count


def parse_milliseconds(text: str) -> float:
    """Convert a duration of zero or more with its unit, ``0.2ms`` or ``1s``, to seconds."""
    match = re.fullmatch(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>ms|s)", text.strip(), re.ASCII)
    if match is None:
        raise ValueError(f"{text!r} is not a duration with its unit, such as 0.2ms")
    return float(match["number"]) / (1000 if match["unit"] == "ms" else 1)


def parse_seconds(text: str) -> float:
    """Convert a duration above zero, in seconds."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError(f"{text!r} is not a number of seconds above zero")
    return number


#: The root of a command that names none.
DEFAULT_ROOT = "litellm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A flag of ``lock``, and a key of ``[tool.minreq]`` of the same name if *configurable*.

    Exception: ``root`` is an argument on the command line.
    """

    name: str
    #: The field of ``Settings`` or ``IndexOptions``.
    field: str
    #: Converts one value; the text of its ``ValueError`` is shown to the user.
    convert: Callable[[str], Any] = str
    #: A value in TOML, for the reference; empty if not *configurable*.
    example: str = ""
    #: Is true or false, and takes no text.
    switch: bool = False
    #: May be repeated; an array in TOML.
    many: bool = False
    #: One flag may hold several values, separated by commas.
    commas: bool = False
    #: Is a path; in TOML it is relative to the file.
    path: bool = False
    #: The TOML types of one value.
    toml: tuple[type, ...] = (str,)
    configurable: bool = True
    #: Is part of the command in the lock: it influences the lock and is no address.
    recorded: bool = True


OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option(name="root", example='"litellm>=1.100"', field="root", convert=parse_requirement),
        Option(name="project", example='"."', field="project", convert=parse_path, path=True),
        Option(name="also", example='["langchain-openai"]', field="also", convert=parse_requirement, many=True),
        Option(name="profiles", example='["profiles"]', field="profiles", convert=parse_path, many=True, path=True),
        Option(name="providers", example='["openai", "bedrock"]', field="providers", many=True, commas=True),
        Option(name="smoke", example='["smoke.py"]', field="smokes", convert=parse_path, many=True, path=True),
        Option(
            name="smoke-file", example='["fixtures"]', field="smoke_files", convert=parse_path, many=True, path=True
        ),
        Option(name="smoke-with", example='["pytest"]', field="smoke_with", convert=parse_requirement, many=True),
        Option(name="scan", example='["src"]', field="scan", convert=parse_path, many=True, path=True, recorded=False),
        Option(name="allow-unknown", example="true", field="allow_unknown", switch=True, recorded=False),
        Option(name="features", example='["chat", "streaming"]', field="features", many=True, commas=True),
        Option(name="with", example='["orjson"]', field="with_", convert=parse_requirement, many=True),
        Option(name="whole", example='["aws-lambda-powertools"]', field="whole", convert=parse_requirement, many=True),
        Option(
            name="requirement",
            example='["requirements.in"]',
            field="requirement_files",
            convert=parse_path_or_url,
            many=True,
            path=True,
        ),
        Option(name="provided", example='["boto3==1.44.0"]', field="provided", convert=parse_provided, many=True),
        Option(name="runtime", example='"lambda-python3.12"', field="runtime"),
        Option(name="include", example='["tokenizers"]', field="include", convert=parse_project_name, many=True),
        Option(name="exclude", example='["aiohttp"]', field="exclude", convert=parse_project_name, many=True),
        Option(
            name="allow-pth",
            example='["google-cloud-aiplatform"]',
            field="allow_pth",
            convert=parse_project_name,
            many=True,
        ),
        Option(
            name="constraint",
            example='["constraints.txt"]',
            field="constraints",
            convert=parse_path_or_url,
            many=True,
            path=True,
        ),
        Option(name="override", example='["openai<3"]', field="overrides", convert=parse_requirement, many=True),
        Option(name="exclude-newer", example='"3 days"', field="exclude_newer", toml=(str, date)),
        Option(name="smallest", example="true", field="smallest", switch=True),
        Option(name="portable", example="true", field="portable", switch=True),
        Option(name="settle", example='"runs"', field="settle", convert=choose_from(SETTLE_METHODS), recorded=False),
        Option(name="certify", example="true", field="certify", switch=True, recorded=False),
        Option(name="budget", example='"250MiB"', field="budget", convert=parse_byte_count, toml=(int, str)),
        Option(name="bytecode", example='"none"', field="bytecode", convert=choose_from(LOCK_BYTECODE)),
        Option(name="upgrade", field="upgrade", switch=True, configurable=False, recorded=False),
        Option(
            name="upgrade-package",
            field="upgrade_packages",
            convert=parse_project_name,
            many=True,
            configurable=False,
            recorded=False,
        ),
        Option(name="check", field="check", switch=True, configurable=False, recorded=False),
        Option(name="by-feature", field="by_feature", switch=True, configurable=False, recorded=False),
        Option(name="dry-run", field="dry_run", switch=True, configurable=False, recorded=False),
        Option(name="output", example='"locks/function.txt"', field="output", convert=parse_path, path=True),
        Option(name="hashes", example="false", field="hashes", switch=True),
        Option(name="annotate", example="false", field="annotate", switch=True),
        Option(name="python", example='"3.13"', field="python", path=True, recorded=False),
        Option(name="platform", example='["lambda-python3.12-x86_64"]', field="platforms", many=True),
        Option(name="allow-unproven", example="true", field="allow_unproven", switch=True),
        Option(name="jobs", example="4", field="jobs", convert=parse_count, toml=(int,), recorded=False),
        Option(
            name="timeout", example="600", field="timeout", convert=parse_seconds, toml=(int, float), recorded=False
        ),
        Option(name="require-sandbox", example="true", field="require_sandbox", switch=True, recorded=False),
        Option(name="index-url", example='"https://packages.example.com/simple"', field="index_url", recorded=False),
        Option(
            name="extra-index-url",
            example='["https://packages.example.com/simple"]',
            field="extra_index_urls",
            many=True,
            recorded=False,
        ),
        Option(name="find-links", example='["wheels"]', field="find_links", many=True, path=True, recorded=False),
        Option(
            name="index-strategy",
            example='"unsafe-best-match"',
            field="index_strategy",
            convert=choose_from(INDEX_STRATEGIES),
        ),
        Option(name="no-index", example="true", field="no_index", switch=True, recorded=False),
        Option(name="offline", example="true", field="offline", switch=True, recorded=False),
        Option(name="cert", example='"ca.pem"', field="cert", path=True, recorded=False),
        Option(name="client-cert", example='"client.pem"', field="client_cert", path=True, recorded=False),
        Option(
            name="trusted-host", example='["packages.example.com"]', field="trusted_hosts", many=True, recorded=False
        ),
        Option(name="only-binary", example='[":all:"]', field="only_binary", many=True, commas=True),
        Option(name="no-binary", example='["pydantic"]', field="no_binary", many=True, commas=True),
    )
}
