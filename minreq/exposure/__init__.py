"""Imports in kept code that would reach a left-out distribution."""

__all__ = ["callers", "command", "sites"]
