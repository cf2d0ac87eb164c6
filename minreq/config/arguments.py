"""The types of the arguments that ``minreq.api`` takes: a text may stand for what it means on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Protocol, TypeAlias, TypedDict, TypeVar

from packaging.requirements import Requirement

from minreq.config.levels import Bytecode, IndexStrategy, Level, LockBytecode, ProvenModules, SettleMethod
from minreq.config.options import Provided

PathLike: TypeAlias = "str | Path"
RequirementLike: TypeAlias = "str | Requirement"
_Value_co = TypeVar("_Value_co", covariant=True)


class _Collection(Protocol[_Value_co]):
    """A list, a tuple, a set: any object may be asked for in it, unlike in a text, which a type checker so refuses."""

    def __contains__(self, value: object, /) -> bool: ...
    def __iter__(self) -> Iterator[_Value_co]: ...


Several: TypeAlias = _Collection[_Value_co] | Iterator[_Value_co]


class IndexKeywords(TypedDict, total=False):
    """Which index is asked, and how; by default as pip is configured."""

    index_url: str
    extra_index_urls: Several[str]
    find_links: Several[PathLike]
    no_index: bool
    index_strategy: IndexStrategy
    offline: bool
    cert: PathLike
    client_cert: PathLike
    trusted_hosts: Several[str]
    only_binary: Several[str]
    no_binary: Several[str]


class RunKeywords(IndexKeywords, total=False):
    """How the smoke runs, beside the index."""

    #: A path, a command on ``PATH`` or a version.
    python: PathLike
    jobs: int
    #: Seconds.
    timeout: float
    require_sandbox: bool


class LockKeywords(RunKeywords, total=False):
    """What a lock is made of: the options of ``minreq lock``, by the fields of its settings."""

    project: PathLike
    also: Several[RequirementLike]
    profiles: Several[PathLike]
    providers: Several[str]
    features: Several[str]
    smokes: Several[PathLike]
    smoke_files: Several[PathLike]
    smoke_with: Several[RequirementLike]
    scan: Several[PathLike]
    allow_unknown: bool
    with_: Several[RequirementLike]
    whole: Several[RequirementLike]
    requirement_files: Several[PathLike]
    provided: Several[str | Provided]
    runtime: str
    include: Several[str]
    exclude: Several[str]
    allow_pth: Several[str]
    constraints: Several[PathLike]
    overrides: Several[RequirementLike]
    exclude_newer: str | date
    smallest: bool
    portable: bool
    settle: SettleMethod
    certify: bool
    #: Bytes.
    budget: int | str
    bytecode: LockBytecode
    upgrade: bool
    upgrade_packages: Several[str]
    check: bool
    dry_run: bool
    hashes: bool
    annotate: bool
    platforms: Several[str]
    allow_unproven: bool


class BuildKeywords(RunKeywords, total=False):
    """What a build holds: the options of ``minreq build``, by the fields of its settings."""

    slim: Level
    bytecode: Bytecode
    keep: Several[str]
    drop: Several[str]
    keep_services: Several[str]
    hot: Several[PathLike]
    lazy: bool
    #: Seconds, or text with a unit.
    lazy_bound: float | str
    lazy_diff: PathLike
    prove_modules: ProvenModules
    scan: Several[PathLike]
    smokes: Several[PathLike]
    smoke_files: Several[PathLike]
    yes_traced: bool
    html: PathLike
    sbom: PathLike
    layers: bool
    #: Bytes.
    max_zip: int | str
    #: Bytes.
    budget: int | str
    #: Bytes.
    reserve: int | str
    platform: str
    prefix: str
