"""Analyze a tree of installed packages: its parts, its largest files, and what it could do without."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.analyze import containers
from minreq.analyze.coldarchives import ColdArchive, read_cold_archives
from minreq.analyze.inventory import FileEntry, InstalledDistribution, Inventory, take_inventory
from minreq.analyze.kinds import Kind
from minreq.config.artifacts import AnalyzeSettings
from minreq.counts import pluralize
from minreq.errors import TreeOverBudget
from minreq.lockfile import reading
from minreq.model import Lock

_LOG = logging.getLogger(__name__)

#: How many of the largest files an analysis lists.
_LARGEST_FILES = 20
#: How many parts an error names.
_PARTS_IN_ERROR = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The files of one owner: a distribution, or a group of files that no distribution owns."""

    #: ``litellm``, ``(standard library)``.
    name: str
    #: ``None`` when the owner is no distribution.
    version: str | None
    bytes: int
    files: int
    #: Largest first.
    kinds: Mapping[Kind, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """The bytes that leaving out one distribution would save."""

    name: NormalizedName
    #: The bytes of the distribution.
    bytes: int
    #: The bytes of each distribution that only this one requires.
    brings: Mapping[NormalizedName, int]

    @property
    def total(self) -> int:
        """The bytes of all of them."""
        return self.bytes + sum(self.brings.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The analysis of a tree; sizes are unpacked bytes."""

    path: Path
    inventory: Inventory
    #: Largest first.
    parts: tuple[Part, ...]
    #: Largest first. Debug symbols are counted apart from the shared objects that contain them.
    kinds: Mapping[Kind, int]
    largest: tuple[FileEntry, ...]
    #: The versions of each project that the tree has several times.
    duplicates: Mapping[NormalizedName, tuple[str, ...]]
    #: The bytes of files that no distribution owns, by folder, largest first.
    unowned: Mapping[str, int]
    #: Distributions that no other distribution requires.
    tops: tuple[NormalizedName, ...]
    #: Start-up files (``.pth``): Python runs their lines at every start.
    pth: tuple[str, ...]
    #: What a build packed.
    cold: tuple[ColdArchive, ...] = ()
    #: With a lock: the distributions of the tree that the lock leaves out, largest saving first.
    savings: tuple[Saving, ...] | None = None
    budget: int | None = None
    #: Further bytes that count against the budget.
    reserve: int = 0

    @property
    def bytes(self) -> int:
        """The bytes of all files."""
        return sum(entry.size for entry in self.inventory.entries)

    @property
    def left(self) -> int | None:
        """The bytes that remain of the budget; negative when it is exceeded."""
        return None if self.budget is None else self.budget - self.reserve - self.bytes


def analyze(settings: AnalyzeSettings) -> Analysis:
    """Analyze the tree; raises ``TreeUnreadable``, ``LockMissing`` and ``EvidenceUnreadable``."""
    with containers.open_container(settings.path) as container:
        inventory = take_inventory(container)
        cold = tuple(read_cold_archives(container))
    _LOG.info("read %s, %s", settings.path, pluralize(len(inventory.entries), "file"))
    return summarize(
        settings.path,
        inventory,
        cold=cold,
        lock=reading.read_evidence(settings.lock) if settings.lock else None,
        budget=settings.budget,
        reserve=settings.reserve,
    )


def check_budget(analysis: Analysis) -> None:
    """Raise ``TreeOverBudget`` when the tree exceeds the budget."""
    if analysis.budget is not None and analysis.left is not None and analysis.left < 0:
        largest = [f"{part.name} {part.bytes:,}" for part in analysis.parts[:_PARTS_IN_ERROR]]
        raise TreeOverBudget(analysis.path, analysis.bytes + analysis.reserve, analysis.budget, largest)


def summarize(
    path: Path,
    inventory: Inventory,
    *,
    cold: Iterable[ColdArchive] = (),
    lock: Lock | None = None,
    budget: int | None = None,
    reserve: int = 0,
) -> Analysis:
    """Return the analysis of *inventory*; pure."""
    kinds: Counter[Kind] = Counter()
    for entry in inventory.entries:
        kinds.update(_bytes_by_kind(entry))
    return Analysis(
        path=path,
        inventory=inventory,
        parts=_parts_by_size(inventory),
        kinds=dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0].value))),
        largest=tuple(sorted(inventory.entries, key=lambda entry: (-entry.size, entry.path))[:_LARGEST_FILES]),
        duplicates=_duplicates(inventory),
        unowned=_unowned(inventory),
        tops=_not_required(inventory.distributions.values()),
        pth=tuple(entry.path for entry in inventory.entries if entry.path.endswith(".pth")),
        cold=tuple(cold),
        savings=None if lock is None else _savings(inventory, lock),
        budget=budget,
        reserve=reserve,
    )


def _bytes_by_kind(entry: FileEntry) -> Counter[Kind]:
    return +Counter({entry.kind: entry.size - entry.symbols, Kind.SYMBOLS: entry.symbols})


def _parts_by_size(inventory: Inventory) -> tuple[Part, ...]:
    files_by_owner: dict[str, list[FileEntry]] = defaultdict(list)
    for entry in inventory.entries:
        files_by_owner[entry.owner].append(entry)
    return tuple(
        sorted(
            _parts_of_owners(inventory, files_by_owner), key=lambda part: (-part.bytes, part.name, part.version or "")
        )
    )


def _parts_of_owners(inventory: Inventory, files_by_owner: Mapping[str, list[FileEntry]]) -> Iterator[Part]:
    for owner, entries in files_by_owner.items():
        installed = inventory.distributions.get(owner)
        kinds: Counter[Kind] = Counter()
        for entry in entries:
            kinds.update(_bytes_by_kind(entry))
        yield Part(
            name=installed.name if installed else owner,
            version=installed.version if installed else None,
            bytes=sum(entry.size for entry in entries),
            files=len(entries),
            kinds=dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0].value))),
        )


def _duplicates(inventory: Inventory) -> Mapping[NormalizedName, tuple[str, ...]]:
    versions: dict[NormalizedName, list[str]] = defaultdict(list)
    for installed in inventory.distributions.values():
        versions[installed.name].append(installed.version)
    return {name: tuple(several) for name, several in sorted(versions.items()) if len(several) > 1}


def _unowned(inventory: Inventory) -> Mapping[str, int]:
    folders: Counter[str] = Counter()
    for entry in inventory.entries:
        if entry.owner not in inventory.distributions and entry.owner.startswith("(nobody"):
            folders[entry.path.rpartition("/")[0] or entry.path] += entry.size
    return dict(sorted(folders.items(), key=lambda item: (-item[1], item[0])))


def _not_required(distributions: Iterable[InstalledDistribution]) -> tuple[NormalizedName, ...]:
    distributions = tuple(distributions)
    required = {name for each in distributions for name in each.requires - {each.name}}
    return tuple(sorted({each.name for each in distributions} - required))


def _savings(inventory: Inventory, lock: Lock) -> tuple[Saving, ...]:
    kept = {each.candidate.name for each in lock.selection.kept}
    sizes: Counter[NormalizedName] = Counter()
    for entry in inventory.entries:
        if entry.owner in inventory.distributions:
            sizes[inventory.distributions[entry.owner].name] += entry.size
    requires: dict[NormalizedName, frozenset[NormalizedName]] = defaultdict(frozenset)
    for each in inventory.distributions.values():
        requires[each.name] |= each.requires & sizes.keys()
    found = (
        Saving(
            name=name, bytes=sizes[name], brings={each: sizes[each] for each in _required_only_by(name, requires, kept)}
        )
        for name in sizes.keys() - kept
    )
    return tuple(sorted(found, key=lambda saving: (-saving.total, saving.name)))


def _required_only_by(
    name: NormalizedName,
    requires: Mapping[NormalizedName, frozenset[NormalizedName]],
    kept: set[NormalizedName],
) -> tuple[NormalizedName, ...]:
    """Return the distributions that only *name* requires, directly or through others of them."""
    removed = {name}
    while True:
        more = {
            each
            for leaving in removed
            for each in requires.get(leaving, frozenset()) - removed - kept
            if all(other in removed for other, its in requires.items() if each in its)
        }
        if not more:
            return tuple(sorted(removed - {name}))
        removed |= more
