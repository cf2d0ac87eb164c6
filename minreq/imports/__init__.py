"""What the imports of a program load and cost: watched in isolation, and read in sources."""

__all__ = ["analyze", "bindings", "command", "costs", "program", "reads", "sourcemodule", "statements", "watch"]
