"""Every error a user may see: one tree, facts as fields, one sentence each, one exit status per branch.

::

    MinreqError
      NegativeAnswer      1   stale, over budget, proof failed, unproven platform
      UsageError          2   the command line or the configuration is wrong
      BaselineFailure     3   the smoke fails although nothing is left out
      ResolutionFailure   4   no set of versions satisfies what is needed
      IndexFailure        5   the index or the network
"""

from __future__ import annotations

# Said again: whoever raises or catches one needs not know where it stands.
from minreq.errors.artifacts import (
    ArchiveTooLarge as ArchiveTooLarge,
    ArtifactUnreadable as ArtifactUnreadable,
    BuildFails as BuildFails,
    BuildOverBudget as BuildOverBudget,
    BytecodeForOther as BytecodeForOther,
    EnvironmentDiffers as EnvironmentDiffers,
    OwnEnvironment as OwnEnvironment,
    SyncFailed as SyncFailed,
    TargetUnclear as TargetUnclear,
    TracedUnasked as TracedUnasked,
    TreeOverBudget as TreeOverBudget,
    TreeUnreadable as TreeUnreadable,
)
from minreq.errors.branches import (
    BaselineFailure as BaselineFailure,
    IndexFailure as IndexFailure,
    MinreqError as MinreqError,
    NegativeAnswer as NegativeAnswer,
    ResolutionFailure as ResolutionFailure,
    UsageError as UsageError,
)
from minreq.errors.index import (
    CutoffUnreadable as CutoffUnreadable,
    DefaultIndexUnknown as DefaultIndexUnknown,
    IndexAnswered as IndexAnswered,
    IndexNotTrusted as IndexNotTrusted,
    IndexOffline as IndexOffline,
    IndexTooNew as IndexTooNew,
    IndexUnreachable as IndexUnreachable,
    PageUnreadable as PageUnreadable,
    PipConfigurationUnreadable as PipConfigurationUnreadable,
    PipSettingInvalid as PipSettingInvalid,
    ProjectNotFound as ProjectNotFound,
    ProjectQuarantined as ProjectQuarantined,
    SizeMismatch as SizeMismatch,
)
from minreq.errors.locks import (
    EvidenceUnreadable as EvidenceUnreadable,
    Exposed as Exposed,
    LockEdited as LockEdited,
    LockMissing as LockMissing,
    LockStale as LockStale,
    LockUnreadable as LockUnreadable,
    OverBudget as OverBudget,
    PinnedFilesMissing as PinnedFilesMissing,
    ProofFailed as ProofFailed,
    RunsDisagree as RunsDisagree,
    UnknownDistribution as UnknownDistribution,
    Unproven as Unproven,
)
from minreq.errors.options import (
    ConfigurationUnreadable as ConfigurationUnreadable,
    InvalidOptions as InvalidOptions,
    NothingToRun as NothingToRun,
    OutputFolderMissing as OutputFolderMissing,
    OutputUnwritable as OutputUnwritable,
    ProfileInvalid as ProfileInvalid,
    ProjectBuildFailed as ProjectBuildFailed,
    PythonNotFound as PythonNotFound,
    PythonUnusable as PythonUnusable,
    RequirementsUnreadable as RequirementsUnreadable,
    SmokeMissing as SmokeMissing,
    SmokeUnusable as SmokeUnusable,
    UnknownFeature as UnknownFeature,
    UnknownLock as UnknownLock,
    UnknownPlatform as UnknownPlatform,
    UnknownProvider as UnknownProvider,
)
from minreq.errors.providers import (
    NoProviders as NoProviders,
    NothingToExport as NothingToExport,
    NotMeasured as NotMeasured,
)
from minreq.errors.resolution import (
    KnownBadRelease as KnownBadRelease,
    NoVersion as NoVersion,
    NoWheel as NoWheel,
    PythonNotSupported as PythonNotSupported,
    ResolutionTooDeep as ResolutionTooDeep,
    UnknownExtra as UnknownExtra,
    VersionsConflict as VersionsConflict,
)
from minreq.errors.scans import (
    NothingSeen as NothingSeen,
    NothingToScan as NothingToScan,
    ScanInterrupted as ScanInterrupted,
    UnknownModels as UnknownModels,
)
from minreq.errors.smokes import (
    EmulatorStopped as EmulatorStopped,
    ExcludedNeeded as ExcludedNeeded,
    ModuleNotOffered as ModuleNotOffered,
    SandboxMissing as SandboxMissing,
    SmokeFails as SmokeFails,
    SmokeNeverEnds as SmokeNeverEnds,
    SmokeUnsteady as SmokeUnsteady,
)
from minreq.errors.wheels import (
    ArchiveUnreadable as ArchiveUnreadable,
    BrokenWheel as BrokenWheel,
    HashMismatch as HashMismatch,
    HashMissing as HashMissing,
    HostileWheel as HostileWheel,
    MetadataMismatch as MetadataMismatch,
    SdistBuildFailed as SdistBuildFailed,
    StoreUnwritable as StoreUnwritable,
    TemporaryFolderUnwritable as TemporaryFolderUnwritable,
)
