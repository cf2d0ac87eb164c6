"""``minreq init``: from a folder to the files to write, and to the files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from minreq.config import Settings
from minreq.counts import pluralize
from minreq.errors import NothingToScan, OutputUnwritable
from minreq.init.changes import Change, Choices, advise, plan_changes
from minreq.init.deployment import Tool
from minreq.init.importname import find_module
from minreq.init.project import PYPROJECT, Host, Project, read_own, read_project
from minreq.lockfile import writing
from minreq.reporting import Reporter
from minreq.scan.usage import Usage
from minreq.task import scan as scanning

JobChoice = Literal["auto", "github", "gitlab", "none"]
_TOOLS: Mapping[Tool, str] = {
    "sam": "AWS SAM or CloudFormation",
    "serverless": "Serverless Framework",
    "cdk": "AWS CDK",
    "docker": "Docker",
}
_NO_USAGE = Usage(provider_uses=(), unknown=(), feature_uses=(), skipped=(), files=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a line of the project says."""

    #: ``app.py:12``; of a layer its path alone.
    place: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPlan:
    """What a folder is, what minreq would write there, and what is left to a person."""

    folder: Path
    findings: tuple[Finding, ...]
    changes: tuple[Change, ...]
    advice: tuple[str, ...]


def plan_project(settings: Settings, folder: Path, job: JobChoice, reporter: Reporter) -> ProjectPlan:
    """Read *folder*, and return what minreq would write into it; nothing is run or written.

    *settings* are those of a scan: the root, profiles, and the index. Raises ``NothingToScan``,
    ``ConfigurationUnreadable``, and what a scan raises.
    """
    if not folder.is_dir():
        raise NothingToScan(str(folder), "it is not a folder")
    root = canonicalize_name(settings.root.name)
    project = read_project(folder, root)
    usage = _NO_USAGE if project.table_line is not None else _scan(settings, folder, reporter)
    host: Host | None = project.host if job == "auto" else None if job == "none" else job
    choices = Choices(
        root=_choose_root(settings.root, project),
        host=host,
        usage=usage,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        module=find_module(folder, [each.path for each in project.layers], root) if project.table_line is None else "",
    )
    changes = plan_changes(project, choices)
    return ProjectPlan(
        folder=folder,
        findings=tuple(_find(project, usage)),
        changes=changes,
        advice=tuple(advise(project, choices, changes)),
    )


def write_plan(plan: ProjectPlan) -> None:
    """Write the files of *plan*, all or none. Raises ``OutputUnwritable``, also for a file that changed meanwhile."""
    for change in plan.changes:
        if read_own(plan.folder / change.path) != change.old:
            why = "it changed since minreq read it; run `minreq init` again"
            raise OutputUnwritable(plan.folder / change.path, why)
    files = {plan.folder / change.path: change.new for change in plan.changes}
    for file in files:
        writing.make_folder(file.parent, file)
    writing.write_files(files)


def _scan(settings: Settings, folder: Path, reporter: Reporter) -> Usage:
    """Return what the code uses. Of a root that no profile knows, nothing is known: it gets a smoke of its own."""
    try:
        return scanning.scan_usage(replace(settings, scan=(folder,)), reporter)
    except NothingToScan:
        return _NO_USAGE


def _choose_root(root: Requirement, project: Project) -> Requirement:
    """Return what the project itself requires, without its marker, unless the user asked for more than a name."""
    if root.specifier or root.extras or not project.declared:
        return root
    declared = Requirement(str(project.declared[0].requirement))
    declared.marker = None
    return declared


def _find(project: Project, usage: Usage) -> Iterator[Finding]:
    if project.table_line is not None:
        yield Finding(place=f"{PYPROJECT}:{project.table_line}", what="has [tool.minreq], which stays as it is")
    for declared in project.declared:
        yield Finding(place=str(declared.place), what=f"requires {declared.requirement}")
    for deployment in project.deployments:
        yield Finding(place=str(deployment.place), what=f"{_TOOLS[deployment.tool]}, {deployment.description}")
    for layer in project.layers:
        what = f"a layer with {pluralize(layer.distributions, 'distribution')}, {layer.bytes:,} bytes unpacked"
        yield Finding(place=layer.path, what=what)
    for use in usage.provider_uses:
        yield Finding(place=str(use.place), what=f"{use.provider}: {use.model}")
    # The features that a lock covers anyway are nothing to decide.
    open_features = {*usage.opt_in_features, *usage.uncovered_features}
    for feature in (each for each in usage.feature_uses if each.feature in open_features):
        covered = ", which no smoke of a provider covers" if feature.feature in usage.uncovered_features else ""
        yield Finding(place=str(feature.place), what=f"{feature.feature}: {feature.description}{covered}")
