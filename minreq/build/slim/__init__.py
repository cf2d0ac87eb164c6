"""From unpacked wheels to a smaller tree: which files are left out, what stands in their place, how it is written."""

__all__ = ["choosing", "description", "installing", "layering", "leaves", "packing", "savings", "symbols", "tree"]
