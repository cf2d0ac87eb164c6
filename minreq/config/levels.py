"""The levels of slimming of a build, and its treatments of compiled files."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

#: Each level leaves out all that the previous level does, and more.
Level: TypeAlias = Literal["none", "safe", "unused", "traced"]
LEVELS: tuple[Level, ...] = get_args(Level)

#: Compiled files beside the sources, none, or in their place.
Bytecode: TypeAlias = Literal["add", "none", "only"]
BYTECODE: tuple[Bytecode, ...] = get_args(Bytecode)
