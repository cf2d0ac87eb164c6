"""What the user decided before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from packaging.utils import NormalizedName

from minreq.model import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user decided beforehand."""

    #: Kept, asked for or not: the evidence is the request.
    requested: Mapping[NormalizedName, Request]
    excluded: frozenset[NormalizedName] = frozenset()
    #: Leave out what makes only a difference.
    smallest: bool = False
    #: ``runs``: settle by runs alone, the reference.
    settle: Literal["auto", "runs"] = "auto"
