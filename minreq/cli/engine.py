"""What the commands start: the one seam between the command line and the work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from minreq.config import AnalyzeSettings, BuildSettings, Settings, VerifySettings, VersionsSettings
from minreq.model import Lock
from minreq.reporting import Reporter

if TYPE_CHECKING:
    from minreq.analyzing import Analysis
    from minreq.building import Built
    from minreq.surveying import Survey


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

    def analyze(self, settings: AnalyzeSettings) -> Analysis:
        """Look at a tree of packages."""
        from minreq import analyzing  # noqa: PLC0415 # See above.

        return analyzing.analyze(settings)

    def build(self, settings: BuildSettings, reporter: Reporter) -> Built:
        """Build a tree from the lock on disk, prove it, and write it."""
        from minreq import building  # noqa: PLC0415 # See above.

        return building.build(settings, reporter)

    def versions(self, settings: VersionsSettings, reporter: Reporter) -> Survey:
        """Read the newest releases of a root."""
        from minreq import surveying  # noqa: PLC0415 # See above.

        return surveying.survey(settings, reporter)

    def prune(self, cache_dir: Path) -> int:
        """Make the cache smaller and return the bytes that were freed."""
        from minreq import store  # noqa: PLC0415 # See above.
        from minreq.index import records  # noqa: PLC0415

        return store.prune(cache_dir / "wheels") + records.prune(cache_dir / "index" / "wheels")
