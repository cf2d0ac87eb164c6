"""The levels of slimming of a build, and its treatments of compiled files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

#: ``cold`` leaves out nothing: what the smoke does not open is packed, and served on demand.
Level: TypeAlias = Literal["none", "safe", "cold", "unused", "traced"]
LEVELS: tuple[Level, ...] = get_args(Level)

#: Each of these levels leaves out all that the previous one does, and more.
LEAVING_OUT: tuple[Level, ...] = ("none", "safe", "unused", "traced")

#: Which modules a build imports to prove that a cold tree loses none.
ProvenModules: TypeAlias = Literal["all", "cold", "none"]
PROVEN_MODULES: tuple[ProvenModules, ...] = get_args(ProvenModules)

#: Compiled files beside the sources, none, or in their place.
Bytecode: TypeAlias = Literal["add", "none", "only"]
BYTECODE: tuple[Bytecode, ...] = get_args(Bytecode)

#: Whether the installer of a lock compiles.
LockBytecode: TypeAlias = Literal["add", "none"]
LOCK_BYTECODE: tuple[LockBytecode, ...] = get_args(LockBytecode)


def parse_level(text: str) -> str:
    """Convert the name of a level of slimming."""
    return _parse_choice(text, LEVELS)


def parse_bytecode(text: str) -> str:
    """Convert the treatment of compiled files in a build."""
    return _parse_choice(text, BYTECODE)


def parse_proven_modules(text: str) -> str:
    """Convert which modules a build proves."""
    return _parse_choice(text, PROVEN_MODULES)


def parse_lock_bytecode(text: str) -> str:
    """Convert the treatment of compiled files by the installer of a lock."""
    return _parse_choice(text, LOCK_BYTECODE)


def _parse_choice(text: str, choices: Sequence[str]) -> str:
    if text not in choices:
        raise ValueError(f"{text!r} is not one of {', '.join(choices)}")
    return text
