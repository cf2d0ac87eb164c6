"""What a tree of installed packages is made of, and what of it could go; nothing of it is run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.analyze import containers
from minreq.analyze.inventory import Entry, Installed, Inventory, take
from minreq.analyze.kinds import Kind
from minreq.config.artifacts import AnalyzeSettings
from minreq.errors import EvidenceUnreadable, LockMissing, TreeOverBudget
from minreq.lockfile import evidence
from minreq.model import Lock

#: How many of the largest files are told.
_LARGEST = 20
#: How many are named in an error.
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The files of one owner: a distribution, or what belongs to none."""

    #: ``litellm``, ``(standard library)``.
    name: str
    #: ``None`` for what is no distribution.
    version: str | None
    bytes: int
    files: int
    #: Largest first.
    kinds: Mapping[Kind, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What leaving out one distribution would save."""

    name: NormalizedName
    #: Of its own.
    bytes: int
    #: Of what nothing else requires then.
    brings: Mapping[NormalizedName, int]

    @property
    def total(self) -> int:
        """Together."""
        return self.bytes + sum(self.brings.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What was found in a tree; sizes are unpacked bytes."""

    path: Path
    inventory: Inventory
    #: Largest first.
    parts: tuple[Part, ...]
    #: Largest first; debug symbols apart from the shared objects they are in.
    kinds: Mapping[Kind, int]
    largest: tuple[Entry, ...]
    #: Projects that are there in several copies: their versions.
    duplicates: Mapping[NormalizedName, tuple[str, ...]]
    #: Files that no distribution owns, by their folders, largest first.
    unowned: Mapping[str, int]
    #: Distributions that no other requires.
    tops: tuple[NormalizedName, ...]
    #: Start-up files: their lines run with every start of Python.
    pth: tuple[str, ...]
    #: With a lock: what it leaves out and the tree has, largest saving first.
    savings: tuple[Saving, ...] | None = None
    budget: int | None = None
    #: What else counts against the budget.
    function_bytes: int = 0

    @property
    def bytes(self) -> int:
        """All of the tree."""
        return sum(entry.size for entry in self.inventory.entries)

    @property
    def left(self) -> int | None:
        """What remains of the budget, below zero where it is exceeded."""
        return None if self.budget is None else self.budget - self.function_bytes - self.bytes


def analyze(settings: AnalyzeSettings) -> Analysis:
    """Look at the tree; raises ``TreeUnreadable``, ``LockMissing`` and ``EvidenceUnreadable``."""
    with containers.opened(settings.path) as container:
        inventory = take(container)
    return summed(
        settings.path,
        inventory,
        lock=_lock(settings.lock) if settings.lock else None,
        budget=settings.budget,
        function_bytes=settings.function_bytes,
    )


def check_budget(analysis: Analysis) -> None:
    """Raise ``TreeOverBudget`` where nothing is left of the budget."""
    if analysis.budget is not None and analysis.left is not None and analysis.left < 0:
        largest = [f"{part.name} {part.bytes:,}" for part in analysis.parts[:_NAMED]]
        raise TreeOverBudget(analysis.path, analysis.bytes + analysis.function_bytes, analysis.budget, largest)


def summed(
    path: Path, inventory: Inventory, *, lock: Lock | None = None, budget: int | None = None, function_bytes: int = 0
) -> Analysis:
    """Sum up what is in the tree; pure."""
    kinds: Counter[Kind] = Counter()
    for entry in inventory.entries:
        kinds.update(_of_kinds(entry))
    return Analysis(
        path=path,
        inventory=inventory,
        parts=_parts(inventory),
        kinds=dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0].value))),
        largest=tuple(sorted(inventory.entries, key=lambda entry: (-entry.size, entry.path))[:_LARGEST]),
        duplicates=_duplicates(inventory),
        unowned=_unowned(inventory),
        tops=_tops(inventory.distributions.values()),
        pth=tuple(entry.path for entry in inventory.entries if entry.path.endswith(".pth")),
        savings=None if lock is None else _savings(inventory, lock),
        budget=budget,
        function_bytes=function_bytes,
    )


def _lock(path: Path) -> Lock:
    beside = evidence.beside(path)
    try:
        return evidence.load(beside.read_text("utf-8"), filename=beside.name)
    except FileNotFoundError:
        raise LockMissing(beside, "evidence") from None
    except (OSError, UnicodeDecodeError) as error:
        raise EvidenceUnreadable(str(beside), "", f"cannot be read: {error}") from error


def _of_kinds(entry: Entry) -> Counter[Kind]:
    return +Counter({entry.kind: entry.size - entry.symbols, Kind.SYMBOLS: entry.symbols})


def _parts(inventory: Inventory) -> tuple[Part, ...]:
    of_owner: dict[str, list[Entry]] = defaultdict(list)
    for entry in inventory.entries:
        of_owner[entry.owner].append(entry)
    return tuple(sorted(_each_part(inventory, of_owner), key=lambda part: (-part.bytes, part.name, part.version or "")))


def _each_part(inventory: Inventory, of_owner: Mapping[str, list[Entry]]) -> Iterator[Part]:
    for owner, entries in of_owner.items():
        installed = inventory.distributions.get(owner)
        kinds: Counter[Kind] = Counter()
        for entry in entries:
            kinds.update(_of_kinds(entry))
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


def _tops(distributions: Iterable[Installed]) -> tuple[NormalizedName, ...]:
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
        Saving(name=name, bytes=sizes[name], brings={each: sizes[each] for each in _brought(name, requires, kept)})
        for name in sizes.keys() - kept
    )
    return tuple(sorted(found, key=lambda saving: (-saving.total, saving.name)))


def _brought(
    name: NormalizedName,
    requires: Mapping[NormalizedName, frozenset[NormalizedName]],
    kept: set[NormalizedName],
) -> tuple[NormalizedName, ...]:
    """What is there for the sake of *name* alone: all that require it go with *name*."""
    gone = {name}
    while True:
        more = {
            each
            for leaving in gone
            for each in requires.get(leaving, frozenset()) - gone - kept
            if all(other in gone for other, its in requires.items() if each in its)
        }
        if not more:
            return tuple(sorted(gone - {name}))
        gone |= more
