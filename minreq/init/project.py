"""Reads a folder: its requirements, how it is shipped, where its checks run, and whether it has a configuration."""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from minreq.config.settings import DEFAULT_OUTPUT
from minreq.errors import ConfigurationUnreadable
from minreq.init.deployment import Deployment, find_deployments
from minreq.init.poetry import read_dependencies
from minreq.requirements import join_lines
from minreq.scan.usage import Place
from minreq.system import regularfile, zipfiles

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Host = Literal["github", "gitlab"]

PYPROJECT = "pyproject.toml"
PRE_COMMIT = ".pre-commit-config.yaml"
#: The files that `minreq init` may write: their texts are read.
_OWN_FILES = (PYPROJECT, PRE_COMMIT, ".gitlab-ci.yml", ".gitlab/minreq.yml", ".github/workflows/minreq.yml", "smoke.py")
_MOST_BYTES = 4_000_000
_TABLE = re.compile(r"\s*\[\s*tool\s*\.\s*\"?minreq\"?\s*[.\]]")
#: Where layers are kept, as the documentation of AWS lays them out.
_LAYER_FOLDERS = ("layer/python", "python", "layers/python")
_DIST_INFO = re.compile(r"(?:.*/)?(?P<distribution>[^/]+)\.dist-info/METADATA")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredRoot:
    """A line that requires the root."""

    place: Place
    requirement: Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer that is there already, as a folder or as a zip."""

    path: str
    distributions: int
    #: Unpacked.
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What the files of a folder say."""

    #: Text of each file that minreq may write and that is there, by its path with ``/``.
    files: dict[str, str]
    #: The line of ``[tool.minreq]`` in ``pyproject.toml``, ``None`` where there is none.
    table_line: int | None
    declared: tuple[DeclaredRoot, ...]
    deployments: tuple[Deployment, ...]
    layers: tuple[Layer, ...]
    host: Host | None
    #: Whether the folder is below the top of its repository.
    is_subfolder: bool = False


def read_project(folder: Path, root: str) -> Project:
    """Return what the files in *folder* say of it and of *root*, a normalized name.

    Raises ``ConfigurationUnreadable`` for a ``pyproject.toml`` that is no TOML.
    """
    files: dict[str, str] = {}
    for name in _OWN_FILES:
        if (text := read_own(folder / name)) is not None:
            files[name] = text
    pyproject = files.get(PYPROJECT, "")
    document = _parse_document(pyproject, folder)
    return Project(
        files=files,
        table_line=_find_table(pyproject, document),
        declared=(*_read_declared(pyproject, document, root), *_read_requirements(folder, root)),
        deployments=find_deployments(folder),
        layers=tuple(_find_layers(folder)),
        host=_find_host(folder, files),
        is_subfolder=_is_subfolder(folder.resolve()),
    )


def read_own(path: Path) -> str | None:
    """Return the text of a file that minreq may write, ``None`` without one. Raises ``ConfigurationUnreadable``."""
    try:
        # Not `regularfile.read_text`: line ends stay as they are.
        return _read_limited(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationUnreadable(path, str(error)) from error


def _read_limited(path: Path) -> str:
    """Return all of a file, never its beginning alone: it may be written again. Raises ``OSError``, ``ValueError``."""
    content = regularfile.read(path, _MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
    return content.decode()


def _parse_document(text: str, folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationUnreadable(folder / PYPROJECT, str(error)) from error


def _find_table(text: str, document: dict[str, Any]) -> int | None:
    """Return the line of the configuration, in whatever way it is written (``minreq = {}`` below ``[tool]``)."""
    tool = document.get("tool")
    if not isinstance(tool, dict) or "minreq" not in tool:
        return None
    lines = text.splitlines()
    headers = [number for number, line in enumerate(lines, 1) if _TABLE.match(line)]
    return next(iter((*headers, *(number for number, line in enumerate(lines, 1) if "minreq" in line))), 1)


def _is_subfolder(folder: Path) -> bool:
    return not (folder / ".git").exists() and any((each / ".git").exists() for each in folder.parents)


def _read_declared(text: str, document: dict[str, Any], root: str) -> Iterator[DeclaredRoot]:
    project = document.get("project")
    declared = project.get("dependencies") if isinstance(project, dict) else None
    for each in declared if isinstance(declared, list) else []:
        requirement = _parse(str(each), root)
        if requirement is not None:
            line = next((number for number, line in enumerate(text.splitlines(), 1) if str(each) in line), 1)
            yield DeclaredRoot(place=Place(file=PYPROJECT, line=line), requirement=requirement)
    for requirement in read_dependencies(document):
        if canonicalize_name(requirement.name) == root:
            line = _find_poetry_line(text, requirement.name)
            yield DeclaredRoot(place=Place(file=PYPROJECT, line=line), requirement=requirement)


def _find_poetry_line(text: str, name: str) -> int:
    """Return the first line that has *name*, from where Poetry is named on."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if "poetry" in line), 0)
    named = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    return next((number for number, line in enumerate(lines[start:], start + 1) if named.search(line)), 1)


def _read_requirements(folder: Path, root: str) -> Iterator[DeclaredRoot]:
    for path in sorted({*folder.glob("requirements*.txt"), *folder.glob("requirements*.in")}):
        if path.name == DEFAULT_OUTPUT.name:
            continue  # A lock of minreq declares nothing of the project.
        with suppress(OSError, ValueError):
            for number, line in join_lines(_read_limited(path)):
                requirement = _parse(line.split(" --")[0], root)
                if requirement is not None:
                    yield DeclaredRoot(place=Place(file=path.name, line=number), requirement=requirement)


def _parse(text: str, root: str) -> Requirement | None:
    """Return the requirement in *text* if it is one of *root*; lines of other kinds are not for `minreq init`."""
    with suppress(InvalidRequirement):
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == root and requirement.url is None:
            return requirement
    return None


def _find_layers(folder: Path) -> Iterator[Layer]:
    for name in _LAYER_FOLDERS:
        infos = [*(folder / name).glob("*.dist-info"), *(folder / name).glob("lib/python3*/site-packages/*.dist-info")]
        if infos:
            sizes = (path.stat().st_size for path in (folder / name).rglob("*") if regularfile.is_regular(path))
            yield Layer(path=name, distributions=len(infos), bytes=sum(sizes))
    for path in sorted(folder.glob("*.zip")):
        with suppress(zipfiles.ArchiveRefused, *zipfiles.READ_ERRORS), zipfiles.open_archive(path) as archive:
            members = archive.infolist()
            found = {match["distribution"] for each in members if (match := _DIST_INFO.fullmatch(each.filename))}
            if found:
                yield Layer(path=path.name, distributions=len(found), bytes=sum(each.file_size for each in members))


def _find_host(folder: Path, files: dict[str, str]) -> Host | None:
    """Return who runs the checks: by the files for them, or else by the remotes of git."""
    if ".gitlab-ci.yml" in files:
        return "gitlab"
    if (folder / ".github").is_dir():
        return "github"
    remotes = configparser.ConfigParser(strict=False, interpolation=None)
    with suppress(OSError, ValueError, configparser.Error):
        remotes.read_string(regularfile.read_text(folder / ".git/config"))
    urls = [remotes.get(section, "url", fallback="") for section in remotes.sections() if section.startswith("remote")]
    for url in urls:
        if "github" in url:
            return "github"
        if "gitlab" in url:
            return "gitlab"
    return None
