"""The way of the data through a build: what the lock installs, made smaller, proven by the smoke, written."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import NormalizedName

from minreq import pinned, preparing, proving, recalling, runtime, temporary
from minreq.config import BuildSettings
from minreq.errors import (
    BuildFails,
    BuildOverBudget,
    BytecodeForOther,
    LayerTooLarge,
    OutputUnwritable,
    ProofFailed,
    TargetUnclear,
    TracedUnasked,
)
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.lockfile import edits as edited
from minreq.model import Lock, Plan, Platform
from minreq.observing import Laboratory
from minreq.pinned import Installation
from minreq.profiles import planning
from minreq.proving import Watched
from minreq.reporting import Reporter, Step
from minreq.runtime import Interpreter
from minreq.slimming import description, packing, symbols, tree
from minreq.slimming.choosing import Choice, choose, started
from minreq.slimming.installing import leaves_of
from minreq.slimming.layering import BASE, Layers, layers
from minreq.slimming.leaves import Leaf
from minreq.slimming.savings import Saving, savings
from minreq.store import Store
from minreq.trees.kinds import kind_of
from minreq.workplace import workplace

_WATCHED_LEVELS = frozenset({"unused", "traced"})
_LAYER = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A file, for a map of the build."""

    owner: str
    path: str
    #: Its kind, or ``left out: RULE``.
    kind: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """An archive that several functions share."""

    name: str
    file: Path
    bytes: int
    zip_bytes: int
    #: Hex, of the archive.
    sha256: str
    distributions: tuple[NormalizedName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What was built; sizes are bytes."""

    output: Path
    root: str
    slim: str
    bytecode: str
    #: The platform it is for.
    target: str
    #: Unpacked, with everything.
    bytes: int
    files: int
    #: Of the archive, ``None`` for a folder.
    zip_bytes: int | None
    #: Hex SHA-256 of the archive.
    sha256: str | None
    #: What the smoke opens, in the tree as installed; ``None`` where nobody watched.
    opened: int | None
    #: Seconds, in an interpreter of its own; ``None`` where the smoke has no first stage.
    first_import: float | None
    stages: tuple[str, ...]
    savings: tuple[Saving, ...]
    #: Everything that was installed or left out.
    map: tuple[Placed, ...]
    #: With ``--layers``: the base first.
    layers: tuple[Layer, ...]
    #: With ``--layers``: the layers that the functions of each provider attach.
    functions: Mapping[str, tuple[str, ...]]
    reserve: int
    budget: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What is to be built, read from disk."""

    settings: BuildSettings
    lock: Lock
    #: Of the requirements file, hex SHA-256.
    digest: str
    interpreter: Interpreter
    target: Platform
    #: What ran when the lock was made, and with it the scripts that were named now.
    plan: Plan

    @property
    def host(self) -> Platform:
        """Where the smoke runs."""
        return self.interpreter.platform

    @property
    def names(self) -> tuple[NormalizedName, ...]:
        """What is installed."""
        return tuple(kept.candidate.name for kept in self.lock.selection.kept)

    @property
    def compiler(self) -> tree.Compiler:
        """What compiles for the target."""
        version = self.host.python_version
        return tree.Compiler(python=self.interpreter.base_executable, tag=f"cpython-{version.major}{version.minor}")


def build(settings: BuildSettings, reporter: Reporter) -> Built:
    """Build the tree, prove it, write it; nothing is written unless it is proven and within the budget.

    Raises ``BuildFails``, ``BuildOverBudget``, ``ProofFailed`` for a lock that was edited, and every other branch of
    ``MinreqError``.
    """
    _check_output(settings)
    task = _task(settings)
    index_settings = preparing.index_settings(settings.index)
    with IndexClient(index_settings, settings.cache_dir / "index") as index:
        allow_pth = recalling.allowed_pth(task.lock)
        store = Store(settings.cache_dir / "wheels", index, fetched=reporter.fetched, allow_pth=allow_pth)
        store.scratch_folder.mkdir(parents=True, exist_ok=True)
        finder = _Finder(task=task, index=index, settings=index_settings, store=store)
        reporter.began(Step.MAP, f"{len(task.names)} distributions")
        ours, theirs = finder.installations(reporter)
        closure = recalling.closure(task.lock, ours, store)
        with (
            temporary.folder(store.scratch_folder) as folder,
            workplace(
                task.interpreter,
                task.plan,
                closure,
                store,
                initial=frozenset(ours.candidates),
                jobs=settings.jobs,
                timeout=settings.timeout,
            ) as laboratory,
        ):
            bench = _Bench(task=task, store=store, laboratory=laboratory, reporter=reporter, folder=folder)
            return bench.build(ours, theirs)


def _task(settings: BuildSettings) -> _Task:
    own = [preparing.smoke_at(smoke, Path()) for smoke in settings.smokes]
    lock, text = recalling.read(settings.lock)
    if changes := [edit.sentence for edit in edited.edits(lock, text, filename=settings.lock.name) if edit.installs]:
        raise ProofFailed(str(settings.lock), changes)
    plan = recalling.plan(lock, settings.lock, settings.smokes)
    if plan.first is not None and plan.first.stage not in lock.stages:
        plan = planning.without_template(plan)
    has_own_smoke = bool(settings.smokes) or any(stage.startswith("smoke/") for stage in lock.stages)
    if settings.slim == "traced" and not (settings.yes_traced or has_own_smoke):
        raise TracedUnasked
    interpreter = runtime.interpreter(Path(settings.python) if settings.python else None)
    target = _target(lock, settings, interpreter.platform)
    wanted, found = (".".join(map(str, each.python_version.release[:2])) for each in (target, interpreter.platform))
    if settings.bytecode != "none" and wanted != found:
        raise BytecodeForOther(target.name, wanted, found)
    return _Task(
        settings=settings,
        lock=lock,
        digest=hashlib.sha256(text.encode("utf-8")).hexdigest(),
        interpreter=interpreter,
        target=target,
        plan=planning.with_own(plan, own),
    )


def _target(lock: Lock, settings: BuildSettings, host: Platform) -> Platform:
    """The platform to build for; where the lock is for hosts like this one, this one."""
    names = [platform.name for platform in lock.platforms]
    if settings.platform is None and len(names) > 1:
        raise TargetUnclear(str(settings.lock), None, names)
    if settings.platform is not None and settings.platform not in names:
        raise TargetUnclear(str(settings.lock), settings.platform, names)
    chosen = next(each for each in lock.platforms if settings.platform in {None, each.name})
    return host if chosen.name == host.name else chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finder:
    """Finds the wheels, for the host and for the target."""

    task: _Task
    index: IndexClient
    settings: IndexSettings
    store: Store

    def installations(self, reporter: Reporter) -> tuple[Installation, Installation]:
        """Return what is run here and what is written, which is the same if it can be.

        The runtime's own distributions are among what is run. Raises ``ProofFailed`` where something cannot be had.
        """
        task = self.task
        theirs = self._find(task.lock, task.target, task.names)
        fits = task.target.python_version.release[:2] == task.host.python_version.release[:2] and all(
            not candidate.wheel.tags.isdisjoint(task.host.tags) for candidate in theirs.candidates.values()
        )
        ours = theirs if fits else self._find(_for_host(task.lock), task.host, task.names)
        provided = self._find(_for_host(task.lock), task.host, sorted(task.lock.resolution.provided))
        for sentence in dict.fromkeys((*theirs.faults, *ours.faults)):
            reporter.note(sentence)
        return replace(ours, candidates={**ours.candidates, **provided.candidates}), theirs

    def _find(self, lock: Lock, platform: Platform, names: Iterable[NormalizedName]) -> Installation:
        interpreter = self.task.interpreter
        finder = pinned.Finder(
            index=self.index,
            platform=platform,
            build=recalling.Builder(interpreter=interpreter, settings=self.settings, store=self.store).build,
            holds=self.store.holds,
        )
        found = finder.find(lock, {name: pinned.recorded(lock, name) for name in names})
        if not found.complete:
            raise ProofFailed(str(self.task.settings.lock), found.faults)
        return found


def _for_host(lock: Lock) -> Lock:
    """*lock* with the wheels it was proven with, in the place of those of other platforms."""
    pins = {
        name: candidate if candidate.sdist else replace(candidate, wheels=(candidate.wheel,))
        for name, candidate in lock.resolution.pins.items()
        if candidate.sdist or candidate.wheel.sha256
    }
    return replace(lock, resolution=replace(lock.resolution, pins=pins))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """Where trees are made and run."""

    task: _Task
    store: Store
    laboratory: Laboratory
    reporter: Reporter
    folder: Path

    def build(self, ours: Installation, theirs: Installation) -> Built:
        """Choose, write, prove, and hand over."""
        task, settings = self.task, self.task.settings
        here, there = self._leaves(ours), self._leaves(theirs)
        watched = self._watch()
        choice = self._choose(here, watched.opened if watched else frozenset())
        self.reporter.began(Step.BUILD, f"{len(choice.kept):,} files, {len(choice.removed):,} left out")
        product = self._write("tree", choice)
        self.reporter.began(Step.PROVE, f"by the smoke, on what --slim {settings.slim} leaves")
        self._prove(product.folder, watched, task.plan)
        seconds = proving.first_import(task.interpreter.base_executable, task.plan, [product.folder, *self._provided()])
        if [leaf.source for leaf in here] != [leaf.source for leaf in there]:
            opened = _elsewhere(watched.opened, here, there) if watched else frozenset()
            product = self._write("foreign", self._choose(there, opened))
        split = self._split(product) if settings.layers else None
        self._check_budget(product, split)
        self.reporter.began(Step.WRITE, str(settings.output))
        archives = self._hand_over(product, split)
        archive = settings.output if settings.is_zip else None
        return Built(
            output=settings.output,
            root=f"{task.lock.resolution.root} {task.lock.resolution.pins[task.lock.resolution.root].version}",
            slim=settings.slim,
            bytecode=settings.bytecode,
            target=task.target.name,
            bytes=product.bytes,
            files=product.files,
            zip_bytes=archive.stat().st_size if archive else None,
            sha256=hashlib.sha256(archive.read_bytes()).hexdigest() if archive else None,
            opened=sum(leaf.size for leaf in here if leaf.path in watched.opened) if watched else None,
            first_import=seconds,
            stages=tuple(script.stage for group in task.plan.groups for script in group.scripts),
            savings=(_left_out(task.lock), *product.savings),
            map=tuple(_map(product)),
            layers=archives,
            functions=split.functions if split else {},
            reserve=settings.reserve,
            budget=settings.budget,
        )

    def _leaves(self, installation: Installation) -> tuple[Leaf, ...]:
        candidates = {name: installation.candidates[name] for name in self.task.names}
        return leaves_of({name: self.store.unpacked(candidate.wheel) for name, candidate in candidates.items()})

    def _watch(self) -> Watched | None:
        """Run on everything, where that tells something that the lock does not."""
        settings, task = self.task.settings, self.task
        known = {*task.lock.stages}
        has_more = any(script.stage not in known for group in task.plan.groups for script in group.scripts)
        if settings.slim not in _WATCHED_LEVELS and not has_more:
            return None
        self.reporter.began(Step.WATCH)
        return proving.watch(self.laboratory, task.plan)

    def _choose(self, leaves: tuple[Leaf, ...], opened: frozenset[str]) -> Choice:
        settings = self.task.settings
        points = (leaf.source.read_text("utf-8", "replace") for leaf in leaves if leaf.path.endswith(_ENTRY_POINTS))
        return choose(
            leaves, settings.slim, opened=opened, started={*started(points)}, keep=settings.keep, drop=settings.drop
        )

    def _write(self, name: str, choice: Choice) -> _Product:
        task, settings = self.task, self.task.settings
        folder = self.folder / name
        folder.mkdir()
        strip = symbols.strip_program() if settings.slim != "none" else None
        if strip is None and settings.slim != "none":
            self.reporter.note("there is no `strip` on this machine, so debug symbols stay; binutils has it")
        written = tree.write(
            choice,
            folder,
            level=settings.slim,
            lock=settings.lock.name,
            mode=settings.bytecode,
            compiler=task.compiler,
            strip=strip,
            jobs=settings.jobs,
        )
        steps = tuple(savings(choice.removed, written))
        text = description.describe(self._facts(), choice.removed, written, (_left_out(task.lock), *steps))
        folder.joinpath(description.FILE).write_text(text, "utf-8")
        tree.record(choice, written, folder)
        return _Product(folder=folder, choice=choice, written=written, savings=steps)

    def _facts(self) -> Mapping[str, object]:
        """What a build is made from; equal facts give equal bytes."""
        task, settings = self.task, self.task.settings
        pins = task.lock.resolution.pins
        return {
            "lock": settings.lock.name,
            "lock_sha256": task.digest,
            "root": f"{task.lock.resolution.root}=={pins[task.lock.resolution.root].version}",
            "slim": settings.slim,
            "bytecode": settings.bytecode,
            "keep": list(settings.keep),
            "drop": list(settings.drop),
            "target": task.target.name,
            "python": ".".join(map(str, task.target.python_version.release[:2])),
            "stages": [script.stage for group in task.plan.groups for script in group.scripts],
            "distributions": {name: str(pins[name].version) for name in sorted(task.names)},
        }

    def _provided(self) -> list[Path]:
        return self.laboratory.paths(self.task.lock.resolution.provided)

    def _prove(self, folder: Path, watched: Watched | None, plan: Plan) -> None:
        task, settings = self.task, self.task.settings
        paths = [folder, *self._provided()]
        found = proving.differing(self.laboratory, plan, paths, lock=task.lock, platform=task.host, watched=watched)
        if found:
            raise BuildFails(settings.lock.name, settings.slim, settings.bytecode, found, _advice(settings))

    def _split(self, product: _Product) -> Layers:
        """Divide the distributions among layers, and prove each provider with the base and its own alone."""
        task = self.task
        providers = [group.name for group in task.plan.groups if not group.name.startswith("smoke/")]
        split = layers(task.lock.selection.kept, providers, product.sizes)
        for group in task.plan.groups:
            attached = split.functions.get(group.name, split.names)
            if set(attached) == {*split.names}:
                continue
            self.reporter.began(Step.PROVE, f"{group.name} with {', '.join(attached)}")
            folder = self.folder / f"function-{group.name}"
            for path in product.files_of(split, attached):
                folder.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
                os.link(product.folder / path, folder / path)
            self._prove(folder, None, replace(task.plan, groups=(group,)))
            shutil.rmtree(folder)
        return split

    def _check_budget(self, product: _Product, split: Layers | None) -> None:
        settings = self.task.settings
        loads = {"the build": product.bytes}
        if split is not None:
            sizes = {name: product.bytes_of(product.files_of(split, (name,))) for name in split.names}
            loads = {
                f"the function for {name}": sum(map(sizes.__getitem__, its)) for name, its in split.functions.items()
            }
        for what, size in loads.items():
            if settings.budget is not None and size + settings.reserve > settings.budget:
                raise BuildOverBudget(what, size, settings.reserve, settings.budget, [*_smaller(settings, product)])

    def _hand_over(self, product: _Product, split: Layers | None) -> tuple[Layer, ...]:
        """Put the product where it belongs, whole or not at all; return what layers there are."""
        settings = self.task.settings
        is_packed = settings.is_zip or split is not None
        prefix = settings.prefix if settings.prefix is not None else (_LAYER if is_packed else "")
        with _replacing(settings.output) as new:
            if split is not None:
                new.mkdir()
                return tuple(self._layer(product, split, name, new / f"{name}.zip", prefix) for name in split.names)
            if settings.is_zip:
                packing.pack(product.folder, new, prefix, packing.files_in(product.folder))
            else:
                shutil.copytree(product.folder, new / prefix if prefix else new)
        return ()

    def _layer(self, product: _Product, split: Layers, name: str, archive: Path, prefix: str) -> Layer:
        settings = self.task.settings
        paths = product.files_of(split, (name,))
        size = packing.pack(product.folder, archive, prefix, paths)
        if settings.max_zip is not None and size > settings.max_zip:
            raise LayerTooLarge(name, size, settings.max_zip)
        return Layer(
            name=name,
            file=settings.output / archive.name,
            bytes=product.bytes_of(paths),
            zip_bytes=size,
            sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
            distributions=tuple(sorted(each for each, layer in split.of.items() if layer == name)),
        )


_ENTRY_POINTS = ".dist-info/entry_points.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Product:
    """A tree that was written."""

    folder: Path
    choice: Choice
    written: tree.Written
    savings: tuple[Saving, ...]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return self.bytes_of(packing.files_in(self.folder))

    def bytes_of(self, paths: Iterable[str]) -> int:
        """Of some files."""
        return sum(self.folder.joinpath(path).stat().st_size for path in paths)

    @property
    def sizes(self) -> Mapping[NormalizedName, int]:
        """Bytes of each distribution."""
        found: dict[NormalizedName, int] = {}
        for path, owner in tree.owners(self.choice, self.written).items():
            found[owner] = found.get(owner, 0) + self.folder.joinpath(path).stat().st_size
        return found

    def files_of(self, split: Layers, names: Collection[str]) -> tuple[str, ...]:
        """The files of some layers; what belongs to the build itself is in the base, its description in all."""
        owners = tree.owners(self.choice, self.written)
        return tuple(
            path
            for path in sorted(packing.files_in(self.folder))
            if path == description.FILE or (split.of[owners[path]] if path in owners else BASE) in names
        )

    @property
    def files(self) -> int:
        """How many there are."""
        return sum(1 for _ in packing.files_in(self.folder))


def _map(product: _Product) -> Iterator[Placed]:
    owners = tree.owners(product.choice, product.written)
    for path in sorted(packing.files_in(product.folder)):
        size = product.folder.joinpath(path).stat().st_size
        yield Placed(owner=owners.get(path, "(minreq)"), path=path, kind=kind_of(path).value, bytes=size)
    for removal in product.choice.removed:
        leaf = removal.leaf
        yield Placed(owner=leaf.owner, path=leaf.path, kind=f"left out: {removal.rule.value}", bytes=leaf.size)


def _left_out(lock: Lock) -> Saving:
    """What the lock itself saves."""
    left_out = [each for each in lock.selection.left_out if each.candidate.name not in lock.resolution.provided]
    return Saving(
        step="left-out distributions",
        bytes=sum(each.bytes for each in left_out),
        files=0,
        risk="low",
        why=f"{len(left_out)} distributions, without which the smoke behaves the same",
    )


def _elsewhere(opened: frozenset[str], here: Iterable[Leaf], there: Iterable[Leaf]) -> frozenset[str]:
    """What of another platform's files stands for what was *opened* here; what has no counterpart is taken in too.

    An extension module is the same under another ending, ``a.cpython-312-x86_64-linux-gnu.so``.
    """
    known = {leaf.module or leaf.path for leaf in here}
    wanted = {leaf.module or leaf.path for leaf in here if leaf.path in opened}
    return frozenset(
        leaf.path for leaf in there if (leaf.module or leaf.path) in wanted or (leaf.module or leaf.path) not in known
    )


def _advice(settings: BuildSettings) -> str:
    weaker = {"traced": "unused", "unused": "safe", "safe": "none"}.get(settings.slim)
    if settings.bytecode == "only":
        return "try --bytecode add, or keep what is missing with --keep PATTERN"
    if weaker is None:
        return "run `minreq verify` to see whether the lock still holds"
    return f"keep what is missing with --keep PATTERN, or build with --slim {weaker}"


def _smaller(settings: BuildSettings, product: _Product) -> Iterator[str]:
    """What would make it smaller, the safest first."""
    stronger = {"none": "safe", "safe": "unused", "unused": "traced"}.get(settings.slim)
    if stronger is not None:
        yield f"--slim {stronger}"
    compiled = -sum(each.bytes for each in product.savings if each.step == "bytecode")
    if compiled and settings.bytecode == "add":
        yield f"--bytecode none, {compiled:,} bytes smaller, and slower to start wherever nothing can be written"
        yield "--bytecode only, without the sources"
    largest = sorted(product.sizes.items(), key=lambda item: -item[1])[:3]
    yield f"--drop PATTERN; the largest are {', '.join(f'{name} {count:,}' for name, count in largest)}"
    yield "fewer --providers or --features in the lock, or a container image instead of a zip"


def _check_output(settings: BuildSettings) -> None:
    """Raise ``OutputUnwritable`` early: a folder is replaced only if a build of minreq lies in it."""
    output = settings.output
    if not output.parent.is_dir():
        raise OutputUnwritable(output, f"there is no folder {output.parent}")
    if settings.is_zip:
        if output.exists() and not output.is_file():
            raise OutputUnwritable(output, "it is not a regular file")
    elif output.is_dir():
        if any(output.iterdir()) and not any(output.rglob(description.FILE)) and not _has_layers(output):
            raise OutputUnwritable(output, f"it is a folder with something else in it (no {description.FILE})")
    elif output.exists():
        raise OutputUnwritable(output, "it is a file; name a folder, or a file that ends in .zip")


def _has_layers(folder: Path) -> bool:
    """Whether nothing but layers lies in *folder*."""
    files = [*folder.iterdir()]
    return any(file.name == f"{BASE}.zip" for file in files) and all(file.suffix == ".zip" for file in files)


@contextmanager
def _replacing(output: Path) -> Iterator[Path]:
    """Give a place beside *output* for what takes its place at the end; on any failure *output* stays."""
    new = output.with_name(f".{output.name}.{secrets.token_hex(6)}.tmp")
    old = output.with_name(f".{output.name}.{secrets.token_hex(6)}.old")
    try:
        yield new
        if new.is_dir() and output.is_dir():
            output.replace(old)
        new.replace(output)
    except OSError as error:
        with suppress(OSError):
            if old.exists():
                old.replace(output)
        raise OutputUnwritable(output, error.strerror or str(error)) from error
    finally:
        for leftover in (new, old):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)
