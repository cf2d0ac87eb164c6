"""Find hints in the baseline on what a trace should accept from the start.

A distribution that one module imports with a fallback and another without is needed. A trace that declines it first
finds that out late, and has to start again. A hint decides only what is tried first, never what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.minimize.observe import Observation
from minreq.model import Frame, Question, QuestionKind
from minreq.source.handlers import find_optional_reason, frames_of_import
from minreq.source.imports import static_imports
from minreq.wheels.importmap import ImportMap


def imports_without_handler(
    baseline: Observation, import_map: ImportMap, owner: Callable[[str], NormalizedName | None]
) -> dict[NormalizedName, Frame]:
    """Return the distributions that an optional import asked for first, each with an import that has no handler.

    The files are as on this machine. *owner* returns the distribution of a file; what a distribution imports of its
    own does not count.
    """
    # An extra may have brought what was unknown when the baseline asked for it.
    first = (*(questions[0] for questions in baseline.questions.values() if questions), *baseline.unanswered)
    modules = {
        traced.question.name: name
        for traced in first
        if traced.why_optional is not None and traced.question.need is QuestionKind.IMPORT
        for name in import_map.owners.get(traced.question.name, ())[:1]
    }
    if not modules:
        return {}
    top_names = sorted({module.partition(".")[0].encode() for module in modules})
    found: dict[NormalizedName, Frame] = {}
    for file in sorted(baseline.importer_of_file):
        file_owner = owner(file)
        if file_owner is None:
            continue
        source = Path(file).read_bytes()
        # There are some two thousand files; most do not even have one of the names.
        if not any(top in source and (b"import " + top in source or b"from " + top in source) for top in top_names):
            continue
        for module, line in imports_with_packages(source, file):
            name = modules.get(module)
            if name is None or name == file_owner or name in found:
                continue
            if is_unguarded(file, line, baseline.importer_of_file):
                found[name] = Frame(file=file, line=line, function="<module>")
    return found


def loads_from_listing(baseline: Observation) -> dict[NormalizedName, Question]:
    """Return what *baseline* found in a list of all installed distributions and then loaded without a handler.

    A trace without this hint would not list it, and so never ask for it.
    """
    return {
        name: traced.question
        for name in sorted(baseline.listed & baseline.questions.keys())
        for traced in baseline.questions[name][:1]
        if traced.why_optional is None
    }


def imports_with_packages(source: bytes, file: str) -> Iterator[tuple[str, int]]:
    """Yield what *source* imports when Python loads it: each module and the packages that hold it, with the line."""
    for each in static_imports(source, "", file):
        parts = each.module.split(".")
        for length in range(1, len(parts) + 1):
            yield ".".join(parts[:length]), each.line


def is_unguarded(file: str, line: int, importers: Mapping[str, Frame | None]) -> bool:
    """Whether nothing catches the failure of the import at *line* of *file*.

    Handlers count in the file, and in the files that imported it, as *importers* has them.
    """
    frames = [Frame(file=file, line=line, function="<module>")]
    while len(list(frames_of_import(frames))) == len(frames):
        importer = importers.get(frames[-1].file)
        if importer is None or importer in frames:
            break
        frames.append(importer)
    return find_optional_reason(Question(need=QuestionKind.IMPORT, name="", frames=tuple(frames), stage="")) is None
