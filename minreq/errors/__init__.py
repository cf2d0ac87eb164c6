"""Every error that a user may see. Each has its facts as fields and makes one sentence; a branch has one exit status.

::

    MinreqError
      NegativeAnswer      1   stale, over budget, proof failed, unproven platform
      UsageError          2   the command line or the configuration is wrong
      BaselineFailure     3   the smoke fails even with all dependencies installed
      ResolutionFailure   4   no set of versions satisfies the requirements
      IndexFailure        5   the index or the network
      SystemFailure       1   a full disk, a name that is too long, no free process
"""

from __future__ import annotations

# Re-exported, so that other rooms need not know the module of an error.
from minreq.errors.artifacts import (
    ArchiveTooLarge as ArchiveTooLarge,
    ArtifactUnreadable as ArtifactUnreadable,
    BuildFailed as BuildFailed,
    BuildOverBudget as BuildOverBudget,
    BytecodeVersionMismatch as BytecodeVersionMismatch,
    EnvironmentDiffers as EnvironmentDiffers,
    ImportFails as ImportFails,
    OwnEnvironment as OwnEnvironment,
    PipAbsent as PipAbsent,
    PlatformNotChosen as PlatformNotChosen,
    SyncFailed as SyncFailed,
    TracedWithoutSmoke as TracedWithoutSmoke,
    TreeOverBudget as TreeOverBudget,
    TreeUnreadable as TreeUnreadable,
)
from minreq.errors.branches import (
    BaselineFailure as BaselineFailure,
    IndexFailure as IndexFailure,
    MinreqError as MinreqError,
    NegativeAnswer as NegativeAnswer,
    ResolutionFailure as ResolutionFailure,
    SystemFailure as SystemFailure,
    UsageError as UsageError,
)
from minreq.errors.index import (
    CutoffUnreadable as CutoffUnreadable,
    DefaultIndexUnknown as DefaultIndexUnknown,
    IndexInsecure as IndexInsecure,
    IndexOffline as IndexOffline,
    IndexStatusError as IndexStatusError,
    IndexUnreachable as IndexUnreachable,
    IndexVersionUnsupported as IndexVersionUnsupported,
    PageUnreadable as PageUnreadable,
    PipConfigurationUnreadable as PipConfigurationUnreadable,
    PipSettingInvalid as PipSettingInvalid,
    ProjectNotFound as ProjectNotFound,
    ProjectQuarantined as ProjectQuarantined,
    SizeMismatch as SizeMismatch,
)
from minreq.errors.locks import (
    EvidenceUnreadable as EvidenceUnreadable,
    LockEdited as LockEdited,
    LockMissing as LockMissing,
    LocksFailed as LocksFailed,
    LockStale as LockStale,
    LockUnreadable as LockUnreadable,
    NoSuchRevision as NoSuchRevision,
    OverBudget as OverBudget,
    PinnedFilesMissing as PinnedFilesMissing,
    PlatformUnproven as PlatformUnproven,
    ProofFailed as ProofFailed,
    RunsDisagree as RunsDisagree,
    UnguardedImports as UnguardedImports,
    UnknownDistribution as UnknownDistribution,
)
from minreq.errors.matrices import (
    CellsCollide as CellsCollide,
    CellsUnfinished as CellsUnfinished,
    SchedulerUnreachable as SchedulerUnreachable,
    WorkersUnfit as WorkersUnfit,
)
from minreq.errors.options import (
    AdvisoriesUnreadable as AdvisoriesUnreadable,
    BuildOfOtherLock as BuildOfOtherLock,
    ConfigurationUnreadable as ConfigurationUnreadable,
    ExtraMissing as ExtraMissing,
    InvalidOptions as InvalidOptions,
    MarkerInvalid as MarkerInvalid,
    NotConfirmed as NotConfirmed,
    NothingToRun as NothingToRun,
    OutputFolderMissing as OutputFolderMissing,
    OutputUnwritable as OutputUnwritable,
    ProfileInvalid as ProfileInvalid,
    ProjectBuildFailed as ProjectBuildFailed,
    PythonNotFound as PythonNotFound,
    PythonUnusable as PythonUnusable,
    RequirementsUnreadable as RequirementsUnreadable,
    RootNotApplicable as RootNotApplicable,
    RuntimeDiffers as RuntimeDiffers,
    SmokeFileMissing as SmokeFileMissing,
    SmokeFileUnusable as SmokeFileUnusable,
    SmokeMissing as SmokeMissing,
    SmokeUnusable as SmokeUnusable,
    UnknownFeature as UnknownFeature,
    UnknownLock as UnknownLock,
    UnknownPlatform as UnknownPlatform,
    UnknownProvider as UnknownProvider,
    UnknownRuntime as UnknownRuntime,
)
from minreq.errors.providers import (
    NoProfile as NoProfile,
    NothingToExport as NothingToExport,
    ProvidersNotMeasured as ProvidersNotMeasured,
)
from minreq.errors.resolution import (
    HashesRequired as HashesRequired,
    KnownBadRelease as KnownBadRelease,
    NoVersion as NoVersion,
    NoWheel as NoWheel,
    PythonNotSupported as PythonNotSupported,
    ResolutionTooDeep as ResolutionTooDeep,
    VersionsConflict as VersionsConflict,
)
from minreq.errors.scans import (
    NoProviderUsed as NoProviderUsed,
    NothingToScan as NothingToScan,
    ScanInterrupted as ScanInterrupted,
    UnknownModels as UnknownModels,
)
from minreq.errors.smokes import (
    EmulatorStopped as EmulatorStopped,
    ExcludedIsNeeded as ExcludedIsNeeded,
    ModuleNotDeclared as ModuleNotDeclared,
    NoTestPasses as NoTestPasses,
    SandboxMissing as SandboxMissing,
    SmokeFailed as SmokeFailed,
    SmokeNotDeterministic as SmokeNotDeterministic,
    SmokeTimedOut as SmokeTimedOut,
)
from minreq.errors.wheels import (
    ArchiveUnreadable as ArchiveUnreadable,
    BrokenWheel as BrokenWheel,
    HashMismatch as HashMismatch,
    HashMissing as HashMissing,
    HostileWheel as HostileWheel,
    MetadataMismatch as MetadataMismatch,
    SdistBuildFailed as SdistBuildFailed,
    StoreChanged as StoreChanged,
    StoreShared as StoreShared,
    StoreUnwritable as StoreUnwritable,
    TemporaryFolderUnwritable as TemporaryFolderUnwritable,
    TreeChanged as TreeChanged,
)
