"""Many locks, measurements or builds at once: releases by providers, interpreters and platforms."""

__all__ = ["matrix", "reporting", "results"]
