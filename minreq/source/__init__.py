"""Python source, read and not run."""

__all__ = ["handlers", "imports", "syntax"]
