"""Record which frame catches the failure of a declined import.

A handler may be any number of functions away from the import. Nothing tells when an exception is caught, but the
interpreter frees it then, and what is on it: at the end of the ``except`` clause that has caught it, or what was
raised from it.
"""

from __future__ import annotations

import sys

from _minreq_frames import frame_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from _minreq_frames import FrameInfo


class DeclinedName(str):
    """The name of a declined distribution, on the exception that the import raises.

    When it is freed, it calls *report* with the place that frees it, if that is in a function that led to the import:
    in *frame*, or in one that called it.
    A copy of it, as in a copied or pickled exception, is a plain string.
    """

    __slots__ = ("_functions", "_report")
    _functions: set[tuple[str, str]]
    _report: Callable[[FrameInfo], None]

    def __new__(cls, name: str, frame: FrameType | None, report: Callable[[FrameInfo], None]) -> DeclinedName:  # noqa: PYI034 - `Self` is in `typing`, which costs every interpreter some milliseconds.
        """Return *name* as such a string."""
        self = super().__new__(cls, name)
        self._functions = set()
        while frame is not None:
            if not str(frame.f_globals.get("__name__", "")).startswith("_minreq_"):
                file, _, function = frame_info(frame)
                self._functions.add((file, function))
            frame = frame.f_back
        self._report = report
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy a plain string."""
        return str, (str.__str__(self),)

    def __del__(self, get_frame: Callable[[], Any] = sys._getframe) -> None:  # noqa: SLF001 - The documented way to frames.
        """Report the place."""
        frame = get_frame().f_back
        if frame is None:
            return
        place = frame_info(frame)
        if (place[0], place[2]) in self._functions:
            self._report(place)
