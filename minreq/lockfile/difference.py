"""Compares two locks by their evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.model import LAMBDA_LIMIT, Kept, LeftOut, Lock

Member = TypeVar("Member", Kept, LeftOut)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedDistribution:
    """A distribution that the new lock keeps and the old one did not."""

    now: Kept
    #: The distribution as the old lock left it out; ``None``: it was not in the old closure.
    before: LeftOut | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedDistribution:
    """A distribution that the old lock kept and the new one does not."""

    before: Kept
    #: The distribution as the new lock leaves it out; ``None``: it is not in the new closure.
    now: LeftOut | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChange:
    """A kept distribution with another version."""

    before: Kept
    now: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class LockDifference:
    """The differences between two locks. All fields are sorted by name."""

    old: Lock
    new: Lock
    added: tuple[AddedDistribution, ...]
    dropped: tuple[DroppedDistribution, ...]
    moved: tuple[VersionChange, ...]
    #: Left out by the new lock, and not in the old closure: a hand-written list of exclusions has to add them.
    newly_left_out: tuple[LeftOut, ...]
    #: Left out by the old lock, and not in the new closure: exclusions without effect.
    idle: tuple[LeftOut, ...]

    @property
    def bytes_before(self) -> int:
        """The unpacked bytes that the old lock installs."""
        return self.old.selection.bytes

    @property
    def bytes_now(self) -> int:
        """The unpacked bytes that the new lock installs."""
        return self.new.selection.bytes

    @property
    def bytes_left(self) -> int:
        """The bytes that the new lock, with compiled files, leaves of AWS Lambda's limit; negative if it is over."""
        return LAMBDA_LIMIT - self.new.selection.installed_bytes

    @property
    def is_empty(self) -> bool:
        """Whether both locks keep and leave out the same."""
        return not (self.added or self.dropped or self.moved or self.newly_left_out or self.idle)


def compare_locks(old: Lock, new: Lock) -> LockDifference:
    """Return the differences of *new* from *old*."""
    kept_before, kept_now = _by_name(old.selection.kept), _by_name(new.selection.kept)
    out_before, out_now = _by_name(old.selection.left_out), _by_name(new.selection.left_out)
    return LockDifference(
        old=old,
        new=new,
        added=tuple(
            AddedDistribution(now=each, before=out_before.get(name))
            for name, each in kept_now.items()
            if name not in kept_before
        ),
        dropped=tuple(
            DroppedDistribution(before=each, now=out_now.get(name))
            for name, each in kept_before.items()
            if name not in kept_now
        ),
        moved=tuple(
            VersionChange(before=kept_before[name], now=each)
            for name, each in kept_now.items()
            if name in kept_before and _version(each) != _version(kept_before[name])
        ),
        newly_left_out=tuple(
            each for name, each in out_now.items() if name not in out_before and name not in kept_before
        ),
        idle=tuple(each for name, each in out_before.items() if name not in out_now and name not in kept_now),
    )


def _by_name(members: tuple[Member, ...]) -> Mapping[NormalizedName, Member]:
    return {each.candidate.name: each for each in sorted(members, key=lambda each: each.candidate.name)}


def _version(member: Kept | LeftOut) -> Version:
    return member.candidate.version
