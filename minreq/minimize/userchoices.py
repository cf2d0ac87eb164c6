"""What the user decides before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from packaging.utils import NormalizedName

from minreq.model import Request


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
    #: ``runs``: settle without forks, only by runs in clean environments; the reference for tests.
    settle: Literal["auto", "runs"] = "auto"
