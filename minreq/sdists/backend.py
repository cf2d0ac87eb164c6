"""Call the hooks of a build backend (PEP 517) in isolation: without network, and with one writable folder."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from build import BuildBackendException, BuildException, ProjectBuilder

from minreq.counts import pluralize
from minreq.interpreter import Interpreter
from minreq.smoke.environment import Installed
from minreq.smoke.isolation import Isolation
from minreq.smoke.processes import end_launched, wait_for_launched
from minreq.smoke.runfolder import RunFolder
from minreq.smoke.start import Access, start_isolated
from minreq.system import regularfile, temporary

#: Seconds that a hook may take.
_TIMEOUT = 3600.0
#: Seconds between two looks whether minreq itself ends.
_POLL_INTERVAL = 0.5
#: Bytes of one file that a build may write; compiled code with debug information is large.
_MAX_FILE = 4 << 30
#: Bytes of the answer of a hook: a name, or a list of requirements.
_MAX_ANSWER = 1 << 20
#: Bytes from the end of the output to read, and how many lines of them an error shows.
_OUTPUT_TAIL_SIZE, _OUTPUT_LINES = 64 << 10, 20
#: Characters of each.
_MAX_LINE = 1000

#: The variables that a build inherits. It finds compilers by PATH; other variables may be secrets.
_INHERITED = ("LANG", "LC_ALL", "TZ", "CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "MAKEFLAGS")
#: Archives hold times; equal sources shall give equal wheels. The times of a zip start in 1980.
_EPOCH = "315532800"


class BackendFailed(Exception):
    """A hook failed; the text has the last lines of its output."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = tuple(line[:_MAX_LINE] for line in lines[-_OUTPUT_LINES:])
        super().__init__("\n".join(self.lines))


def read_requirements(source: Path) -> tuple[str, ...]:
    """Return the requirements that ``pyproject.toml`` names for the build (PEP 518); raise `BackendFailed`."""
    return tuple(sorted(_make_builder(source, python="python", runner=None).build_system_requires))


@contextmanager
def open_backend(interpreter: Interpreter, isolation: Isolation, installed: Installed) -> Iterator[Backend]:
    """Make an environment with what is *installed*; its folder is removed when the context ends."""
    release = interpreter.platform.python_version
    isolation = replace(isolation, limits=replace(isolation.limits, file=_MAX_FILE))
    with RunFolder(interpreter.base_executable, (release.major, release.minor)) as run_folder:
        run_folder.prepare(
            paths=(),
            asks=False,
            shared=(),
            authority="",
            folders=isolation.folders_for_hooks(writable=run_folder.path, readable=()),
            installed=installed,
            merge=isolation.merges,
        )
        yield Backend(isolation=isolation, run_folder=run_folder)


@dataclass(slots=True, kw_only=True)
class Backend:
    """A build backend in an environment of its own."""

    isolation: Isolation
    run_folder: RunFolder
    #: Hooks called so far.
    _calls: int = field(default=0, init=False)
    #: The last lines that a hook printed.
    _lines: tuple[str, ...] = field(default=(), init=False)

    @property
    def folder(self) -> Path:
        """The folder that the hooks may write into; the source belongs into a folder below it."""
        return self.run_folder.path

    def find_requirements(self, source: Path) -> tuple[str, ...]:
        """Return the further requirements of a build of *source* (``get_requires_for_build_wheel``)."""
        with self._failures():
            found = self._make_builder(source).get_requires_for_build("wheel")
        if not all(isinstance(each, str) for each in found):
            raise BackendFailed(["get_requires_for_build_wheel returned what is no requirement"])
        return tuple(sorted(found))

    def build_wheel(self, source: Path, to: Path) -> Path:
        """Build a wheel of *source*, move it into the folder *to*, and return its path."""
        out = self.folder / "out"
        with self._failures():
            out.mkdir()
            self._make_builder(source).build("wheel", out)
            return _take_wheel(out, to)

    def _make_builder(self, source: Path) -> ProjectBuilder:
        return _make_builder(source, python=str(self.run_folder.python), runner=self._run)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except BuildBackendException as error:
            if isinstance(error.exception, BackendFailed):
                raise error.exception from None
            raise self._failure(str(error), str(error.exception)) from error
        except (BuildException, OSError, ValueError, TypeError, RecursionError) as error:
            raise self._failure(str(error)) from error

    def _failure(self, *texts: str) -> BackendFailed:
        return BackendFailed([*self._lines, *(line for text in texts for line in text.splitlines())])

    def _run(
        self, command: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        """Run the *command* of a hook in isolation; `pyproject_hooks` calls it.

        The command is an interpreter, the script that calls the hook, the name of the hook, and the folder of
        ``input.json`` and ``output.json``. Script and folder are copied to where the process sees them.
        """
        python, script, hook, exchange = command
        self._calls += 1
        own = self.folder / f"hook-{self._calls}"
        shutil.copytree(exchange, own)
        shutil.copyfile(script, own / "call.py")
        environment = self.run_folder.environment(self._variables(extra_environ or {}), seed=0)
        # Outside of the folder that the process may write into.
        with temporary.make_temporary_folder() as outside, (outside / "output").open("w+b") as output:
            (outside / "launcher").mkdir()
            process = start_isolated(
                self.isolation,
                [python, str(own / "call.py"), hook, str(own)],
                # The launcher uses the first folder for itself, only once, and not in another one of these.
                Access(writable=outside / "launcher", also_writable=(self.folder,), merged=self.run_folder.merged),
                environment=environment,
                folder=Path(cwd or self.folder),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            status = _wait(process, in_namespace=self.isolation.kernel)
            text = regularfile.read_end(outside / "output", _OUTPUT_TAIL_SIZE).decode("utf-8", "replace")
        self._lines = tuple(text.strip().splitlines())
        if status is None:
            raise BackendFailed([*self._lines, f"{hook} did not end within {_TIMEOUT:.0f} seconds"])
        if status:
            raise BackendFailed([*self._lines, f"{hook} ended with status {status}"])
        answer = regularfile.read(own / "output.json", _MAX_ANSWER, below=self.folder)
        Path(exchange, "output.json").write_bytes(answer)

    def _variables(self, extra: Mapping[str, str]) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        path = os.pathsep.join([str(self.run_folder.python.parent), os.environ.get("PATH", os.defpath)])
        return {**inherited, "PATH": path, "SOURCE_DATE_EPOCH": _EPOCH, **extra}


def _make_builder(source: Path, *, python: str, runner: object) -> ProjectBuilder:
    try:
        if not stat.S_ISREG((source / "pyproject.toml").lstat().st_mode):
            raise BackendFailed(["pyproject.toml is no regular file"])
    except FileNotFoundError:
        pass
    options = {} if runner is None else {"runner": runner}
    try:
        with warnings.catch_warnings():
            # It warns of misspelt names of tables.
            warnings.simplefilter("ignore")
            return ProjectBuilder(source, python, **options)  # type: ignore[arg-type]  # The type is internal.
    except (BuildException, OSError, ValueError, RecursionError) as error:
        # The folder is temporary: with its name, two notes about the same source would differ.
        raise BackendFailed([str(error).replace(f"{source}{os.sep}", "")]) from error


def _wait(process: subprocess.Popen[bytes], *, in_namespace: bool) -> int | None:
    """Wait for *process* and end all that it leaves behind; return its exit status, ``None`` after too long a time."""
    stop = time.monotonic() + _TIMEOUT
    try:
        # At the end of minreq, as after an interrupt, Python waits for its threads: this may be one of them.
        while time.monotonic() < stop and threading.main_thread().is_alive():
            with suppress(subprocess.TimeoutExpired):
                return process.wait(_POLL_INTERVAL)
        return None
    finally:
        if process.returncode is None:
            end_launched(process, in_namespace=in_namespace)
            wait_for_launched(process)


def _take_wheel(out: Path, to: Path) -> Path:
    """Copy the one wheel in the folder *out* into the folder *to*; the build may have left anything there.

    Raises ``OSError`` and `BackendFailed`.
    """
    folder = os.open(out, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".whl")]  # noqa: PTH208 - A descriptor.
        if len(names) != 1:
            raise BackendFailed([f"the build made {pluralize(len(names), 'wheel')}"])
        descriptor = os.open(names[0], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as wheel:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BackendFailed([f"{names[0]} is no regular file"])
            with (to / names[0]).open("xb") as copy:
                shutil.copyfileobj(wheel, copy)
    finally:
        os.close(folder)
    return to / names[0]
