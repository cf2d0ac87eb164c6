"""Generated indexes for the comparison with pip: projects with every oddity that an index may have."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import platform
import re
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import groupby
from typing import Any

import tomlkit
from hypothesis import strategies as st
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name
from packaging.version import Version

#: Raw lines of ``METADATA``, or what takes its place, by the name of the defect. `NAME` and `VERSION` are replaced.
DEFECTS: Mapping[str, str | None] = {
    "specifier": "Metadata-Version: 2.4\nName: NAME\nVersion: VERSION\nRequires-Dist: b>=5.1.*\n",
    "requirement": "Metadata-Version: 2.4\nName: NAME\nVersion: VERSION\nRequires-Dist: ???\n",
    "extra's specifier": (
        "Metadata-Version: 2.4\nName: NAME\nVersion: VERSION\nProvides-Extra: x\n"
        "Requires-Dist: b>=5.1.* ; extra == 'x'\n"
    ),
    "marker": "Metadata-Version: 2.4\nName: NAME\nVersion: VERSION\nRequires-Dist: b ; python_version ~= 'banana'\n",
    "name": "Metadata-Version: 2.4\nName: another\nVersion: VERSION\n",
    "version": "Metadata-Version: 2.4\nName: NAME\nVersion: 77\n",
    "version word": "Metadata-Version: 2.4\nName: NAME\nVersion: banana\n",
    "no name": "Metadata-Version: 2.4\nVersion: VERSION\n",
    "metadata version": "Metadata-Version: 9.9\nName: NAME\nVersion: VERSION\n",
    "empty": "",
    "no zip": None,
    "no build": None,
}

#: The backend of a source distribution; `$BROKEN`, `$METADATA` and `$STEM` are replaced.
_BACKEND = """\
import pathlib

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    if $BROKEN:
        raise RuntimeError("no compiler")
    folder = pathlib.Path(metadata_directory, "$STEM.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_bytes($METADATA)
    return folder.name
"""
_PYPROJECT = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a release: a wheel with its tag, or a source distribution."""

    #: ``py3-none-any``, ``2-py3-none-any`` with a build number; ``None``: a source distribution.
    tag: str | None = "py3-none-any"
    #: As in JSON: a reason, or whether it is yanked.
    yanked: str | bool = False
    #: Whether the page gives another hash than the file has.
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """A version of a project."""

    version: str
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    requires_python: str | None = None
    #: Whether the page shows ``requires_python``; the metadata always has it.
    python_on_page: bool = True
    files: tuple[File, ...] = (File(),)
    defect: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """An index, and what a user requires of it."""

    projects: Mapping[str, tuple[Release, ...]]
    #: The first is the root.
    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    #: Whether the index has JSON pages, hashes, and metadata files beside the wheels.
    json: bool = True
    hashes: bool = True
    metadata_files: bool = False
    #: Whether source distributions may be built.
    builds: bool = False

    def has_defect(self, *defects: str) -> bool:
        """Whether a release has one of these defects."""
        return any(release.defect in defects for releases in self.projects.values() for release in releases)

    @property
    def changed_files(self) -> frozenset[str]:
        """The names of the files that have another hash than the index gives."""
        archives = (each for name in self.projects for each in self.archives(name))
        return frozenset(each.filename for each in archives if self.hashes and each.file.is_changed)

    def archives(self, name: str) -> tuple[Archive, ...]:
        """The files of a project."""
        return tuple(Archive(name, release, file) for release in self.projects.get(name, ()) for file in release.files)


@dataclass(frozen=True)
class Archive:
    """A file with its bytes."""

    name: str
    release: Release
    file: File

    @property
    def stem(self) -> str:
        """Name and version as file names spell them."""
        return f"{self.name.replace('-', '_')}-{self.release.version}"

    @cached_property
    def filename(self) -> str:
        return f"{self.stem}.tar.gz" if self.file.tag is None else f"{self.stem}-{self.file.tag}.whl"

    @cached_property
    def metadata(self) -> bytes:
        release = self.release
        if release.defect is not None and (text := DEFECTS[release.defect]) is not None:
            return text.replace("NAME", self.name).replace("VERSION", release.version).encode()
        lines = ["Metadata-Version: 2.4", f"Name: {self.name}", f"Version: {release.version}"]
        if release.requires_python is not None:
            lines.append(f"Requires-Python: {release.requires_python}")
        lines += [f"Provides-Extra: {extra}" for extra in release.extras]
        lines += [f"Requires-Dist: {requirement}" for requirement in release.requires]
        return ("\n".join(lines) + "\n").encode()

    @cached_property
    def content(self) -> bytes:
        if self.release.defect == "no zip":
            return b"no archive"
        if self.file.tag is None:
            return self._source
        buffer = io.BytesIO()
        info = f"{self.stem}.dist-info"
        members = {
            f"{self.name}/__init__.py": b"",
            f"{info}/METADATA": self.metadata,
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nTag: {self.file.tag}\n".encode(),
            f"{info}/RECORD": b"",
        }
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, content in members.items():
                # Without the time of now: page, file and minreq's index each make the archive, with the same hash.
                archive.writestr(zipfile.ZipInfo(path), content)
        return buffer.getvalue()

    @property
    def _source(self) -> bytes:
        broken = str(self.release.defect == "no build")
        backend = (
            _BACKEND.replace("$BROKEN", broken).replace("$METADATA", repr(self.metadata)).replace("$STEM", self.stem)
        )
        members = {"pyproject.toml": _PYPROJECT, "backend.py": backend, "PKG-INFO": self.metadata.decode()}
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, text in members.items():
                info = tarfile.TarInfo(f"{self.stem}/{path}")
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
        return gzip.compress(buffer.getvalue(), 1, mtime=0)

    def facts(self, case: Case) -> dict[str, Any]:
        """What the page has about the file, by the keys of PEP 691."""
        facts: dict[str, Any] = {"filename": self.filename, "url": f"../../files/{self.filename}", "hashes": {}}
        facts["yanked"] = self.file.yanked
        if case.hashes:
            facts["hashes"] = {"sha256": hashlib.sha256(self.content + b"x" * self.file.is_changed).hexdigest()}
        if self.release.requires_python is not None and self.release.python_on_page:
            facts["requires-python"] = self.release.requires_python
        if case.metadata_files and self.file.tag is not None:
            facts["core-metadata"] = {"sha256": hashlib.sha256(self.metadata).hexdigest()}
        return facts


def json_page(case: Case, name: str) -> str:
    """Return the page of a project (PEP 691)."""
    files = [archive.facts(case) for archive in case.archives(name)]
    return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files})


def html_page(case: Case, name: str) -> str:
    """Return the page of a project (PEP 503)."""
    anchors = []
    for archive in case.archives(name):
        facts = archive.facts(case)
        digest = f"#sha256={facts['hashes']['sha256']}" if facts["hashes"] else ""
        attributes = {"href": f"{facts['url']}{digest}"}
        if facts["yanked"] is not False:
            attributes["data-yanked"] = "" if facts["yanked"] is True else facts["yanked"]
        if "requires-python" in facts:
            attributes["data-requires-python"] = facts["requires-python"]
        if "core-metadata" in facts:
            attributes["data-core-metadata"] = f"sha256={facts['core-metadata']['sha256']}"
        text = " ".join(f'{key}="{escape(value)}"' for key, value in attributes.items())
        anchors.append(f"<a {text}>{archive.filename}</a>")
    return "<!DOCTYPE html>\n<html><body>\n" + "<br>\n".join(anchors) + "\n</body></html>\n"


NAMES = ("a", "b", "c", "d", "e", "f")
VERSIONS = ("2.0", "1.0", "3.0", "2.1", "1.1", "0.9", "2.0rc1", "3.0b2", "1.0.post1", "1.0+local", "2.0a1", "2.1.dev1")
#: The first of each table is the usual, and what hypothesis shrinks to.
SPECIFIERS = (
    *("",) * 30,
    *(">=1", ">=1.1", ">=2", "<2", "<3", "<=1.1", "<=2.0", "!=2.0", "!=2.*", "==1.*", "==2.*", "~=1.0", "~=2.0"),
    *(">=1", "<3", "!=3.0", ">0.9", "<=2.1", "==2.0", "==1.0", "==1.1", "===2.0", ">=2.0rc1", ">=2.0a1,<3", ">1,<3"),
    *(">9", "==2.1.dev1", ">=1,!=2.1"),
)
HOST = str(next(sys_tags()))
MACHINE = platform.machine()
#: A second platform: the host with another processor.
OTHER_MACHINE = "riscv64" if MACHINE != "riscv64" else "x86_64"
OTHER = HOST.replace(MACHINE, OTHER_MACHINE)
_PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
MARKERS = (
    *("",) * 12,
    *("sys_platform == 'linux'", "sys_platform == 'win32'", f"python_version >= '{_PYTHON}'", "python_version < '3'"),
    *(f"python_version < '{_PYTHON}'", "os_name == 'posix' and python_version >= '3'"),
    "platform_machine == 'never' or implementation_name == 'cpython'",
    *(f"platform_machine == '{MACHINE}'", f"platform_machine == '{OTHER_MACHINE}'"),
)
EXTRAS = (*("",) * 8, "[x]", "[y]", "[x,y]", "[gone]")
PYTHONS = (*(None,) * 12, ">=3", ">=3.99", "<3", ">=3.*", f">={_PYTHON}")
YANKED: tuple[str | bool, ...] = (*(False,) * 14, True, "reason", "")
FOREIGN = ("cp27-cp27m-manylinux2014_x86_64", "py3-none-win_amd64", "py2-none-any")
TAGS: tuple[tuple[str | None, ...], ...] = (
    *(("py3-none-any",),) * 14,
    *((HOST,), ("py3-none-any", HOST), ("2-py3-none-any", "10-py3-none-any", "py3-none-any"), (None,), (FOREIGN[0],)),
    *((HOST, OTHER), (OTHER,)),
    *(("py3-none-any", FOREIGN[0]), (HOST, FOREIGN[1], None), (FOREIGN[1], FOREIGN[2]), ("py3-none-any", None)),
)
DEFECTIVE = (*(None,) * 100, *DEFECTS)


def table(*columns: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw one entry of each column, all by one number, since a draw of hypothesis takes long."""

    def entries(number: int) -> tuple[Any, ...]:
        chosen = []
        for column in columns:
            number, entry = divmod(number, len(column))
            chosen.append(column[entry])
        return tuple(chosen)

    return st.integers(0, math.prod(map(len, columns)) - 1).map(entries)


#: A requirement of a package, and the extra that it is for, or neither.
REQUIREMENTS = table(NAMES[1:], EXTRAS, SPECIFIERS, MARKERS, ("", "", "", "x", "y"))
#: Tags, why the first is yanked, whether others are yanked apart, and whether the first was changed after its hash.
FILES = table(TAGS, YANKED, (None, None, None, None, "part"), (*(False,) * 40, True))
RELEASES = st.tuples(
    table(VERSIONS, PYTHONS, (True, True, True, False), DEFECTIVE), FILES, st.lists(REQUIREMENTS, max_size=3)
)
PROJECTS = st.lists(RELEASES, min_size=2, max_size=5, unique_by=lambda release: release[0][0])
ROOTS = table(("", "[x]"), SPECIFIERS, (True, False), (True, False), (True, False), (*(False,) * 12, True))


def format_requirement(name: str, extras: str, specifier: str, marker: str, extra: str = "") -> str:
    """Return a requirement, which counts only for *extra* where one is given."""
    if extra:
        marker = f"({marker}) and extra == '{extra}'" if marker else f"extra == '{extra}'"
    return f"{name}{extras}{specifier} ; {marker}" if marker else f"{name}{extras}{specifier}"


def make_release(drawn: tuple[Any, ...]) -> Release:
    """Return the release of these entries."""
    (version, python, python_on_page, defect), (tags, yanked, part, is_changed), requirements = drawn
    return Release(
        version=version,
        requires=tuple(format_requirement(*each) for each in requirements),
        extras=tuple(sorted({each[4] for each in requirements if each[4]})),
        requires_python=python,
        python_on_page=python_on_page,
        files=tuple(
            File(
                tag=tag,
                yanked=yanked if number == 0 or part is None else not yanked and "part",
                is_changed=is_changed and number == 0,
            )
            for number, tag in enumerate(tags)
        ),
        defect=defect,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """An index of up to six projects, and requirements of it."""
    number = len(NAMES) - draw(st.sampled_from((0, 0, 0, 0, 0, 1, 3)))
    projects = {name: tuple(map(make_release, draw(PROJECTS))) for name in NAMES[:number]}
    extras, specifier, json_pages, hashes, metadata_files, builds = draw(ROOTS)
    others = draw(st.lists(REQUIREMENTS, max_size=2)) if draw(st.integers(0, 3)) == 3 else []
    constraints = draw(st.lists(REQUIREMENTS, max_size=3)) if draw(st.integers(0, 3)) == 3 else []
    return Case(
        projects=projects,
        requirements=(f"a{extras}{specifier}", *(format_requirement(*each[:4]) for each in others)),
        constraints=tuple(
            format_requirement(name, "", specifier, marker) for name, _, specifier, marker, _ in constraints
        ),
        json=json_pages,
        hashes=hashes,
        metadata_files=metadata_files,
        builds=builds,
    )


def read_shape(text: str) -> tuple[Case, dict[str, str] | str]:
    """Read a file of ``scenarios/shapes``: the case, and its pins or the project of its conflict.

    A shape has an explanation, requirements, and projects with the requirements of each version.
    """
    data: dict[str, Any] = tomlkit.parse(text).unwrap()
    assert data.pop("explanation")
    expected: dict[str, str] | str = data.pop("conflict") if "conflict" in data else data.pop("pins")
    projects = {
        name: tuple(
            Release(version=version, requires=tuple(requires), extras=tuple(sorted(_named_extras(requires))))
            for version, requires in versions.items()
        )
        for name, versions in data.pop("projects").items()
    }
    case = Case(projects=projects, requirements=tuple(data.pop("requirements")))
    assert not data, "keys that nothing reads"
    return case, expected


def _named_extras(requires: list[str]) -> set[str]:
    return {extra for each in requires for extra in re.findall(r"extra == '(\w+)'", each)}


def describe(case: Case) -> str:
    """Return the case as text, for the message of a failed comparison."""
    lines = [f"requirements: {case.requirements}  constraints: {case.constraints}"]
    lines.append(f"json: {case.json}  hashes: {case.hashes}  metadata files: {case.metadata_files}")
    lines.append(f"builds: {case.builds}")
    for name, versions in case.projects.items():
        for release in sorted(versions, key=lambda each: Version(each.version), reverse=True):
            odd = [f"Python {release.requires_python}" for _ in [0] if release.requires_python]
            odd += [f"defect {release.defect}" for _ in [0] if release.defect]
            odd += [f"changed {file.tag}" for file in release.files if file.is_changed]
            odd += [f"extras {','.join(release.extras)}" for _ in [0] if release.extras]
            odd += [
                f"{tag} yanked {list(map(repr, (file.yanked for file in group)))}"
                for tag, group in groupby(release.files, key=lambda file: file.tag)
                if release.files != (File(),)
            ]
            lines.append(f"{canonicalize_name(name)} {release.version}: {list(release.requires)} {'; '.join(odd)}")
    return "\n".join(lines)
