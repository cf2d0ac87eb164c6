"""Gets the code of a lock and finds the imports in it that would reach a left-out distribution."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from packaging.utils import NormalizedName

from minreq.config import VerifySettings
from minreq.errors import PinnedFilesMissing
from minreq.exposure import sites as import_sites
from minreq.exposure.features import read_features
from minreq.exposure.sites import ImportSite
from minreq.index.client import IndexClient
from minreq.lockfile import reading
from minreq.lockfile.pinnedfiles import PinnedFileFinder, recorded_pin
from minreq.model import Candidate, Lock, Sdist, Wheel
from minreq.profiles.scanprofile import load_scan_profile
from minreq.reporting import Reporter
from minreq.task import fromlock, task
from minreq.wheels.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The imports in the code of a lock that would reach a left-out distribution."""

    lock: Lock
    #: The most important sites first.
    sites: tuple[ImportSite, ...]


def expose(settings: VerifySettings, reporter: Reporter) -> Exposure:
    """Read the code of the lock on disk. Wheels that the store lacks are fetched; nothing is run.

    Raises ``UsageError``, ``ProfileInvalid``, ``PinnedFilesMissing``, and what index and store raise.
    """
    lock = reading.read_evidence(settings.lock)
    built_from_source = [each.candidate.name for each in lock.selection.kept if each.candidate.sdist is not None]
    if built_from_source:
        # Each build makes other bytes, so the code that the lock was proven with is gone.
        reporter.note(f"built from source, so their code is not read: {', '.join(built_from_source)}")
    wheels = {each.candidate.name: each.candidate for each in lock.selection.kept if each.candidate.sdist is None}
    folders = _unpack(lock, wheels, settings, reporter)
    profile = fromlock.find_profile(lock, settings.lock)
    features = read_features(lock, profile, load_scan_profile(profile) if profile else None)
    return Exposure(lock=lock, sites=import_sites.find_import_sites(lock, folders, use_cache=True, features=features))


def _unpack(
    lock: Lock, wheels: dict[NormalizedName, Candidate], settings: VerifySettings, reporter: Reporter
) -> dict[NormalizedName, Path]:
    folder, allow_pth = settings.cache_dir / "wheels", fromlock.read_allowed_pth(lock)
    store = Store(folder, _NoSource(), allow_pth=allow_pth, on_damage=reporter.note)
    unpacked: dict[NormalizedName, Path] = {}
    for name, each in wheels.items():
        with suppress(_NotStored):
            unpacked[name] = store.unpack(each.wheel)
    missing = {name: recorded_pin(lock, name) for name in wheels.keys() - unpacked.keys()}
    if missing:
        index_settings = task.read_index_settings(settings.index)
        with IndexClient(index_settings, settings.cache_dir / "index") as index:
            store = Store(folder, index, on_fetched=reporter.fetched, allow_pth=allow_pth, on_damage=reporter.note)
            finder = PinnedFileFinder(
                index=index, platform=lock.proven_on, build=_refuse_build, holds=store.holds_intact
            )
            found = finder.find(lock, missing)
            if not found.complete:
                raise PinnedFilesMissing(str(settings.lock), found.faults)
            unpacked |= {name: store.unpack(each.wheel) for name, each in found.candidates.items()}
    return unpacked


class _NotStored(Exception):
    """The store does not hold a wheel."""


class _NoSource:
    """A source without wheels, for a store that is to use only what it holds."""

    def download(self, wheel: Wheel | Sdist, to: BinaryIO) -> None:
        """Raise ``_NotStored``."""
        raise _NotStored(wheel.filename, to)


def _refuse_build(sdist: Sdist) -> Wheel:
    """Fail: distributions built from source were excluded before."""
    raise AssertionError(sdist.filename)
