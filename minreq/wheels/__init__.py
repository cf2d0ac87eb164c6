"""Wheels: check them, store them, unpack them, and find which distribution owns a module."""

__all__ = ["bytecode", "closure", "compiledsizes", "importmap", "repacking", "rules", "store", "unpacking"]
