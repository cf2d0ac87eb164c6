"""The levels of slimming of a build, and its treatments of compiled files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

#: How a lock settles what each distribution is needed for.
SettleMethod: TypeAlias = Literal["auto", "runs"]
SETTLE_METHODS: tuple[SettleMethod, ...] = get_args(SettleMethod)

#: Which of several indexes has a project.
IndexStrategy: TypeAlias = Literal["first-index", "unsafe-best-match"]
INDEX_STRATEGIES: tuple[IndexStrategy, ...] = get_args(IndexStrategy)

#: Whether the installer of a lock compiles.
LockBytecode: TypeAlias = Literal["add", "none"]
LOCK_BYTECODE: tuple[LockBytecode, ...] = get_args(LockBytecode)


def choose_from(choices: Sequence[str]) -> Callable[[str], str]:
    """Return the converter of an option that takes one of *choices*; it raises ``ValueError``."""

    def convert(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return convert
