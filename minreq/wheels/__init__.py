"""Wheels: check them, store them, unpack them, and find which distribution owns a module."""

__all__ = [
    "bytecode",
    "closure",
    "compiledsizes",
    "importmap",
    "installorder",
    "repacking",
    "rules",
    "store",
    "unpacking",
]
