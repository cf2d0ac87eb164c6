"""What the commands start: the one seam between the command line and the work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from minreq.config import Settings, VerifySettings
from minreq.model import Lock
from minreq.reporting import Reporter

if TYPE_CHECKING:
    from minreq.config.exports import EnvironmentSettings, ExportSettings
    from minreq.environments import Standing
    from minreq.exporting import Exported
    from minreq.lockfile.difference import LockDifference


class Engine:
    """Does the work. Its imports are heavy and wait until then: ``minreq --help`` needs none of them."""

    def lock(self, settings: Settings, reporter: Reporter) -> Lock:
        """Make the lock, and write it unless it goes to standard output or nowhere."""
        from minreq import locking  # noqa: PLC0415 # See above.

        return locking.lock(settings, reporter)

    def verify(self, settings: VerifySettings, reporter: Reporter) -> Lock:
        """Prove the lock on disk again, and return it."""
        from minreq import verifying  # noqa: PLC0415 # See above.

        return verifying.verify(settings, reporter)

    def prune(self, cache_dir: Path) -> int:
        """Make the cache smaller and return the bytes that were freed."""
        from minreq import store  # noqa: PLC0415 # See above.
        from minreq.index import records  # noqa: PLC0415

        return store.prune(cache_dir / "wheels") + records.prune(cache_dir / "index" / "wheels")

    def export(self, settings: ExportSettings, reporter: Reporter) -> Exported:
        """Write the lock on disk in another format."""
        from minreq import exporting  # noqa: PLC0415 # See above.

        return exporting.export(settings, reporter)

    def diff(self, old: Path, new: Path) -> LockDifference:
        """Return what lies between two locks on disk."""
        from minreq.lockfile import difference, reading  # noqa: PLC0415 # See above.

        return difference.between(reading.read_evidence(old), reading.read_evidence(new))

    def sync(self, settings: EnvironmentSettings, reporter: Reporter) -> Standing:
        """Bring an environment to exactly the lock on disk."""
        from minreq import environments  # noqa: PLC0415 # See above.

        return environments.sync(settings, reporter)

    def check(self, settings: EnvironmentSettings) -> Standing:
        """Return how an environment stands to the lock on disk."""
        from minreq import environments  # noqa: PLC0415 # See above.

        return environments.check(settings)
