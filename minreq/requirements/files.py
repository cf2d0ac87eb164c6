"""Reads requirements files in pip's format, and records the file and the line of each requirement.

The format is https://pip.pypa.io/en/stable/reference/requirements-file-format/. Other libraries that read it give no
line numbers, which a user needs to correct a file.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from urllib.request import url2pathname

from packaging.requirements import Requirement

from minreq.errors import RequirementsUnreadable
from minreq.model.parsing import shorten
from minreq.requirements.content import FileOption, RequirementsFile, UserRequirement
from minreq.requirements.lines import (
    DirectReference,
    Line,
    LineError,
    parse_hash,
    parse_line,
    parse_requirement,
    replace_variables,
)
from minreq.requirements.markers import applies
from minreq.requirements.text import decode, join_lines
from minreq.system import regularfile

_LOG = logging.getLogger(__name__)

#: The most files that include each other in a chain. A server could invent one after the other.
_MAX_DEPTH = 50

_URL = re.compile(r"https?:", re.IGNORECASE)
_LOCK_NAME = re.compile(r"pylock(\.[^.]+)?\.toml")

#: Options without effect on a lock, and the reason.
_WITHOUT_EFFECT = {
    "--use-feature": "it concerns pip itself",
    "--config-settings": "a lock has no place for settings of a build, so an installer would build without them",
    "--global-option": "a lock has no place for options of a build, so an installer would build without them",
    "--hash": "the line has no requirement",
}
_EDITABLE = "is a project in development, which has no release to lock; to lock what it requires, lock its folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file of another machine."""

    #: After redirects, without credentials; the files that it includes are relative to it.
    url: str
    content: bytes


@dataclass(slots=True, kw_only=True)
class RequirementsReader:
    """Reads a file of ``-r`` or ``-c``, and the files that it includes.

    *environments* are the markers of the platforms: a line that applies to none of them is left out. *fetch* reads a
    URL. Raises `RequirementsUnreadable`, which names file and line, also for requirements without a version to lock:
    paths, URLs; and what *fetch* raises.
    """

    environ: Mapping[str, str]
    environments: Sequence[Mapping[str, str]]
    fetch: Callable[[str], Fetched]

    def read(self, location: str | Path, *, constraint: bool = False) -> RequirementsFile:
        """Return the content of the file at *location*, a path or a URL."""
        content = _Content()
        self._read(_path_or_url(str(location)), content, constraint=constraint, included_from=())
        return content.freeze()

    def _read(self, location: str, content: _Content, *, constraint: bool, included_from: tuple[str, ...]) -> None:
        """Read *location*; *included_from* has the files that led to it, the innermost last."""
        key = location if _is_url(location) else os.path.realpath(location)
        if key in included_from:
            raise RequirementsUnreadable(included_from[-1], None, f"names {location}, which leads back to it")
        if len(included_from) == _MAX_DEPTH:
            raise RequirementsUnreadable(location, None, f"{_MAX_DEPTH} files lead to it, each by -r or -c")
        name, text = self._read_text(location)
        origin = f"{'-c' if constraint else '-r'} {name}"
        if not constraint and _LOCK_NAME.fullmatch(name.rpartition("/")[2]):
            from minreq.requirements import lockfile  # noqa: PLC0415 # Heavy, and seldom needed.

            content.requirements += lockfile.read_requirements(text, name, self.environments)
            content.has_hashes = True
            return
        number = 0
        try:
            for number, line in join_lines(text):
                place = _Place(origin=origin, base=name, line=number, constraint=constraint)
                for included in self._read_line(replace_variables(line, self.environ), content, place):
                    path = (*included_from, key)
                    self._read(included.location, content, constraint=included.constraint, included_from=path)
        except LineError as error:
            raise RequirementsUnreadable(name, number, str(error)) from error

    def _read_text(self, location: str) -> tuple[str, str]:
        """Return the name of the file, to show and as the base of included files, and its text."""
        if _is_url(location):
            fetched = self.fetch(location)
            name, content = fetched.url, fetched.content
        else:
            name, content = location, _read_file(Path(location))
        try:
            return name, decode(content)
        except ValueError as error:
            raise RequirementsUnreadable(name, None, f"it is no text: {error}") from error

    def _read_line(self, text: str, content: _Content, place: _Place) -> Iterator[_Included]:
        """Add what a line has to *content*, and yield the files that it includes."""
        line = parse_line(text)
        if line.ignored:
            content.add_note(place, f"{' '.join(line.ignored)} has no effect, as in pip: it follows an option")
        if line.requirement:
            self._add_requirement(line, content, place)
            return
        for name, value in line.options:
            if value is not None and name in {"--requirement", "--constraint"}:
                yield _Included(location=_join(place.base, value), constraint=name == "--constraint")
            elif name == "--editable":
                if place.constraint:
                    raise LineError(f"-e {value}: a constraint is not editable")
                content.add_note(place, f"-e {value} {_EDITABLE}")
            elif name in _WITHOUT_EFFECT:
                content.add_note(place, f"{name} has no effect: {_WITHOUT_EFFECT[name]}")
            else:
                relative = _option_value(place.base, name, value)
                content.options.append(FileOption(name=name, value=relative, origin=place.origin, line=place.line))

    def _add_requirement(self, line: Line, content: _Content, place: _Place) -> None:
        hashes = frozenset(parse_hash(value or "") for name, value in line.options if name == "--hash")
        content.has_hashes = content.has_hashes or bool(hashes)
        for name, _ in line.options:
            if name != "--hash":
                reason = _WITHOUT_EFFECT.get(name, "as in pip, it needs a line of its own")
                content.add_note(place, f"{name} has no effect: {reason}")
        requirement = parse_requirement(line.requirement)
        problem = _find_problem(requirement, line.requirement, constraint=place.constraint)
        try:
            if not applies(requirement.marker, self.environments):
                return
        except ValueError as error:
            raise LineError(str(error)) from error
        if isinstance(requirement, DirectReference) or problem:
            raise LineError(problem)
        user_requirement = UserRequirement(requirement=requirement, origin=place.origin, line=place.line, hashes=hashes)
        (content.constraints if place.constraint else content.requirements).append(user_requirement)


@dataclass(slots=True)
class _Content:
    """What was read so far."""

    requirements: list[UserRequirement] = field(default_factory=list)
    constraints: list[UserRequirement] = field(default_factory=list)
    options: list[FileOption] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    has_hashes: bool = False

    def add_note(self, place: _Place, sentence: str) -> None:
        self.notes.append(f"{place.origin} (line {place.line}): {sentence}")

    def freeze(self) -> RequirementsFile:
        return RequirementsFile(
            requirements=tuple(self.requirements),
            constraints=tuple(self.constraints),
            options=tuple(self.options),
            has_hashes=self.has_hashes,
            notes=tuple(self.notes),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The place of a line."""

    #: ``-r requirements.in``.
    origin: str
    #: The path or URL of the file.
    base: str
    line: int
    #: Whether the requirements of the file are constraints.
    constraint: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Included:
    """A file that a line includes."""

    location: str
    constraint: bool


def _find_problem(requirement: Requirement | DirectReference, text: str, *, constraint: bool) -> str:
    """Return why a lock cannot contain *requirement*, or ""; raise `LineError` where pip does in any case."""
    if isinstance(requirement, DirectReference):
        if constraint:
            raise LineError(f"{shorten(text)!r}: a constraint needs the name of a project")
        return requirement.problem
    if constraint and requirement.extras:
        raise LineError(f"{shorten(text)!r}: a constraint has no extras")
    # Only the resolver knows whether the closure has the project of a constraint.
    is_url = requirement.url is not None and not constraint
    return f"{shorten(text)!r} is a URL, which has no version to lock; use --find-links" if is_url else ""


def _option_value(base: str, option: str, value: str | None) -> str | None:
    """Return the value of an option in the file *base*; as in pip, find-links may be relative to that file."""
    if value is None or option != "--find-links":
        return value
    relative = _join(base, value)
    return relative if not _is_url(relative) and Path(relative).exists() else value


def _is_url(location: str) -> bool:
    """Whether *location* is a file of another machine."""
    return _URL.match(location) is not None


def _path_or_url(location: str) -> str:
    """Return *location*, a ``file:`` URL as a path."""
    return url2pathname(urlsplit(location).path) if location.lower().startswith("file:") else location


def _join(base: str, location: str) -> str:
    """Return *location*, which the file *base* names: a URL, or relative to *base*; raise `LineError`."""
    if "\0" in location:
        raise LineError(f"{shorten(location)!r} has a NUL character")
    try:
        joined = urljoin(base, location) if _is_url(base) else _path_or_url(location)
        urlsplit(joined)
    except ValueError as error:
        raise LineError(f"{location} is no URL: {error}") from error
    if _is_url(joined):
        return joined
    if _is_url(base):
        raise LineError(f"{location} is a file of this machine, and {base} is not")
    # As in pip, `..` leads out of a folder by its name, whether that is a link or not.
    return os.path.normpath(os.path.join(os.path.dirname(base), joined))  # noqa: PTH118, PTH120


def _read_file(path: Path) -> bytes:
    try:
        content = regularfile.read_whole(path)
    except FileNotFoundError as error:
        nearest = difflib.get_close_matches(path.name, _sibling_names(path), n=1)
        suggestion = f"; did you mean {path.with_name(nearest[0])}?" if nearest else ""
        raise RequirementsUnreadable(path, None, f"there is no such file{suggestion}") from error
    except OSError as error:
        raise RequirementsUnreadable(path, None, error.strerror or str(error)) from error
    except ValueError as error:
        raise RequirementsUnreadable(path, None, f"it is no file: {error}") from error
    _LOG.info("read %s", path)
    return content


def _sibling_names(path: Path) -> list[str]:
    try:
        return sorted(each.name for each in path.parent.iterdir() if each.is_file())
    except OSError:
        return []
