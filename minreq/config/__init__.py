"""The settings of each command: joined from flags and ``[tool.minreq]`` of ``pyproject.toml``."""

from minreq.config.artifacts import AnalyzeSettings, BuildSettings, VersionsSettings
from minreq.config.settings import STDOUT, IndexOptions, Settings, VerifySettings

__all__ = [
    "STDOUT",
    "AnalyzeSettings",
    "BuildSettings",
    "IndexOptions",
    "Settings",
    "VerifySettings",
    "VersionsSettings",
    "arguments",
    "artifacts",
    "everylock",
    "exports",
    "keywords",
    "levels",
    "matrix",
    "options",
    "paths",
    "pyproject",
    "reductions",
    "settings",
]
