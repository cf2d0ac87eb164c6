"""Find the handlers that caught the failures of what is left out, where they are far from the import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from packaging.utils import NormalizedName

from minreq.minimize.observe import Observation
from minreq.minimize.trace import TracedQuestion
from minreq.model import Frame, QuestionKind
from minreq.smoke.paths import PathMap
from minreq.source.farhandlers import find_far_handlers

#: The kinds of questions whose answer may be an exception.
_RAISING = frozenset({QuestionKind.IMPORT, QuestionKind.METADATA})


def find_declined_questions(
    trace: Observation, names: Iterable[NormalizedName], path_map: PathMap
) -> Mapping[NormalizedName, tuple[TracedQuestion, ...]]:
    """Return the questions about each of *names*, which are left out, with the handlers that are far from the import.

    A trace may have accepted a distribution before forks passed without it: only these had the questions that follow.
    """
    caught: dict[tuple[str, Frame], list[Frame]] = {}
    for each in trace.caught:
        caught.setdefault((each.name, each.asker), []).append(each.frame)
    found = {}
    for name in names:
        questions = (*trace.questions.get(name, ()), *trace.questions_without.get(name, ()))
        found[name] = tuple(_add_handlers(each, caught, path_map) for each in questions)
    return found


def _add_handlers(
    traced: TracedQuestion, caught: Mapping[tuple[str, Frame], Sequence[Frame]], path_map: PathMap
) -> TracedQuestion:
    if traced.question.need not in _RAISING or traced.why_optional is not None or not traced.local_frames:
        return traced
    places = caught.get((traced.question.name, traced.local_frames[0]), ())
    portable = {
        local.file: frame.file for local, frame in zip(traced.local_frames, traced.question.frames, strict=True)
    }
    found = (
        replace(each, file=portable.get(each.file) or path_map.make_portable(each.file))
        for each in find_far_handlers(traced.local_frames, places)
    )
    # A file of the run itself is none of a program in production.
    return replace(traced, far_handlers=tuple(each for each in found if not PurePath(each.file).is_absolute()))
