"""A wheel under a local version that declares only what is there, so that installers that check are content."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from minreq.errors import BrokenWheel

#: The label of the local version (version specifiers specification, "Local version identifiers").
LABEL = "minreq"


def local(version: Version) -> Version:
    """Return *version* as a repacked wheel has it: ``1.0+minreq``, ``1.0+cpu.minreq``.

    ``==1.0`` matches it too: a specifier without a local version ignores that of the candidate.
    """
    return Version(f"{version}.{LABEL}" if version.local else f"{version}+{LABEL}")


def declared(archive: Path) -> tuple[str, ...]:
    """Return the ``Requires-Dist`` of a wheel as they stand; raises ``BrokenWheel``."""
    with _opened(archive) as file:
        return tuple(_metadata(file, archive).get_all("Requires-Dist", ()))


def relaxed(
    requirement: str,
    pins: Mapping[NormalizedName, Version],
    environments: Iterable[Mapping[str, str]],
    extras: frozenset[str],
) -> str | None:
    """Return *requirement* as it holds among *pins*; ``None`` where it names what is not among them.

    What belongs to another extra than *extras* (those that somebody requests of its project) stays as it is. What is
    for other environments is dropped too: Poetry locks for all platforms at once, and would look for it. A specifier
    that the pin does not satisfy, which an override set aside, is dropped.
    """
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return requirement
    asked = parsed.marker is None or any(
        parsed.marker.evaluate({**environment, "extra": extra})
        for environment in environments
        for extra in ("", *sorted(extras))
    )
    pin = pins.get(canonicalize_name(parsed.name))
    if not asked and (pin is not None or "extra" in str(parsed.marker)):
        return requirement
    if pin is None:
        return None
    if parsed.url is None and parsed.specifier.contains(pin, prereleases=True):
        return requirement
    parsed.specifier &= ""
    extra = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    return f"{parsed.name}{extra}" + (f"; {parsed.marker}" if parsed.marker else "")


def repack(archive: Path, folder: Path, requires: Iterable[str]) -> Path:
    """Write the wheel *archive* anew into *folder*, declaring *requires*; return its path.

    Every file but its metadata has the bytes, and the mode, that it had. Equal wheels give equal bytes. Raises
    ``BrokenWheel``.
    """
    _name, version, _, _ = parse_wheel_filename(archive.name)
    distribution, _, *rest = archive.name.split("-")
    new = local(version)
    target = folder / "-".join((distribution, str(new), *rest))
    with _opened(archive) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        info = _info_folder(old, archive)
        rename = _renamer(info, archive.name, f"{distribution}-{new}")
        metadata = _metadata(old, archive)
        _rewrite(metadata, str(new), requires)
        records: list[tuple[str, str, str]] = []
        template = old.getinfo(f"{info}/METADATA")
        for member in old.infolist():
            # With the record go its signatures: RECORD.jws, RECORD.p7s.
            if member.is_dir() or member.filename.startswith(f"{info}/RECORD"):
                continue
            content = old.read(member)
            if member.filename == template.filename:
                content = metadata.as_bytes(policy=policy.compat32.clone(max_line_length=0))
            path = rename(member.filename)
            made.writestr(_entry(path, member), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            records.append((path, f"sha256={digest}", str(len(content))))
        record = rename(f"{info}/RECORD")
        made.writestr(_entry(record, template), _record([*records, (record, "", "")]))
    return target


def _opened(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except zipfile.BadZipFile as error:
        raise BrokenWheel(archive.name, str(error)) from error


def _info_folder(file: zipfile.ZipFile, archive: Path) -> str:
    """The one ``.dist-info``, however it spells the name."""
    found = {name.partition("/")[0] for name in file.namelist()}
    folders = [each for each in found if each.endswith(".dist-info")]
    if len(folders) != 1 or f"{folders[0]}/METADATA" not in file.namelist():
        raise BrokenWheel(archive.name, "it has not exactly one .dist-info with METADATA")
    return folders[0]


def _metadata(file: zipfile.ZipFile, archive: Path) -> EmailMessage:
    content = file.read(f"{_info_folder(file, archive)}/METADATA")
    return cast("EmailMessage", message_from_bytes(content, policy=policy.compat32))


def _rewrite(metadata: EmailMessage, version: str, requires: Iterable[str]) -> None:
    metadata.replace_header("Version", version)
    del metadata["Requires-Dist"]
    for each in requires:
        metadata["Requires-Dist"] = each


def _renamer(info: str, filename: str, new: str) -> Callable[[str], str]:
    """The folders that have the version in their name (binary distribution format, "The .dist-info directory")."""
    old = info.removesuffix(".dist-info")
    data = {f"{old}.data", f"{'-'.join(filename.split('-')[:2])}.data"}

    def rename(path: str) -> str:
        first, slash, rest = path.partition("/")
        if first == info:
            return f"{new}.dist-info{slash}{rest}"
        return f"{new}.data{slash}{rest}" if first in data else path

    return rename


def _entry(path: str, like: zipfile.ZipInfo) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, like.date_time)
    entry.external_attr = like.external_attr
    entry.create_system = like.create_system
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _record(rows: Iterable[tuple[str, str, str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
