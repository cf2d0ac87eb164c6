"""What an installed tree is made of; nothing of it is run."""

__all__ = ["analyze", "kinds"]
