"""Run the smoke again: on an existing lock, or on what another tool built from it."""

__all__ = ["against", "artifact", "comparison", "deviations", "exportsmoke", "missing", "outcomes", "tools", "verify"]
