"""The temporary folder of a child: an environment, minreq's hook, folders of its own, and nothing of the host."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from types import TracebackType

from minreq.smoke.environment import Environment, Installed, MergedFolder
from minreq.system.temporary import TemporaryFolder

#: The version of the protocol; the child refuses any other than its own.
PROTOCOL = 6

#: The names of the child's files begin so.
_CHILD_PREFIX = "_minreq_"
#: ``site`` reads such files sorted by name: the hook is there before any file of a package runs.
_HOOK_FILE = "!minreq.pth"
#: Lists the folders of tools where there is no hook.
_TOOLS_FILE = "~tools.pth"

#: What a program may expect of any environment.
_LOCALE = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

#: The folders for hooks that allow everything; see `Isolation.folders_for_hooks`.
_ALL_ALLOWED: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("readable", "masked", "hidden", "temporary", "followed", "devices", "terminals", "sockets"), ()),
    "system": ("",),
    "writable": ("",),
}
_NO_FILES: Mapping[str, Path] = {}


class RunFolder:
    """The temporary folder of a run: environment, hook, home and working directory; a context manager.

    The environment is like a virtual environment with one site hook, that of minreq. The hook is a ``.pth`` file in
    ``site-packages``, and ``pyvenv.cfg`` leads there (PEP 405), so subprocesses of the same interpreter load it too.
    All else that is minreq's lies outside of the environment, where no program looks for modules or files. The host's
    ``site-packages``, user site, variables, home and ``.pth`` files stay out.
    """

    def __init__(self, executable: Path, version: tuple[int, int]) -> None:
        # A short path: the address of a Unix socket has room for about a hundred bytes.
        self._temporary_folder = TemporaryFolder()
        self.path = self._temporary_folder.path
        self.socket = self.path / "socket"
        self.venv = Environment(self.path / "env", executable, version)
        self.python = self.venv.python
        self._hook_folder = self.path / "hook"
        self._merged: MergedFolder | None = None

    def __enter__(self) -> RunFolder:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A killed process may still be writing; its files then stay in the temporary folder of the system.
        self._temporary_folder.remove()

    def prepare(
        self,
        *,
        paths: Sequence[Path],
        asks: bool,
        shared: Sequence[str],
        authority: str,
        folders: Mapping[str, Sequence[str]] = _ALL_ALLOWED,
        record_opens: bool = False,
        store: Path | None = None,
        installed: Installed | None = None,
        merge: bool = False,
        tools: Mapping[str, object] | None = None,
        files: Mapping[str, Path] = _NO_FILES,
        fast_clock: bool = False,
        tests: Mapping[str, object] | None = None,
    ) -> None:
        """Write the environment; if that fails, as on a full disk, remove it.

        *paths* are importable; none of them is a site folder, so ``.pth`` files in them do nothing. With *asks* the
        child asks the parent for each module that it does not find. *folders* are the files that the child may see and
        change. With *record_opens* the child records which files it opens. The child asks the parent to compile the
        sources below the folder *store* and those of the environment. The environment has what is *installed*; with
        *merge* the launcher has to merge its folders, see `merged`. *tools* are the tools of the smoke, see
        `minreq.smoke.tools`. *files* are copied into the working directory, under their names. With *fast_clock* the
        clocks of the child go faster. With *tests* the child has a plug-in that reports the tests of pytest.
        """
        configuration = {
            "protocol": PROTOCOL,
            "socket": str(self.socket),
            "paths": [str(path) for path in paths],
            "asks": asks,
            "shared": sorted(shared),
            "authority": authority,
            "folders": {name: list(each) for name, each in folders.items()},
            "home": str(Path.home()),
            "opens": record_opens,
            "sources": [] if store is None else [str(store), str(self.venv.site_packages)],
            "tools": tools,
            "fast_clock": fast_clock,
            "tests": tests,
        }
        with self._removed_on_error():
            self._create_folders()
            self._write_hook(configuration)
            top = self._install(installed, merge=merge)
            top.joinpath(_HOOK_FILE).write_text(f"import sys; {self._import_hook('_minreq_child')}\n", "utf-8")
            self._copy_files(files)

    def prepare_without_hook(
        self, installed: Installed, *, merge: bool, tools: Sequence[Path], files: Mapping[str, Path]
    ) -> None:
        """Write the environment as `prepare` does, but no hook; the folders of *tools* are on the path behind it."""
        with self._removed_on_error():
            self._create_folders()
            top = self._install(installed, merge=merge)
            if tools:
                top.joinpath(_TOOLS_FILE).write_text("".join(f"{path}\n" for path in self.link_tools(tools)), "utf-8")
            self._copy_files(files)

    @contextmanager
    def _removed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._temporary_folder.remove()
            raise

    def link_tools(self, folders: Sequence[Path]) -> list[Path]:
        """Link the *folders* of tools into the environment; a path then shows whether a file is a tool's."""
        place = self.path / "tools"
        place.mkdir()
        links = [place / str(number) for number, _ in enumerate(folders)]
        for link, folder in zip(links, folders, strict=True):
            link.symlink_to(folder.absolute(), target_is_directory=True)
        return links

    def _create_folders(self) -> None:
        self.venv.create()
        for name in ("home", "temporary", "work"):
            self.path.joinpath(name).mkdir()

    def _write_hook(self, configuration: Mapping[str, object]) -> None:
        self._hook_folder.mkdir()
        for file in resources.files("minreq.smoke").joinpath("child").iterdir():
            if file.name.startswith(_CHILD_PREFIX):
                self._hook_folder.joinpath(file.name).write_bytes(file.read_bytes())
        self._hook_folder.joinpath("_minreq_child.json").write_text(json.dumps(configuration), "utf-8")

    def _install(self, installed: Installed | None, *, merge: bool) -> Path:
        """Install what is *installed*; return the folder whose files come to ``site-packages`` in any case."""
        if installed is not None:
            self._merged = self.venv.install(installed, self.path / "own", merge=merge)
        return self.venv.site_packages if self._merged is None else self._merged.of[0]

    def _import_hook(self, module: str) -> str:
        """Return the statements that import *module* of the hook; its folder does not stay on ``sys.path``."""
        folder = repr(str(self._hook_folder))
        return f"sys.path.insert(0, {folder}); import {module}; sys.path.remove({folder})"

    @property
    def merged(self) -> tuple[MergedFolder, ...]:
        """The folders that the launcher has to mount."""
        return () if self._merged is None else (self._merged,)

    def _copy_files(self, files: Mapping[str, Path]) -> None:
        for name, file in files.items():
            target = self.work / name
            target.parent.mkdir(parents=True, exist_ok=True)
            # With the time of the file, so that all runs see the same.
            shutil.copy2(file, target)

    def command(self) -> list[str]:
        """Return the command line of the driver."""
        return [str(self.python), "-c", f"import sys; {self._import_hook('_minreq_driver')}; _minreq_driver.main()"]

    def environment(self, variables: Mapping[str, str], *, seed: int) -> dict[str, str]:
        """Return the child's environment variables: minreq's own, then the *variables* of the plan, and no others."""
        return {
            "HOME": str(self.path / "home"),
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "PYTHONHASHSEED": str(seed),
            "PYTHONNOUSERSITE": "1",
            "TMPDIR": str(self.path / "temporary"),
            **_LOCALE,
            **variables,
        }

    def errors_file(self, pid: int) -> Path:
        """Return the file that has what process *pid*, in its own namespace, writes to stderr in a stage."""
        return self._hook_folder / f"errors-{pid}"

    @property
    def work(self) -> Path:
        """The working directory of the child."""
        return self.path / "work"
