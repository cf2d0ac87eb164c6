"""The throw-away environment of a child: an interpreter, our hook, folders of its own, and nothing of the host."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import TracebackType

from minreq.system.temporary import TemporaryFolder

#: Of what the child reads and says; the child refuses another than its own.
PROTOCOL = 3

#: All of the child's files begin so, and nothing else in its ``site-packages`` does.
_CHILD_PREFIX = "_minreq_"

#: What a program may expect of any environment.
_LOCALE = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

#: What `Walls.folders` says, where nothing is withheld.
_ANYTHING: Mapping[str, Sequence[str]] = {"hidden": (), "readable": (), "writable": ("",), "temporary": ()}


class Sandbox:
    """An environment like a virtual environment whose only site hook is ours; a context manager.

    Subprocesses of the same interpreter find the hook too, since it lies in ``site-packages`` and ``pyvenv.cfg`` leads
    there (PEP 405). The host's ``site-packages``, user site, variables, home and ``.pth`` files stay out.
    """

    def __init__(self, executable: Path, version: tuple[int, int]) -> None:
        self._executable = executable
        self._version = version
        # A short path: the address of a Unix socket has room for about a hundred bytes.
        self._made = TemporaryFolder()
        self.folder = self._made.path
        self.socket = self.folder / "socket"
        self.python = self.folder / "bin" / "python"

    def __enter__(self) -> Sandbox:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A process that was killed may still be writing; what is left then lies in the system's temporary folder.
        self._made.remove()

    def prepare(
        self,
        *,
        paths: Sequence[Path],
        asks: bool,
        shared: Sequence[str],
        authority: str,
        folders: Mapping[str, Sequence[str]] = _ANYTHING,
        opens: bool = False,
        store: str | None = None,
    ) -> None:
        """Write the environment: *paths* are importable, and with *asks* every miss is a question.

        None of *paths* is a site folder: ``.pth`` files in them do nothing. *folders* are which files it may see and
        change; with *opens* the files that are opened are recorded. Compiled
        files of the folder *store* are asked for. What cannot be written whole, as on a full disk, is
        removed.
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
            "opens": opens,
            "store": store,
        }
        try:
            self._write(configuration)
        except BaseException:
            self._made.remove()
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

    def command(self) -> list[str]:
        """Return the command line of the driver."""
        return [str(self.python), "-c", "import _minreq_driver; _minreq_driver.main()"]

    def environment(self, plan: Mapping[str, str], *, seed: int) -> dict[str, str]:
        """Return the child's environment, made from nothing: folders of its own, the locale, what the *plan* says."""
        return {
            "HOME": str(self.folder / "home"),
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "PYTHONHASHSEED": str(seed),
            "PYTHONNOUSERSITE": "1",
            "TMPDIR": str(self.folder / "temporary"),
            **_LOCALE,
            **plan,
        }

    @property
    def work(self) -> Path:
        """The working directory of the child."""
        return self.folder / "work"
