"""Which models a code base calls, read from its files without running any of them."""

__all__ = ["providers", "reader", "services", "usage"]
