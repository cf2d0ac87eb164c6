"""Reads requirements files in pip's format, and records the file and the line of each requirement.

The format is https://pip.pypa.io/en/stable/reference/requirements-file-format/. Other libraries that read it give no
line numbers, which a user needs to correct a file.
"""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement

from minreq.errors import PipSettingInvalid, RequirementsUnreadable
from minreq.model.parsing import parse_requirement, shorten
from minreq.system import regularfile

_COMMENT = re.compile(r"(^|\s+)#.*$")
#: pip replaces variables of this spelling only.
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
#: Where the requirement of a line ends and its options start.
_OPTION = re.compile(r"\s+--?[a-z]")

#: Options of pip that would change the resolution and that minreq does not have, with the text of the error.
_REFUSED = {
    "pre": "is not supported; require a pre-release of a single project, as in a>=2.0rc1",
    "prefer_binary": "is not supported; --only-binary forbids source distributions",
    "use_feature": "concerns pip itself and has no effect on a lock",
}
#: Options that hold for every lock anyway.
_WITHOUT_EFFECT = frozenset({"require-hashes"})

_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRequirement:
    """A requirement of the user, with its origin for errors and locks."""

    requirement: Requirement
    #: ``--whole``, ``-r requirements.in``.
    origin: str
    #: ``None`` outside a file.
    line: int | None = None

    @property
    def place(self) -> str:
        """The origin with the line."""
        return self.origin if self.line is None else f"{self.origin} (line {self.line})"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOption:
    """An option of pip in a requirements file, for indexes (``--extra-index-url``) or file formats."""

    #: The long name.
    name: str
    #: ``None`` for a flag. A path is relative to the working directory or absolute.
    value: str | None
    origin: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementsFile:
    """The content of a requirements file and of the files that it includes."""

    requirements: tuple[UserRequirement, ...] = ()
    constraints: tuple[UserRequirement, ...] = ()
    #: The caller applies them: they hold for more than these requirements.
    options: tuple[FileOption, ...] = ()


def read_requirements(path: Path, environ: Mapping[str, str]) -> RequirementsFile:
    """Read a file of ``-r``, and the files that it includes: requirements, comments, ``${VARIABLES}``, options.

    Hashes are ignored: a lock has its own. Raises `RequirementsUnreadable`, which names file and line, also for
    requirements without a version to lock: editable projects, paths, URLs.
    """
    reader = _Reader(environ=environ)
    reader.read(path, constraint=False, included_from=())
    return reader.result()


def read_constraints(path: Path, environ: Mapping[str, str]) -> tuple[UserRequirement, ...]:
    """Read a file of ``-c``, as `read_requirements` does; extras are an error, options are ignored."""
    reader = _Reader(environ=environ)
    reader.read(path, constraint=True, included_from=())
    return reader.result().constraints


def constraint_path(setting: str) -> Path:
    """Return the file that the setting ``constraint`` of pip names, by path or URL.

    Raises `PipSettingInvalid` for a file that is not on this machine.
    """
    try:
        return _included_path(Path(), setting)
    except _LineError as error:
        expected = "a file on this machine; download it and name that"
        raise PipSettingInvalid("constraint", setting, expected) from error


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Collects requirements, constraints and options from a file and those that it includes."""

    environ: Mapping[str, str]
    _requirements: list[UserRequirement] = field(default_factory=list)
    _constraints: list[UserRequirement] = field(default_factory=list)
    _options: list[FileOption] = field(default_factory=list)

    def result(self) -> RequirementsFile:
        return RequirementsFile(
            requirements=tuple(self._requirements), constraints=tuple(self._constraints), options=tuple(self._options)
        )

    def read(self, path: Path, *, constraint: bool, included_from: tuple[Path, ...]) -> None:
        """Read *path*; *included_from* has the files that led to it, the innermost last."""
        if path in included_from:
            raise RequirementsUnreadable(included_from[-1], None, f"names {path}, which leads back to it")
        origin = f"{'-c' if constraint else '-r'} {path}"
        for number, line in _join_lines(_read_text(path)):
            text = _VARIABLE.sub(lambda match: self.environ.get(match[1]) or match[0], line)
            try:
                if not text.startswith("-"):
                    self._add_requirement(text, origin, number, constraint=constraint)
                    continue
                for option, value in _parse_options(text):
                    if option in {"requirement", "constraint"}:
                        is_constraint = constraint or option == "constraint"
                        included = _included_path(path, value)
                        self.read(included, constraint=is_constraint, included_from=(*included_from, path))
                    elif option not in _WITHOUT_EFFECT:
                        relative = _option_value(path, option, value)
                        self._options.append(FileOption(name=f"--{option}", value=relative, origin=origin, line=number))
            except _LineError as error:
                raise RequirementsUnreadable(path, number, str(error)) from error

    def _add_requirement(self, text: str, origin: str, line: int, *, constraint: bool) -> None:
        requirement = _parse_requirement(_OPTION.split(text, maxsplit=1)[0])
        if constraint and requirement.extras:
            raise _LineError(f"{shorten(text)!r}: a constraint has no extras")
        user_requirement = UserRequirement(requirement=requirement, origin=origin, line=line)
        (self._constraints if constraint else self._requirements).append(user_requirement)


class _LineError(ValueError):
    """What is wrong with a line."""


class _OptionParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _LineError(message)


def _make_option_parser() -> _OptionParser:
    parser = _OptionParser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    with_short_name = ("-r --requirement", "-c --constraint", "-e --editable", "-i --index-url", "-f --find-links")
    long_names = ("--extra-index-url", "--no-binary", "--only-binary", "--trusted-host", "--use-feature")
    for names in (*with_short_name, *long_names):
        parser.add_argument(*names.split(), action="append")
    for flag in ("--no-index", "--pre", "--prefer-binary", "--require-hashes"):
        parser.add_argument(flag, action="store_true")
    return parser


_OPTION_PARSER = _make_option_parser()


def _parse_options(text: str) -> Iterator[tuple[str, Any]]:
    """Yield the options of a line by long name without dashes; ``-e`` is an error."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise _LineError(f"{shorten(text)!r}: {error}") from error
    for name, value in vars(_OPTION_PARSER.parse_args(words)).items():
        if name == "editable":
            problem = "is editable and has no released version to lock; build a wheel for --find-links"
            raise _LineError(f"{shorten(text)!r} {problem}")
        if name in _REFUSED:
            raise _LineError(f"--{name.replace('_', '-')} {_REFUSED[name]}")
        for single in value if isinstance(value, list) else (value,):
            yield name.replace("_", "-"), single


def _option_value(path: Path, option: str, value: object) -> str | None:
    """Return the value of an option in *path*; as in pip, a folder of find-links may be relative to that file."""
    if not isinstance(value, str):
        return None
    relative = path.parent / value
    return str(relative) if option == "find-links" and relative.exists() else value


def _included_path(path: Path, location: str) -> Path:
    """Return the file at *location*, a URL or a path relative to that of the file *path*."""
    url = urlsplit(location)
    if url.scheme == "file":
        return Path(url2pathname(url.path))
    if url.scheme in {"http", "https"}:
        raise _LineError(f"{location} is not on this machine; download it and name the file")
    return path.parent / location


def _parse_requirement(text: str) -> Requirement:
    shown = repr(shorten(text))
    try:
        requirement = parse_requirement(text)
    except InvalidRequirement as error:
        if "/" in text or "\\" in text:
            raise _LineError(f"{shown} is a path or URL, which has no version to lock; use --find-links") from error
        first, *_ = str(error).splitlines()
        raise _LineError(f"{shown} is no requirement: {first}") from error
    if requirement.url is not None:
        raise _LineError(f"{shown} is a URL, which has no version to lock; use --find-links")
    # A name may hold dots; pip takes what ends like an archive for a file.
    if requirement.name.endswith(_ARCHIVES):
        raise _LineError(f"{shown} is a file, which has no version to lock; use --find-links")
    return requirement


def _read_text(path: Path) -> str:
    """Return the text, in the encoding that the file declares as Python source does, else UTF-8."""
    try:
        with regularfile.open_stream(path) as file:
            encoding, _ = tokenize.detect_encoding(file.readline)
        return regularfile.read_text(path, encoding)
    except FileNotFoundError as error:
        nearest = difflib.get_close_matches(path.name, _sibling_names(path), n=1)
        suggestion = f"; did you mean {path.with_name(nearest[0])}?" if nearest else ""
        raise RequirementsUnreadable(path, None, f"there is no such file{suggestion}") from error
    except OSError as error:
        raise RequirementsUnreadable(path, None, error.strerror or str(error)) from error
    except (SyntaxError, ValueError) as error:
        # Bytes that are not of the encoding, or an invalid file name.
        raise RequirementsUnreadable(path, None, f"it is no text: {error}") from error


def _sibling_names(path: Path) -> list[str]:
    try:
        return sorted(each.name for each in path.parent.iterdir() if each.is_file())
    except OSError:
        return []


def _join_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with content, continued lines joined, each with the number of its first line."""
    start = 0
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        start = start if parts else number
        # A comment ends a continued line, and a backslash in a comment continues nothing.
        continued = line.endswith("\\") and not _COMMENT.match(line)
        parts.append(line[:-1] if continued else line if not _COMMENT.match(line) else f" {line}")
        if not continued:
            yield from _strip_comments(start, parts)
            parts = []
    yield from _strip_comments(start, parts)


def _strip_comments(number: int, parts: list[str]) -> Iterator[tuple[int, str]]:
    line = _COMMENT.sub("", "".join(parts)).strip()
    if line:
        yield number, line
