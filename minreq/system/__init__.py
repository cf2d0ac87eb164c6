"""What minreq asks of the operating system: temporary folders, regular files, memory."""

__all__ = ["heap", "regularfile", "temporary"]
