"""Names for places that do not depend on the machine: whose file it is, and its path within that distribution."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from packaging.utils import NormalizedName

#: Stands for the folder of the standard library.
STANDARD_LIBRARY = "{python}/"


class Places:
    """Tells paths of one run apart: distributions, the smoke, the standard library, the sandbox.

    *unpacked* is the folder under which the store keeps each distribution as ``SHA-256/lib``; *owner* names the
    distribution of such a hash. Under *scratch* sets of them are installed, each in a folder of its own.
    """

    def __init__(
        self,
        *,
        unpacked: Path,
        owner: Callable[[str], NormalizedName | None],
        scratch: Path,
        sandbox: Path,
        smokes: Mapping[Path, str],
        standard_library: Path,
    ) -> None:
        self._owner = owner
        unpacked_folder, installed_folder = re.escape(str(unpacked)), re.escape(str(scratch))
        self._distribution = re.compile(rf"{unpacked_folder}/(?P<hash>[0-9a-f]{{64}})/lib/|{installed_folder}/[^/]+/")
        names = {str(folder) + "/": f"{name}/" for folder, name in smokes.items()}
        names[f"{sandbox}/"] = "{sandbox}/"
        names[f"{standard_library}/"] = STANDARD_LIBRARY
        self._names = names
        self._other = re.compile("|".join(map(re.escape, sorted(names, reverse=True))))

    def name(self, text: str) -> str:
        """Return *text* with every path in it made independent of the machine: ``litellm/main.py``."""
        return self._other.sub(lambda match: self._names[match.group()], self._distribution.sub("", text))

    def owner(self, file: str) -> NormalizedName | None:
        """Return the distribution that *file* belongs to, ``None`` for any other file."""
        match = self._distribution.match(file)
        return self._owner(match["hash"]) if match and match["hash"] else None
