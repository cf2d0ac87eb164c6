"""What each provider needs, measured."""

__all__ = ["measure", "needs"]
