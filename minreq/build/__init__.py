"""A lock as a tree: installed, made smaller, proven by the smoke, written."""

__all__ = ["build"]
