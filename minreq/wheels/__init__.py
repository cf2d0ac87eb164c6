"""Wheels: the store, what is in them, who owns which module."""

__all__ = ["closure", "compiled", "importmap", "repacking", "rules", "store", "unpacking"]
