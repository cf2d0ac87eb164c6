"""Reads requirements and constraints files as pip does, and lock files in the format of PEP 751."""

from minreq.requirements.content import FileOption, RequirementsFile, UserRequirement
from minreq.requirements.files import Fetched, RequirementsReader
from minreq.requirements.markers import applies

__all__ = ["Fetched", "FileOption", "RequirementsFile", "RequirementsReader", "UserRequirement", "applies"]
