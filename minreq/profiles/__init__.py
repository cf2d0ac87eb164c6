"""What is known of root packages and their providers: data and smoke scripts; the engine knows none of it."""

__all__ = ["loading", "planning", "usage"]
