"""Why a distribution is in a lock, or out of it."""

__all__ = ["explain"]
