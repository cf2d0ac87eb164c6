"""Builds wheels from source distributions for the interpreter of a task."""

from __future__ import annotations

from dataclasses import dataclass

from minreq.index import sdist as sdists
from minreq.index.settings import IndexSettings
from minreq.interpreter import Interpreter
from minreq.model import Platform, Sdist, Wheel
from minreq.wheels.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class SdistBuilder:
    """Builds a wheel for the host where an index has no wheel; see `minreq.index.sdist`."""

    interpreter: Interpreter
    settings: IndexSettings
    store: Store
    #: The platforms that the wheel has to fit; empty: the platform of the interpreter.
    targets: tuple[Platform, ...] = ()

    def build(self, sdist: Sdist) -> Wheel:
        """Fetch *sdist*, check its hash and build it; raise ``NoWheel`` where building is not allowed."""
        refusal = sdists.find_refusal(sdist, self.settings, self.targets or (self.interpreter.platform,))
        if refusal is not None:
            raise refusal
        archive = self.store.fetch(sdist)
        folder = archive.parent / "built"
        return sdists.build(sdist, archive, python=self.interpreter.executable, to=folder, settings=self.settings)
