"""From settings, or from a lock on disk, to what has to be done."""

__all__ = ["demand", "recall", "scan", "task"]
