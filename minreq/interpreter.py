"""Finds out version, markers and tags of an interpreter, and defines the deployment platforms by name."""

from __future__ import annotations

import difflib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import packaging
from packaging import markers
from packaging.tags import Tag, compatible_tags, cpython_tags, sys_tags
from packaging.version import Version

from minreq.errors import PythonNotFound, PythonUnusable, UnknownPlatform
from minreq.model import Platform
from minreq.model.parsing import parse_version

_LOG = logging.getLogger(__name__)

#: The oldest Python that minreq locks for and runs a smoke on.
OLDEST_PYTHON = (3, 10)

#: Seconds that an interpreter may take to answer.
_TIMEOUT = 60
#: The status of a shell for a command that it does not find.
_NOT_FOUND = 127

#: The interpreter, of any version, runs this script, which prints JSON. It imports the packaging that minreq runs
#: with, from the folder in the argument, and nothing of its own environment.
_PLATFORM_SCRIPT = """
import json, sys
facts = {"version": sys.version.split()[0]}
if sys.version_info >= (3, 10):
    sys.path.append(sys.argv[1])
    from packaging import markers, tags
    facts.update(
        version=".".join(map(str, sys.version_info[:3])),
        markers=markers.default_environment(),
        tags=[str(tag) for tag in tags.sys_tags()],
        base_executable=getattr(sys, "_base_executable", None) or sys.executable,
        base_prefix=sys.base_prefix,
    )
print(json.dumps(facts))
"""

#: The glibc of each Lambda runtime: Amazon Linux 2 up to Python 3.11, Amazon Linux 2023 from 3.12 on
#: (AWS Lambda developer guide, "Lambda runtimes").
_LAMBDA_GLIBC = {"3.10": (2, 26), "3.11": (2, 26), "3.12": (2, 34), "3.13": (2, 34), "3.14": (2, 34)}

#: Architectures by Lambda's name, with the kernel's name, which tags and markers use.
_LAMBDA_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}

#: The oldest glibc that has a tag: PEP 600 for x86_64, PEP 599 for later architectures.
_OLDEST_GLIBC = {"x86_64": 5, "aarch64": 17}

#: Older names of the same tags (PEP 600, "Legacy manylinux tags").
_LEGACY_MANYLINUX = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python on this machine."""

    #: The path to start; that of the virtual environment where there is one.
    executable: Path
    #: The interpreter that creates its virtual environments.
    base_executable: Path
    #: The installation of *base_executable*.
    base_prefix: Path
    platform: Platform

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the installation, as named and with links resolved."""
        executable, prefix = self.base_executable, self.base_prefix
        return (prefix, prefix.resolve(), executable.parent.parent, executable.resolve().parent.parent)


def host_platform(python: Path | None = None) -> Platform:
    """Return the platform of *python*, by default of the interpreter that minreq runs on.

    Raises :class:`PythonNotFound` and :class:`PythonUnusable`.
    """
    return find_interpreter(python).platform


def find_interpreter(python: Path | None = None) -> Interpreter:
    """Run *python* to find out about it.

    *python* is a path, a command on ``PATH``, a version (``3``, ``3.13``, ``3.13.1``) or the folder of a virtual
    environment. The child runs isolated and without ``site``, so it executes no ``.pth`` file of its environment.

    A command that is on ``PATH`` several times is the first one that works: a shim of pyenv fails for a version that is
    not activated. Raises :class:`PythonNotFound` and :class:`PythonUnusable`.
    """
    problem: Exception = PythonNotFound(str(python))
    for executable in _find_executables(python):
        try:
            found = _describe_own_interpreter() if str(executable) == sys.executable else _ask_interpreter(executable)
        except PythonUnusable as error:
            problem = problem if isinstance(problem, PythonUnusable) else error
            continue
        version = _VERSION.fullmatch(str(python))
        # The name of the command has no patch version.
        if not (version and version["patch"]) or str(found.platform.python_version) == str(python):
            return found
    raise problem


@cache
def _describe_own_interpreter() -> Interpreter:
    """Return the interpreter that runs minreq. It need not be started: what `_PLATFORM_SCRIPT` prints is known here."""
    facts = {
        "version": ".".join(map(str, sys.version_info[:3])),
        "markers": markers.default_environment(),
        "tags": [str(tag) for tag in sys_tags()],
        "base_executable": getattr(sys, "_base_executable", None) or sys.executable,
        "base_prefix": sys.base_prefix,
    }
    return _make_interpreter(Path(sys.executable), facts)


def _ask_interpreter(executable: Path) -> Interpreter:
    # The folder with packaging has the rest of minreq's environment too, so the script appends it to the path.
    folder = Path(packaging.__path__[0]).parent
    try:
        answer = subprocess.run(
            [executable, "-I", "-S", "-c", _PLATFORM_SCRIPT, folder],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
        facts = json.loads(answer.stdout) if not answer.returncode else None
    except (OSError, subprocess.TimeoutExpired, ValueError, RecursionError) as error:
        raise PythonUnusable(str(executable), f"it does not answer as a Python does ({error})") from error
    if facts is None:
        raise PythonUnusable(str(executable), _describe_failure(executable, answer.returncode, answer.stderr))
    if "tags" not in facts:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise PythonUnusable(str(executable), f"it is Python {facts['version']}, minreq needs {oldest} or newer")
    _LOG.info("started %s to ask for its platform: Python %s", executable, facts["version"])
    return _make_interpreter(executable, facts)


def _make_interpreter(executable: Path, facts: Mapping[str, Any]) -> Interpreter:
    return Interpreter(
        executable=executable,
        base_executable=_base_executable(Path(facts["base_executable"]), Path(facts["base_prefix"])),
        base_prefix=Path(facts["base_prefix"]),
        platform=Platform(
            name="host",
            python_version=parse_version(facts["version"]),
            markers=dict(sorted(facts["markers"].items())),
            tags=tuple(Tag(*tag.split("-")) for tag in facts["tags"]),
        ),
    )


def _describe_failure(executable: Path, status: int, stderr: str) -> str:
    """Return why an interpreter that ended with *status* cannot be used, and what to do where that is known."""
    lines = stderr.strip().splitlines() or ["nothing"]
    if status != _NOT_FOUND:
        # The error of a Python is its last line.
        return f"it ends with status {status} and prints: {lines[-1]}"
    # A shim of pyenv finds no Python to start, and says so in its first line.
    why = f"it ends with status {status} and prints: {lines[0]}"
    version = executable.name.removeprefix("python")
    if executable.parent.name != "shims" or not _VERSION.fullmatch(version):
        return f"{why}; name the path of an interpreter with --python"
    return (
        f"{why}; it is a shim of pyenv, which starts only versions that are activated: run `pyenv shell {version}`, "
        f'or name the interpreter itself: --python "$(pyenv prefix {version})/bin/python"'
    )


#: An interpreter without ``site`` runs this script. It does not know its own virtual environment then: the argument is
#: the folder of the environment, empty where there is none.
_SITE_SCRIPT = """
import json, sys, sysconfig
known, folder = sysconfig.get_scheme_names(), sys.argv[1]
scheme = ("venv" if "venv" in known else "posix_prefix") if folder else sysconfig.get_default_scheme()
base = {"base": folder, "platbase": folder} if folder else {}
print(json.dumps([sysconfig.get_path(name, scheme, base) for name in ("purelib", "platlib")]))
"""


def site_folders(interpreter: Interpreter) -> tuple[Path, ...]:
    """Return the folders for distributions of *interpreter*: ``purelib`` and ``platlib``, often the same.

    It executes no ``.pth`` file. Raises :class:`PythonUnusable`.
    """
    prefix = interpreter.executable.parent.parent
    folder = str(prefix) if (prefix / "pyvenv.cfg").is_file() else ""
    try:
        answer = subprocess.run(
            [interpreter.executable, "-I", "-S", "-c", _SITE_SCRIPT, folder],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_TIMEOUT,
            check=True,
        )
        return tuple(dict.fromkeys(map(Path, json.loads(answer.stdout))))
    except (OSError, subprocess.SubprocessError, ValueError, RecursionError) as error:
        raise PythonUnusable(str(interpreter.executable), f"it does not report its site-packages ({error})") from error


#: What names an interpreter by its version, as tox and uv take it.
_VERSION = re.compile(r"(?P<major>[0-9])(\.(?P<minor>[0-9]{1,2})(\.(?P<patch>[0-9]{1,2}))?)?")


def _find_executables(python: Path | None) -> list[Path]:
    """Return the executables that *python* may mean, at least one; raises ``PythonNotFound``."""
    if python is None:
        return [Path(sys.executable)]
    if python.is_dir():
        python /= "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    version = _VERSION.fullmatch(str(python))
    if version and "{}.{}.{}.".format(*sys.version_info).startswith(f"{python}."):
        return [Path(sys.executable)]
    name = f"python{'.'.join(str(python).split('.')[:2])}" if version else str(python)
    folders = [None] if os.sep in name else os.get_exec_path()
    found = dict.fromkeys(each for folder in folders if (each := shutil.which(name, path=folder)) is not None)
    if not found:
        raise PythonNotFound(str(python))
    # Not resolved: through the link, Python finds its virtual environment.
    on_path = [Path(each).absolute() for each in found]
    return [*on_path, *(_find_behind_shims(on_path) if version else ())]


def _find_behind_shims(executables: Iterable[Path]) -> Iterator[Path]:
    """Yield the interpreters that the shims of pyenv among *executables* start where activated, the newest first."""
    for shim in executables:
        if shim.parent.name == "shims":
            version = shim.name.removeprefix("python")
            found = [*shim.parent.parent.joinpath("versions").glob(f"{version}.*/bin/{shim.name}")]
            named = [
                (Version(each.parents[1].name), each) for each in found if _VERSION.fullmatch(each.parents[1].name)
            ]
            yield from (each for _, each in sorted(named, reverse=True))


def _base_executable(executable: Path, base_prefix: Path) -> Path:
    """Return the base executable; Python 3.10 names that of the virtual environment instead, a link to it or a copy."""
    if not (executable.parent.parent / "pyvenv.cfg").is_file():
        return executable
    installed = base_prefix / "bin" / executable.resolve().name
    return installed if installed.is_file() else executable.resolve()


def preset_names() -> tuple[str, ...]:
    """Return the names of the deployment platforms, sorted by version of Python."""
    return tuple(f"lambda-python{python}-{machine}" for python in _LAMBDA_GLIBC for machine in sorted(_LAMBDA_MACHINES))


def preset_platform(name: str) -> Platform:
    """Return the deployment platform of that name, with 0 for the patch version of Python, which AWS changes.

    Raises :class:`UnknownPlatform`.
    """
    if name not in preset_names():
        close = difflib.get_close_matches(name, preset_names(), n=1)
        raise UnknownPlatform(name, preset_names(), close[0] if close else None)
    python, architecture = name.removeprefix("lambda-python").split("-")
    machine, glibc = _LAMBDA_MACHINES[architecture], _LAMBDA_GLIBC[python]
    major, minor = map(int, python.split("."))
    platforms = list(_manylinux(machine, glibc))
    nodot = f"cp{major}{minor}"
    return Platform(
        name=name,
        python_version=Version(f"{python}.0"),
        markers={
            "implementation_name": "cpython",
            "implementation_version": f"{python}.0",
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{python}.0",
            "python_version": python,
            "sys_platform": "linux",
        },
        tags=(
            *cpython_tags((major, minor), abis=[nodot], platforms=platforms),
            *compatible_tags((major, minor), interpreter=nodot, platforms=platforms),
        ),
    )


def _manylinux(machine: str, glibc: tuple[int, int]) -> Iterator[str]:
    """Yield the platform tags that a glibc satisfies, newest first; each legacy tag follows its new form."""
    major, newest = glibc
    for minor in range(newest, _OLDEST_GLIBC[machine] - 1, -1):
        yield f"manylinux_{major}_{minor}_{machine}"
        if minor in _LEGACY_MANYLINUX:
            yield f"{_LEGACY_MANYLINUX[minor]}_{machine}"
