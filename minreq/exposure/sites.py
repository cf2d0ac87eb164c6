"""Imports in the code of a lock that would reach what is left out, read from the source without running it.

What leads to a module counts wherever it is named: by a statement, or by a text such as those in tables of lazy
imports. What is put together at run time (``import_module(prefix + name)``), and what compiled code imports, has no
place in the source and is not seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from packaging.utils import NormalizedName

from minreq.exposure.reading import Readings
from minreq.exposure.source import Place, module_of, prefixes
from minreq.model import Frame, Lock

#: Where code lies as seen from the trace: loaded by it; a step or more from what it loaded; neither.
Reach = Literal["traced", "led to", "apart"]

#: The function of a place that names a module without importing it there.
_BY_NAME = "by name"
_REACHES: tuple[Reach, ...] = ("traced", "led to", "apart")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place in kept code that would ask for a distribution that is left out."""

    #: The distribution that is left out, and the module of it that is asked for.
    distribution: NormalizedName
    module: str
    #: Whose code asks.
    importer: NormalizedName
    #: The place, below ``site-packages``; the function with its classes, ``<module>`` outside of any.
    frame: Frame
    #: What catches the failure near the import, or on the way by which the module would be loaded; ``None``: nothing.
    handler: str | None
    #: What catches the failure and raises again: who gets here has most likely asked for it, and is told.
    raised_again: str | None = None
    reach: Reach
    #: For what is led to: the place in traced code, and how many imports away it is.
    led_by: Frame | None = None
    steps: int = 0
    #: Whether the trace came by here and went on without it.
    declined: bool = False

    @property
    def unguarded(self) -> bool:
        """Whether a program that gets here fails: traced code leads here, and nothing catches it."""
        return self.handler is None and not self.declined and self.reach != "apart"


def sites(lock: Lock, folders: Mapping[NormalizedName, Path], *, remember: bool = False) -> tuple[Site, ...]:
    """Return the places in *folders*, the unpacked trees of what *lock* keeps, those that matter most first.

    First what traced code would run into unguarded, then what it leads to in few steps, then what is caught, what the
    trace passed by, and what nothing leads to. Among equals the root comes first, since that is what a program calls,
    and then what does not raise again with advice. With *remember* what is read is kept beside the trees.
    """
    readings = Readings(folders, remember=remember)
    code = _Code(readings, frozenset(file for kept in lock.selection.kept for file in kept.loaded))
    absent = _absent(lock)
    declined = {
        (asker.frame.file, asker.frame.line, each.candidate.name)
        for each in lock.selection.left_out
        for asker in each.askers
        if asker.frame is not None
    }
    mentioning = code.mentioning(absent)
    readings.look_into(mentioning)
    found = {site for file in mentioning for site in _sites(file, code, absent, declined)}
    readings.keep()
    return tuple(sorted(found, key=lambda site: _rank(site, lock.resolution.root)))


def _rank(site: Site, root: NormalizedName) -> tuple[object, ...]:
    return (
        not site.unguarded,
        site.declined,
        _REACHES.index(site.reach),
        site.handler is not None,
        # What a program calls is the root.
        site.importer != root,
        site.raised_again is not None,
        site.steps,
        site.frame.file,
        site.frame.line,
        site.module,
    )


def _absent(lock: Lock) -> Mapping[str, NormalizedName]:
    """The modules that cannot be imported, outermost ones alone, each with its distribution."""
    return {module: each.candidate.name for each in lock.left_out for module in each.modules}


def _sites(
    file: str,
    code: _Code,
    absent: Mapping[str, NormalizedName],
    declined: set[tuple[str, int, NormalizedName]],
) -> Iterator[Site]:
    for place in code.places(file):
        for module in place.modules:
            owner = next((absent[name] for name in prefixes(module) if name in absent), None)
            if owner is None or place.never_runs:
                continue
            way = code.way_to(file, place)
            yield Site(
                distribution=owner,
                module=module,
                importer=code.owners[file],
                frame=Frame(file=file, line=place.line, function=place.function),
                handler=place.handler or way.handler,
                raised_again=place.raised_again,
                reach=way.reach,
                led_by=way.led_by,
                steps=way.steps,
                declined=(file, place.line, owner) in declined,
            )
            break  # ``from a import b`` names one place, whatever of it is missing.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How traced code gets to a module."""

    reach: Reach
    led_by: Frame | None = None
    steps: int = 0
    #: What catches the failure on every way there.
    handler: str | None = None


class _Code:
    """All that is kept, by path below ``site-packages``: who leads to whom."""

    def __init__(self, readings: Readings, loaded: frozenset[str]) -> None:
        self._readings = readings
        self._loaded = loaded
        self.owners = readings.owners
        self.places = readings.places

    def mentioning(self, modules: Iterable[str]) -> list[str]:
        """The files that may name one of *modules* in an import."""
        tops = {module.partition(".")[0] for module in modules}
        return [file for file in self.owners if not tops.isdisjoint(self._readings.lines(file).tops)]

    def way_to(self, file: str, place: Place) -> _Way:
        """How traced code gets to *place* of *file*, by the fewest imports.

        A lazy import fails when it is called; one of module level fails whoever loads the module, and a handler there
        catches it.
        """
        if file in self._loaded:
            return _Way(reach="traced")
        caught: str | None = None
        waiting = deque([(file, not place.is_lazy, 0)])
        seen = {waiting[0][:2]}
        while waiting:
            module, fails, steps = waiting.popleft()
            for importer, via in self._verified_importers(module):
                handler = via.handler if fails else None
                if handler is not None:
                    caught = caught or handler
                    continue
                if importer in self._loaded:
                    led_by = Frame(file=importer, line=via.line, function=via.function)
                    return _Way(reach="led to", led_by=led_by, steps=steps + 1)
                state = (importer, fails and not via.is_lazy)
                if state not in seen:
                    seen.add(state)
                    waiting.append((*state, steps + 1))
        return _Way(reach="apart", handler=caught)

    def _verified_importers(self, file: str) -> Iterator[tuple[str, Place]]:
        """Who leads to *file*: imports it, by the syntax tree, or names it; only what traced code can get to."""
        for importer, line, by_name in self._importers.get(file, ()):
            if importer not in self._reachable:
                continue
            if by_name:
                # Whatever imports it by that name does so when it is called, and nobody knows with which handler.
                yield importer, Place(line=line, modules=(), function=_BY_NAME)
                continue
            for place in self.places(importer):
                if place.line == line and not (place.calls or place.never_runs):
                    yield importer, place

    # A syntax tree of each file would take a minute; lines that look like imports are found in a second.

    @cached_property
    def _importers(self) -> Mapping[str, list[tuple[str, int, bool]]]:
        """For each file, the files that seem to lead to it, with the line, and whether they only name it."""
        files = {module_of(file): file for file in self.owners}
        found: dict[str, list[tuple[str, int, bool]]] = {}
        for file in self.owners:
            lines = self._readings.lines(file)
            for line, modules in lines.imports:
                for target in {files[module] for module in modules if module in files} - {file}:
                    found.setdefault(target, []).append((file, line, False))
            for line, name in lines.names:
                target_or_none = files.get(name)
                if target_or_none not in {None, file}:
                    found.setdefault(str(target_or_none), []).append((file, line, True))
        return found

    @cached_property
    def _reachable(self) -> frozenset[str]:
        """What is loaded, and what it leads to as far as lines tell."""
        forward: dict[str, set[str]] = {}
        for target, importers in self._importers.items():
            for importer, _, _ in importers:
                forward.setdefault(importer, set()).add(target)
        found, waiting = set(self._loaded), list(self._loaded)
        while waiting:
            new = forward.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return frozenset(found)
