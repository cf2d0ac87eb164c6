"""Repack a wheel under a local version so that it requires only what the lock has, as installers check that."""

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

from packaging.requirements import InvalidRequirement
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from minreq.errors import BrokenWheel
from minreq.model.parsing import parse_requirement

#: The label of the local version (version specifiers specification, "Local version identifiers").
LABEL = "minreq"


def local_version(version: Version) -> Version:
    """Return the local version of a repacked wheel: ``1.0+minreq``, ``1.0+cpu.minreq``.

    ``==1.0`` matches it too: a specifier without a local version ignores the one of a candidate.
    """
    return Version(f"{version}.{LABEL}" if version.local else f"{version}+{LABEL}")


def declared_requirements(archive: Path) -> tuple[str, ...]:
    """Return the ``Requires-Dist`` lines of a wheel; raises ``BrokenWheel``."""
    with _open_archive(archive) as file:
        return tuple(_metadata(file, archive).get_all("Requires-Dist", ()))


def relax_requirement(
    requirement: str,
    pins: Mapping[NormalizedName, Version],
    environments: Iterable[Mapping[str, str]],
    extras: frozenset[str],
) -> str | None:
    """Return *requirement* in a form that *pins* satisfy; ``None`` when it is dropped.

    A requirement is dropped when *pins* do not have its project. This includes requirements for other environments:
    Poetry locks for all platforms at once, and would look for them. A requirement of an extra that is not in *extras*
    (the ones requested of its project) stays as it is. A specifier that the pin does not satisfy is removed: an
    override ignored it.
    """
    try:
        parsed = parse_requirement(requirement)
    except InvalidRequirement:
        return requirement
    applies = parsed.marker is None or any(
        parsed.marker.evaluate({**environment, "extra": extra})
        for environment in environments
        for extra in ("", *sorted(extras))
    )
    pin = pins.get(canonicalize_name(parsed.name))
    if not applies and (pin is not None or "extra" in str(parsed.marker)):
        return requirement
    if pin is None:
        return None
    if parsed.url is None and parsed.specifier.contains(pin, prereleases=True):
        return requirement
    parsed.specifier &= ""
    extra = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    return f"{parsed.name}{extra}" + (f"; {parsed.marker}" if parsed.marker else "")


def repack(archive: Path, folder: Path, requires: Iterable[str]) -> Path:
    """Repack the wheel *archive* into *folder* with the requirements *requires*; return the path of the new wheel.

    All files but its metadata keep their bytes and modes. Equal wheels give equal bytes. Raises ``BrokenWheel``.
    """
    _name, version, _, _ = parse_wheel_filename(archive.name)
    distribution, _, *rest = archive.name.split("-")
    new = local_version(version)
    target = folder / "-".join((distribution, str(new), *rest))
    with _open_archive(archive) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new_archive:
        info = _info_folder(old, archive)
        rename = _version_renamer(info, archive.name, f"{distribution}-{new}")
        metadata = _metadata(old, archive)
        _rewrite(metadata, str(new), requires)
        records: list[tuple[str, str, str]] = []
        template = old.getinfo(f"{info}/METADATA")
        for member in old.infolist():
            # Signatures of the old RECORD are dropped too: RECORD.jws, RECORD.p7s.
            if member.is_dir() or member.filename.startswith(f"{info}/RECORD"):
                continue
            content = old.read(member)
            if member.filename == template.filename:
                content = metadata.as_bytes(policy=policy.compat32.clone(max_line_length=0))
            path = rename(member.filename)
            new_archive.writestr(_zip_entry(path, member), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            records.append((path, f"sha256={digest}", str(len(content))))
        record = rename(f"{info}/RECORD")
        new_archive.writestr(_zip_entry(record, template), _record_text([*records, (record, "", "")]))
    return target


def _open_archive(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except zipfile.BadZipFile as error:
        raise BrokenWheel(archive.name, str(error)) from error


def _info_folder(file: zipfile.ZipFile, archive: Path) -> str:
    """Return the ``.dist-info`` folder, which may spell the project name in any way."""
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


def _version_renamer(info: str, filename: str, new: str) -> Callable[[str], str]:
    """Return a function that renames the folders with a version in their name.

    See the binary distribution format, "The .dist-info directory".
    """
    old = info.removesuffix(".dist-info")
    data = {f"{old}.data", f"{'-'.join(filename.split('-')[:2])}.data"}

    def rename(path: str) -> str:
        first, slash, rest = path.partition("/")
        if first == info:
            return f"{new}.dist-info{slash}{rest}"
        return f"{new}.data{slash}{rest}" if first in data else path

    return rename


def _zip_entry(path: str, like: zipfile.ZipInfo) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, like.date_time)
    entry.external_attr = like.external_attr
    entry.create_system = like.create_system
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _record_text(rows: Iterable[tuple[str, str, str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
