"""The smoke again: on a lock, or on what another tool built from it."""

__all__ = ["artifact", "canary", "verdict", "verify"]
