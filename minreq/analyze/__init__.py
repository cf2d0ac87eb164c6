"""Analyze an installed tree: its sizes, owners and kinds of files; nothing in it is run."""

__all__ = ["analyze", "containers", "importfolders", "kinds", "sharedobjects"]
