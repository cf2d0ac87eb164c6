"""Checks a lock, or makes, proves and writes it."""

__all__ = ["lock", "resolve"]
