"""Charts and pages, each in one file that needs no network and no fonts."""

__all__ = ["flame", "heatmap", "plot", "report", "treemap"]
