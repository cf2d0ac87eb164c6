"""Errors of archives and of the store that keeps them."""

from __future__ import annotations

from minreq.errors.branches import IndexFailure, NegativeAnswer, UsageError


class HashMismatch(IndexFailure):
    """A file does not have the hash that the index or the lock gives for it."""

    reason = "hash"

    def __init__(self, filename: str, expected: str, found: str) -> None:
        super().__init__(filename, expected, found)
        self.filename, self.expected, self.found = filename, expected, found

    def __str__(self) -> str:
        # Another algorithm stands before its hash.
        kind = "hash" if ":" in self.found else "SHA-256"
        return (
            f"{self.filename} has the {kind} {self.found}, not the declared {self.expected}; it was changed or "
            "damaged, so minreq did not use it; try again, or ask the owner of the index"
        )


class HashMissing(IndexFailure):
    """The index gives no SHA-256 for a file."""

    reason = "hash"

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self.filename = filename

    def __str__(self) -> str:
        return f"the index gives no SHA-256 for {self.filename}; minreq uses no file without a hash to check"


class ArchiveUnreadable(IndexFailure):
    """A wheel is no zip, or its metadata is missing or invalid."""

    reason = "archive-unreadable"

    def __init__(self, filename: str, url: str, problem: str) -> None:
        super().__init__(filename, url, problem)
        self.filename, self.url, self.problem = filename, url, problem

    def __str__(self) -> str:
        return f"cannot read {self.filename} from {self.url}: {self.problem}"


class BrokenWheel(IndexFailure):
    """An archive has the declared hash and is no valid wheel."""

    reason = "wheel"

    def __init__(self, filename: str, why: str) -> None:
        super().__init__(filename, why)
        self.filename, self.why = filename, why

    def __str__(self) -> str:
        return f"{self.filename} is not a valid wheel: {self.why}; choose another version with --constraint"


class HostileWheel(NegativeAnswer):
    """A wheel breaks a rule of safety: it runs code at start-up, writes elsewhere, or differs from its RECORD."""

    reason = "hostile"

    def __init__(self, filename: str, path: str, rule: str) -> None:
        super().__init__(filename, path, rule)
        self.filename, self.path, self.rule = filename, path, rule

    def __str__(self) -> str:
        return (
            f"minreq refuses {self.filename} because of {self.path}: {self.rule}; "
            "no code of it ran; leave it out with --exclude, or choose another version with --constraint"
        )


class MetadataMismatch(IndexFailure):
    """The metadata of a wheel has another name or version than its file name."""

    reason = "metadata-mismatch"

    def __init__(self, filename: str, name: str, version: str) -> None:
        super().__init__(filename, name, version)
        self.filename, self.name, self.version = filename, name, version

    def __str__(self) -> str:
        return (
            f"{self.filename} contains metadata of {self.name} {self.version}; choose another version with --constraint"
        )


class SdistBuildFailed(IndexFailure):
    """The build of a source distribution failed."""

    reason = "sdist-build-failed"

    def __init__(self, project: str, version: str, lines: tuple[str, ...]) -> None:
        super().__init__(project, version, lines)
        self.project, self.version, self.lines = project, version, lines

    def __str__(self) -> str:
        output = "".join(f"\n  {line}" for line in self.lines)
        return f"cannot build a wheel from the source of {self.project} {self.version}; the end of the output:{output}"


class StoreChanged(NegativeAnswer):
    """A run changed a file of the store, so no result of this command can be trusted."""

    reason = "store-changed"

    def __init__(self, folder: object, what: str) -> None:
        super().__init__(folder, what)
        self.folder, self.what = folder, what

    def __str__(self) -> str:
        return (
            f"code of a package changed the store {self.folder} while the smoke ran: {self.what}; minreq wrote no "
            "result, and unpacks the wheel again next time; run where the kernel isolates the smoke (`minreq doctor`)"
        )


class TreeChanged(NegativeAnswer):
    """A run changed a file of the tree that it was to prove."""

    reason = "tree-changed"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return (
            f"code of a package changed the tree while the smoke ran on it: {self.path} is not as minreq wrote it; "
            "minreq wrote no build; run where the kernel isolates the smoke (`minreq doctor`)"
        )


class StoreShared(NegativeAnswer):
    """Another user can write into the folder of the cache, and ``--require-sandbox`` forbids to trust it."""

    reason = "store-shared"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.problem}; nothing was run; name a folder of your own in MINREQ_CACHE_DIR"


class StoreUnwritable(UsageError):
    """The store of wheels cannot be written."""

    reason = "store"

    def __init__(self, folder: object, why: str) -> None:
        super().__init__(folder, why)
        self.folder, self.why = folder, why

    def __str__(self) -> str:
        return f"cannot write to the store {self.folder}: {self.why}; name another folder in MINREQ_CACHE_DIR"


class TemporaryFolderUnwritable(StoreUnwritable):
    """The temporary folder cannot be written."""

    def __str__(self) -> str:
        return f"cannot write to the temporary folder {self.folder}: {self.why}; name another one in TMPDIR"
