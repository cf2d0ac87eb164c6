"""Map the paths of one run to names that are the same on every machine, and to the distributions that own the files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from packaging.utils import NormalizedName

#: Stands for the folder of the standard library.
STANDARD_LIBRARY = "{python}/"
#: Stands for the folder of a run.
RUN_FOLDER = "{sandbox}/"
#: Stands for the working directory of the scripts.
WORKING_FOLDER = f"{RUN_FOLDER}work/"
#: What people read for the folders of a run, which are gone after it, and for the run folder itself.
_NAMES_FOR_PEOPLE = {"env/": "env/", "home/": "~/", "temporary/": "$TMPDIR/", "work/": "./", "": "run/"}
_RUN_PATH = re.compile(rf"{re.escape(RUN_FOLDER)}({'|'.join(_NAMES_FOR_PEOPLE)})")
#: An address on loopback.
_PORT = re.compile(r"(127\.0\.0\.1|localhost):\d{4,5}\b")


def describe_run_paths(text: str) -> str:
    """Return *text*, which is independent of the machine, with the names of a run's folders that people know.

    The working directory of the scripts is ``./``, their temporary folder ``$TMPDIR/``, and their home folder ``~/``.
    """
    return _RUN_PATH.sub(lambda match: _NAMES_FOR_PEOPLE[match[1]], text) if RUN_FOLDER in text else text


class PathMap:
    """Knows the folders of one run: those of distributions, of the smoke, of the standard library, and the run folder.

    The ``site-packages`` of the run folder has the files of distributions too.

    The store unpacks each wheel to ``SHA-256/lib`` below *unpacked*; *owner* returns the distribution that such a hash
    stands for. Below *scratch*, each tree that another tool built has a folder of its own.
    """

    def __init__(
        self,
        *,
        unpacked: Path,
        owner: Callable[[str], NormalizedName | None],
        scratch: Path,
        run_folder: Path,
        smokes: Mapping[Path, str],
        standard_library: Path,
    ) -> None:
        self._owner = owner
        unpacked_folder, installed_folder = re.escape(str(unpacked)), re.escape(str(scratch))
        site_packages = rf"{re.escape(str(run_folder))}/env/lib/python[0-9.]+/site-packages"
        tools = re.escape(f"{run_folder}/tools")
        self._distribution = re.compile(
            rf"{unpacked_folder}/(?P<hash>[0-9a-f]{{64}})/lib/|{installed_folder}/[^/]+/|{site_packages}/|{tools}/[^/]+/"
        )
        names = {str(folder) + "/": f"{name}/" for folder, name in smokes.items()}
        names[f"{run_folder}/"] = RUN_FOLDER
        names[f"{standard_library}/"] = STANDARD_LIBRARY
        self._names = names
        self._other = re.compile("|".join(map(re.escape, sorted(names, reverse=True))))

    def make_portable(self, text: str) -> str:
        """Return *text* with every path in it made independent of the machine: ``litellm/main.py``."""
        return self._other.sub(lambda match: self._names[match.group()], self._distribution.sub("", text))

    def make_output_portable(self, text: str) -> str:
        """Return *text* that a run printed or sent without what differs between machines and runs: paths and ports."""
        return _PORT.sub(r"\1:{port}", self.make_portable(text))

    def owner_of(self, file: str) -> NormalizedName | None:
        """Return the distribution that *file* belongs to, ``None`` for any other file."""
        match = self._distribution.match(file)
        return self._owner(match["hash"]) if match and match["hash"] else None
