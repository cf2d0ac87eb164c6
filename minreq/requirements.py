"""Requirements as people state them: with the place they were written, and in files as pip reads them.

The format is pip's own (https://pip.pypa.io/en/stable/reference/requirements-file-format/). The libraries that read it
do not tell the line a requirement stands on, which is what a person with a wrong file needs.
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

_COMMENT = re.compile(r"(^|\s+)#.*$")
#: Only this spelling is a variable to pip: it is the same in every shell.
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
#: Where the requirement of a line ends and options of its own begin.
_OPTION = re.compile(r"\s+--?[a-z]")

#: What is said about options of pip that would change what is chosen, and that have another way here.
_REFUSED = {
    "pre": "is not known here; ask for pre-releases of single projects, as in a>=2.0rc1",
    "prefer_binary": "is not known here; --only-binary forbids source distributions",
    "use_feature": "is about pip itself and has no meaning here",
}
#: What holds for every lock.
_WITHOUT_EFFECT = frozenset({"require-hashes"})

_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedRequirement:
    """A requirement somebody wrote, and where: what an error or a lock says about it."""

    requirement: Requirement
    #: ``--whole``, ``-r requirements.in``.
    origin: str
    #: In a file.
    line: int | None = None

    @property
    def place(self) -> str:
        """The origin with the line."""
        return self.origin if self.line is None else f"{self.origin} (line {self.line})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedOption:
    """An option of pip in a file, about the places of files (``--extra-index-url``) or their formats."""

    #: Its long name.
    name: str
    #: ``None`` for a flag. A path is relative to the working directory or absolute.
    value: str | None
    origin: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a file says, and the files it names."""

    requirements: tuple[StatedRequirement, ...] = ()
    constraints: tuple[StatedRequirement, ...] = ()
    #: Left to the caller: they are about more than these requirements.
    options: tuple[StatedOption, ...] = ()


def read_requirements(path: Path, environ: Mapping[str, str]) -> Requirements:
    """Read a file of ``-r``, and those it names: a requirement a line, comments, ``${VARIABLES}``, options.

    Hashes are passed over: a lock has its own. Raises `RequirementsUnreadable`, which names file and line, also for
    what cannot be locked by version: editable projects, paths, URLs.
    """
    reading = _Reading(environ=environ)
    reading.file(path, constraint=False, within=())
    return reading.result()


def read_constraints(path: Path, environ: Mapping[str, str]) -> tuple[StatedRequirement, ...]:
    """Read a file of ``-c``; as `read_requirements`, without extras; its options are passed over."""
    reading = _Reading(environ=environ)
    reading.file(path, constraint=True, within=())
    return reading.result().constraints


def constraint_file(setting: str) -> Path:
    """The file that ``constraint`` in the configuration of pip names, by path or URL.

    Raises `PipSettingInvalid` for one that is not on this machine.
    """
    try:
        return _nested(Path(), setting)
    except _Fault as fault:
        expected = "a file on this machine; download it and name that"
        raise PipSettingInvalid("constraint", setting, expected) from fault


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What has been read so far."""

    environ: Mapping[str, str]
    _requirements: list[StatedRequirement] = field(default_factory=list)
    _constraints: list[StatedRequirement] = field(default_factory=list)
    _options: list[StatedOption] = field(default_factory=list)

    def result(self) -> Requirements:
        return Requirements(
            requirements=tuple(self._requirements), constraints=tuple(self._constraints), options=tuple(self._options)
        )

    def file(self, path: Path, *, constraint: bool, within: tuple[Path, ...]) -> None:
        """Read *path*, named by the files *within*, the innermost last."""
        if path in within:
            raise RequirementsUnreadable(within[-1], None, f"names {path}, which leads back to it")
        origin = f"{'-c' if constraint else '-r'} {path}"
        for number, line in _lines(_text(path)):
            text = _VARIABLE.sub(lambda match: self.environ.get(match[1]) or match[0], line)
            try:
                if not text.startswith("-"):
                    self._requirement(text, origin, number, constraint=constraint)
                    continue
                for option, value in _options(text):
                    if option in {"requirement", "constraint"}:
                        nested = _nested(path, value)
                        self.file(nested, constraint=constraint or option == "constraint", within=(*within, path))
                    elif option not in _WITHOUT_EFFECT:
                        said = _beside(path, option, value)
                        self._options.append(StatedOption(name=f"--{option}", value=said, origin=origin, line=number))
            except _Fault as fault:
                raise RequirementsUnreadable(path, number, str(fault)) from fault

    def _requirement(self, text: str, origin: str, line: int, *, constraint: bool) -> None:
        requirement = _parsed(_OPTION.split(text, maxsplit=1)[0])
        if constraint and requirement.extras:
            raise _Fault(f"{text!r}: a constraint has no extras")
        stated = StatedRequirement(requirement=requirement, origin=origin, line=line)
        (self._constraints if constraint else self._requirements).append(stated)


class _Fault(ValueError):
    """What is wrong with a line."""


class _OptionParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Fault(message)


def _option_parser() -> _OptionParser:
    parser = _OptionParser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    values = ("-r --requirement", "-c --constraint", "-e --editable", "-i --index-url", "-f --find-links")
    longer = ("--extra-index-url", "--no-binary", "--only-binary", "--trusted-host", "--use-feature")
    for names in (*values, *longer):
        parser.add_argument(*names.split(), action="append")
    for flag in ("--no-index", "--pre", "--prefer-binary", "--require-hashes"):
        parser.add_argument(flag, action="store_true")
    return parser


_OPTION_PARSER = _option_parser()


def _options(text: str) -> Iterator[tuple[str, Any]]:
    """The options of a line, by long name without dashes; ``-e`` is a fault."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise _Fault(f"{text!r}: {error}") from error
    for name, value in vars(_OPTION_PARSER.parse_args(words)).items():
        if name == "editable":
            raise _Fault(f"{text!r} is editable and has no released version to lock; build a wheel for --find-links")
        if name in _REFUSED:
            raise _Fault(f"--{name.replace('_', '-')} {_REFUSED[name]}")
        for single in value if isinstance(value, list) else (value,):
            yield name.replace("_", "-"), single


def _beside(path: Path, option: str, value: object) -> str | None:
    """The value of an option in *path*; a folder of find-links is looked for beside that file first, as pip does."""
    if not isinstance(value, str):
        return None
    beside = path.parent / value
    return str(beside) if option == "find-links" and beside.exists() else value


def _nested(path: Path, named: str) -> Path:
    """The file that *path* names, relative to it."""
    url = urlsplit(named)
    if url.scheme == "file":
        return Path(url2pathname(url.path))
    if url.scheme in {"http", "https"}:
        raise _Fault(f"{named} is not on this machine; download it and name the file")
    return path.parent / named


def _parsed(text: str) -> Requirement:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        if "/" in text or "\\" in text:
            raise _Fault(f"{text!r} is a path or URL, which has no version to lock; use --find-links") from error
        first, *_ = str(error).splitlines()
        raise _Fault(f"{text!r} is no requirement: {first}") from error
    if requirement.url is not None:
        raise _Fault(f"{text!r} is a URL, which has no version to lock; use --find-links")
    # A name may hold dots; pip takes what ends like an archive for a file.
    if requirement.name.endswith(_ARCHIVES):
        raise _Fault(f"{text!r} is a file, which has no version to lock; use --find-links")
    return requirement


def _text(path: Path) -> str:
    """The text, in the encoding that the file declares as Python source does, else UTF-8."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except FileNotFoundError as error:
        nearest = difflib.get_close_matches(path.name, _names_beside(path), n=1)
        suggestion = f"; did you mean {path.with_name(nearest[0])}?" if nearest else ""
        raise RequirementsUnreadable(path, None, f"there is no such file{suggestion}") from error
    except OSError as error:
        raise RequirementsUnreadable(path, None, error.strerror or str(error)) from error
    except (SyntaxError, ValueError) as error:
        # Bytes that are not of the encoding, or a name that no file can have.
        raise RequirementsUnreadable(path, None, f"it is no text: {error}") from error


def _names_beside(path: Path) -> list[str]:
    try:
        return sorted(each.name for each in path.parent.iterdir() if each.is_file())
    except OSError:
        return []


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, continued ones joined, with the number of their first."""
    start = 0
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        start = start if parts else number
        # A comment ends a continued line, and its own backslash continues nothing.
        continued = line.endswith("\\") and not _COMMENT.match(line)
        parts.append(line[:-1] if continued else line if not _COMMENT.match(line) else f" {line}")
        if not continued:
            yield from _saying(start, parts)
            parts = []
    yield from _saying(start, parts)


def _saying(number: int, parts: list[str]) -> Iterator[tuple[int, str]]:
    line = _COMMENT.sub("", "".join(parts)).strip()
    if line:
        yield number, line
