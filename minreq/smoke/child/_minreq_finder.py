"""The last finder on ``sys.meta_path``: it asks the parent about an import or a look-up that nothing else satisfied."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder

from _minreq_caught import DeclinedName
from _minreq_failure import DECLINED
from _minreq_fork import fork_detached, is_fork_safe
from _minreq_frames import importing_frames, lookup_error_type
from _minreq_listing import is_import_by_name, make_distributions, requested_group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from importlib.metadata import Distribution, DistributionFinder
    from types import FrameType, ModuleType
    from typing import Any

    from _minreq_frames import FrameInfo
    from _minreq_link import Link
    from _minreq_state import State
    from _minreq_tools import Tools


class Finder:
    """Asks the parent; *shared* are packages whose submodules belong to several distributions.

    What the *tools* of the smoke import as copies of their own is no question.
    """

    def __init__(self, link: Link, state: State, shared: Iterable[str], tools: Tools | None = None) -> None:
        self._tools = tools
        self._link = link
        self._state = state
        self._shared = set(shared)
        #: Answers that end in an exception, for code that asks again and again.
        self._declined: dict[tuple[str, str, str, tuple[FrameInfo, ...]], dict[str, Any]] = {}
        #: Distributions that a list of everything has shown to this process, or to the one it was forked from. The
        #: failure of an import whose name may be from the list proves nothing: without the distribution, the list
        #: would not have had it.
        self._listed: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module (PEP 451) in the folder that the parent answers with."""
        parent, _, _ = fullname.rpartition(".")
        if parent and parent not in self._shared:
            return None  # Its distribution is here, and a submodule that it lacks is no question.
        if self._tools is not None and self._tools.is_importing:
            return None
        # A finder that the program has put behind this one is asked before the parent.
        spec = ask_finders(sys.meta_path[self._position() + 1 :], fullname, path, target)
        if spec is not None:
            return spec
        frames, is_probe = importing_frames(sys._getframe(1))  # noqa: SLF001 - The documented way to frames.
        answer = self._ask("probe" if is_probe else "import", fullname, frames)
        if answer["answer"] == "yes":
            folder = make_importable(answer["path"])
            # The finders before this one find the module now, unless its package is in another folder already.
            spec = ask_finders(sys.meta_path[: self._position()], fullname, path, target)
            search_path = os.path.join(folder, *parent.split(".")) if parent else folder
            return spec or PathFinder.find_spec(fullname, [search_path])
        if answer["answer"] == "namespace":
            self._shared.add(fullname)
            return namespace_spec(fullname)
        if answer["answer"] == "no" and not is_probe:
            # No variable here refers to the exception: its traceback refers to this frame, so it would be freed late.
            raise self._declined_error(fullname, answer, frames)
        return None

    def find_distributions(self, context: DistributionFinder.Context) -> list[Distribution]:
        """Answer a look-up of one project, or of all; the list of all is that of a full install."""
        name: str | None = getattr(context, "name", None)
        if "path" in vars(context):
            return []
        frame = sys._getframe(1)  # noqa: SLF001 - The documented way to frames.
        if name is None:
            return self._list(frame)
        # A finder of the program, as that of `importlib_metadata`, is asked before the parent: without minreq it would
        # be the first one.
        found = self._ask_finders_behind(context)
        if found:
            return found
        frames, _ = importing_frames(frame, is_look_up=True)
        answer = self._ask("metadata", name, frames)
        if answer["answer"] == "yes":
            from importlib import metadata  # noqa: PLC0415 - Costly, and already loaded in a program that looks up metadata.

            folder = make_importable(answer["path"])
            folder_context = metadata.DistributionFinder.Context(name=name, path=[folder])
            return self._ask_finders_behind(context) or list(
                metadata.MetadataPathFinder.find_distributions(folder_context)
            )
        error = lookup_error_type(frame)
        if answer["answer"] == "no" and error is not None:
            raise self._mark_declined(error(name), answer, name, frames)
        return []

    def invalidate_caches(self) -> None:
        """Forget answers, as ``importlib.invalidate_caches`` requires."""
        self._declined.clear()

    def _list(self, frame: FrameType) -> list[Distribution]:
        frames, _ = importing_frames(frame, is_look_up=True)
        self._state.order += 1
        answer = self._link.request(
            {
                "ask": "list",
                "name": requested_group(frame) or "",
                "frames": frames,
                "stage": self._state.stage,
                "order": self._state.order,
                "quiet": False,
                "test": self._state.test,
            }
        )
        rows = answer.get("listed", ())
        self._listed.update(row[0] for row in rows)
        return make_distributions(rows)

    def _is_from_a_list(self, answer: dict[str, Any]) -> bool:
        return answer["distribution"] in self._listed and is_import_by_name(sys._getframe(1))  # noqa: SLF001 - As above.

    def _ask_finders_behind(self, context: DistributionFinder.Context) -> list[Distribution]:
        """Return what the first finder behind this one that finds distributions finds."""
        for finder in sys.meta_path[self._position() + 1 :]:
            find_distributions = getattr(finder, "find_distributions", None)
            found = [] if find_distributions is None else list(find_distributions(context))
            if found:
                return found
        return []

    def _position(self) -> int:
        return sys.meta_path.index(self) if self in sys.meta_path else len(sys.meta_path)

    def _ask(self, need: str, name: str, frames: list[FrameInfo]) -> dict[str, Any]:
        state = self._state
        # Each test asks: what one misses, another misses at the same place.
        key = (need, name, state.test, tuple(frames[:3]))
        if key in self._declined:
            return self._declined[key]
        state.order += 1
        question = {"ask": need, "name": name, "frames": frames, "stage": state.stage, "order": state.order}
        question["test"] = state.test
        can_fork = state.fork_folder is None and is_fork_safe(state.descriptors | {self._link.descriptor})
        answer = self._link.request({**question, "quiet": can_fork})
        if answer.get("fork"):
            written = state.written()  # Before the fork, since the other process goes on printing.
            if not fork_detached(answer["fork"], self._link):
                # In the fork, which asks again and gets the answer of a set without the distribution.
                state.become_fork(answer["fork"], written)
                answer = self._link.request({**question, "quiet": False})
        self._shared.update(answer.get("shared", ()))
        if answer["answer"] in {"no", "unknown"}:
            self._declined[key] = answer
        return answer

    def _declined_error(self, fullname: str, answer: dict[str, Any], frames: list[FrameInfo]) -> ModuleNotFoundError:
        error = ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return error if self._is_from_a_list(answer) else self._mark_declined(error, answer, fullname, frames)

    def _mark_declined(
        self, error: ModuleNotFoundError, answer: dict[str, Any], name: str, frames: list[FrameInfo]
    ) -> ModuleNotFoundError:
        """Mark *error* as minreq's own, so that it is known wherever it comes up again; return it.

        *answer* is that to the question for *name* at *frames*. The place that catches *error* is recorded.
        """

        def record_place(place: FrameInfo) -> None:
            self._state.caught[(name, frames[0], place)] = None

        # The frames of the import system too: the backport `importlib_metadata` has handlers of its own.
        caller = sys._getframe(1)  # noqa: SLF001 - As above.
        setattr(error, DECLINED, DeclinedName(answer["distribution"], caller, record_place))
        return error


def make_importable(folder: str) -> str:
    """Put *folder* on ``sys.path``; return it."""
    if folder not in sys.path:
        sys.path.append(folder)
    return folder


def namespace_spec(name: str) -> ModuleSpec:
    """Return the spec of an empty namespace package (PEP 420)."""
    spec = ModuleSpec(name, None, is_package=True)
    path: Any = NamespacePath(name)  # Declared as a list, which the interpreter's own is not either.
    spec.submodule_search_locations = path
    return spec


class NamespacePath:
    """The path of a namespace package: its folder in each entry of ``sys.path`` that has one, as PEP 420 requires."""

    def __init__(self, name: str) -> None:
        self._parts = name.split(".")

    def _folders(self) -> list[str]:
        folders = (os.path.join(entry, *self._parts) for entry in sys.path)
        return [folder for folder in folders if os.path.isdir(folder)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._folders())

    def __len__(self) -> int:
        return len(self._folders())

    def __getitem__(self, index: int) -> str:
        return self._folders()[index]

    def __contains__(self, item: object) -> bool:
        return item in self._folders()

    def __repr__(self) -> str:
        return f"NamespacePath({self._folders()!r})"

    def append(self, folder: str) -> None:
        """Put *folder* on ``sys.path``: programs append to ``__path__``."""
        sys.path.append(folder)


def ask_finders(
    finders: Sequence[object], fullname: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    """Return what the first of *finders* finds, as the import system would (PEP 451)."""
    for finder in finders:
        find_spec = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find_spec(fullname, path, target) if find_spec is not None else None
        if spec is not None:
            return spec
    return None
