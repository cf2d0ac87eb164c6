"""Checks a lock, or makes, proves and writes it."""

from minreq.lock.session import LockSession

__all__ = ["LockSession", "everylock", "lock", "resolve"]
