"""Profiles: what minreq knows of root packages and their providers, as data and smoke scripts."""

__all__ = ["loader", "planner", "runtimes", "scanprofile"]
