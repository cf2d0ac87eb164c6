"""Which Python and which platform: an interpreter is asked, a deployment platform is known by name."""

from __future__ import annotations

import difflib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import packaging
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.version import Version

from minreq.errors import PythonNotFound, PythonUnusable, UnknownPlatform
from minreq.model import Platform

#: The oldest Python that minreq locks for and runs a smoke on.
OLDEST = (3, 10)

#: Seconds an interpreter may take to answer.
_PATIENCE = 60

#: Run by the interpreter that is asked, which may be any version: what it knows, as JSON on stdout. It imports the
#: packaging that minreq runs with, whose folder is the argument, and nothing of its own environment.
_QUESTION = """
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

#: What Lambda calls an architecture, and what the kernel, and so tags and markers, call it.
_LAMBDA_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}

#: The oldest glibc that has a tag: PEP 600 for x86_64, PEP 599 for what came later.
_OLDEST_GLIBC = {"x86_64": 5, "aarch64": 17}

#: Older names of the same tags (PEP 600, "Legacy manylinux tags").
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python on this machine."""

    #: As it is started; in a virtual environment, the environment's.
    executable: Path
    #: The interpreter that virtual environments of it are made with.
    base_executable: Path
    #: The installation *base_executable* belongs to.
    base_prefix: Path
    platform: Platform


def host(python: Path | None = None) -> Platform:
    """The platform of *python*, by default of the interpreter minreq runs on.

    Raises :class:`PythonNotFound` and :class:`PythonUnusable`.
    """
    return interpreter(python).platform


def interpreter(python: Path | None = None) -> Interpreter:
    """Ask *python* for what it is: a path, a command on ``PATH``, or the folder of a virtual environment.

    The child runs isolated and without ``site``, so no ``.pth`` file of its environment is executed.

    Raises :class:`PythonNotFound` and :class:`PythonUnusable`.
    """
    executable = _executable(python)
    # The folder that holds packaging holds the rest of minreq's environment too, so it comes last in the path.
    folder = Path(packaging.__path__[0]).parent
    try:
        answer = subprocess.run(
            [executable, "-I", "-S", "-c", _QUESTION, folder],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
        facts = json.loads(answer.stdout) if not answer.returncode else None
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise PythonUnusable(str(executable), f"it does not answer as a Python does ({error})") from error
    if facts is None:
        said = (answer.stderr.strip().splitlines() or ["nothing"])[-1]
        raise PythonUnusable(str(executable), f"it ends with status {answer.returncode} and says: {said}")
    if "tags" not in facts:
        oldest = ".".join(map(str, OLDEST))
        raise PythonUnusable(str(executable), f"it is Python {facts['version']}, minreq needs {oldest} or newer")
    return Interpreter(
        executable=executable,
        base_executable=_base_executable(Path(facts["base_executable"]), Path(facts["base_prefix"])),
        base_prefix=Path(facts["base_prefix"]),
        platform=Platform(
            name="host",
            python_version=Version(facts["version"]),
            markers=dict(sorted(facts["markers"].items())),
            tags=tuple(Tag(*tag.split("-")) for tag in facts["tags"]),
        ),
    )


#: Run by an interpreter without ``site``, which then does not know its own virtual environment: the folder of that is
#: the argument, empty where there is none.
_SITE_QUESTION = """
import json, sys, sysconfig
known, folder = sysconfig.get_scheme_names(), sys.argv[1]
scheme = ("venv" if "venv" in known else "posix_prefix") if folder else sysconfig.get_default_scheme()
base = {"base": folder, "platbase": folder} if folder else {}
print(json.dumps([sysconfig.get_path(name, scheme, base) for name in ("purelib", "platlib")]))
"""


def site_folders(interpreter: Interpreter) -> tuple[Path, ...]:
    """The folders that installers put distributions into for *interpreter*: ``purelib`` and ``platlib``, often one.

    No ``.pth`` file is executed to find out. Raises :class:`PythonUnusable`.
    """
    prefix = interpreter.executable.parent.parent
    folder = str(prefix) if (prefix / "pyvenv.cfg").is_file() else ""
    try:
        answer = subprocess.run(
            [interpreter.executable, "-I", "-S", "-c", _SITE_QUESTION, folder],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_PATIENCE,
            check=True,
        )
        return tuple(dict.fromkeys(map(Path, json.loads(answer.stdout))))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise PythonUnusable(str(interpreter.executable), f"it does not tell its site-packages ({error})") from error


def _executable(python: Path | None) -> Path:
    if python is None:
        return Path(sys.executable)
    if python.is_dir():
        python /= "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    found = shutil.which(python)
    if found is None:
        raise PythonNotFound(str(python))
    # Not resolved: the link is what makes a virtual environment.
    return Path(found).absolute()


def _base_executable(named: Path, base_prefix: Path) -> Path:
    """Python 3.10 names the interpreter of the virtual environment itself: a link to the one below it, or a copy."""
    if not (named.parent.parent / "pyvenv.cfg").is_file():
        return named
    installed = base_prefix / "bin" / named.resolve().name
    return installed if installed.is_file() else named.resolve()


def presets() -> tuple[str, ...]:
    """The names of the deployment platforms, sorted by version of Python."""
    return tuple(f"lambda-python{python}-{machine}" for python in _LAMBDA_GLIBC for machine in sorted(_LAMBDA_MACHINES))


def preset(name: str) -> Platform:
    """The deployment platform of that name. Its patch version of Python, which AWS changes, is taken as 0.

    Raises :class:`UnknownPlatform`.
    """
    if name not in presets():
        close = difflib.get_close_matches(name, presets(), n=1)
        raise UnknownPlatform(name, presets(), close[0] if close else None)
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
    """The platform tags that a glibc satisfies, newest first; before each legacy name its meaning."""
    major, newest = glibc
    for minor in range(newest, _OLDEST_GLIBC[machine] - 1, -1):
        yield f"manylinux_{major}_{minor}_{machine}"
        if minor in _LEGACY:
            yield f"{_LEGACY[minor]}_{machine}"
