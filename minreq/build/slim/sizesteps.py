"""How many bytes each step of a build saved, and at what risk; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from minreq.build.slim.files import RemovedFile, Rule
from minreq.build.slim.write import WrittenFiles
from minreq.counts import pluralize


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeStep:
    """One step of a build. Its bytes and files are negative when the step adds files."""

    step: str
    bytes: int
    files: int
    #: One word.
    risk: str
    #: One sentence.
    why: str


_RISKS = {
    Rule.SCRIPTS: ("none", "commands for a terminal, which a function does not call"),
    Rule.STUBS: ("none", "type checkers read them, no program does"),
    Rule.SOURCES: ("none", "compilers read them, no program does"),
    Rule.TESTS: ("low", "nothing outside of them imports them"),
    Rule.DOCS: ("low", "nothing outside of them imports them"),
    Rule.PACKAGES: (
        "low",
        "no source that is kept names them; an import by a computed name raises an error that names the build",
    ),
    Rule.DATA: ("medium", "the smoke opens none of it; code that opens it raises FileNotFoundError"),
    Rule.SERVICES: ("medium", "AWS services the smoke does not use, which are unknown then"),
    Rule.UNOPENED: ("high", "paths that the smoke does not take fail; a failing import names the build"),
    Rule.DROPPED: ("yours", "--drop names it; importing it raises an error that names the build"),
}


_WHY_COLD = "cold, served on demand from archives in the tree; the smoke does not open them"


def size_steps(removed: Iterable[RemovedFile], written: WrittenFiles) -> Iterator[SizeStep]:
    """Yield the steps in their order, without those that change nothing."""
    sizes: dict[Rule, list[int]] = defaultdict(list)
    for each in removed:
        sizes[each.rule].append(each.file.size)
    for rule, (risk, why) in _RISKS.items():
        if sizes[rule]:
            yield SizeStep(step=rule.value, bytes=sum(sizes[rule]), files=len(sizes[rule]), risk=risk, why=why)
    if written.archives:
        yield SizeStep(
            step="cold files",
            bytes=sum(each.unpacked - each.bytes for each in written.archives.values()),
            files=sum(each.files for each in written.archives.values()),
            risk="low",
            why=_WHY_COLD,
        )
    if written.stripped:
        yield SizeStep(
            step="debug symbols",
            bytes=sum(written.stripped.values()),
            files=0,
            risk="none",
            why=f"taken out of {pluralize(len(written.stripped), 'shared object')}; "
            "debuggers read them, no program does",
        )
    if written.replaced_sources:
        yield SizeStep(
            step="sources",
            bytes=sum(written.replaced_sources.values()),
            files=len(written.replaced_sources),
            risk="medium",
            why="compiled files replace them; tracebacks show no lines, code that reads its source behaves differently",
        )
    if written.compiled:
        yield SizeStep(
            step="bytecode",
            bytes=-sum(written.compiled.values()),
            files=-len(written.compiled),
            risk="none",
            why="added: a file system that cannot be written would compile at every start",
        )
