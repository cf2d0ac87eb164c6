"""Imports in kept code that would reach a left-out distribution."""

__all__ = ["command", "sites"]
