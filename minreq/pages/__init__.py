"""Pictures and pages made of text: no network, no fonts, nothing but the file itself."""

__all__ = ["plot", "report", "treemap"]
