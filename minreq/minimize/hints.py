"""What the code that the baseline loaded imports without a handler: asked for optionally first, needed all the same.

A distribution that one module imports with a fallback and another without is needed; a trace that begins with a no
would find out late and begin again. What is foretold here decides only what is tried first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.minimize.observe import Observation
from minreq.model import Frame, Need, Question
from minreq.source.handlers import frames_of_import, optional_because
from minreq.source.imports import static_imports
from minreq.wheels.importmap import ImportMap


def imported_without_handler(
    baseline: Observation, import_map: ImportMap, owner: Callable[[str], NormalizedName | None]
) -> dict[NormalizedName, Frame]:
    """Return, for distributions that were first asked for optionally, a place that imports them without a handler.

    The place is as on this machine. *owner* tells whose a file is: what a distribution imports of its own counts for
    nothing.
    """
    # What was unknown when it was asked for may have come with an extra since.
    first = (*(questions[0] for questions in baseline.asked.values() if questions), *baseline.unanswered)
    modules = {
        asked.question.name: name
        for asked in first
        if asked.why_optional is not None and asked.question.need is Need.IMPORT
        for name in import_map.owners.get(asked.question.name, ())[:1]
    }
    if not modules:
        return {}
    tops = sorted({module.partition(".")[0].encode() for module in modules})
    found: dict[NormalizedName, Frame] = {}
    for file in sorted(baseline.loaded):
        whose = owner(file)
        if whose is None:
            continue
        source = Path(file).read_bytes()
        # Some two thousand files: most have not even the name.
        if not any(top in source and (b"import " + top in source or b"from " + top in source) for top in tops):
            continue
        for module, line in dotted_imports(source, file):
            name = modules.get(module)
            if name is not None and name != whose and name not in found and is_hard(file, line, baseline.loaded):
                found[name] = Frame(file=file, line=line, function="<module>")
    return found


def loaded_from_a_list(baseline: Observation) -> dict[NormalizedName, Question]:
    """Return what *baseline* found in a list of everything installed and then loaded, with nothing to catch a failure.

    A trace that does not know it would not list it, and so never ask.
    """
    return {
        name: asked.question
        for name in sorted(baseline.listed & baseline.asked.keys())
        for asked in baseline.asked[name][:1]
        if asked.why_optional is None
    }


def dotted_imports(source: bytes, file: str) -> Iterator[tuple[str, int]]:
    """Yield what *source* imports as it is loaded, each name with those of its packages, and the line."""
    for each in static_imports(source, "", file):
        parts = each.module.split(".")
        for length in range(1, len(parts) + 1):
            yield ".".join(parts[:length]), each.line


def is_hard(file: str, line: int, importers: Mapping[str, Frame | None]) -> bool:
    """Whether nothing would catch the failure of the import at *line* of *file*, on the way the file was loaded."""
    frames = [Frame(file=file, line=line, function="<module>")]
    while len(list(frames_of_import(frames))) == len(frames):
        importer = importers.get(frames[-1].file)
        if importer is None or importer in frames:
            break
        frames.append(importer)
    return optional_because(Question(need=Need.IMPORT, name="", frames=tuple(frames), stage="")) is None
