"""Make a tree smaller: decide which files are left out, and write the tree with placeholders and true records."""

__all__ = [
    "archive",
    "description",
    "files",
    "install",
    "layers",
    "levels",
    "references",
    "sizesteps",
    "strip",
    "write",
]
