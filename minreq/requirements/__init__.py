"""Reads requirements and constraints files as pip does, and lock files in the format of PEP 751."""

from minreq.requirements.content import FileOption, RequirementsFile, UserRequirement
from minreq.requirements.files import Fetched, RequirementsReader
from minreq.requirements.markers import MARKER_ERRORS, applies
from minreq.requirements.text import join_lines

__all__ = [
    "MARKER_ERRORS",
    "Fetched",
    "FileOption",
    "RequirementsFile",
    "RequirementsReader",
    "UserRequirement",
    "applies",
    "join_lines",
]
