"""What the user decides before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.utils import NormalizedName

from minreq.model import Request

if TYPE_CHECKING:
    from minreq.minimize.guess import Guess


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChoices:
    """What the user decides before anything runs."""

    #: Kept even if the smoke does not ask for it; the evidence is the request.
    requested: Mapping[NormalizedName, Request]
    excluded: frozenset[NormalizedName] = frozenset()
    #: Leave out also what the smoke passes without, although it behaves differently.
    smallest: bool = False
    #: Keep also what a machine needs that lacks files of this one.
    portable: bool = False
    #: What the first stage of a similar lock needs, although a trace would decline it; ``None``: unknown. It is no
    #: choice of the user: a trace accepts it first, instead of finding that out again, and settling decides as always.
    likely: frozenset[NormalizedName] | None = None
    #: What an earlier lock lets expect of this one; ``None``: nothing. It is no choice of the user either.
    guess: Guess | None = None
    #: ``runs``: settle without forks, only by runs in clean environments; the reference for tests.
    settle: Literal["auto", "runs"] = "auto"
