"""Running a smoke: a child interpreter that imports and calls, and the local providers it talks to."""

__all__ = ["compiling", "emulation", "interrupting", "oracle", "places", "results", "running", "walls", "world"]
