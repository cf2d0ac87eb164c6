"""How much a build leaves out of a tree, and what it does about compiled files."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

#: Each leaves out what the one before it does, and more.
Level: TypeAlias = Literal["none", "safe", "unused", "traced"]
LEVELS: tuple[Level, ...] = get_args(Level)

#: Compiled files beside the sources, none, or in their place.
Bytecode: TypeAlias = Literal["add", "none", "only"]
BYTECODE: tuple[Bytecode, ...] = get_args(Bytecode)
