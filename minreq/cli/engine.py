"""What the commands start: the one seam between the command line and the work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from minreq.config import AnalyzeSettings, BuildSettings, Settings, VerifySettings, VersionsSettings
from minreq.model import Lock
from minreq.reporting import Reporter
from minreq.scan.usage import Usage

if TYPE_CHECKING:
    from minreq.analyze.analyze import Analysis
    from minreq.build.build import Built
    from minreq.config.exports import EnvironmentSettings, ExportSettings
    from minreq.doctor import Diagnosis
    from minreq.environment import Standing
    from minreq.explain.explain import Branch, Explanation
    from minreq.export import Exported
    from minreq.exposure.command import Exposure
    from minreq.lockfile.difference import LockDifference
    from minreq.providers.needs import Needs
    from minreq.verify.canary import Canary
    from minreq.versions import Survey


class Engine:
    """Does the work. Its imports are heavy and wait until then: ``minreq --help`` needs none of them."""

    def lock(self, settings: Settings, reporter: Reporter) -> Lock:
        """Make the lock, and write it unless it goes to standard output or nowhere."""
        from minreq.lock import lock as locking  # noqa: PLC0415 # See above.
        from minreq.system import heap  # noqa: PLC0415 # See above.

        heap.keep_small()
        return locking.lock(settings, reporter)

    def before(self, settings: Settings) -> str | None:
        """Return the evidence that stands where the next lock is written, unread, if there is any."""
        from minreq.errors import EvidenceUnreadable, LockMissing  # noqa: PLC0415 # See above.
        from minreq.lockfile import evidence, reading  # noqa: PLC0415

        try:
            return reading.read_text(evidence.beside(settings.output), "evidence")
        except (EvidenceUnreadable, LockMissing):
            return None

    def changes(self, before: str | None, lock: Lock) -> LockDifference | None:
        """Return what *lock* has otherwise than the one whose evidence was *before*, if that can be read."""
        from minreq.errors import EvidenceUnreadable  # noqa: PLC0415 # See above.
        from minreq.lockfile import difference, evidence  # noqa: PLC0415

        try:
            return None if before is None else difference.between(evidence.load(before), lock)
        except EvidenceUnreadable:
            return None

    def verify(self, settings: VerifySettings, reporter: Reporter) -> Lock:
        """Prove the lock on disk again, and return it."""
        from minreq.system import heap  # noqa: PLC0415 # See above.
        from minreq.verify import verify as verifying  # noqa: PLC0415 # See above.

        heap.keep_small()
        return verifying.verify(settings, reporter)

    def explain(self, lock: Path, name: str) -> tuple[Lock, Explanation]:
        """Return what the evidence beside *lock* says, and what of it is about *name*."""
        from minreq.explain import explain as explaining  # noqa: PLC0415 # See above.
        from minreq.lockfile import reading  # noqa: PLC0415

        read = reading.read_evidence(lock)
        return read, explaining.explain(read, name, filename=str(lock))

    def tree(self, lock: Path) -> tuple[Branch, ...]:
        """Return who imports whom in *lock*."""
        from minreq.explain import explain as explaining  # noqa: PLC0415 # See above.
        from minreq.lockfile import reading  # noqa: PLC0415

        return tuple(explaining.tree(reading.read_evidence(lock)))

    def expose(self, settings: VerifySettings, reporter: Reporter) -> Exposure:
        """Return where the code of the lock on disk would import what is left out."""
        from minreq.exposure import command  # noqa: PLC0415 # See above.

        return command.expose(settings, reporter)

    def guard(self, lock: Path, folder: Path) -> Path:
        """Write the module that tells misses of *lock* into *folder*, which is made if need be; return its path."""
        from minreq.errors import OutputUnwritable  # noqa: PLC0415
        from minreq.guard import render  # noqa: PLC0415 # See above.
        from minreq.lockfile import reading, writing  # noqa: PLC0415

        text = render.render(reading.read_evidence(lock), filename=lock.name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputUnwritable(folder, error.strerror or str(error)) from error
        writing.write({folder / render.FILENAME: text})
        return folder / render.FILENAME

    def misses(self, settings: Settings, text: str) -> tuple[Settings, tuple[str, ...]]:
        """Return *settings* that keep what the log *text* misses, and a sentence on each."""
        from minreq.guard import misses  # noqa: PLC0415 # See above.

        return misses.include(settings, text)

    def scan(self, settings: Settings, reporter: Reporter) -> Usage:
        """Return which providers and features a code base uses."""
        from minreq.task import scan as scanning  # noqa: PLC0415 # See above.

        return scanning.usage(settings, reporter)

    def providers(self, settings: Settings, reporter: Reporter) -> Needs:
        """Return what each provider of a root needs."""
        from minreq.providers import measure  # noqa: PLC0415 # See above.
        from minreq.system import heap  # noqa: PLC0415 # See above.

        heap.keep_small()
        return measure.measure(settings, reporter)

    def canary(self, settings: VerifySettings, output: Path) -> Canary:
        """Write the smoke of a lock as a script that calls real endpoints."""
        from minreq.verify import canary  # noqa: PLC0415 # See above.

        return canary.export(settings.lock, output, settings.smokes)

    def diagnose(self, cache_dir: Path) -> Diagnosis:
        """Tell what holds on this machine."""
        from minreq import doctor  # noqa: PLC0415 # See above.

        return doctor.diagnose(cache_dir)

    def analyze(self, settings: AnalyzeSettings) -> Analysis:
        """Look at a tree of packages."""
        from minreq.analyze import analyze as analyzing  # noqa: PLC0415 # See above.

        return analyzing.analyze(settings)

    def build(self, settings: BuildSettings, reporter: Reporter) -> Built:
        """Build a tree from the lock on disk, prove it, and write it."""
        from minreq.build import build as building  # noqa: PLC0415 # See above.
        from minreq.system import heap  # noqa: PLC0415 # See above.

        heap.keep_small()
        return building.build(settings, reporter)

    def versions(self, settings: VersionsSettings, reporter: Reporter) -> Survey:
        """Read the newest releases of a root."""
        from minreq import versions as surveying  # noqa: PLC0415 # See above.
        from minreq.system import heap  # noqa: PLC0415 # See above.

        heap.keep_small()
        return surveying.survey(settings, reporter)

    def prune(self, cache_dir: Path) -> int:
        """Make the cache smaller and return the bytes that were freed."""
        from minreq.index import records  # noqa: PLC0415
        from minreq.wheels import store  # noqa: PLC0415 # See above.

        return store.prune(cache_dir / "wheels") + records.prune(cache_dir / "index" / "wheels")

    def export(self, settings: ExportSettings, reporter: Reporter) -> Exported:
        """Write the lock on disk in another format."""
        from minreq import export as exporting  # noqa: PLC0415 # See above.

        return exporting.export(settings, reporter)

    def diff(self, old: Path, new: Path) -> LockDifference:
        """Return what lies between two locks on disk."""
        from minreq.lockfile import difference, reading  # noqa: PLC0415 # See above.

        return difference.between(reading.read_evidence(old), reading.read_evidence(new))

    def sync(self, settings: EnvironmentSettings, reporter: Reporter) -> Standing:
        """Bring an environment to exactly the lock on disk."""
        from minreq import environment  # noqa: PLC0415 # See above.

        return environment.sync(settings, reporter)

    def check(self, settings: EnvironmentSettings) -> Standing:
        """Return how an environment stands to the lock on disk."""
        from minreq import environment  # noqa: PLC0415 # See above.

        return environment.check(settings)
