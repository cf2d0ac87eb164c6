"""A module for programs that run on a minimal lock: it reports imports of left-out distributions."""

__all__ = ["misses", "render"]
