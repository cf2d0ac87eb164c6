"""Which models a code base calls, read from its files without running any of them."""

from minreq.scan.providers import find_usage
from minreq.scan.reader import scan_paths
from minreq.scan.services import find_services

__all__ = ["find_services", "find_usage", "scan_paths", "usage"]
