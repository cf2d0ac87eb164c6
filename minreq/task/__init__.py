"""Makes a task from settings, or reads one from a lock on disk."""

__all__ = ["fromlock", "resolverinput", "scan", "sdists", "smokefiles", "smoketools", "task"]
