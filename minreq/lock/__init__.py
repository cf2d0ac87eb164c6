"""A lock is checked, found unchanged, or made, proven and written."""

__all__ = ["lock", "resolve"]
