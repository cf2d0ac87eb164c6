"""The lock on disk: the requirements file people install from, and the evidence beside it."""
