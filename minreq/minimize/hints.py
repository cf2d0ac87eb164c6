"""Find hints in the reference on what a trace should accept from the start.

A distribution that one module imports with a fallback and another without is needed. A trace that declines it first
finds that out late, and has to start again. A hint decides only what is tried first, never what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.minimize.observe import Observation
from minreq.model import Frame, Question, QuestionKind
from minreq.source.imports import static_imports
from minreq.source.modulenames import with_parents
from minreq.source.optionalimports import find_optional_reason, frames_of_import
from minreq.wheels.importmap import ImportMap


def imports_without_handler(
    reference: Observation,
    import_map: ImportMap,
    owner: Callable[[str], NormalizedName | None],
    make_portable: Callable[[str], str],
) -> dict[NormalizedName, Frame]:
    """Return the distributions that an import without a handler also loads, each with the place of that import.

    Only distributions count whose first import may be caught: a trace would decline them. An import of a distribution's
    own module does not count. The files of *reference* are paths of this machine; *owner* returns the
    distribution of a file, *make_portable* the path of a file below ``site-packages``.
    """
    importers = reference.importer_of_file
    modules = {
        module: name
        for name, file in _first_files(reference, owner).items()
        if (importer := importers[file]) is not None and _may_be_caught(importer, importers)
        for module in _modules_of(make_portable(file))
        if name in import_map.owners.get(module, ())
    }
    if not modules:
        return {}
    top_names = sorted({module.partition(".")[0].encode() for module in modules})
    found: dict[NormalizedName, Frame] = {}
    for file in sorted(importers):
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
            if is_unguarded(file, line, importers):
                found[name] = Frame(file=file, line=line, function="<module>")
    return found


def loads_from_listing(
    reference: Observation, listed: Collection[NormalizedName], owner: Callable[[str], NormalizedName | None]
) -> dict[NormalizedName, str]:
    """Return those of *listed*, which have entry points, that no import statement loaded, each with a file of it.

    ``EntryPoint.load`` is no statement, so the file has no importer. A trace without this hint would not list them, and
    so never ask for them.
    """
    importers = reference.importer_of_file
    return {
        name: file
        for name, file in sorted(_first_files(reference, owner).items())
        if name in listed and importers[file] is None
    }


def _first_files(reference: Observation, owner: Callable[[str], NormalizedName | None]) -> dict[NormalizedName, str]:
    """Return the file of each distribution that was loaded first; files are in the order in which they were loaded."""
    found: dict[NormalizedName, str] = {}
    for file in reference.importer_of_file:
        name = owner(file)
        if name is not None:
            found.setdefault(name, file)
    return found


def _may_be_caught(frame: Frame, importers: Mapping[str, Frame | None]) -> bool:
    """Whether something may catch the failure of the import at *frame*; who calls a function is not known."""
    return frame.function != "<module>" or _is_caught(frame, importers)


def _modules_of(path: str) -> Iterator[str]:
    """Yield the module of the file *path* and the packages that hold it."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def imports_with_packages(source: bytes, file: str) -> Iterator[tuple[str, int]]:
    """Yield what *source* imports when Python loads it: each module and the packages that hold it, with the line."""
    for each in static_imports(source, "", file):
        for module in with_parents(each.module):
            yield module, each.line


def is_unguarded(file: str, line: int, importers: Mapping[str, Frame | None]) -> bool:
    """Whether nothing catches the failure of the import at *line* of *file*.

    Handlers count in the file, and in the files that imported it, as *importers* has them.
    """
    return not _is_caught(Frame(file=file, line=line, function="<module>"), importers)


def _is_caught(frame: Frame, importers: Mapping[str, Frame | None]) -> bool:
    """Whether a handler around *frame*, or around an import that led to it, catches the failure of an import."""
    frames = [frame]
    while len(list(frames_of_import(frames))) == len(frames):
        importer = importers.get(frames[-1].file)
        if importer is None or importer in frames:
            break
        frames.append(importer)
    return find_optional_reason(Question(need=QuestionKind.IMPORT, name="", frames=tuple(frames), stage="")) is not None
