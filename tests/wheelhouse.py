"""Turns a scenario, a small TOML file, into real wheels and an index in the layout of PEP 503.

A scenario has the reason why it exists, the requirements, a program, and the projects of the index::

    explanation = "`unused` is required by `a` but nothing of it is loaded."
    requirements = ["a"]                     # `root` is the first of them unless it is given
    program = "import a"                     # the smoke
    kept = ["a", "b"]
    dropped = ["unused"]
    [wheels]
    a."1.0" = { requires = ["b>1", "unused"], files = { "a/__init__.py" = "import b" } }
    b."2.0" = {}
    unused."1.0" = {}

Scenarios of the resolver (``scenarios/resolver``) have no program. Their table ``[resolve]``, which `test_resolver`
reads, has the input by the names of `minreq.resolver.ResolverInput`, and the expected result by the names of
`minreq.model.Resolution`, or as ``error`` and ``says``.

Scenarios of a lock may have a table ``[lock]``, which `scenariorun` and `test_scenarios` read. Its input: ``include``,
``exclude``, ``whole``, ``provided``, ``allow-pth``, ``smallest``, ``portable``, ``limit`` (seconds for one stage),
``tools`` (of the smoke, never in the lock), ``hooks_only`` (no isolation by the kernel), ``kernel_isolation`` (only
where the kernel isolates), ``machine_files`` (only where the machine has these). Its expected result, beside ``kept``
and ``dropped``: ``evidence`` (name to kind), ``errors`` (name to text of the failure), ``providers`` (name to the
providers that need it), ``reasons`` (name to the start of the reason why it is left out), ``extras`` (name to the extra
that supplied it), ``notes`` (parts of notes), ``error`` (the class of the error) and ``says`` (parts of its message);
``defect`` explains why minreq does not give the expected result yet. A smoke with stages has a table ``[smoke]``
instead of ``program``: ``first``, and ``groups``, a table of features to texts for each.

Keys of a release, all optional:

``requires``         requirements, with markers where wanted
``extras``           a table, extra to requirements
``files``            a table, path to text; without it the release holds an empty package named like the project
``requires_python``  a specifier
``tag``              one tag or a list, a wheel for each (default: ``py3-none-any``); ``2-py3-none-any`` is build 2,
                     ``host`` the first tag of the running interpreter
``extensions``       a table, path without suffix to C, compiled for that interpreter
``entry_points``     a table, group to a table of names and object references
``scripts``          a table, file name to text, in ``.data/scripts``
``yanked``           true, or the reason
``upload_time``      RFC 3339, ``2026-01-31T12:00:00Z``
``sdist``            true: the index has a source distribution and no wheel; its build requires nothing
``broken_build``     true: the build of that source distribution fails
``metadata``         the whole text of ``METADATA``
``no_archive``       true: the wheel is no zip
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import html
import io
import json
import shutil
import subprocess
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag, sys_tags
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq.model import Sdist, Wheel

#: Where the scenarios shared by all tests are.
SCENARIOS = Path(__file__).parent / "scenarios"

#: The time of every member: archives of equal releases are equal bytes.
_EPOCH = (2020, 1, 1, 0, 0, 0)

_BACKEND = '''\
"""Builds the wheel by copying the one that lies in the source distribution."""
import pathlib, shutil

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    (wheel,) = pathlib.Path(__file__).parent.glob("*.whl")
    shutil.copy(wheel, wheel_directory)
    return wheel.name
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One version of a project in a scenario."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Path in the wheel to text.
    files: Mapping[str, str] = field(default_factory=dict)
    requires_python: str | None = None
    tags: tuple[str, ...] = ("py3-none-any",)
    entry_points: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    #: ``None``: not yanked. Else the reason, which may be empty.
    yanked: str | None = None
    upload_time: str | None = None
    sdist: bool = False
    broken_build: bool = False
    #: The whole text of ``METADATA``; ``None``: made from the other fields.
    metadata_text: str | None = None
    no_archive: bool = False
    #: Path without suffix to the text of an extension module in C.
    extensions: Mapping[str, str] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """``name-version`` as file names spell it."""
        return f"{canonicalize_name(self.name).replace('-', '_')}-{Version(self.version)}"

    def metadata(self) -> str:
        """The text of ``METADATA``."""
        if self.metadata_text is not None:
            return self.metadata_text
        lines = ["Metadata-Version: 2.4", f"Name: {self.name}", f"Version: {self.version}"]
        if self.requires_python is not None:
            lines.append(f"Requires-Python: {self.requires_python}")
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        for extra, requirements in self.extras.items():
            lines.append(f"Provides-Extra: {extra}")
            lines += [f"Requires-Dist: {_of_extra(requirement, extra)}" for requirement in requirements]
        return "\n".join(lines) + "\n"

    def wheel(self, tag: str) -> bytes:
        """The bytes of the wheel for *tag*; equal releases give equal bytes."""
        if self.no_archive:
            return b"no archive"
        members = {path: text.encode() for path, text in sorted(self.files.items())}
        members |= {f"{path}{_SUFFIX}": compiled(text) for path, text in sorted(self.extensions.items())}
        members |= {f"{self.stem}.data/scripts/{name}": text.encode() for name, text in sorted(self.scripts.items())}
        info = f"{self.stem}.dist-info"
        members[f"{info}/METADATA"] = self.metadata().encode()
        members[f"{info}/WHEEL"] = _wheel_file(tag).encode()
        if self.entry_points:
            members[f"{info}/entry_points.txt"] = _entry_points(self.entry_points).encode()
        members[f"{info}/RECORD"] = _record(members, f"{info}/RECORD").encode()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in members.items():
                entry = zipfile.ZipInfo(path, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (0o100755 if ".data/scripts/" in path else 0o100644) << 16
                archive.writestr(entry, content)
        return buffer.getvalue()

    def source(self) -> bytes:
        """Return the bytes of a source distribution, which can be built offline with nothing installed."""
        members = {
            "PKG-INFO": self.metadata().encode(),
            "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
            "backend.py": b"raise SystemExit('no compiler')" if self.broken_build else _BACKEND.encode(),
            f"{self.stem}-{self.tags[0]}.whl": self.wheel(self.tags[0]),
        }
        buffer = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as stream,
            tarfile.open(fileobj=stream, mode="w") as archive,
        ):
            for path, content in sorted(members.items()):
                entry = tarfile.TarInfo(f"{self.stem}/{path}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return buffer.getvalue()

    def archives(self) -> dict[str, bytes]:
        """File name to bytes of everything the index holds of this release."""
        if self.sdist:
            return {f"{self.stem}.tar.gz": self.source()}
        return {f"{self.stem}-{tag}.whl": self.wheel(tag) for tag in self.tags}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A test case: an index, an input, and the expected result."""

    #: Why it exists.
    explanation: str
    #: Requirement of the root.
    root: str
    requirements: tuple[str, ...]
    #: The text of the smoke.
    program: str = ""
    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    releases: tuple[Release, ...] = ()
    #: Input and expected result for `test_resolver`.
    resolve: Mapping[str, Any] = field(default_factory=dict)
    #: Further input and expected results of a lock.
    lock: Mapping[str, Any] = field(default_factory=dict)
    #: The stages of the smoke, where it is more than a program.
    smoke: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A file of the wheelhouse."""

    release: Release
    path: Path
    sha256: str
    size: int

    @property
    def value(self) -> Wheel | Sdist:
        """The same file as minreq's index client would describe it."""
        specifier = None if self.release.requires_python is None else SpecifierSet(self.release.requires_python)
        upload_time = self.release.upload_time
        common: dict[str, Any] = {
            "name": canonicalize_name(self.release.name),
            "version": Version(self.release.version),
            "filename": self.path.name,
            "url": self.path.as_uri(),
            "sha256": self.sha256,
            "size": self.size,
            "requires_python": specifier,
            "upload_time": None if upload_time is None else datetime.fromisoformat(upload_time.replace("Z", "+00:00")),
            "yanked": self.release.yanked,
        }
        if self.release.sdist:
            return Sdist(**common)
        return Wheel(**common, tags=parse_tag(_platform_part(self.path.stem)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheelhouse:
    """A scenario on disk."""

    scenario: Scenario
    folder: Path
    #: In the order of the scenario.
    archives: tuple[Archive, ...]

    @property
    def simple(self) -> Path:
        """The index: a folder for each project, with ``index.html`` (PEP 503)."""
        return self.folder / "simple"

    @property
    def files(self) -> Path:
        """Every archive in one flat folder, for ``--find-links``."""
        return self.folder / "files"

    @property
    def url(self) -> str:
        """The index as a ``file:`` URL."""
        return self.simple.as_uri()

    @property
    def program(self) -> Path:
        """The smoke as a file."""
        return self.folder / "program.py"

    def of(self, name: str) -> tuple[Archive, ...]:
        """The archives of the project *name*."""
        return tuple(a for a in self.archives if canonicalize_name(a.release.name) == canonicalize_name(name))

    @property
    def projects(self) -> tuple[NormalizedName, ...]:
        """Every project, sorted."""
        return tuple(sorted({canonicalize_name(archive.release.name) for archive in self.archives}))


def load(path: Path) -> Scenario:
    """Read the scenario file *path*."""
    return parse(path.read_text())


def parse(text: str) -> Scenario:
    """Read a scenario; raise ``ValueError`` for an unknown key, so that a misspelt key is not taken as absent."""
    data: dict[str, Any] = tomlkit.parse(text).unwrap()
    wheels = data.pop("wheels", {})
    requirements = tuple(data.pop("requirements"))
    scenario = Scenario(
        explanation=data.pop("explanation"),
        requirements=requirements,
        root=data.pop("root", requirements[0]),
        program=data.pop("program", ""),
        kept=tuple(data.pop("kept", ())),
        dropped=tuple(data.pop("dropped", ())),
        resolve=data.pop("resolve", {}),
        lock=data.pop("lock", {}),
        smoke=data.pop("smoke", {}),
        releases=tuple(_release(n, v, table) for n, versions in wheels.items() for v, table in versions.items()),
    )
    if data:
        raise ValueError(f"unknown keys in the scenario: {', '.join(sorted(data))}")
    return scenario


def write(scenario: Scenario, folder: Path) -> Wheelhouse:
    """Write the wheels, the index and the program of *scenario* below *folder*."""
    archives = []
    (folder / "files").mkdir(parents=True)
    for release in scenario.releases:
        for filename, content in release.archives().items():
            path = folder / "files" / filename
            path.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            archives.append(Archive(release=release, path=path, sha256=digest, size=len(content)))
    wheelhouse = Wheelhouse(scenario=scenario, folder=folder, archives=tuple(archives))
    for name in wheelhouse.projects:
        (wheelhouse.simple / name).mkdir(parents=True)
        (wheelhouse.simple / name / "index.html").write_text(project_html(wheelhouse.of(name)))
    wheelhouse.simple.mkdir(exist_ok=True)
    (wheelhouse.simple / "index.html").write_text(root_html(wheelhouse.projects))
    wheelhouse.program.write_text(scenario.program)
    return wheelhouse


def root_html(projects: Sequence[str]) -> str:
    """The list of projects (PEP 503)."""
    return _html(f'<a href="{name}/">{name}</a>' for name in projects)


def project_html(archives: Sequence[Archive], *, metadata: bool = False) -> str:
    """The page of one project (PEP 503, 592, 658); *metadata* offers metadata files beside the wheels."""
    return _html(_anchor(archive, metadata=metadata) for archive in archives)


def project_json(name: str, archives: Sequence[Archive], *, metadata: bool = False) -> str:
    """The page of one project (PEP 691, 700, 714)."""
    files = []
    for archive in archives:
        release = archive.release
        entry: dict[str, Any] = {
            "filename": archive.path.name,
            "url": f"../../files/{archive.path.name}",
            "hashes": {"sha256": archive.sha256},
            "size": archive.size,
            "yanked": release.yanked or release.yanked is not None,
        }
        if release.requires_python is not None:
            entry["requires-python"] = release.requires_python
        if release.upload_time is not None:
            entry["upload-time"] = release.upload_time
        if metadata and not release.sdist:
            entry["core-metadata"] = {"sha256": _metadata_sha256(release)}
        files.append(entry)
    versions = sorted({archive.release.version for archive in archives}, key=Version)
    return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "versions": versions, "files": files}, indent=1)


def _release(name: str, version: str, table: Mapping[str, Any]) -> Release:
    fields = dict(table)
    default_files = {f"{canonicalize_name(name).replace('-', '_')}/__init__.py": ""}
    tag = fields.pop("tag", "py3-none-any")
    yanked = fields.pop("yanked", None)
    if "extras" in fields:
        fields["extras"] = {extra: tuple(requirements) for extra, requirements in fields["extras"].items()}
    try:
        return Release(
            name=name,
            version=version,
            requires=tuple(fields.pop("requires", ())),
            files=fields.pop("files", default_files),
            tags=tuple(map(_real_tag, [tag] if isinstance(tag, str) else tag)),
            yanked="" if yanked is True else yanked or None,
            metadata_text=fields.pop("metadata", None),
            **fields,
        )
    except TypeError as error:
        raise ValueError(f"{name} {version}: {error}") from error


def _real_tag(tag: str) -> str:
    return str(next(sys_tags())) if tag == "host" else tag


#: Of an extension module for the interpreter at hand.
_SUFFIX = EXTENSION_SUFFIXES[0]


@cache
def compiled(text: str) -> bytes:
    """Compile an extension module in C; skip the test where the compiler or a header of Python is missing."""
    compiler, headers = shutil.which("cc"), Path(sysconfig.get_path("include"))
    if compiler is None or not (headers / "Python.h").exists():
        pytest.skip("a C compiler and the headers of Python are needed")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "module.c"), Path(folder, "module.so")
        source.write_text(text)
        subprocess.run([compiler, "-shared", "-fPIC", f"-I{headers}", "-o", target, source], check=True)
        return target.read_bytes()


def _of_extra(requirement: str, extra: str) -> str:
    parsed = Requirement(requirement)
    condition = f"extra == '{extra}'"
    marker = condition if parsed.marker is None else f"({parsed.marker}) and {condition}"
    parsed.marker = None
    return f"{parsed} ; {marker}"


def _wheel_file(tag: str) -> str:
    lines = ["Wheel-Version: 1.0", "Generator: wheelhouse"]
    lines.append(f"Root-Is-Purelib: {'true' if tag.endswith('-none-any') else 'false'}")
    lines += [f"Tag: {part}" for part in sorted(map(str, parse_tag(_platform_part(tag))))]
    return "\n".join(lines) + "\n"


def _platform_part(tag: str) -> str:
    """The tag without what stands before it: the build number, or name and version of a file."""
    return "-".join(tag.split("-")[-3:])


def _entry_points(groups: Mapping[str, Mapping[str, str]]) -> str:
    lines = []
    for group, points in groups.items():
        lines.append(f"[{group}]")
        lines += [f"{name} = {reference}" for name, reference in points.items()]
    return "\n".join(lines) + "\n"


def _record(members: Mapping[str, bytes], path: str) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for member, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        writer.writerow([member, f"sha256={digest}", len(content)])
    writer.writerow([path, "", ""])
    return buffer.getvalue()


def _html(anchors: Iterable[str]) -> str:
    head = '<!DOCTYPE html>\n<html>\n<head><meta name="pypi:repository-version" content="1.1"></head>\n<body>\n'
    return head + "".join(f"{anchor}<br>\n" for anchor in anchors) + "</body>\n</html>\n"


def _anchor(archive: Archive, *, metadata: bool) -> str:
    release = archive.release
    attributes = {"href": f"../../files/{archive.path.name}#sha256={archive.sha256}"}
    if release.requires_python is not None:
        attributes["data-requires-python"] = release.requires_python
    if release.yanked is not None:
        attributes["data-yanked"] = release.yanked
    if metadata and not release.sdist:
        attributes["data-core-metadata"] = f"sha256={_metadata_sha256(release)}"
    text = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {text}>{archive.path.name}</a>"


def _metadata_sha256(release: Release) -> str:
    return hashlib.sha256(release.metadata().encode()).hexdigest()
