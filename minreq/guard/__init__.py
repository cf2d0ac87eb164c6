"""A module for programs that run on a minimal lock: it reports an import of what is left out."""

__all__ = ["misses", "render"]
