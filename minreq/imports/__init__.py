"""What the imports of a program load and cost: watched in isolation, and read in sources."""

__all__ = ["analyze", "bindings", "reads", "sourcemodule", "watch"]
