"""Where a verification takes the files from: index and store, and what another tool built from the lock."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from minreq import interpreter as runtime
from minreq.analyze import importfolders
from minreq.config import IndexOptions, VerifySettings
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.interpreter import Interpreter
from minreq.lockfile.pinnedfiles import PinnedFileFinder
from minreq.model import Lock
from minreq.reporting import Reporter
from minreq.sdists.builder import SdistBuilder
from minreq.task import fromlock
from minreq.task.task import build_project, read_index_settings, with_find_links
from minreq.wheels.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The index and the store of one verification."""

    index: IndexClient
    index_settings: IndexSettings
    store: Store
    finder: PinnedFileFinder
    builder: SdistBuilder


@contextmanager
def open_sources(
    settings: VerifySettings, lock: Lock, interpreter: Interpreter, reporter: Reporter
) -> Iterator[Sources]:
    """Open index and store for files of *lock* that *interpreter* runs."""
    index_settings = read_index_settings(_index_options(settings, lock, interpreter, reporter))
    with IndexClient(index_settings, settings.cache_dir / "index") as index:
        store = Store(
            settings.cache_dir / "wheels",
            index,
            on_fetched=reporter.fetched,
            allow_pth=fromlock.read_allowed_pth(lock),
            on_damage=reporter.note,
            check_all=True,
        )
        builder = SdistBuilder(
            interpreter=interpreter,
            settings=index_settings,
            index=index,
            store=store,
            require_sandbox=settings.require_sandbox,
            note=reporter.note,
        )
        finder = PinnedFileFinder(
            index=index, platform=interpreter.platform, build=builder.build, holds=store.holds_intact
        )
        # A new store has no scratch folder yet.
        store.scratch_folder.mkdir(parents=True, exist_ok=True)
        yield Sources(index=index, index_settings=index_settings, store=store, finder=finder, builder=builder)


def _index_options(settings: VerifySettings, lock: Lock, interpreter: Interpreter, reporter: Reporter) -> IndexOptions:
    """Return the index options. When a local project is the root, it is built again and its wheel is added."""
    recorded = fromlock.read_command(lock).get("project")
    if recorded is None:
        return settings.index
    folder = next((each for each in (recorded, settings.lock.parent / recorded) if each.is_dir()), recorded)
    wheel = build_project(
        folder,
        interpreter,
        read_index_settings(settings.index),
        settings.cache_dir,
        require_sandbox=settings.require_sandbox,
        note=reporter.note,
    )
    return with_find_links(settings.index, wheel)


def open_folders(
    settings: VerifySettings, interpreter: Interpreter, store: Store, stack: ExitStack
) -> tuple[str, tuple[Path, ...]]:
    """Return the name of the artifact and its import folders; *stack* removes what was unpacked."""
    if settings.path is None:
        return str(settings.python), runtime.site_folders(interpreter)
    version = interpreter.platform.python_version
    folder = stack.enter_context(importfolders.open_tree(settings.path, store.scratch_folder))
    return str(settings.path), importfolders.find_import_folders(
        folder, (version.major, version.minor), named=settings.path
    )


def link_folders(folders: Sequence[Path], store: Store, stack: ExitStack) -> list[Path]:
    """Link *folders* into the scratch folder, so that the behaviour does not depend on the place of the tree."""
    links = [store.scratch_folder / f"tree-{secrets.token_hex(6)}" for _ in folders]
    for link, folder in zip(links, folders, strict=True):
        stack.callback(link.unlink, missing_ok=True)
        link.symlink_to(folder.absolute(), target_is_directory=True)
    return links
