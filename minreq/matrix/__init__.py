"""Many locks, measurements or builds at once: releases by providers, interpreters and platforms."""

__all__ = ["cells", "matrix", "reporting", "results"]
