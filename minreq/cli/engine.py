"""Starts the work of each command; the only link between the command line and the other rooms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from minreq.config import AnalyzeSettings, BuildSettings, Settings, VerifySettings, VersionsSettings
from minreq.model import BuildForecast, Lock
from minreq.reporting import Reporter

if TYPE_CHECKING:
    from minreq.analyze.analyze import Analysis
    from minreq.build.build import BuildResult
    from minreq.config.exports import EnvironmentSettings, ExportSettings
    from minreq.config.matrix import MatrixSettings
    from minreq.doctor import Diagnosis
    from minreq.environment import EnvironmentStatus
    from minreq.explain.explain import Explanation, ImportTreeNode
    from minreq.export import ExportResult
    from minreq.exposure.command import Exposure
    from minreq.imports.command import ImportAnalysis
    from minreq.init import JobChoice, ProjectPlan
    from minreq.lock.everylock import LockRequest, LockResult
    from minreq.lockfile.difference import LockDifference
    from minreq.matrix.matrix import Matrix
    from minreq.matrix.reporting import MatrixReporter
    from minreq.providers.needs import FeatureAddition, Measurement
    from minreq.scan.usage import Usage
    from minreq.verify.comparison import FullComparison
    from minreq.verify.exportsmoke import ExportedSmoke
    from minreq.versions import Survey


class Engine:
    """Does the work of the commands. It imports late: ``minreq --help`` needs none of these modules."""

    def lock(self, settings: Settings, reporter: Reporter) -> Lock:
        """Make the lock, and write it unless it goes to standard output or ``--dry-run`` is set."""
        from minreq.lock import lock as locking  # noqa: PLC0415 # Late, see the class.
        from minreq.system import heap  # noqa: PLC0415 # Late, see the class.

        heap.limit_fragmentation()
        return locking.lock(settings, reporter, self.forecast_build)

    def lock_all(self, requests: Sequence[LockRequest], reporter: Reporter) -> tuple[LockResult, ...]:
        """Make or check all locks; what they have in common is read, resolved and made once."""
        from minreq.lock import everylock  # noqa: PLC0415 # Late, see the class.
        from minreq.system import heap  # noqa: PLC0415 # Late, see the class.

        heap.limit_fragmentation()
        return everylock.lock_all(requests, reporter, self.forecast_build)

    def forecast_build(self, lock: Lock, settings: Settings) -> BuildForecast | None:
        """Return what a smaller build of *lock* comes to, ``None`` if that is unknown."""
        from minreq.build import forecast  # noqa: PLC0415 # Late, see the class.

        return forecast.forecast_build(lock, settings)

    def read_recorded_options(self, lock: Path) -> Mapping[str, Any]:
        """Return the options that made *lock*, by field of ``Settings``; nothing if there is no lock."""
        from minreq.task import fromlock  # noqa: PLC0415 # Late, see the class.

        return fromlock.read_options(lock)

    def read_previous_evidence(self, settings: Settings) -> str | None:
        """Return the text of the evidence at the place of the next lock, ``None`` if there is none."""
        from minreq.errors import EvidenceUnreadable, LockMissing  # noqa: PLC0415 # Late, see the class.
        from minreq.lockfile import evidence, reading  # noqa: PLC0415

        try:
            return reading.read_text(evidence.evidence_path(settings.output), "evidence")
        except (EvidenceUnreadable, LockMissing):
            return None

    def list_uncovered_features(self, lock: Lock, settings: Settings) -> tuple[FeatureAddition, ...]:
        """Return the features of the providers of *lock* that its smoke does not cover, and what each would add."""
        from minreq.profiles import loader  # noqa: PLC0415 # Late, see the class.
        from minreq.providers import features  # noqa: PLC0415 # Late, see the class.

        roots = (lock.resolution.root, *(canonicalize_name(each.name) for each in settings.also))
        profile = next(filter(None, (loader.find_profile(each, settings.profiles) for each in roots)), None)
        return features.read_additions(settings.cache_dir, profile, lock) if profile else ()

    def compare_with_previous(self, before: str | None, lock: Lock) -> LockDifference | None:
        """Compare *lock* with the lock whose evidence was *before*; return ``None`` if *before* cannot be read."""
        from minreq.errors import EvidenceUnreadable  # noqa: PLC0415 # Late, see the class.
        from minreq.lockfile import difference, evidence  # noqa: PLC0415

        try:
            return None if before is None else difference.compare_locks(evidence.load(before), lock)
        except EvidenceUnreadable:
            return None

    def verify(self, settings: VerifySettings, reporter: Reporter) -> Lock:
        """Run the smoke of the lock on disk again, compare, and return the lock."""
        from minreq.system import heap  # noqa: PLC0415 # Late, see the class.
        from minreq.verify import verify as verifying  # noqa: PLC0415 # Late, see the class.

        heap.limit_fragmentation()
        return verifying.verify(settings, reporter)

    def compare_with_full(self, settings: VerifySettings, reporter: Reporter) -> FullComparison:
        """Run a command with all that the lock on disk declares, and on the lock, and compare."""
        from minreq.system import heap  # noqa: PLC0415 # Late, see the class.
        from minreq.verify import against  # noqa: PLC0415 # Late, see the class.

        heap.limit_fragmentation()
        return against.compare_with_full(settings, reporter)

    def explain(self, lock: Path, name: str) -> tuple[Lock, Explanation]:
        """Read the evidence beside *lock*; return it, and the explanation of *name*."""
        from minreq.explain import explain as explaining  # noqa: PLC0415 # Late, see the class.
        from minreq.lockfile import reading  # noqa: PLC0415

        evidence = reading.read_evidence(lock)
        return evidence, explaining.explain(evidence, name, filename=str(lock))

    def tree(self, lock: Path) -> tuple[ImportTreeNode, ...]:
        """Return the tree of imports in *lock*."""
        from minreq.explain import explain as explaining  # noqa: PLC0415 # Late, see the class.
        from minreq.lockfile import reading  # noqa: PLC0415

        return tuple(explaining.import_tree(reading.read_evidence(lock)))

    def expose(self, settings: VerifySettings, reporter: Reporter) -> Exposure:
        """Return the imports of left-out distributions in the kept code of the lock on disk."""
        from minreq.exposure import command  # noqa: PLC0415 # Late, see the class.

        return command.expose(settings, reporter)

    def render_guard(self, lock: Path) -> str:
        """Return the text of the module that logs misses of *lock*."""
        from minreq.guard import render  # noqa: PLC0415 # Late, see the class.
        from minreq.lockfile import reading  # noqa: PLC0415

        return render.render_guard(reading.read_evidence(lock), filename=lock.name)

    def guard(self, lock: Path, folder: Path) -> Path:
        """Write the module that logs misses of *lock* into *folder*, and return its path."""
        from minreq.guard import render  # noqa: PLC0415 # Late, see the class.
        from minreq.lockfile import writing  # noqa: PLC0415

        text = self.render_guard(lock)
        writing.make_folder(folder, folder)
        writing.write_files({folder / render.FILENAME: text})
        return folder / render.FILENAME

    def misses(self, settings: Settings, text: str) -> tuple[Settings, tuple[str, ...]]:
        """Return *settings* that keep the distributions missed in the log *text*, and a note for each."""
        from minreq.guard import misses  # noqa: PLC0415 # Late, see the class.

        return misses.include_misses(settings, text)

    def scan(self, settings: Settings, reporter: Reporter) -> Usage:
        """Return which providers and features a code base uses."""
        from minreq.task import scan as scanning  # noqa: PLC0415 # Late, see the class.

        return scanning.scan_usage(settings, reporter)

    def plan_project(self, settings: Settings, folder: Path, job: JobChoice, reporter: Reporter) -> ProjectPlan:
        """Return what a project's files say, and what minreq would write there."""
        from minreq import init  # noqa: PLC0415 # Late, see the class.

        return init.plan_project(settings, folder, job, reporter)

    def write_plan(self, plan: ProjectPlan) -> None:
        """Write the files of *plan*."""
        from minreq import init  # noqa: PLC0415 # Late, see the class.

        init.write_plan(plan)

    def providers(self, settings: Settings, reporter: Reporter) -> Measurement:
        """Return what each provider of a root needs."""
        from minreq.providers import measure  # noqa: PLC0415 # Late, see the class.
        from minreq.system import heap  # noqa: PLC0415 # Late, see the class.

        heap.limit_fragmentation()
        return measure.measure(settings, reporter)

    def export_smoke(self, settings: VerifySettings, output: Path) -> ExportedSmoke:
        """Write the smoke of a lock as a script that calls real endpoints."""
        from minreq.verify import exportsmoke  # noqa: PLC0415 # Late, see the class.

        return exportsmoke.export(settings, output)

    def diagnose(self, cache_dir: Path) -> Diagnosis:
        """Return how this machine isolates a smoke."""
        from minreq import doctor  # noqa: PLC0415 # Late, see the class.

        return doctor.diagnose(cache_dir)

    def analyze(self, settings: AnalyzeSettings) -> Analysis:
        """Analyze a tree of packages."""
        from minreq.analyze import analyze as analyzing  # noqa: PLC0415 # Late, see the class.

        return analyzing.analyze(settings)

    def analyze_imports(self, settings: AnalyzeSettings, reporter: Reporter) -> ImportAnalysis:
        """Measure what the import of a program costs."""
        from minreq.imports import command  # noqa: PLC0415 # Late, see the class.

        return command.analyze_imports(settings, reporter)

    def build(self, settings: BuildSettings, reporter: Reporter) -> BuildResult:
        """Build a tree from the lock on disk, prove it, and write it."""
        from minreq.build import build as building  # noqa: PLC0415 # Late, see the class.
        from minreq.system import heap  # noqa: PLC0415 # Late, see the class.

        heap.limit_fragmentation()
        return building.build(settings, reporter)

    def versions(self, settings: VersionsSettings, reporter: Reporter) -> Survey:
        """Read the newest releases of a root."""
        from minreq import versions as surveying  # noqa: PLC0415 # Late, see the class.
        from minreq.system import heap  # noqa: PLC0415 # Late, see the class.

        heap.limit_fragmentation()
        return surveying.survey(settings, reporter)

    def matrix(self, settings: MatrixSettings, reporter: MatrixReporter) -> Matrix:
        """Fill the cells of a matrix that have no result yet."""
        from minreq.matrix import matrix  # noqa: PLC0415 # Late, see the class.

        return matrix.run_matrix(settings, reporter)

    def prune(self, cache_dir: Path) -> int:
        """Delete old files from the cache; return the number of freed bytes."""
        from minreq.index import records  # noqa: PLC0415
        from minreq.wheels import store  # noqa: PLC0415 # Late, see the class.

        return store.prune(cache_dir / "wheels") + records.prune(cache_dir / "index" / "wheels")

    def export(self, settings: ExportSettings, reporter: Reporter) -> ExportResult:
        """Write the lock on disk in another format."""
        from minreq import export as exporting  # noqa: PLC0415 # Late, see the class.

        return exporting.export(settings, reporter)

    def diff(self, old: str, new: Path) -> LockDifference:
        """Return the differences between *old*, a lock or a revision of git, and the lock *new*."""
        from minreq.lockfile import difference, reading, revision  # noqa: PLC0415 # Late, see the class.

        return difference.compare_locks(revision.read_lock_or_revision(old, new), reading.read_evidence(new))

    def sync(self, settings: EnvironmentSettings, reporter: Reporter) -> EnvironmentStatus:
        """Install exactly the lock on disk into an environment."""
        from minreq import environment  # noqa: PLC0415 # Late, see the class.

        return environment.sync(settings, reporter)

    def check(self, settings: EnvironmentSettings) -> EnvironmentStatus:
        """Compare an environment with the lock on disk."""
        from minreq import environment  # noqa: PLC0415 # Late, see the class.

        return environment.check(settings)
