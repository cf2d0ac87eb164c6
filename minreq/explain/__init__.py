"""Explains why a distribution is kept or left out."""

__all__ = ["explain"]
