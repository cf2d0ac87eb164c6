"""Map modules to the distributions that own them, by the files of the wheels; names are never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName

from minreq.model import Member

#: Endings of files that can be imported. An extension module has a tag in front (``.cpython-312-x86_64-linux-gnu``).
_MODULE_SUFFIXES = (".py", ".pyc", ".so", ".pyd")

#: Dotted name of a module or package -> whether it is a module or has an ``__init__``; false for a bare folder.
Modules = Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportMap:
    """The owners of top-level modules, and of the children of each package that several distributions share."""

    #: The distributions with the module, or with the ``__init__`` of the package, in the order given; empty for a
    #: namespace package (PEP 420).
    owners: Mapping[str, tuple[NormalizedName, ...]]
    #: Packages whose children may belong to several distributions, with all distributions that have the folder.
    #: `owners` has those children too.
    shared: Mapping[str, frozenset[NormalizedName]]

    def owner(self, name: str) -> NormalizedName | None:
        """Return the first owner of *name*; ``None`` for a namespace package or an unknown name."""
        owners = self.owners.get(name, ())
        return owners[0] if owners else None


def modules(members: Iterable[Member]) -> dict[str, bool]:
    """Return the modules that a wheel with these *members* makes importable.

    By the binary distribution format, files at the root and in ``.data/purelib`` and ``.data/platlib`` go into
    ``site-packages``.
    """
    found: dict[str, bool] = {}
    for member in members:
        parts = member.path.split("/")
        if parts[0].endswith(".data"):
            if len(parts) < 3 or parts[1] not in ("purelib", "platlib"):  # noqa: PLR2004 - x.data/SCHEME/FILE
                continue
            parts = parts[2:]
        *folders, file = parts
        stem = file.partition(".")[0]
        if not file.endswith(_MODULE_SUFFIXES) or not all(map(str.isidentifier, [*folders, stem])):
            continue
        for depth in range(1, len(folders) + 1):
            found.setdefault(".".join(folders[:depth]), False)
        if stem == "__init__" and folders:
            found[".".join(folders)] = True
        else:
            found[".".join([*folders, stem])] = True
    return found


def import_map(distributions: Mapping[NormalizedName, Modules]) -> ImportMap:
    """Join the modules of all *distributions*; when two own a module, the first in the mapping comes first."""
    children: dict[str, dict[str, None]] = {}
    holders: dict[str, list[NormalizedName]] = {}
    for distribution, its_modules in distributions.items():
        for name in its_modules:
            children.setdefault(name.rpartition(".")[0], {})[name] = None
            holders.setdefault(name, []).append(distribution)

    owners: dict[str, tuple[NormalizedName, ...]] = {}
    shared: dict[str, frozenset[NormalizedName]] = {}

    waiting = [""]
    while waiting:
        package = waiting.pop()
        for name in children.get(package, ()):
            owners[name] = tuple(holder for holder in holders[name] if distributions[holder][name])
            if name in children and (len(holders[name]) > 1 or not owners[name]):
                shared[name] = frozenset(holders[name])
                waiting.append(name)
    return ImportMap(owners=owners, shared=shared)
