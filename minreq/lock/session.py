"""What the locks of one thread share: index clients, checked trees of the store, resolutions, and whole locks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, final

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.config import STDOUT

if TYPE_CHECKING:
    from minreq.index.client import IndexClient
    from minreq.index.settings import IndexSettings
    from minreq.model import Lock, Resolution
    from minreq.resolver import ResolverInput
    from minreq.task.task import Task
    from minreq.wheels.store import CheckedTrees


@dataclass(frozen=True, slots=True, kw_only=True)
class LockDemand:
    """Everything that decides a lock, except how its file is written: equal demands have the same lock."""

    #: With the settings that decide what the lock has.
    task: Task
    #: With the extras of the lock on disk.
    resolution: Resolution
    #: The digests of the smoke and of requirements files.
    inputs: Mapping[str, str]
    #: The working directory; ``None`` if the lock depends on no file of the user.
    folder: Path | None


@final
class LockSession:
    """What several locks share. A session is for one thread, and closed by ``with``.

    Index pages are read once, so the locks of a session agree with each other. Equal demands are resolved once, and
    equal locks are made once. Where the index fails, the session begins anew: a failure is no answer for the next lock.
    """

    def __init__(self, *, shares_hints: bool = False) -> None:
        #: Whether a lock begins with what the first stage of the one before needed. Its set is the same; its evidence
        #: may have been found by another method, so that equal inputs need not give equal files.
        self._shares_hints = shares_hints
        self._hints: dict[tuple[NormalizedName, Version], frozenset[NormalizedName]] = {}
        #: The end of a period such as ``--exclude-newer '3 days'``: one moment for all locks, else no two are equal.
        self.began = datetime.now(timezone.utc)
        self._clients: dict[tuple[IndexSettings, Path, NormalizedName | None], IndexClient] = {}
        self._trees: dict[bool, CheckedTrees] = {}
        self._resolutions: list[tuple[IndexClient, ResolverInput, Resolution]] = []
        self._locks: list[tuple[LockDemand, Lock]] = []

    def __enter__(self) -> LockSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index clients, and forget what was read from them."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self._resolutions.clear()
        self._locks.clear()

    def open_index(self, settings: IndexSettings, cache: Path, own_project: NormalizedName | None) -> IndexClient:
        """Return the index client for *settings*; see `IndexClient`. The session closes it."""
        from minreq.index.client import IndexClient  # noqa: PLC0415 # Heavy: an unchanged lock may need no index.

        key = (settings, cache, own_project)
        if key not in self._clients:
            self._clients[key] = IndexClient(settings, cache, own_project=own_project)
        return self._clients[key]

    def checked_trees(self, *, check_all: bool) -> CheckedTrees:
        """Return the trees of the store that this session has checked; *check_all*: by hashing each file."""
        from minreq.wheels.store import CheckedTrees  # noqa: PLC0415 # As above.

        return self._trees.setdefault(check_all, CheckedTrees())

    def resolve(self, inputs: ResolverInput, index: IndexClient) -> Resolution:
        """Return the resolution of *inputs*, made once for equal ones; raise as `resolver.resolve` does."""
        from minreq.resolver import resolve  # noqa: PLC0415 # As above.
        from minreq.source.imports import StaticImportFinder  # noqa: PLC0415

        # A builder has no equal; what it builds follows from the other inputs and the index.
        demand = replace(inputs, builder=None)
        for client, known, resolution in self._resolutions:
            if client is index and known == demand:
                return resolution
        resolution = resolve(inputs, index, StaticImportFinder(index))
        self._resolutions.append((index, demand, resolution))
        return resolution

    def find_hints(self, task: Task) -> frozenset[NormalizedName] | None:
        """Return what the first stage of *task* needs, as the last lock of its root shows; ``None``: unknown."""
        return self._hints.get((task.profiled_root, task.host.python_version))

    def add_hints(self, task: Task, names: frozenset[NormalizedName]) -> None:
        """Remember that the first stage of *task* was found to need *names*."""
        if self._shares_hints:
            self._hints[task.profiled_root, task.host.python_version] = names

    def find_lock(self, demand: LockDemand) -> Lock | None:
        """Return the lock that this session made for *demand*, ``None`` if it made none."""
        return next((lock for known, lock in self._locks if known == demand), None)

    def add_lock(self, demand: LockDemand, lock: Lock) -> None:
        """Remember *lock*, which was proven for *demand*."""
        self._locks.append((demand, lock))


def make_demand(task: Task, resolution: Resolution) -> LockDemand:
    """Return what decides the lock of *task*, which has this *resolution*."""
    settings = task.settings
    version = resolution.pins[task.profiled_root].version
    files = (*settings.smokes, *settings.smoke_files, *settings.profiles, *settings.requirement_files)
    plain = replace(
        settings,
        output=STDOUT,
        check=False,
        dry_run=False,
        hashes=True,
        annotate=True,
        upgrade=False,
        upgrade_packages=(),
        scan=(),
    )
    return LockDemand(
        task=replace(task, settings=plain, command="", notes=()),
        resolution=resolution,
        inputs=task.input_digests(version),
        folder=Path.cwd() if files or settings.constraints or task.project else None,
    )
