"""The temporary environment of a child: an interpreter, minreq's hook, folders of its own, and nothing of the host."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import TracebackType

from minreq.system.temporary import TemporaryFolder

#: The version of the protocol; the child refuses any other than its own.
PROTOCOL = 3

#: The names of the child's files begin so; nothing else in its ``site-packages`` does.
_CHILD_PREFIX = "_minreq_"

#: What a program may expect of any environment.
_LOCALE = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

#: The folders for hooks that allow everything; see `Isolation.folders_for_hooks`.
_ALL_ALLOWED: Mapping[str, Sequence[str]] = {"hidden": (), "readable": (), "writable": ("",), "temporary": ()}
_NO_FILES: Mapping[str, Path] = {}


class Sandbox:
    """An environment like a virtual environment with one site hook, that of minreq; a context manager.

    The hook lies in ``site-packages``, and ``pyvenv.cfg`` leads there (PEP 405), so subprocesses of the same
    interpreter load it too. The host's ``site-packages``, user site, variables, home and ``.pth`` files stay out.
    """

    def __init__(self, executable: Path, version: tuple[int, int]) -> None:
        self._executable = executable
        self._version = version
        # A short path: the address of a Unix socket has room for about a hundred bytes.
        self._temporary_folder = TemporaryFolder()
        self.folder = self._temporary_folder.path
        self.socket = self.folder / "socket"
        self.python = self.folder / "bin" / "python"

    def __enter__(self) -> Sandbox:  # noqa: PYI034 - Self is in typing from Python 3.11 on
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
        store: str | None = None,
        files: Mapping[str, Path] = _NO_FILES,
    ) -> None:
        """Write the environment; if that fails, as on a full disk, remove it.

        *paths* are importable; none of them is a site folder, so ``.pth`` files in them do nothing. With *asks* the
        child asks the parent for each module that it does not find. *folders* are the files that the child may see and
        change. With *record_opens* the child records which files it opens. The child asks the parent to compile the
        sources below the folder *store*. *files* are copied into the working directory, under their names.
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
            "store": store,
        }
        try:
            self._write(configuration)
            self._copy_files(files)
        except BaseException:
            self._temporary_folder.remove()
            raise

    def _write(self, configuration: Mapping[str, object]) -> None:
        site_packages = self.folder / "lib" / f"python{self._version[0]}.{self._version[1]}" / "site-packages"
        for folder in (site_packages, self.python.parent, *map(self.folder.joinpath, ("home", "temporary", "work"))):
            folder.mkdir(parents=True)
        self.python.symlink_to(self._executable)
        home = self._executable.parent
        self.folder.joinpath("pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n", "utf-8")
        for file in resources.files("minreq.smoke").joinpath("child").iterdir():
            if file.name.startswith(_CHILD_PREFIX):
                site_packages.joinpath(file.name).write_bytes(file.read_bytes())
        site_packages.joinpath("_minreq_child.pth").write_text("import _minreq_child\n", "utf-8")
        site_packages.joinpath("_minreq_child.json").write_text(json.dumps(configuration), "utf-8")

    def _copy_files(self, files: Mapping[str, Path]) -> None:
        for name, file in files.items():
            target = self.work / name
            target.parent.mkdir(parents=True, exist_ok=True)
            # With the time of the file, so that all runs see the same.
            shutil.copy2(file, target)

    def command(self) -> list[str]:
        """Return the command line of the driver."""
        return [str(self.python), "-c", "import _minreq_driver; _minreq_driver.main()"]

    def environment(self, variables: Mapping[str, str], *, seed: int) -> dict[str, str]:
        """Return the child's environment variables: minreq's own, then the *variables* of the plan, and no others."""
        return {
            "HOME": str(self.folder / "home"),
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "PYTHONHASHSEED": str(seed),
            "PYTHONNOUSERSITE": "1",
            "TMPDIR": str(self.folder / "temporary"),
            **_LOCALE,
            **variables,
        }

    @property
    def work(self) -> Path:
        """The working directory of the child."""
        return self.folder / "work"
