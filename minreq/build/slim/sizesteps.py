"""What each step of a build saved, at what risk; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from minreq.build.slim.leaves import Removal, Rule
from minreq.build.slim.tree import Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """A step; below zero where it added something."""

    step: str
    bytes: int
    files: int
    #: One word, and one sentence.
    risk: str
    why: str


_RISKS = {
    Rule.SCRIPTS: ("none", "commands for a terminal, which a function does not call"),
    Rule.STUBS: ("none", "type checkers read them, no program does"),
    Rule.SOURCES: ("none", "compilers read them, no program does"),
    Rule.TESTS: ("low", "nothing outside of them imports them"),
    Rule.DOCS: ("low", "nothing outside of them imports them"),
    Rule.PACKAGES: ("low", "no source that is kept names them; an import by a computed name fails and says so"),
    Rule.DATA: ("medium", "the smoke opens none of it; code that wants it finds no file"),
    Rule.SERVICES: ("medium", "AWS services the smoke does not use, which are unknown then"),
    Rule.UNOPENED: ("high", "what the smoke does not do fails; where that is an import, it says so"),
    Rule.DROPPED: ("yours", "left out by your word; an import of it fails and says so"),
}


def savings(removed: Iterable[Removal], written: Written) -> Iterator[Saving]:
    """Yield the steps of slimming in their order, those without effect left out."""
    sizes: dict[Rule, list[int]] = defaultdict(list)
    for removal in removed:
        sizes[removal.rule].append(removal.leaf.size)
    for rule, (risk, why) in _RISKS.items():
        if sizes[rule]:
            yield Saving(step=rule.value, bytes=sum(sizes[rule]), files=len(sizes[rule]), risk=risk, why=why)
    if written.stripped:
        yield Saving(
            step="debug symbols",
            bytes=sum(written.stripped.values()),
            files=0,
            risk="none",
            why=f"taken out of {len(written.stripped)} shared objects; debuggers read them, no program does",
        )
    if written.replaced:
        yield Saving(
            step="sources",
            bytes=sum(written.replaced.values()),
            files=len(written.replaced),
            risk="medium",
            why="compiled files stand for them; tracebacks show no lines, code that reads its source does otherwise",
        )
    if written.compiled:
        yield Saving(
            step="bytecode",
            bytes=-sum(written.compiled.values()),
            files=-len(written.compiled),
            risk="none",
            why="added: a file system that cannot be written would compile at every start",
        )
