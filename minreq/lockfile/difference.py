"""What lies between two locks, decided from their evidence alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.model import LAMBDA_LIMIT, Kept, LeftOut, Lock

Member = TypeVar("Member", Kept, LeftOut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A distribution that is kept now and was not."""

    now: Kept
    #: What the old lock left out; ``None`` where it was not in the closure. Else an exclusion is needed now.
    before: LeftOut | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A distribution that was kept and is not."""

    before: Kept
    #: What the new lock leaves out; ``None`` where it is not in the closure any more.
    now: LeftOut | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A kept distribution at another version."""

    before: Kept
    now: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class LockDifference:
    """What the new lock has otherwise. All sorted by name."""

    old: Lock
    new: Lock
    added: tuple[Added, ...]
    dropped: tuple[Dropped, ...]
    moved: tuple[Moved, ...]
    #: Left out by the new lock, and not known to the old one: exclusions to be added where they are kept by hand.
    newly_left_out: tuple[LeftOut, ...]
    #: Left out by the old lock, and not in the new closure: exclusions that no longer hit anything.
    idle: tuple[LeftOut, ...]

    @property
    def bytes_before(self) -> int:
        """What the old lock installs to, unpacked."""
        return _bytes(self.old)

    @property
    def bytes_now(self) -> int:
        """What the new lock installs to, unpacked."""
        return _bytes(self.new)

    @property
    def bytes_left(self) -> int:
        """What AWS Lambda's limit still has room for; below zero where it is passed."""
        return LAMBDA_LIMIT - self.bytes_now

    @property
    def is_empty(self) -> bool:
        """Whether both install the same, and leave out the same."""
        return not (self.added or self.dropped or self.moved or self.newly_left_out or self.idle)


def between(old: Lock, new: Lock) -> LockDifference:
    """Return what *new* has otherwise than *old*."""
    kept_before, kept_now = _by_name(old.selection.kept), _by_name(new.selection.kept)
    out_before, out_now = _by_name(old.selection.left_out), _by_name(new.selection.left_out)
    return LockDifference(
        old=old,
        new=new,
        added=tuple(
            Added(now=each, before=out_before.get(name)) for name, each in kept_now.items() if name not in kept_before
        ),
        dropped=tuple(
            Dropped(before=each, now=out_now.get(name)) for name, each in kept_before.items() if name not in kept_now
        ),
        moved=tuple(
            Moved(before=kept_before[name], now=each)
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


def _bytes(lock: Lock) -> int:
    return sum(each.bytes for each in lock.selection.kept)
