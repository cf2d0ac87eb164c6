"""What the import of a program costs, by module and by line, and what it would cost without a line; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from minreq.imports.watch import Cost, ExecutedImport, ImportRecord, Place
from minreq.source.modulenames import with_parents


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleCost:
    """What the import of one module costs."""

    name: str
    #: The module that was running when it was imported first; "" for the program itself.
    importer: str
    #: The line that imported it first.
    place: Place
    #: Without the modules that it imports.
    own: Cost
    #: With those that it was the first to import.
    total: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCost:
    """What one line was the first to import, with all that these modules load."""

    place: Place
    modules: int
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What is not loaded where a line does not import."""

    modules: int
    cost: Cost
    #: Another line that reads a name from the module of the line: with it, nothing is saved.
    reader: Place | None = None


def add_costs(costs: Iterable[Cost]) -> Cost:
    """Return the sum of *costs*."""
    costs = tuple(costs)
    return Cost(seconds=sum(each.seconds for each in costs), bytes=sum(each.bytes for each in costs))


def cost_modules(costs: Mapping[str, Cost], record: ImportRecord) -> Mapping[str, ModuleCost]:
    """Return what each module of the *record* costs, an importer before what it imports."""
    children: dict[str, list[str]] = defaultdict(list)
    for name in record.places:
        if name in costs:
            children[record.importers.get(name, "")].append(name)
    ordered = [*children[""]]
    for name in ordered:  # It grows.
        ordered += children.get(name, ())
    totals: dict[str, Cost] = {}
    for name in reversed(ordered):
        totals[name] = add_costs([costs[name], *(totals[each] for each in children.get(name, ()))])
    return {
        name: ModuleCost(
            name=name,
            importer=record.importers.get(name, ""),
            place=record.places[name],
            own=costs[name],
            total=totals[name],
        )
        for name in ordered
    }


def cost_lines(modules: Mapping[str, ModuleCost]) -> Sequence[LineCost]:
    """Return what each line costs, the dearest first."""
    inside = _count_inside(modules)
    by_place: dict[Place, list[ModuleCost]] = defaultdict(list)
    for each in modules.values():
        if each.place not in _list_places_above(each, modules):
            by_place[each.place].append(each)
    found = [
        LineCost(
            place=place,
            modules=sum(inside[each.name] for each in its),
            cost=add_costs(each.total for each in its),
        )
        for place, its in by_place.items()
    ]
    return sorted(found, key=lambda each: (-each.cost.seconds, each.place))


def _count_inside(modules: Mapping[str, ModuleCost]) -> Mapping[str, int]:
    counts = dict.fromkeys(modules, 1)
    for each in reversed([*modules.values()]):
        if each.importer in counts:
            counts[each.importer] += counts[each.name]
    return counts


def _list_places_above(module: ModuleCost, modules: Mapping[str, ModuleCost]) -> Collection[Place]:
    """Return the lines that imported the importers of *module*: one of them may import again and again."""
    found = []
    while module.importer in modules:
        module = modules[module.importer]
        found.append(module.place)
    return found


class ImportGraph:
    """The imports that ran, from which follows what is loaded without one of the lines."""

    def __init__(self, record: ImportRecord) -> None:
        #: By module that was running: the line, and what of the loaded modules it imports.
        self._imports: dict[str, list[tuple[Place, tuple[str, ...]]]] = defaultdict(list)
        for name, place in record.places.items():
            self._imports[record.importers.get(name, "")].append((place, (name,)))
        self._readers: dict[str, list[ExecutedImport]] = defaultdict(list)
        for each in record.imports:
            targets = tuple(part for part in with_parents(each.target) if part in record.places)
            if targets:
                self._imports[each.importer].append((each.place, targets))
            if each.names:
                self._readers[each.target].append(each)
        self._all = self._load(None)

    def _load(self, without: Place | None) -> frozenset[str]:
        found: set[str] = set()
        waiting = [""]
        while waiting:
            for place, targets in self._imports.get(waiting.pop(), ()):
                if place != without:
                    new = [each for each in targets if each not in found]
                    found.update(new)
                    waiting += new
        return frozenset(found)

    def find_saving(self, place: Place, names: Collection[str], costs: Mapping[str, Cost]) -> Saving:
        """Return what is saved where the line *place*, which binds *names* in its module, does not import."""
        loaded = self._load(place)
        for each in self._readers.get(place.module, ()):
            runs = each.importer in loaded or not each.importer
            if runs and each.place.module != place.module and each.names.intersection(names):
                return Saving(modules=0, cost=Cost(seconds=0.0, bytes=0), reader=each.place)
        saved = self._all - loaded
        return Saving(modules=len(saved), cost=add_costs(costs[each] for each in sorted(saved) if each in costs))
