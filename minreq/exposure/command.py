"""The way of the data to what a lock exposes: its evidence, the source of what it keeps, and the places in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from packaging.utils import NormalizedName

from minreq.config import VerifySettings
from minreq.errors import PinnedFilesMissing
from minreq.exposure import sites as exposure
from minreq.exposure.sites import Site
from minreq.index.client import IndexClient
from minreq.lockfile import pinned, reading
from minreq.model import Candidate, Lock, Sdist, Wheel
from minreq.reporting import Reporter
from minreq.task import recall, task
from minreq.wheels.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What code of a lock would reach and not find."""

    lock: Lock
    #: Those that matter most first.
    sites: tuple[Site, ...]


def expose(settings: VerifySettings, reporter: Reporter) -> Exposure:
    """Read the code of the lock on disk; what the store lacks of it is fetched, nothing is run.

    Raises ``UsageError``, ``PinnedFilesMissing``, and what index and store raise.
    """
    lock = reading.read_evidence(settings.lock)
    built = [each.candidate.name for each in lock.selection.kept if each.candidate.sdist is not None]
    if built:
        # Each build makes other bytes; what the lock was proven with is not to be had any more.
        reporter.note(f"built from source, so their code is not read: {', '.join(built)}")
    wheels = {each.candidate.name: each.candidate for each in lock.selection.kept if each.candidate.sdist is None}
    folders = _unpacked(lock, wheels, settings, reporter)
    return Exposure(lock=lock, sites=exposure.sites(lock, folders, remember=True))


def _unpacked(
    lock: Lock, wheels: dict[NormalizedName, Candidate], settings: VerifySettings, reporter: Reporter
) -> dict[NormalizedName, Path]:
    folder, allow_pth = settings.cache_dir / "wheels", recall.allowed_pth(lock)
    store = Store(folder, _Nowhere(), allow_pth=allow_pth)
    here = {name: each.wheel for name, each in wheels.items() if store.holds(each.wheel)}
    unpacked = {name: store.unpacked(wheel) for name, wheel in here.items()}
    missing = {name: pinned.recorded(lock, name) for name in wheels.keys() - here.keys()}
    if missing:
        index_settings = task.index_settings(settings.index)
        with IndexClient(index_settings, settings.cache_dir / "index") as index:
            store = Store(folder, index, fetched=reporter.fetched, allow_pth=allow_pth)
            finder = pinned.Finder(index=index, platform=lock.proven_on, build=_never, holds=store.holds)
            found = finder.find(lock, missing)
            if not found.complete:
                raise PinnedFilesMissing(str(settings.lock), found.faults)
            unpacked |= {name: store.unpacked(each.wheel) for name, each in found.candidates.items()}
    return unpacked


class _Nowhere:
    """A source for a store that is asked only for what it holds."""

    def download(self, wheel: Wheel | Sdist, to: BinaryIO) -> None:
        """Nothing has to be fetched."""
        raise AssertionError(wheel.filename, to)


def _never(sdist: Sdist) -> Wheel:
    """What was built from source was left aside before."""
    raise AssertionError(sdist.filename)
