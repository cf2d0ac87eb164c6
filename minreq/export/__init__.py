"""Export a lock in the format of another tool, and what of known vulnerabilities is not in it."""

from minreq.export.export import ExportResult, export, read_proven_lock

__all__ = ["ExportResult", "export", "read_proven_lock"]
