"""Build wheels from source distributions and project folders; the build backend runs in isolation, without network."""

__all__ = ["builder"]
