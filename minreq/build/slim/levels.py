"""What each level leaves out, and why; pure but for the sources that are read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from minreq.analyze.kinds import DOCS, SOURCES, TESTS, is_shared_object
from minreq.build.slim.leaves import Leaf, Removal, Rule, folders_of
from minreq.build.slim.reaching import Sources
from minreq.config.levels import LEVELS, Level

#: Data of a service that is found by its name: ``botocore/data/s3/2006-03-01/service-2.json.gz``.
_SERVICE = re.compile(r"(?P<folder>(?:botocore|boto3|aiobotocore)/data/[^/]+)/")
#: What every service needs beside its own: without it none is unknown, all fail alike, and nothing says why.
_OF_ALL_SERVICES = re.compile(r"(?P<folder>(?:botocore|boto3|aiobotocore)/data)/[^/]+$")
#: Reads the type stubs of its package when that is imported (``lazy_loader``).
_READS_STUBS = b"attach_stub"
#: Folders of scripts and headers, which no import finds.
_SCRIPTS = ("bin/", "include/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What becomes of the files of a lock; both sorted by path."""

    kept: tuple[Leaf, ...]
    removed: tuple[Removal, ...]


def choose(
    leaves: Collection[Leaf],
    level: Level,
    *,
    opened: Collection[str] = (),
    started: Collection[str] = (),
    keep: Collection[str] = (),
    drop: Collection[str] = (),
) -> Choice:
    """Decide what of *leaves* is left out at *level*.

    *opened* are the paths that a smoke opens, *started* modules that something outside of any source names (entry
    points). *keep* and *drop* are patterns of paths, in which ``*`` stands for any text; *keep* wins.
    """
    depth = LEVELS.index(level)
    sources = Sources(leaves)
    rules: dict[str, Rule] = {}
    for number, decide in enumerate((_safe, _unused, _traced), start=1):
        if depth >= number:
            remaining = [leaf for leaf in leaves if leaf.path not in rules]
            rules |= decide(remaining, sources, frozenset(opened), frozenset(started))
    for leaf in leaves:
        if leaf.is_metadata or any(fnmatchcase(leaf.path, pattern) for pattern in keep):
            rules.pop(leaf.path, None)
        elif any(fnmatchcase(leaf.path, pattern) for pattern in drop):
            rules[leaf.path] = Rule.DROPPED
    ordered = sorted(leaves, key=lambda leaf: leaf.path)
    return Choice(
        kept=tuple(leaf for leaf in ordered if leaf.path not in rules),
        removed=tuple(Removal(leaf=leaf, rule=rules[leaf.path]) for leaf in ordered if leaf.path in rules),
    )


def _safe(
    leaves: Collection[Leaf], sources: Sources, opened: frozenset[str], _started: frozenset[str]
) -> Mapping[str, Rule]:
    """What by the conventions of packaging no program reads."""
    readers = {leaf.owner for leaf in leaves if _reads_stubs(leaf)}
    conventional = _conventional(leaves, sources, opened)
    found: dict[str, Rule] = {}
    for leaf in leaves:
        suffix = PurePosixPath(leaf.path).suffix
        if leaf.path in opened or leaf.is_metadata or leaf.is_licence:
            continue
        folder = next((each for each in folders_of(leaf.path) if each in conventional), None)
        if leaf.path.startswith(_SCRIPTS):
            found[leaf.path] = Rule.SCRIPTS
        elif folder is not None:
            found[leaf.path] = conventional[folder]
        elif suffix == ".pyi" and leaf.owner not in readers:
            found[leaf.path] = Rule.STUBS
        elif suffix in SOURCES:
            found[leaf.path] = Rule.SOURCES
    return found


def _reads_stubs(leaf: Leaf) -> bool:
    return leaf.path.endswith("__init__.py") and _READS_STUBS in leaf.source.read_bytes()


def _conventional(leaves: Collection[Leaf], sources: Sources, opened: frozenset[str]) -> Mapping[str, Rule]:
    """The folders of tests and docs that nothing outside of them imports, and nothing opened."""
    found = {
        folder: Rule.TESTS if name in TESTS else Rule.DOCS
        for leaf in leaves
        for folder in folders_of(leaf.path)
        if (name := folder.rpartition("/")[2].lower()) in TESTS | DOCS
    }
    if not found:
        return {}
    of_module = {module: _within(leaf.path, found) for module, leaf in sources.files.items()}
    named = {
        folder
        for module in sources.files
        for name in sources.named(module)
        for folder in of_module[name] - of_module[module]
    }
    named |= {folder for path in opened for folder in _within(path, found)}
    return {folder: rule for folder, rule in found.items() if folder not in named}


def _within(path: str, folders: Collection[str]) -> frozenset[str]:
    return frozenset(folder for folder in folders_of(path) if folder in folders)


def _unused(
    leaves: Collection[Leaf], sources: Sources, opened: frozenset[str], started: frozenset[str]
) -> Mapping[str, Rule]:
    """Whole folders that the smoke did not touch and nothing that is kept names."""
    paths = {leaf.path for leaf in leaves}
    roots = opened | {sources.files[name].path for name in started if name in sources.files}
    reached = {sources.files[module].path for module in sources.reached(roots & paths)}
    staying = {folder for path in (opened | reached) & paths for folder in folders_of(path)}
    # A library in a folder of its own is loaded by the system, which nothing in a source shows.
    native = {folder for leaf in leaves if is_shared_object(leaf.path) for folder in folders_of(leaf.path)}
    coded = {folder for leaf in leaves if leaf.module is not None for folder in folders_of(leaf.path)} | native
    found: dict[str, Rule] = {}
    for leaf in leaves:
        if leaf.is_metadata or leaf.is_licence:
            continue
        folder = next((each for each in folders_of(leaf.path) if each not in staying), None)
        if folder is None or (folder in native and not folder.rpartition("/")[2].isidentifier()):
            continue
        shared = _OF_ALL_SERVICES.match(leaf.path)
        if shared is not None and folder == shared["folder"]:
            continue
        service = _SERVICE.match(leaf.path)
        if service is not None:
            found[leaf.path] = Rule.SERVICES
        else:
            found[leaf.path] = Rule.PACKAGES if folder in coded else Rule.DATA
    return found


def _traced(
    leaves: Collection[Leaf], _sources: Sources, opened: frozenset[str], _started: frozenset[str]
) -> Mapping[str, Rule]:
    """Every file that the smoke did not open."""
    return {
        leaf.path: Rule.UNOPENED
        for leaf in leaves
        if leaf.path not in opened and not leaf.is_metadata and not leaf.is_licence
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """What stands in the place of code that was left out."""

    module: str
    #: Why it was, or the first file of it.
    rule: Rule


def placeholders(choice: Choice) -> Mapping[str, Placeholder]:
    """Return where something has to say that code was left out, by the path of a source file.

    One for each package that is gone as a whole, the outermost; one for each module beside others that stay. A
    namespace package is imported by whoever looks what lies in it, and so can still be.
    """
    staying = {folder for leaf in choice.kept for folder in folders_of(leaf.path)}
    kept = {leaf.module for leaf in choice.kept}
    modules = kept | {removal.leaf.module for removal in choice.removed}
    found: dict[str, Placeholder] = {}
    for removal in choice.removed:
        leaf = removal.leaf
        if leaf.module is None or leaf.module in kept or removal.rule is Rule.SCRIPTS:
            continue
        folders = (folder for folder in folders_of(leaf.path) if folder.replace("/", ".") in modules)
        gone = next((folder for folder in folders if folder not in staying), None)
        module = leaf.module if gone is None else gone.replace("/", ".")
        if all(part.isidentifier() for part in module.split(".")):
            inside = gone is not None or PurePosixPath(leaf.path).name.startswith("__init__.")
            stem = module.replace(".", "/")
            path = f"{stem}/__init__.py" if inside else f"{stem}.py"
            found.setdefault(path, Placeholder(module=module, rule=removal.rule))
    return dict(sorted(found.items()))


def started(texts: Iterable[str]) -> Iterator[str]:
    """Yield the modules that entry points name, given the *texts* of ``entry_points.txt``; commands do not count."""
    for text in texts:
        group = ""
        for line in text.splitlines():
            heading = re.match(r"\s*\[(?P<group>[^\]]+)\]", line)
            if heading:
                group = heading["group"].strip()
            elif "=" in line and group not in {"console_scripts", "gui_scripts"}:
                yield line.partition("=")[2].partition(":")[0].partition("[")[0].strip()
