"""Defer imports in a tree that the import of the program does not need, and prove the edited tree."""

__all__ = ["command", "result", "trialtree"]
