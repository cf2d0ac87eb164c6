"""Build a tree from a lock: install it, make it smaller, prove it by the smoke, write it."""

__all__ = ["build", "forecast"]
