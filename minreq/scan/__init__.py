"""Which models a code base calls, read from its files without running any of them."""

from minreq.scan.reading import scan

__all__ = ["naming", "scan", "usage"]
