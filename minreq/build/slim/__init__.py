"""Make a tree smaller: decide which files are left out, and write the tree with placeholders and true records."""

__all__ = [
    "additions",
    "archive",
    "bytecode",
    "cold",
    "coldarchives",
    "description",
    "files",
    "install",
    "layers",
    "modulegraph",
    "select",
    "servecall",
    "sizesteps",
    "strip",
    "write",
]
