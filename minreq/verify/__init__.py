"""Run the smoke again: on an existing lock, or on what another tool built from it."""

__all__ = ["artifact", "deviations", "exportsmoke", "tools", "verify"]
