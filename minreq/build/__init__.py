"""Build a tree from a lock: install it, make it smaller, prove it by the smoke and by imports, write it."""

__all__ = ["build", "forecast"]
