"""The keyword arguments of ``minreq.api``, with their types."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TypeAlias, TypedDict

from packaging.requirements import Requirement

from minreq.config.levels import Bytecode, Level, LockBytecode, ProvenModules
from minreq.config.options import Provided

_Path: TypeAlias = "str | Path"
_Requirement: TypeAlias = "str | Requirement"


class IndexKeywords(TypedDict, total=False):
    """Which index is asked, and how; by default as pip is configured."""

    index_url: str
    extra_index_urls: Iterable[str]
    find_links: Iterable[_Path]
    no_index: bool
    index_strategy: str
    offline: bool
    cert: _Path
    client_cert: _Path
    trusted_hosts: Iterable[str]
    only_binary: Iterable[str]
    no_binary: Iterable[str]


class RunKeywords(IndexKeywords, total=False):
    """How the smoke runs, beside the index."""

    #: A path, a command on ``PATH`` or a version.
    python: _Path
    jobs: int
    #: Seconds.
    timeout: float
    require_sandbox: bool


class LockKeywords(RunKeywords, total=False):
    """What a lock is made of: the options of ``minreq lock``, by the fields of its settings."""

    project: _Path
    also: Iterable[_Requirement]
    profiles: Iterable[_Path]
    providers: Iterable[str]
    features: Iterable[str]
    smokes: Iterable[_Path]
    smoke_files: Iterable[_Path]
    smoke_with: Iterable[_Requirement]
    scan: Iterable[_Path]
    allow_unknown: bool
    with_: Iterable[_Requirement]
    whole: Iterable[_Requirement]
    requirement_files: Iterable[_Path]
    provided: Iterable[str | Provided]
    include: Iterable[str]
    exclude: Iterable[str]
    allow_pth: Iterable[str]
    constraints: Iterable[_Path]
    overrides: Iterable[_Requirement]
    exclude_newer: str | date
    smallest: bool
    portable: bool
    settle: str
    certify: bool
    #: Bytes.
    budget: int | str
    bytecode: LockBytecode
    upgrade: bool
    upgrade_packages: Iterable[str]
    check: bool
    dry_run: bool
    hashes: bool
    annotate: bool
    platforms: Iterable[str]
    allow_unproven: bool


class BuildKeywords(RunKeywords, total=False):
    """What a build holds: the options of ``minreq build``, by the fields of its settings."""

    slim: Level
    bytecode: Bytecode
    keep: Iterable[str]
    drop: Iterable[str]
    keep_services: Iterable[str]
    hot: Iterable[_Path]
    prove_modules: ProvenModules
    scan: Iterable[_Path]
    smokes: Iterable[_Path]
    smoke_files: Iterable[_Path]
    yes_traced: bool
    html: _Path
    layers: bool
    #: Bytes.
    max_zip: int | str
    #: Bytes.
    budget: int | str
    #: Bytes.
    reserve: int | str
    platform: str
    prefix: str
